//! Scaffold.
mod chat;
mod core;
mod error;
mod key_pool;
mod lock;
mod platform;
mod registry;
mod token_bucket;
mod wakers;
pub use chat::Usage;
pub use core::key_slot::{KeyCounts, KeyState, KeyStatus};
pub use core::time::Timestamp;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
pub use key_pool::{ApiKeyPool, KeyLease};
#[cfg(feature = "reqwest")]
pub use platform::ReqwestTransport;
pub use platform::{BoxFuture, BoxStream, Header, HttpRequest, HttpResponse, MaybeSend, MaybeSync, Runtime, Transport, TransportError};
pub use token_bucket::{Acquire, Refused, TokenBucket};
