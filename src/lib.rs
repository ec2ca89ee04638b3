//! Scaffold.
mod chat;
mod core;
mod error;
mod provider_config;
pub use chat::Usage;
pub use core::time::Timestamp;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
