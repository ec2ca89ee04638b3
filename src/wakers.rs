//! Waking everybody who waits for something to change.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

/// Tasks that wait for a change.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// In the order of their numbers.
    waiting: Vec<(u64, Waker)>,
}

impl Inner {
    fn place(&self, number: u64) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&number, |(number, _)| *number)
    }
}

impl Wakers {
    /// Resolves at the first change from now on. Dropped, it leaves nothing behind.
    pub fn wait(&self) -> Change<'_> {
        let mut inner = lock(&self.0);
        let number = inner.next;
        inner.next += 1;
        inner.waiting.push((number, Waker::noop().clone()));
        Change { wakers: self, number }
    }

    /// Whether anybody waits.
    pub fn is_waited_at(&self) -> bool {
        !lock(&self.0).waiting.is_empty()
    }

    /// Says that something has changed.
    pub fn wake_all(&self) {
        let woken = std::mem::take(&mut lock(&self.0).waiting);
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

/// A wait for a change.
pub(crate) struct Change<'a> {
    wakers: &'a Wakers,
    number: u64,
}

impl Future for Change<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.wakers.0);
        let Ok(place) = inner.place(self.number) else { return Poll::Ready(()) };
        inner.waiting[place].1.clone_from(cx.waker());
        Poll::Pending
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let mut inner = lock(&self.wakers.0);
        if let Ok(place) = inner.place(self.number) {
            inner.waiting.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_change_ends_every_wait_that_was_begun_before_it() {
        let wakers = Wakers::default();
        let (mut first, mut second) = (wakers.wait(), wakers.wait());
        assert!((&mut first).now_or_never().is_none());
        wakers.wake_all();
        assert!((&mut first).now_or_never().is_some() && (&mut second).now_or_never().is_some());
        assert!(wakers.wait().now_or_never().is_none());
    }

    #[test]
    fn a_dropped_wait_leaves_nothing_behind() {
        let wakers = Wakers::default();
        drop(wakers.wait());
        assert!(lock(&wakers.0).waiting.is_empty());
    }
}
