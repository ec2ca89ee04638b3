//! The one door to the world: a clock and a way to send requests, behind two traits.
//!
//! Everything else in the crate is told the time and is handed bytes. What each platform brings is here;
//! bring your own [`Runtime`] or [`Transport`] for another platform, a proxy, or a test.

#[cfg(not(target_arch = "wasm32"))]
#[path = "native/mod.rs"]
mod built_in;
#[cfg(target_arch = "wasm32")]
#[path = "web/mod.rs"]
mod built_in;
mod headers;
mod http;
mod maybe_send;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub(crate) use built_in::addresses::ipv6_text;
pub(crate) use built_in::numbers::{number, number_text};
pub(crate) use built_in::transport as default_transport;
pub use built_in::transports;
pub(crate) use built_in::wipe::wipe;
pub use headers::Headers;
pub(crate) use http::{Body, without_query};
pub use http::{Header, HttpRequest, HttpResponse, TransportError};
pub use maybe_send::{BoxFuture, BoxStream, MaybeSend, MaybeSync, boxed, boxed_stream};

use crate::core::time::Timestamp;
use crate::error::{Error, Problem};

/// Time: what it is, and how to wait for it.
///
/// Clients that share a `Runtime` (the same `Arc`) share pools and buckets too, across threads where
/// there are threads: so it is `Send` and `Sync` everywhere, while its futures need not be.
pub trait Runtime: Send + Sync + 'static {
    /// The time on a clock that never steps back, from any origin.
    fn now(&self) -> Timestamp;

    /// A future that is ready after `duration`. It may be ready earlier where the platform's timers
    /// do not reach so far; the caller looks again.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// The time of day, to read dates in headers and to name one in errors.
    fn unix_time(&self) -> SystemTime;

    /// A number that nobody else has, to seed the jitter of retries.
    fn random_seed(&self) -> u64;
}

/// A way to send requests.
pub trait Transport: MaybeSend + MaybeSync + 'static {
    /// Sends a request and resolves when the response's headers are there. It must not follow
    /// redirects. Dropping the future, or the response's body, must end the request.
    ///
    /// # Errors
    /// A [`TransportError`] where no response came.
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>>;
}

/// The platform's own clock.
///
/// # Errors
/// [`ErrorKind::Config`](crate::ErrorKind::Config) where none is built in.
pub(crate) fn the_clock() -> Result<Arc<dyn Runtime>, Error> {
    let none = "no clock is built in here: give one with `runtime(…)` or `with_runtime(…)`";
    built_in::runtime().ok_or_else(|| Error::config(vec![Problem::new("", 0, none)]))
}
