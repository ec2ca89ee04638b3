//! The token bucket that callers share: the plain bucket of [`core`](crate::core) with a clock and
//! with futures to wait in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;

use crate::core::rank::{Rank, Ticket};
use crate::core::time::{Timestamp, seconds_text};
use crate::core::token_bucket::{Bucket, Turn};
use crate::error::{Error, ErrorKind, Problem};
use crate::platform::{BoxFuture, Runtime, number_text, the_clock};
use crate::shared_bucket::SharedBucket;
use crate::stats::BucketStats;

/// Two computations of one moment differ by rounding, which is no reason for a new timer.
const SAME_MOMENT: Duration = Duration::from_micros(1);

/// When whoever has not come yet came: it comes when it first looks.
const NOW: Timestamp = Timestamp::new(Duration::MAX);

/// The number of who has none: of those that come at the same moment it is behind those that have.
const LAST: u64 = u64::MAX;

/// When a timer that has rung would ring again: a future is not polled after its end.
const HAS_RUNG: Timestamp = Timestamp::new(Duration::MAX);

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
    /// [`ErrorKind::Config`] where `capacity` is below 1, `refill_rate` is not above 0, or either is
    /// not finite.
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
    /// [`ErrorKind::RateLimited`] with [`Error::retry_at`] where the wait does not fit `timeout`;
    /// [`ErrorKind::Config`] where `amount` is above the capacity.
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
        let shared = self.shared.clone();
        Acquire {
            shared,
            amount: amount.into(),
            claim,
            deadline,
            waiting: None,
            has_waited: false,
            ended: false,
        }
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

/// A wait for tokens; see [`TokenBucket::acquire`].
#[must_use = "futures do nothing unless polled"]
pub struct Acquire {
    shared: Arc<SharedBucket>,
    amount: f64,
    claim: (Timestamp, i8, u64),
    deadline: Option<Timestamp>,
    waiting: Option<Waiting>,
    has_waited: bool,
    ended: bool,
}

struct Waiting {
    ticket: Ticket,
    timer: BoxFuture<'static, ()>,
    until: Timestamp,
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("amount", &self.amount).finish_non_exhaustive()
    }
}

impl FusedFuture for Acquire {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl Future for Acquire {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.ended {
            return Poll::Pending;
        }
        if self.waiting.is_none() && self.shared.take(self.amount) {
            self.ended = true;
            return Poll::Ready(Ok(()));
        }
        let (turn, now) = match &self.waiting {
            None => self.arrive(cx.waker())?,
            Some(waiting) => {
                let (ticket, waker) = (waiting.ticket, cx.waker().clone());
                self.shared.change(|bucket, now| (bucket.poll(ticket, waker, now), now))
            }
        };
        match turn {
            Turn::Granted => {
                self.waiting = None;
                self.ended = true;
                Poll::Ready(Ok(()))
            }
            Turn::LookAgainAt(at) if self.deadline.is_some_and(|deadline| at > deadline) => {
                self.leave();
                self.ended = true;
                Poll::Ready(Err(self.too_late(at - now)))
            }
            Turn::BehindLateOnesUntil(_) if self.deadline.is_some_and(|at| at <= now) => {
                self.leave();
                self.ended = true;
                Poll::Ready(Err(self.too_late(Duration::ZERO)))
            }
            Turn::LookAgainAt(at) | Turn::BehindLateOnesUntil(at) => {
                let at = self.deadline.map_or(at, |deadline| at.min(deadline));
                self.wait_until(at, now, cx);
                Poll::Pending
            }
        }
    }
}

impl Acquire {
    /// The same, where somebody is told as soon as it waits, and for how long as far as is known.
    pub(crate) async fn told(&mut self, tell: impl Fn(Duration)) -> Result<(), Error> {
        let mut is_told = false;
        std::future::poll_fn(|cx| {
            let polled = Pin::new(&mut *self).poll(cx);
            if let (false, Some(waiting)) = (is_told, &self.waiting) {
                is_told = true;
                tell(waiting.until - self.shared.runtime.now());
            }
            polled
        })
        .await
    }

    /// Whether the tokens were not there at once.
    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// The first look: take the tokens, or join the queue if the wait is worth beginning.
    fn arrive(&mut self, waker: &Waker) -> Result<(Turn, Timestamp), Error> {
        let (amount, deadline, waker) = (self.amount, self.deadline, waker.clone());
        let (came, priority, number) = self.claim;
        let (turn, ticket, now) = self
            .shared
            .change(|bucket, now| {
                if amount > bucket.capacity() {
                    return Err(Refused::MoreThanCapacity(bucket.capacity()));
                }
                let rank = Rank::new(came.min(now), priority, number);
                Ok(match bucket.try_take(amount, rank, now) {
                    Ok(()) => (Turn::Granted, None, now),
                    Err(at) if deadline.is_some_and(|deadline| at > deadline) => {
                        (Turn::LookAgainAt(at), None, now)
                    }
                    Err(at) => (
                        Turn::LookAgainAt(at),
                        Some((bucket.join(amount, rank, waker, at), at)),
                        now,
                    ),
                })
            })
            .map_err(|refused| Error::new(ErrorKind::Config, refused.to_string()))?;
        if let Some((ticket, until)) = ticket {
            let timer = self.shared.runtime.sleep(until - now);
            self.waiting = Some(Waiting { ticket, timer, until });
            self.has_waited = true;
        }
        Ok((turn, now))
    }

    /// Sees to it that this future is polled again at `at`.
    fn wait_until(&mut self, at: Timestamp, now: Timestamp, cx: &mut Context<'_>) {
        let Some(waiting) = &mut self.waiting else { return };
        if at + SAME_MOMENT < waiting.until {
            waiting.until = at;
            waiting.timer = self.shared.runtime.sleep(at - now);
        }
        if waiting.timer.poll_unpin(cx).is_ready() {
            // It rang early: the queue is slower than it seemed, or the timer does not reach so far.
            waiting.until = at;
            waiting.timer = self.shared.runtime.sleep(at - now);
            if waiting.timer.poll_unpin(cx).is_ready() {
                waiting.until = HAS_RUNG;
                cx.waker().wake_by_ref();
            }
        }
    }

    fn too_late(&self, wait: Duration) -> Error {
        let in_milliseconds = Duration::from_secs(wait.as_secs())
            + Duration::from_millis(wait.subsec_micros().div_ceil(1_000).into());
        let wait_text = seconds_text(in_milliseconds);
        let message = format!("rate limit: a token is free only in {wait_text}, past the timeout");
        Error::new(ErrorKind::RateLimited, message)
            .with_retry_at(self.shared.runtime.unix_time().checked_add(wait))
    }

    fn leave(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.shared.change(|bucket, _| bucket.leave(waiting.ticket));
        }
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.leave();
    }
}
