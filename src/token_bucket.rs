//! The token bucket that callers share: the plain bucket of [`core`](crate::core) with a clock and
//! with futures to wait in, which [`acquire`](crate::acquire) has.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::acquire::Acquire;
use crate::core::rank::Rank;
use crate::core::time::{Timestamp, seconds_text};
use crate::core::token_bucket::Bucket;
use crate::error::{Error, Problem};
use crate::platform::{Runtime, number_text, the_clock};
use crate::shared_bucket::SharedBucket;
use crate::stats::BucketStats;

/// When whoever has not come yet came: it comes when it first looks.
const NOW: Timestamp = Timestamp::new(Duration::MAX);

/// The number of who has none: of those that come at the same moment it is behind those that have.
const LAST: u64 = u64::MAX;

/// A rate limiter: holds up to `capacity` bucket tokens, gains `refill_rate` of them a second, and
/// lets one request start per token, first come, first served.
///
/// In any window of *t* seconds at most `capacity + refill_rate · t` tokens are handed out. Clones
/// share one bucket.
///
/// ```
/// use lockkeeper::TokenBucket;
///
/// # futures::executor::block_on(async {
/// let bucket = TokenBucket::new(2.0, 50.0)?; // a burst of 2, then 50 a second
/// bucket.acquire(2, None).await?;
/// assert!(bucket.try_acquire(1).is_err()); // empty: refused, with the time to wait
/// bucket.acquire(1, None).await?; // waits 20 ms
/// # Ok::<(), lockkeeper::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct TokenBucket {
    shared: Arc<SharedBucket>,
}

/// Why [`TokenBucket::try_acquire`] gave no token.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Refused {
    /// Not now: it would be this caller's turn after so long.
    NotYet(Duration),
    /// Never: the bucket holds no more than this.
    MoreThanCapacity(f64),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYet(wait) => {
                let wait = seconds_text(*wait);
                write!(f, "the token bucket is empty for another {wait}")
            }
            Self::MoreThanCapacity(capacity) => {
                let capacity = number_text(*capacity);
                write!(f, "the token bucket never holds more than {capacity} tokens")
            }
        }
    }
}

impl std::error::Error for Refused {}

impl TokenBucket {
    /// A full bucket on the platform's own clock.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) where `capacity` is below 1, `refill_rate` is not
    /// above 0, or either is not finite.
    pub fn new(capacity: f64, refill_rate: f64) -> Result<Self, Error> {
        Self::with_runtime(capacity, refill_rate, the_clock()?)
    }

    /// A full bucket on a clock of your own.
    ///
    /// # Errors
    /// As [`TokenBucket::new`].
    pub fn with_runtime(
        capacity: f64,
        refill_rate: f64,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, Error> {
        let mut problems = Vec::new();
        if !(capacity.is_finite() && capacity >= 1.0) {
            let found = number_text(capacity);
            let message = format!("expected a number of at least 1, found {found}");
            problems.push(Problem::new("rate_limit_capacity", 0, message));
        }
        if !(refill_rate.is_finite() && refill_rate > 0.0) {
            let found = number_text(refill_rate);
            let message = format!("expected a number above 0 (a second), found {found}");
            problems.push(Problem::new("rate_limit_refill_rate", 0, message));
        }
        if !problems.is_empty() {
            return Err(Error::config(problems));
        }
        Ok(Self { shared: Arc::new(SharedBucket::new(capacity, refill_rate, runtime)) })
    }

    /// A bucket whose limits are a guess, until somebody sets them.
    pub(crate) fn by_guess(
        capacity: f64,
        refill_rate: f64,
        runtime: Arc<dyn Runtime>,
    ) -> Result<Self, Error> {
        let bucket = Self::with_runtime(capacity, refill_rate, runtime)?;
        bucket.shared.configured.store(false, Relaxed);
        Ok(bucket)
    }

    /// The most tokens the bucket holds.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        self.shared.lock().capacity()
    }

    /// Tokens gained per second.
    #[must_use]
    pub fn refill_rate(&self) -> f64 {
        self.shared.lock().refill_rate()
    }

    /// The tokens in the bucket now.
    #[must_use]
    pub fn tokens(&self) -> f64 {
        self.shared.change(Bucket::tokens)
    }

