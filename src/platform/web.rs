//! What wasm32 brings by itself: nothing. Which clock and which `fetch` there are depends on the host,
//! so a client there is given both.

use std::sync::Arc;

use super::{Runtime, Transport, TransportError};

/// The transports that are built in.
pub mod transports {}

/// The one clock of the process.
pub fn runtime() -> Option<Arc<dyn Runtime>> {
    None
}

/// The one transport of the process, for those who bring none.
pub fn transport() -> Result<Arc<dyn Transport>, TransportError> {
    Err(TransportError::fatal("no transport is built in here: give one with `transport(…)`"))
}
