//! Timers that need no particular executor, and that are used again.
//!
//! A timer of futures-timer is set and given up by waking the thread that looks after all of them, which
//! costs more than the rest of a request. Nearly every timer here limits a wait that ends in time, so
//! a timer that was not needed is kept: it serves the next wait that ends no sooner than it rings, and
//! is set anew, for what is left, if it ever does.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_timer::Delay;
use futures_util::FutureExt;

use crate::lock::lock;

/// Timers reach so far; whoever waits longer looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(24 * 60 * 60);

/// So many are kept…
const MOST_KEPT: usize = 1024;

/// …and so many of them are looked at for one that will do: they are used last in, first out.
const MOST_LOOKED_AT: usize = 8;

static KEPT: Mutex<Vec<Timer>> = Mutex::new(Vec::new());

/// A timer that is set.
struct Timer {
    rings: Instant,
    delay: Delay,
}

impl Timer {
    /// One that rings no later than `at`.
    fn for_moment(at: Instant, now: Instant) -> Self {
        let mut kept = lock(&KEPT);
        let fit = |timer: &Timer| timer.rings <= at && timer.rings > now;
        let last = kept.iter().rev().take(MOST_LOOKED_AT).position(fit);
        match last {
            Some(place) => {
                let place = kept.len() - 1 - place;
                kept.swap_remove(place)
            }
            None => {
                let used = kept.pop_if(|timer| timer.rings <= now);
                drop(kept);
                Self::set(used, at, now)
            }
        }
    }

    /// One that rings `at` that moment, made from a used one where there is one.
    fn set(used: Option<Self>, rings: Instant, now: Instant) -> Self {
        match used {
            Some(Self { mut delay, .. }) => {
                delay.reset(rings - now);
                Self { rings, delay }
            }
            None => Self { rings, delay: Delay::new(rings - now) },
        }
    }

    fn keep(mut self) {
        // Whoever has waited is not to be woken by it, or kept in memory.
        let _ = self.delay.poll_unpin(&mut Context::from_waker(Waker::noop()));
        let mut kept = lock(&KEPT);
        if kept.len() < MOST_KEPT {
            kept.push(self);
        }
    }
}

/// Ready after some time.
pub struct Sleep {
    at: Instant,
    timer: Option<Timer>,
}

impl Sleep {
    #[allow(clippy::disallowed_methods)] // this is the door
    pub fn new(duration: Duration) -> Self {
        Self { at: Instant::now() + duration.min(LONGEST_SLEEP), timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    #[allow(clippy::disallowed_methods)] // this is the door
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        loop {
            if let Some(timer) = &mut self.timer
                && timer.delay.poll_unpin(cx).is_pending()
            {
                return Poll::Pending;
            }
            let (rung, now) = (self.timer.take(), Instant::now());
            if now >= at {
                return Poll::Ready(());
            }
            self.timer = Some(match rung {
                Some(rung) => Timer::set(Some(rung), at, now),
                None => Timer::for_moment(at, now),
            });
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.keep();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use futures::future::{Either, select};

    const MOMENT: Duration = Duration::from_millis(20);

    #[test]
    #[allow(clippy::disallowed_methods)] // it is the clock that is tested
    fn a_timer_that_was_kept_rings_for_whoever_has_it_now() {
        let short = || Sleep::new(MOMENT);
        // It is polled once, then dropped, long before it would ring.
        let longer = Sleep::new(MOMENT * 3);
        assert!(longer.now_or_never().is_none());
        let began = Instant::now();
        // Where the machine is so busy that both have rung, the first is looked at first.
        let both = select(short(), Sleep::new(MOMENT * 2));
        let Either::Left(((), other)) = block_on(both) else { panic!("the shorter rings first") };
        assert!(began.elapsed() >= MOMENT);
        block_on(other);
        assert!(began.elapsed() >= MOMENT * 2);
        block_on(Sleep::new(MOMENT * 2));
        assert!(began.elapsed() >= MOMENT * 4);
    }

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn one_timer_serves_many_waits_that_end_in_time() {
        let wait = || assert!(Sleep::new(Duration::from_secs(3_600)).now_or_never().is_none());
        wait();
        let far_off = |timer: &&Timer| timer.rings > Instant::now() + Duration::from_secs(3_000);
        let kept = || lock(&KEPT).iter().filter(far_off).count();
        let before = kept();
        (0..100).for_each(|_| wait());
        assert_eq!(kept(), before);
    }
}
