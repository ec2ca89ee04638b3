//! A clock that moves only when told to, or when everybody sleeps.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use super::executor::Executor;
use crate::core::time::{Steady, Timestamp};
use crate::lock::lock;
use crate::platform::{BoxFuture, Runtime, boxed};

/// 2026-01-01T00:00:00Z: where the virtual time of day begins.
const DAY_ONE: Duration = Duration::from_secs(1_767_225_600);

/// A virtual clock. Clones are one clock.
#[derive(Clone, Default)]
pub struct VirtualClock {
    inner: Arc<Inner>,
}

/// The state is shared with the timers too, which must not keep a runtime alive.
#[derive(Default)]
struct Inner {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The time that has truly passed, by which timers ring.
    elapsed: Duration,
    /// How far the clock has been stepped on and back.
    stepped_on: Duration,
    stepped_back: Duration,
    steady: Steady,
    timers: BTreeMap<(Duration, u64), Waker>,
    next_timer: u64,
    seeds: u64,
}

impl VirtualClock {
    /// A clock at its origin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The clock as a [`Runtime`]; always the same `Arc`, so that clients share pools and buckets.
    #[must_use]
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        self.inner.clone()
    }

    /// The virtual time that has passed.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        lock(&self.inner.state).elapsed
    }

    /// Lets `duration` pass: timers that end within it ring, in their order.
    pub fn advance(&self, duration: Duration) {
        let until = self.elapsed() + duration;
        while self.ring_next(Some(until)) {}
        lock(&self.inner.state).elapsed = until;
    }

    /// Sets the clock on without time passing, as after a machine's sleep.
    pub fn step_on(&self, by: Duration) {
        lock(&self.inner.state).stepped_on += by;
    }

    /// Sets the clock back without time passing, as an administrator may. The time of day shows it;
    /// the steady clock, which must not step back, hides it.
    pub fn step_back(&self, by: Duration) {
        lock(&self.inner.state).stepped_back += by;
    }

    /// Runs `future` to its end; whenever nothing else is to be done, time jumps to the next timer.
    ///
    /// # Panics
    /// Where the future waits for something that no timer will bring.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        Executor::new(self).block_on(future)
    }

    /// Jumps to the next timer (if it ends by `until`) and rings it. False if there is none.
    pub(super) fn ring_next(&self, until: Option<Duration>) -> bool {
        let waker = {
            let mut state = lock(&self.inner.state);
            let Some((&(at, _), _)) = state.timers.first_key_value() else { return false };
            if until.is_some_and(|until| at > until) {
                return false;
            }
            state.elapsed = state.elapsed.max(at);
            state.timers.pop_first().map(|(_, waker)| waker)
        };
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

/// A sleep; dropped, it leaves nothing behind.
struct Timer {
    state: Arc<Mutex<State>>,
    key: (Duration, u64),
}

impl Timer {
    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.elapsed >= self.key.0 {
            return Poll::Ready(());
        }
        state.timers.insert(self.key, waker.clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        lock(&self.state).timers.remove(&self.key);
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualClock").field("elapsed", &self.elapsed()).finish()
    }
}

impl Runtime for Inner {
    fn now(&self) -> Timestamp {
        let mut state = lock(&self.state);
        let shown = (DAY_ONE + state.elapsed + state.stepped_on).saturating_sub(state.stepped_back);
        state.steady.read(shown)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // A timer ends when it was set to, whatever the clock is set to meanwhile.
        let mut state = lock(&self.state);
        let at = state.elapsed.saturating_add(duration);
        let key = (at, state.next_timer);
        state.next_timer += 1;
        drop(state);
        let timer = Timer { state: self.state.clone(), key };
        boxed(poll_fn(move |cx| timer.poll(cx.waker())))
    }

    fn unix_time(&self) -> SystemTime {
        let state = lock(&self.state);
        let shown = (DAY_ONE + state.elapsed + state.stepped_on).saturating_sub(state.stepped_back);
        SystemTime::UNIX_EPOCH + shown
    }

    fn random_seed(&self) -> u64 {
        let mut state = lock(&self.state);
        state.seeds += 1;
        state.seeds
    }
}
