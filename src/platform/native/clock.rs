//! Native time: `Instant`, and timers that need no particular executor.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use crate::core::time::Timestamp;
use crate::platform::{BoxFuture, Runtime, boxed};

use super::timers::Sleep;

struct NativeRuntime {
    origin: Instant,
}

/// The one native runtime of the process, so that all clients share pools and buckets.
pub fn shared() -> Arc<dyn Runtime> {
    static SHARED: LazyLock<Arc<NativeRuntime>> = LazyLock::new(|| Arc::new(NativeRuntime::new()));
    SHARED.clone()
}

impl NativeRuntime {
    #[allow(clippy::disallowed_methods)] // this is the door
    fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Runtime for NativeRuntime {
    fn now(&self) -> Timestamp {
        Timestamp::new(self.origin.elapsed())
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
        getrandom::u64().unwrap_or_else(|_| self.origin.elapsed().as_nanos() as u64)
    }
}
