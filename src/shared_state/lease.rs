//! A key in use, as a shared state knows it: renewed in the background for as long as it is held, and given
//! back there.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::message::Request;
use super::store::Store;
use super::taken::Taken;
use crate::clocks::Alarm;
use crate::core::key_slot::KeyState;
use crate::lock::lock;

/// A key in use. Dropped, it is given back.
pub(crate) struct RemoteLease {
    store: Arc<Store>,
    name: String,
    /// What it was granted with.
    taken: Taken,
    end: Arc<End>,
}

/// What the one who holds a lease tells the task that keeps it.
#[derive(Default)]
struct End(Mutex<(Option<String>, Option<Waker>)>);

impl RemoteLease {
    /// A lease that was granted just now.
    pub fn new(store: Arc<Store>, name: String, taken: Taken) -> Self {
        let end = Arc::new(End::default());
        let task = keep(store.clone(), name.clone(), end.clone());
        store.spawn(task);
        Self { store, name, taken, end }
    }

    /// Its key rests from now on: others must know before the lease ends.
    pub fn rests(&self, rest: Option<(Duration, KeyState)>) {
        if let (Some(key), Some(rest)) = (self.name.split('|').nth(2), rest) {
            self.key_rests(key, rest);
        }
    }

    /// So does a key of this name.
    pub fn key_rests(&self, key: &str, rest: (Duration, KeyState)) {
        self.store.tell(Request::new("rest").text("key", key).rest(Some(rest)).finish());
    }

    /// Ends it with what it showed of the key.
    pub fn end(self, works: bool, rest: Option<(Duration, KeyState)>) {
        let request = self.store.release(&self.name).rest(rest);
        self.ends_with(if works { request.member("works", "true") } else { request });
    }

    /// Ends it where nothing was sent.
    pub fn unused(self) {
        self.ends_with(self.taken.add_to(self.store.release(&self.name), -1.0));
    }

    /// The first word is the last one.
    fn ends_with(&self, request: Request) {
        let mut end = lock(&self.end.0);
        if end.0.is_none() {
            end.0 = Some(request.finish());
        }
        let waker = end.1.take();
        drop(end);
        waker.iter().for_each(Waker::wake_by_ref);
    }
}

impl Drop for RemoteLease {
    fn drop(&mut self) {
        self.ends_with(self.store.release(&self.name));
    }
}

/// Renews a lease until it ends, then gives it back. What does not get through is left to run out.
async fn keep(store: Arc<Store>, name: String, end: Arc<End>) {
    let every = store.options.lease_ttl / 3;
    loop {
        let mut alarm = Alarm::new(&*store.runtime, store.runtime.now() + every);
        let ended = poll_fn(|cx| {
            let mut end = lock(&end.0);
            end.1 = Some(cx.waker().clone());
            match end.0.take() {
                Some(request) => Poll::Ready(Some(request)),
                None => alarm.poll(cx).map(|()| None),
            }
        });
        match ended.await {
            Some(request) => {
                let _ = store.send(request).await;
                return;
            }
            None => {
                let _ = store.send(store.renewal(Some(&name))).await;
            }
        }
    }
}
