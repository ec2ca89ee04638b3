//! A server for benches: what it says is rendered once and then only copied, so that it is never the
//! bottleneck. It has no keys, limits, faults or log.
//!
//! `POST …/chat/completions`, under any path prefix, is answered by the model's name:
//!
//! | model | `"stream": true` | else |
//! |---|---|---|
//! | `stream-N` | N chunks of text of about 250 bytes each, written in pieces of about 16 KiB | an answer of about 400 bytes |
//! | `stream-N-by-K` | the same, K chunks to a piece | the same |
//! | `body-N` | as `stream-20` | an answer with N bytes of text |
//! | `idle` | one chunk of text, then silence until the client goes | an answer of about 400 bytes |
//! | any other | as `stream-20` | the same |
//!
//! Each piece of a stream is one chunk of HTTP's own, too. Before the chunks of text comes one with the role, behind
//! them come one with the `finish_reason`, one with the usage, and `[DONE]`.
//!
//! As a program it is `mock-provider --prerendered`.

mod connection;
mod model;
mod render;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::listener;
use render::Answers;

/// A running server for benches. Dropping it stops it and closes all its connections.
#[derive(Debug)]
pub struct Prerendered {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    /// Its end would end the accepting as well.
    _stop: watch::Sender<bool>,
}

impl Prerendered {
    /// Binds the address and starts to serve, on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = listener::bind(address)?;
        let address = listener.local_addr()?;
        let answers = Arc::new(Answers::default());
        let serve = move |socket| connection::serve(socket, Arc::clone(&answers));
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(listener::accept(listener, serve, stopped));
        Ok(Self { address, accepting, _stop: stop })
    }

    /// What clients take as their base URL: `http://127.0.0.1:PORT/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for Prerendered {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
