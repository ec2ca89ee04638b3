//! Limits that several processes keep together: the bucket, the keys' rests and the requests in flight
//! live in a store outside, which decides.
//!
//! One request asks for a permit and a key at once, and is granted both or told when to ask again. The
//! rules are the store's (`redis.lua`, and `js/shared/rules.js` for those that run JavaScript); here is
//! who asks, and what holds while nobody answers.

mod admission;
mod keys;
mod lease;
mod message;
mod settings;
mod store;
mod taken;

use std::fmt;
use std::time::Duration;

use crate::platform::{BoxFuture, MaybeSend, MaybeSync};
pub(crate) use lease::RemoteLease;
pub(crate) use settings::Shared;
pub(crate) use store::Store;
pub(crate) use taken::SharedBudget;

/// A state that processes share: a store that holds what limits them together, and decides.
///
/// Give it to [`ClientBuilder::shared_state`](crate::ClientBuilder::shared_state). With the feature
/// `redis` there is `RedisState`; for another store, keep the rules of `src/shared_state/redis.lua` (or run
/// `js/shared/rules.js`) and pass requests and answers on as they are.
pub trait SharedState: MaybeSend + MaybeSync + 'static {
    /// Sends a request, which is JSON, to what is kept at `place`, and resolves to its answer. All that
    /// belongs to one base URL is at one place: a hash tag of Redis, or the name of a Durable Object.
    ///
    /// # Errors
    /// Where no answer comes. It need not be in time: who asks does not wait for longer than
    /// [`SharedStateOptions::timeout`].
    fn call(
        &self,
        place: &str,
        request: String,
    ) -> BoxFuture<'static, Result<String, SharedStateError>>;

    /// Runs a task in the background: there leases are renewed and given back, as a drop cannot wait.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// Why a shared state has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStateError {
    /// What happened. It must hold no secret.
    pub message: String,
}

impl SharedStateError {
    /// An error that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

impl fmt::Display for SharedStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SharedStateError {}

/// What holds while a shared state does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// Each process keeps an equal share of the limits on its own: of as many parts as there were
    /// processes when the store last answered (one, if it never has). A share holds at least one token.
    #[default]
    LocalShare,
    /// Nothing is sent: calls end with [`ErrorKind::SharedState`](crate::ErrorKind::SharedState).
    Error,
}

/// How a client uses a shared state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedStateOptions {
    /// What holds while it does not answer.
    pub on_failure: OnFailure,
    /// How long an answer may take. Default: 1 s.
    pub timeout: Duration,
    /// How long a lease lives that is not renewed; it is after a third of that. After a crash, keys count its
    /// requests as in flight for so long. Default: 30 s.
    pub lease_ttl: Duration,
    /// Who asks: by these names processes are counted. Default: one of the process's own.
    pub caller: Option<String>,
}

impl Default for SharedStateOptions {
    fn default() -> Self {
        Self {
            on_failure: OnFailure::default(),
            timeout: Duration::from_secs(1),
            lease_ttl: Duration::from_secs(30),
            caller: None,
        }
    }
}

impl SharedStateOptions {
    /// Sets what holds while it does not answer.
    #[must_use]
    pub fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a lease lives that is not renewed.
    #[must_use]
    pub fn lease_ttl(mut self, lease_ttl: Duration) -> Self {
        self.lease_ttl = lease_ttl;
        self
    }

    /// Sets who asks.
    #[must_use]
    pub fn caller(mut self, caller: impl Into<String>) -> Self {
        self.caller = Some(caller.into());
        self
    }
}
