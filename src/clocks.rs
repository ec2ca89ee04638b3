//! The clocks of a call: how long each part of it may take.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

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
    work: impl Future<Output = T>,
) -> Result<T, Limit> {
    let Some(limit) = limit else { return Ok(work.await) };
    // Work that is always ready at once would never look at the clock.
    if limit.at <= runtime.now() {
        return Err(limit);
    }
    let (mut work, mut alarm) = (pin!(work), Alarm::new(runtime, limit.at));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Ok(done)),
        Poll::Pending => alarm.poll(cx).map(|()| Err(limit)),
    })
    .await
}

/// The next piece of a body, where it comes within the limit.
///
/// # Errors
/// The limit, where it passed first.
pub(crate) async fn next_piece(
    runtime: &dyn Runtime,
    limit: Option<Limit>,
    body: &mut Body,
) -> Result<Option<Result<Bytes, TransportError>>, Limit> {
    within(runtime, limit, body.next()).await
}

/// Rings at its moment, also where one timer does not reach so far. No timer is set before it is
/// looked at.
pub(crate) struct Alarm<'a> {
    runtime: &'a dyn Runtime,
    at: Timestamp,
    timer: Option<BoxFuture<'static, ()>>,
}

impl<'a> Alarm<'a> {
    pub fn new(runtime: &'a dyn Runtime, at: Timestamp) -> Self {
        Self { runtime, at, timer: None }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(timer) = &mut self.timer
                && timer.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            let left = self.at - self.runtime.now();
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer = Some(self.runtime.sleep(left));
        }
    }
}
