//! The door of a server: it is bound, and each client that comes in is served by a task of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many connections may wait to be accepted: a test may open thousands at once.
const BACKLOG: u32 = 8192;
/// The rest after a failed accept, which mostly means that no file descriptors are left.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// Binds an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves all who connect until told to stop; then, as when dropped, all connections close.
pub(crate) async fn accept<Served>(
    listener: TcpListener,
    serve: impl Fn(TcpStream) -> Served,
    mut stopped: watch::Receiver<bool>,
) where
    Served: Future<Output = ()> + Send + 'static,
{
    // Dropped with this task, it takes all connections along.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(serve(socket));
                }
                Err(_) => tokio::time::sleep(ACCEPT_REST).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}
