//! Scaffold.
mod chat;
mod core;
mod error;
mod provider_config;
pub use chat::Usage;
pub use core::time::Timestamp;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
pub use provider_config::{ApiKey, ModelSettings, parse as parse_provider_json, provider_schema};
