//! One bucket for many threads. While nobody waits at it, tokens are taken from it by one compare-and-swap;
//! everything else is done by whoever has locked it, who takes back for so long what is lent.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use crate::core::fill::{EmptySince, Pace};
use crate::core::time::Timestamp;
use crate::core::token_bucket::{Bucket, seconds_between};
use crate::lock::lock;
use crate::platform::Runtime;

/// What is lent while nothing is: the bits of no moment.
const NOTHING: u64 = u64::MAX;

/// Threads look at the clock one after the other, but may not be done so: a moment that is earlier than the
/// latest by no more than this was only looked up first, and the clock has not stepped back.
const RACE: Duration = Duration::from_millis(1);

pub(crate) struct SharedBucket {
    bucket: Mutex<Bucket<Waker>>,
    pub runtime: Arc<dyn Runtime>,
    /// Whether somebody has set its limits, rather than guessed them.
    pub configured: AtomicBool,
    /// How full it is, by [`EmptySince`], where nobody waits or changes it.
    lent: AtomicU64,
    /// The latest moment at which it was used, in nanoseconds.
    latest: AtomicU64,
    /// The bits of its [`Pace`].
    each: AtomicU64,
    whole: AtomicU64,
    made: Timestamp,
}

impl SharedBucket {
    pub fn new(capacity: f64, refill_rate: f64, runtime: Arc<dyn Runtime>) -> Self {
        let made = runtime.now();
        let shared = Self {
            bucket: Mutex::new(Bucket::new(capacity, refill_rate, made)),
            runtime,
            configured: AtomicBool::new(true),
            lent: AtomicU64::new(NOTHING),
            latest: AtomicU64::new(made.nanoseconds()),
            each: AtomicU64::default(),
            whole: AtomicU64::default(),
            made,
        };
        shared.lend(&lock(&shared.bucket));
        shared
    }

    /// The bucket, to look at.
    pub fn lock(&self) -> MutexGuard<'_, Bucket<Waker>> {
        lock(&self.bucket)
    }

    /// Takes tokens if they are there and nobody waits; false says nothing.
    pub fn take(&self, amount: f64) -> bool {
        let mut lent = self.lent.load(Ordering::Acquire);
        while lent != NOTHING {
            let (now, latest) = (self.runtime.now(), self.latest());
            if now + RACE < latest {
                return false; // it has stepped back
            }
            if now > latest {
                self.latest.store(now.nanoseconds(), Ordering::Relaxed);
            }
            let since_made = seconds_between(self.made, now);
            let fill = EmptySince::from_bits(lent).take(amount, since_made, self.pace());
            let Some(fill) = fill else { return false };
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match self.lent.compare_exchange_weak(lent, fill.to_bits(), success, failure) {
                Ok(_) => return true,
                Err(other) => lent = other,
            }
        }
        false
    }

    /// Uses the bucket, at a time that is read while nobody else can, then wakes whoever has moved up
    /// by it.
    pub fn change<T>(&self, change: impl FnOnce(&mut Bucket<Waker>, Timestamp) -> T) -> T {
        let (result, moved_up) = {
            let mut bucket = lock(&self.bucket);
            let lent = self.lent.swap(NOTHING, Ordering::AcqRel);
            if lent != NOTHING {
                bucket.take_back(EmptySince::from_bits(lent), self.latest());
            }
            let now = self.time();
            let result = (change(&mut bucket, now), bucket.moved_up(now));
            self.lend(&bucket);
            result
        };
        if let Some(waker) = moved_up {
            waker.wake();
        }
        result
    }

    /// Lends out what is in the bucket, if nobody waits for it.
    fn lend(&self, bucket: &Bucket<Waker>) {
        let Some(fill) = bucket.lend() else { return };
        let Pace { each, whole } = bucket.pace();
        self.each.store(each.to_bits(), Ordering::Relaxed);
        self.whole.store(whole.to_bits(), Ordering::Relaxed);
        self.lent.store(fill.to_bits(), Ordering::Release);
    }

    fn pace(&self) -> Pace {
        let number = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        Pace { each: number(&self.each), whole: number(&self.whole) }
    }

    fn latest(&self) -> Timestamp {
        Timestamp::new(Duration::from_nanos(self.latest.load(Ordering::Relaxed)))
    }

    /// What time it is for whoever has locked the bucket.
    fn time(&self) -> Timestamp {
        let (now, latest) = (self.runtime.now(), self.latest());
        if now < latest && latest <= now + RACE {
            return latest;
        }
        self.latest.store(now.nanoseconds(), Ordering::Relaxed);
        now
    }
}