    /// How many callers wait for tokens.
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.shared.lock().waiters()
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> BucketStats {
        self.shared.change(|bucket, now| BucketStats {
            capacity: bucket.capacity(),
            refill_rate: bucket.refill_rate(),
            tokens: bucket.tokens(now),
            waiters: bucket.waiters(),
            waits: bucket.waits(),
        })
    }

    /// Takes `amount` tokens without waiting.
    ///
    /// # Errors
    /// [`Refused`], which says how long a wait would be.
    pub fn try_acquire(&self, amount: u32) -> Result<(), Refused> {
        if self.shared.take(amount.into()) {
            return Ok(());
        }
        self.shared.change(|bucket, now| {
            if f64::from(amount) > bucket.capacity() {
                return Err(Refused::MoreThanCapacity(bucket.capacity()));
            }
            let rank = Rank::new(now, 0, LAST);
            bucket.try_take(amount.into(), rank, now).map_err(|at| Refused::NotYet(at - now))
        })
    }

    /// Takes `amount` tokens when they are there and it is this caller's turn. With a `timeout` that
    /// is too short for that, the error comes at once. Dropping the future gives up the place.
    ///
    /// # Errors
    /// [`ErrorKind::RateLimited`](crate::ErrorKind::RateLimited) with [`Error::retry_at`] where the wait
    /// does not fit `timeout`; [`ErrorKind::Config`](crate::ErrorKind::Config) where `amount` is above the
    /// capacity.
    pub fn acquire(&self, amount: u32, timeout: Option<Duration>) -> Acquire {
        self.acquire_with_priority(amount, 0, timeout)
    }

    /// The same with a priority from −100 to 100 in place of 0. A larger one is served earlier: each step
    /// of it is worth 10 seconds of waiting, so that nobody waits for ever.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_with_priority(
        &self,
        amount: u32,
        priority: i8,
        timeout: Option<Duration>,
    ) -> Acquire {
        let deadline = timeout.map(|timeout| self.shared.runtime.now() + timeout);
        self.acquire_until(amount, (NOW, priority, LAST), deadline)
    }

    /// Fills the bucket.
    pub fn reset(&self) {
        self.shared.change(Bucket::reset);
    }

    /// Puts so many tokens back, or takes them where it is less than none, even if that leaves a debt.
    pub(crate) fn settle(&self, amount: f64) {
        self.shared.change(|bucket, now| bucket.give_back(amount, now));
    }

    /// Takes tokens if they are there and nobody of an earlier rank waits for them.
    pub(crate) fn take(&self, amount: u32, rank: Rank) -> bool {
        let amount = amount.into();
        self.shared.take(amount)
            || self.shared.change(|bucket, now| bucket.try_take(amount, rank, now).is_ok())
    }

    /// Takes what it holds beyond `level`.
    pub(crate) fn lower_to(&self, level: f64) {
        self.shared.change(|bucket, now| bucket.lower_to(level, now));
    }

    /// For a call that came then, has this priority and this number.
    pub(crate) fn acquire_until(
        &self,
        amount: u32,
        claim: (Timestamp, i8, u64),
        deadline: Option<Timestamp>,
    ) -> Acquire {
        Acquire::new(self.shared.clone(), amount.into(), claim, deadline)
    }

    /// Puts tokens back whose attempt never started.
    pub(crate) fn give_back(&self, amount: u32) {
        self.shared.change(|bucket, now| bucket.give_back(amount.into(), now));
    }

    /// Sets its limits, unless others were set before, rather than guessed by a call that named its
    /// model.
    ///
    /// # Errors
    /// The limits that it has.
    pub(crate) fn configure(&self, limits: (f64, f64)) -> Result<(), (f64, f64)> {
        self.shared.change(|bucket, now| {
            let there = (bucket.capacity(), bucket.refill_rate());
            if self.shared.configured.swap(true, Relaxed) && there != limits {
                return Err(there);
            }
            bucket.set_limits(limits.0, limits.1, now);
            Ok(())
        })
    }

    pub(crate) fn into_shared(self) -> Arc<SharedBucket> {
        self.shared
    }

    pub(crate) fn from_shared(shared: Arc<SharedBucket>) -> Self {
        Self { shared }
    }
}

impl fmt::Debug for TokenBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBucket")
            .field("tokens", &self.tokens())
            .field("capacity", &self.capacity())
            .field("refill_rate", &self.refill_rate())
            .field("waiters", &self.waiters())
            .finish()
    }
}
