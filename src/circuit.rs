//! The circuit breaker that calls share: the plain one of [`core`](crate::core) with a clock, and
//! passes that end by themselves.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::core::circuit::{Circuit, Entry};
use crate::core::fallback::Meaning;
use crate::error::{Error, ErrorKind};
use crate::lock::lock;
use crate::platform::{Runtime, the_clock};

/// Where a circuit breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CircuitState {
    /// Calls go through.
    Closed,
    /// Nothing is sent for a while.
    Open,
    /// One call tries whether it works again.
    HalfOpen,
}

impl CircuitState {
    /// The state as one lower-case word, the same in every language binding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// The circuit breaker of one target of a [`Fallback`](crate::Fallback).
///
/// It opens after five failures in a row, or when half of the last 10 to 20 attempts have failed: 5xx,
/// broken connections, timeouts, cuts; never what a 4xx or a 429 says, nor what is cancelled. Then
/// nothing is sent for 5 s (after each failed probe twice as long, up to 10 s), until one call at a time
/// may probe; the first visible token or whole answer closes it.
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Shared>);

struct Shared {
    circuit: Mutex<Circuit>,
    runtime: Arc<dyn Runtime>,
}

impl CircuitBreaker {
    /// A closed one on the platform's clock.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where no clock is built in.
    pub fn new() -> Result<Self, Error> {
        the_clock().map(Self::with_runtime)
    }

    /// A closed one on this clock.
    #[must_use]
    pub fn with_runtime(runtime: Arc<dyn Runtime>) -> Self {
        Self(Arc::new(Shared { circuit: Mutex::default(), runtime }))
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// [`ErrorKind::CircuitOpen`], with when to ask again.
    pub fn enter(&self) -> Result<Pass, Error> {
        let now = self.0.runtime.now();
        let entry = lock(&self.0.circuit).enter(now);
        match entry {
            Ok(entry) => Ok(Pass::new(self.clone(), entry)),
            Err(until) => {
                let message = "too much has failed there: nothing is sent for a while";
                let retry_at = self.0.runtime.unix_time().checked_add(until - now);
                Err(Error::new(ErrorKind::CircuitOpen, message).with_retry_at(retry_at))
            }
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        let circuit = lock(&self.0.circuit);
        match circuit.open_until() {
            None => CircuitState::Closed,
            Some(_) if circuit.is_probed() => CircuitState::HalfOpen,
            Some(_) => CircuitState::Open,
        }
    }

    /// How long nothing will be sent, where it is open.
    #[must_use]
    pub fn opens_in(&self) -> Option<Duration> {
        let until = lock(&self.0.circuit).open_until()?;
        Some(until - self.0.runtime.now())
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CircuitBreaker").field(&self.state()).finish()
    }
}

/// A call's way through a circuit breaker. One that is dropped without a word frees its place.
#[derive(Debug)]
pub struct Pass {
    circuit: CircuitBreaker,
    entry: Entry,
    /// Whether an attempt of it has failed.
    blamed: AtomicBool,
    /// Whether the target has begun to answer.
    praised: AtomicBool,
    over: AtomicBool,
}

impl Pass {
    fn new(circuit: CircuitBreaker, entry: Entry) -> Self {
        let no = || AtomicBool::new(false);
        Self { circuit, entry, blamed: no(), praised: no(), over: no() }
    }

    /// Whether it may send (again): not if the circuit has opened meanwhile.
    #[must_use]
    pub fn may_send(&self) -> bool {
        lock(&self.circuit.0.circuit).may_send(self.entry)
    }

    /// An attempt has failed so; the circuit counts what is the target's fault.
    pub fn failed(&self, kind: ErrorKind, status: Option<u16>) {
        if Meaning::of(kind, status).counts {
            self.blamed.store(true, Relaxed);
            self.with(|circuit| circuit.failed(self.entry, self.circuit.0.runtime.now()));
        }
    }

    /// The target has begun to answer.
    pub fn answered(&self) {
        if !self.praised.swap(true, Relaxed) {
            self.with(|circuit| circuit.answered(self.entry));
        }
    }

    /// The call has ended: with an answer (`None`), or with an error of this kind and HTTP status. What
    /// its attempts have told of it is not counted again.
    pub fn ended(&self, error: Option<(ErrorKind, Option<u16>)>) {
        match error {
            Some((kind, status)) if !self.blamed.load(Relaxed) => self.failed(kind, status),
            Some(_) => {}
            None => {
                self.answered();
                self.with(|circuit| circuit.succeeded(self.circuit.0.runtime.now()));
            }
        }
        self.leave();
    }

    /// The call has left without a word on the target.
    pub fn leave(&self) {
        if !self.over.swap(true, Relaxed) {
            self.with(|circuit| circuit.left(self.entry, self.circuit.0.runtime.now()));
        }
    }

    fn with(&self, change: impl FnOnce(&mut Circuit)) {
        change(&mut lock(&self.circuit.0.circuit));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.leave();
    }
}
