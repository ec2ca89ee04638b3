//! A wait for tokens of a bucket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::FusedFuture;

use crate::core::rank::{Rank, Ticket};
use crate::core::time::{Timestamp, seconds_text};
use crate::core::token_bucket::Turn;
use crate::error::{Error, ErrorKind};
use crate::platform::BoxFuture;
use crate::shared_bucket::SharedBucket;
use crate::token_bucket::Refused;

/// Two computations of one moment differ by rounding, which is no reason for a new timer.
const SAME_MOMENT: Duration = Duration::from_micros(1);

/// When a timer that has rung would ring again: a future is not polled after its end.
const HAS_RUNG: Timestamp = Timestamp::new(Duration::MAX);

/// A wait for tokens; see [`TokenBucket::acquire`](crate::TokenBucket::acquire).
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
    /// A wait for so many tokens, of who came then, has this priority and this number.
    pub(crate) fn new(
        shared: Arc<SharedBucket>,
        amount: f64,
        claim: (Timestamp, i8, u64),
        deadline: Option<Timestamp>,
    ) -> Self {
        Self { shared, amount, claim, deadline, waiting: None, has_waited: false, ended: false }
    }

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
        too_late(wait).with_retry_at(self.shared.runtime.unix_time().checked_add(wait))
    }

    fn leave(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            self.shared.change(|bucket, _| bucket.leave(waiting.ticket));
        }
    }
}

/// The error of a wait for a token that ends too late.
pub(crate) fn too_late(wait: Duration) -> Error {
    let in_milliseconds = Duration::from_secs(wait.as_secs())
        + Duration::from_millis(wait.subsec_micros().div_ceil(1_000).into());
    let wait_text = seconds_text(in_milliseconds);
    let message = format!("rate limit: a token is free only in {wait_text}, past the timeout");
    Error::new(ErrorKind::RateLimited, message)
}

impl Drop for Acquire {
    fn drop(&mut self) {
        self.leave();
    }
}
