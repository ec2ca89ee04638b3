//! Waking everybody who waits for something to change.

use std::future::poll_fn;
use std::sync::Mutex;
use std::task::{Poll, Waker};

use crate::lock::lock;

/// Tasks that wait for a change, and how many changes there have been.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<(u64, Vec<Waker>)>);

impl Wakers {
    /// Resolves at the first change after it was first polled.
    pub async fn wait(&self) {
        let mut seen = None;
        poll_fn(|cx| {
            let mut inner = lock(&self.0);
            let (changes, wakers) = &mut *inner;
            if *seen.get_or_insert(*changes) != *changes {
                return Poll::Ready(());
            }
            if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// Says that something has changed.
    pub fn wake_all(&self) {
        let wakers = {
            let mut inner = lock(&self.0);
            inner.0 += 1;
            std::mem::take(&mut inner.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}
