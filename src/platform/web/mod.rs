//! What a JavaScript host brings: its clock and its `fetch`, in windows, workers, Node, Deno, Bun and
//! edge isolates alike.
//!
//! Everything is looked up on the global object when it is used, never before: isolates forbid
//! timers, random numbers and requests while a script is being loaded.

pub mod addresses;
mod clock;
#[cfg(feature = "fetch")]
mod fetch_transport;
pub mod numbers;
pub mod wipe;

use std::sync::Arc;

use super::{Runtime, Transport, TransportError};

/// The transports that are built in.
pub mod transports {
    #[cfg(feature = "fetch")]
    pub use super::fetch_transport::FetchTransport;
}

/// The one clock of the process.
pub fn runtime() -> Option<Arc<dyn Runtime>> {
    Some(clock::shared())
}

/// The one transport of the process, for those who bring none.
#[cfg(feature = "fetch")]
pub fn transport() -> Result<Arc<dyn Transport>, TransportError> {
    Ok(Arc::new(transports::FetchTransport::new()))
}

/// The one transport of the process, for those who bring none.
#[cfg(not(feature = "fetch"))]
pub fn transport() -> Result<Arc<dyn Transport>, TransportError> {
    Err(TransportError::fatal(
        "no transport is built in: enable the feature `fetch`, or give one with `transport(…)`",
    ))
}
