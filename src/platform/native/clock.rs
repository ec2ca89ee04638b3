//! Native time: the processor's own counter, kept to the system's clock, and timers that need no
//! particular executor.
//!
//! A request looks at the clock a dozen times, a limiter at every turn, and `Instant::now` costs several
//! times what the counter does. But what a tick of the counter is worth was measured once, and may be another
//! on the machine that this one is moved to. So it only tells what has passed since the last look at the
//! system's clock, which is never long ago.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use quanta::Clock as Counter;

use crate::core::time::Timestamp;
use crate::platform::{BoxFuture, Runtime, boxed};

use super::timers::Sleep;

/// So long the counter is believed, in nanoseconds.
const BELIEVED_FOR: u64 = 1_000_000;

/// The two must be read together: further apart than this, in nanoseconds, something came between.
const TOGETHER: u64 = 2_000;

struct NativeRuntime {
    origin: Instant,
    counter: Counter,
    counter_origin: quanta::Instant,
    /// How far the system's clock is ahead of the counter, in nanoseconds; it wraps below zero.
    ahead: AtomicU64,
    /// Up to where the counter is believed; 0 before the first look.
    believed_to: AtomicU64,
}

/// The one native runtime of the process, so that all clients share pools and buckets.
pub fn shared() -> Arc<dyn Runtime> {
    static SHARED: LazyLock<Arc<NativeRuntime>> = LazyLock::new(|| Arc::new(NativeRuntime::new()));
    SHARED.clone()
}

impl NativeRuntime {
    #[allow(clippy::disallowed_methods)] // this is the door
    fn new() -> Self {
        let counter = Counter::new();
        Self {
            origin: Instant::now(),
            counter_origin: counter.now(),
            counter,
            ahead: AtomicU64::new(0),
            believed_to: AtomicU64::new(0),
        }
    }

    fn counted(&self) -> u64 {
        nanoseconds(self.counter.now() - self.counter_origin)
    }

    /// Looks at the system's clock, and sets the counter by it. Where that has run ahead, time stands
    /// still until the system's has come so far.
    #[cold]
    fn look(&self) -> u64 {
        let before = nanoseconds(self.origin.elapsed());
        let counted = self.counted();
        let now = nanoseconds(self.origin.elapsed());
        let believed_to = self.believed_to.load(Acquire);
        let told = counted.min(believed_to).wrapping_add(self.ahead.load(Relaxed));
        if believed_to > 0 && now < told {
            return told;
        }
        if now - before <= TOGETHER {
            self.ahead.store(now.wrapping_sub(counted), Relaxed);
            self.believed_to.store(counted + BELIEVED_FOR, Release);
        }
        now
    }
}

impl Runtime for NativeRuntime {
    fn now(&self) -> Timestamp {
        let counted = self.counted();
        let now = match counted < self.believed_to.load(Acquire) {
            true => counted.wrapping_add(self.ahead.load(Relaxed)),
            false => self.look(),
        };
        Timestamp::new(Duration::from_nanos(now))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        boxed(Sleep::new(duration))
    }

    #[allow(clippy::disallowed_methods)] // this is the door
    fn unix_time(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random_seed(&self) -> u64 {
        // Without a source of randomness the clock must do: jitter is no secret.
        getrandom::u64().unwrap_or_else(|_| nanoseconds(self.origin.elapsed()))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    Timestamp::new(duration).nanoseconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_to_the_systems_clock_and_never_steps_back() {
        let runtime = NativeRuntime::new();
        let system = || nanoseconds(runtime.origin.elapsed());
        let mut last = 0;
        while system() < 50_000_000 {
            // However long this is kept from the processor, the one lies between the others.
            let (before, now, after) = (system(), runtime.now().nanoseconds(), system());
            assert!(now >= last, "{} ns back", last - now);
            assert!(now + 100_000 >= before, "{} ns behind", before - now);
            assert!(now <= after + 100_000, "{} ns ahead", now - after);
            last = now;
        }
    }

    #[test]
    fn a_counter_that_has_run_ahead_waits_for_the_system() {
        let runtime = NativeRuntime::new();
        runtime.ahead.store(20_000_000, Relaxed);
        runtime.believed_to.store(1, Relaxed);
        assert_eq!(runtime.now().nanoseconds(), 20_000_001);
        while runtime.origin.elapsed() < Duration::from_millis(21) {}
        let system = nanoseconds(runtime.origin.elapsed());
        assert!(runtime.now().nanoseconds() >= system);
        assert!(runtime.now().nanoseconds() <= nanoseconds(runtime.origin.elapsed()) + 100_000);
    }
}
