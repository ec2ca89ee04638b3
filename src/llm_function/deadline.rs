//! The one deadline that all attempts and tools of a call share.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::core::time::Timestamp;
use crate::error::Error;
use crate::interface::ModelInfo;
use crate::platform::{Runtime, the_clock};

/// A clock, and how long there is by it.
#[derive(Clone)]
pub(super) struct Deadline {
    runtime: Arc<dyn Runtime>,
    at: Option<Timestamp>,
}

impl Deadline {
    /// So long from now, by the clock of the model's client.
    pub fn after(timeout: Option<Duration>, info: ModelInfo) -> Result<Self, Error> {
        let runtime = info.runtime.map_or_else(the_clock, Ok)?;
        let at = timeout.map(|timeout| runtime.now() + timeout);
        Ok(Self { runtime, at })
    }

    pub fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    /// How much time there is; none where there is no end of it.
    pub fn left(&self) -> Option<Duration> {
        Some(self.at? - self.now())
    }

    /// What comes of `future`, if it does in time.
    pub async fn within<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        loop {
            let Some(left) = self.left() else { return Some(future.await) };
            if left.is_zero() {
                return None;
            }
            // A timer may end early, where it does not reach so far.
            if let Either::Left((value, _)) =
                select(future.as_mut(), self.runtime.sleep(left)).await
            {
                return Some(value);
            }
        }
    }
}
