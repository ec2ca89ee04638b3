//! Waking everybody who waits for something to change.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

/// Tasks that wait for a change, and how many changes there have been.
#[derive(Debug, Default)]
pub(crate) struct Wakers(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    changes: u64,
    next_place: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Wakers {
    /// Resolves at the first change from now on. Dropped, it leaves nothing behind.
    pub fn changed(&self) -> Changed<'_> {
        let mut waiting = lock(&self.0);
        waiting.next_place += 1;
        Changed { wakers: self, place: waiting.next_place, seen: waiting.changes }
    }

    /// Says that something has changed.
    pub fn wake_all(&self) {
        let wakers = {
            let mut waiting = lock(&self.0);
            waiting.changes += 1;
            std::mem::take(&mut waiting.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }
}

/// A wait for a change.
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    wakers: &'a Wakers,
    place: u64,
    seen: u64,
}

impl Future for Changed<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiting = lock(&self.wakers.0);
        if waiting.changes != self.seen {
            return Poll::Ready(());
        }
        waiting.wakers.insert(self.place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        lock(&self.wakers.0).wakers.remove(&self.place);
    }
}
