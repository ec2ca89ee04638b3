//! What a native platform brings: its clock, and reqwest where that feature is on.

pub mod addresses;
mod clock;
#[cfg(feature = "reqwest")]
mod connections;
pub mod numbers;
#[cfg(feature = "redis")]
mod redis_state;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
mod timers;
pub mod wipe;

use std::sync::Arc;

use super::{Runtime, Transport, TransportError};

/// The transports that are built in.
pub mod transports {
    #[cfg(feature = "redis")]
    pub use super::redis_state::RedisState;
    #[cfg(feature = "reqwest")]
    pub use super::reqwest_transport::ReqwestTransport;
}

/// The one clock of the process.
pub fn runtime() -> Option<Arc<dyn Runtime>> {
    Some(clock::shared())
}

/// The one transport of the process, for those who bring none.
#[cfg(feature = "reqwest")]
pub fn transport() -> Result<Arc<dyn Transport>, TransportError> {
    Ok(reqwest_transport::shared()?)
}

/// The one transport of the process, for those who bring none.
#[cfg(not(feature = "reqwest"))]
pub fn transport() -> Result<Arc<dyn Transport>, TransportError> {
    Err(TransportError::fatal(
        "no transport is built in: enable the feature `reqwest`, or give one with `transport(…)`",
    ))
}
