//! One client's connection: request after request until someone closes it.

use std::sync::Arc;

use tokio::net::TcpStream;

use crate::request::{NoRequest, Reader, Request};
use crate::routes;
use crate::state::State;
use crate::wire::{After, Head, Wire};

/// Serves a connection to its end.
pub(crate) async fn serve(socket: TcpStream, state: Arc<State>) {
    // Declared before the socket, so that it counts until that is closed.
    let _connected = state.connect();
    let mut socket = socket;
    // Tokens must not wait for each other; a socket that refuses this still works.
    let _ = socket.set_nodelay(true);
    if converse(&mut socket, &state).await == After::Reset {
        // With a linger time of zero the close below sends RST instead of FIN.
        let _ = socket.set_zero_linger();
    }
}

async fn converse(socket: &mut TcpStream, state: &Arc<State>) -> After {
    let (read, write) = socket.split();
    let mut reader = Reader::new(read);
    let mut wire = Wire::new(write);
    loop {
        let request = match reader.next_request(&mut wire).await {
            Ok(request) => request,
            Err(NoRequest::Closed) => return After::Close,
            Err(NoRequest::Refused(error)) => {
                // Where one request ends and the next begins is unknown now: say goodbye.
                wire.turn_to(&Request::default());
                let head = Head::new(error.status).set("content-type", "application/json");
                let answer = wire.whole(&head, error.body().to_string().as_bytes());
                let _ = wire.raw(&answer).await;
                return After::Close;
            }
        };
        wire.turn_to(&request);
        match routes::handle(&request, &mut reader, &mut wire, state).await {
            After::KeepAlive if wire.keeps_alive() => {}
            After::KeepAlive => return After::Close,
            after => return after,
        }
    }
}
