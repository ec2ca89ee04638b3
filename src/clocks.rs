//! The clocks of a call: how long each part of it may take.

use std::future::{Future, poll_fn};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};

use crate::core::retry::Failure;
use crate::core::time::Timestamp;
use crate::error::Clock;
use crate::platform::{Body, BoxFuture, Runtime, TransportError};

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// The whole call.
    pub total: Option<Duration>,
    /// To the response's headers; none where the total serves as that too.
    pub headers: Option<Duration>,
    /// To the first visible token; none where the answer comes in one piece.
    pub first_token: Option<Duration>,
    /// Between two reads of the body.
    pub idle: Duration,
}

/// A moment by which something must have happened, and the clock that says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub at: Timestamp,
    pub clock: Clock,
    length: Duration,
}

impl Limit {
    pub fn new(clock: Clock, length: Duration, from: Timestamp) -> Self {
        Self { at: from + length, clock, length }
    }

    /// The same, but so much later.
    pub fn later(self, by: Duration) -> Self {
        Self { at: self.at + by, ..self }
    }

    /// The failure of having passed it.
    pub fn failure(self) -> Failure {
        Failure::timeout(self.clock, self.length)
    }

    /// The earliest of these.
    pub fn first(limits: &[Option<Self>]) -> Option<Self> {
        limits.iter().copied().flatten().min_by_key(|limit| limit.at)
    }
}

/// Does `work`, but no longer than `limit` allows. No timer is set for work that is done at once.
///
/// # Errors
/// The limit, where it passed first.
pub(crate) async fn within<T>(
    runtime: &dyn Runtime,
    limit: Option<Limit>,
    work: impl Future<Output = T> + Unpin,
) -> Result<T, Limit> {
    let mut timer = Timer::default();
    within_by(&mut timer, runtime, limit, work).await
}

/// The same, by a timer that is kept. Not `async`, which would keep all that it is given twice.
fn within_by<T>(
    timer: &mut Timer,
    runtime: &dyn Runtime,
    limit: Option<Limit>,
    mut work: impl Future<Output = T> + Unpin,
) -> impl Future<Output = Result<T, Limit>> {
    let mut is_begun = false;
    poll_fn(move |cx| {
        let Some(limit) = limit else { return work.poll_unpin(cx).map(Ok) };
        // Work that is always ready at once would never look at the clock.
        if !std::mem::replace(&mut is_begun, true) && limit.at <= runtime.now() {
            return Poll::Ready(Err(limit));
        }
        match work.poll_unpin(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => timer.poll(runtime, limit.at, cx).map(|()| Err(limit)),
        }
    })
}

/// A body, read piece by piece.
pub(crate) struct Pieces {
    body: Body,
    timer: Timer,
}

impl Pieces {
    pub fn of(body: Body) -> Self {
        Self { body, timer: Timer::default() }
    }

    /// The next piece, where it comes within the limit.
    ///
    /// # Errors
    /// The limit, where it passed first.
    pub fn next(
        &mut self,
        runtime: &dyn Runtime,
        limit: Option<Limit>,
    ) -> impl Future<Output = Result<Option<Result<Bytes, TransportError>>, Limit>> {
        within_by(&mut self.timer, runtime, limit, self.body.next())
    }
}

/// Rings at its moment.
pub(crate) struct Alarm<'a> {
    runtime: &'a dyn Runtime,
    at: Timestamp,
    timer: Timer,
}

impl<'a> Alarm<'a> {
    pub fn new(runtime: &'a dyn Runtime, at: Timestamp) -> Self {
        Self { runtime, at, timer: Timer::default() }
    }

    /// Rings at another moment.
    pub fn set(&mut self, at: Timestamp) {
        self.at = at;
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll(self.runtime, self.at, cx)
    }
}

/// The platform's timer: set when it is first looked at, and again where it does not reach so far.
///
/// It serves one wait after the other. Where it rings before the next one's moment it is left alone until
/// then, and set anew for the rest: a stream, whose silence is limited from each piece on, sets a timer now
/// and then, not for each piece.
#[derive(Default)]
struct Timer {
    rings: Timestamp,
    sleep: Option<BoxFuture<'static, ()>>,
}

impl Timer {
    /// Ready when it is `at`.
    fn poll(&mut self, runtime: &dyn Runtime, at: Timestamp, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(sleep) = &mut self.sleep
                && self.rings <= at
                && sleep.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            self.sleep = None; // one that has rung is not to be asked again
            let left = at - runtime.now();
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.rings = at;
            self.sleep = Some(runtime.sleep(left));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::time::SystemTime;

    use futures_util::stream;

    use super::*;
    use crate::platform::boxed_stream;
    use crate::testing::VirtualClock;

    const SECOND: Duration = Duration::from_secs(1);

    /// Counts the timers that are set.
    struct Counting(Arc<dyn Runtime>, AtomicUsize);

    impl Runtime for Counting {
        fn now(&self) -> Timestamp {
            self.0.now()
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            self.1.fetch_add(1, Relaxed);
            self.0.sleep(duration)
        }

        fn unix_time(&self) -> SystemTime {
            self.0.unix_time()
        }

        fn random_seed(&self) -> u64 {
            self.0.random_seed()
        }
    }

    /// A body of so many pieces, a tenth of a second apart, then silence.
    fn body(clock: &VirtualClock, pieces: usize) -> Pieces {
        let runtime = clock.runtime();
        let piece = move |sent| {
            let runtime = runtime.clone();
            async move {
                let tenth = if sent < pieces { SECOND / 10 } else { 1000 * SECOND };
                runtime.sleep(tenth).await;
                Some((Ok(Bytes::from_static(b"piece")), sent + 1))
            }
        };
        Pieces::of(boxed_stream(stream::unfold(0, piece)))
    }

    #[test]
    fn one_timer_serves_many_pieces() {
        let clock = VirtualClock::new();
        let runtime = Counting(clock.runtime(), AtomicUsize::new(0));
        let mut body = body(&clock, 100);
        let idle = |from| Some(Limit::new(Clock::Idle, 2 * SECOND, from));
        clock.block_on(async {
            for _ in 0..100 {
                assert!(body.next(&runtime, idle(runtime.now())).await.is_ok());
            }
            let silent_since = runtime.now();
            assert!(body.next(&runtime, idle(silent_since)).await.is_err());
            assert_eq!(runtime.now() - silent_since, 2 * SECOND);
        });
        // 12 s in steps of 2 s.
        assert_eq!(runtime.1.load(Relaxed), 6);
    }

    #[test]
    fn a_shorter_limit_does_not_wait_for_the_timer_of_a_longer_one() {
        let clock = VirtualClock::new();
        let runtime = clock.runtime();
        let mut body = body(&clock, 1);
        clock.block_on(async {
            for (length, comes) in [(60 * SECOND, true), (SECOND, false), (3 * SECOND, false)] {
                let began = runtime.now();
                let limit = Limit::new(Clock::Idle, length, began);
                assert_eq!(body.next(&*runtime, Some(limit)).await.is_ok(), comes);
                assert!(comes || runtime.now() - began == length);
            }
        });
    }
}
