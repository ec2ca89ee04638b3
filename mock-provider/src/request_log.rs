//! The request log: filled by the connections, read and awaited by tests.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::fingerprint::fingerprint;
use crate::lock::hold;
use crate::record::{Finished, RequestRecord};
use crate::traffic::Traffic;

/// The log, shared by all connections.
#[derive(Debug)]
pub(crate) struct RequestLog {
    clock: Clock,
    pages: Mutex<Pages>,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Pages {
    /// Counts the clearings, so that a request from before one cannot write into a later record.
    volume: usize,
    records: VecDeque<RequestRecord>,
    /// The index of the oldest record kept.
    first: usize,
    attempts: HashMap<u64, u32>,
    traffic: Traffic,
}

impl Pages {
    fn get(&self, index: usize) -> Option<&RequestRecord> {
        self.records.get(index.checked_sub(self.first)?)
    }

    fn next_index(&self) -> usize {
        self.first + self.records.len()
    }
}

impl RequestLog {
    /// An empty log that takes its times from `clock`.
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, pages: Mutex::default(), changes: watch::Sender::new(()) }
    }

    /// Writes a request down. `draft` is complete but for what only the log knows: index, attempt,
    /// requests in flight.
    pub(crate) fn open(
        self: &Arc<Self>,
        mut draft: RequestRecord,
        key: Option<String>,
        body: &[u8],
        capacity: usize,
    ) -> Visit {
        let mut pages = hold(&self.pages);
        let attempt = pages.attempts.entry(fingerprint(body)).or_default();
        *attempt += 1;
        draft.attempt = *attempt;
        draft.in_flight = pages.traffic.enter(key.as_deref());
        draft.index = pages.next_index();
        let (index, attempt) = (draft.index, draft.attempt);
        pages.records.push_back(draft);
        if pages.records.len() > capacity.max(1) {
            pages.records.pop_front();
            pages.first += 1;
        }
        let volume = pages.volume;
        drop(pages);
        self.changes.send_replace(());
        Visit { log: Arc::clone(self), volume, index, attempt, key, ended: false }
    }

    /// All records kept, oldest first.
    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        hold(&self.pages).records.iter().cloned().collect()
    }

    /// Forgets all records, attempts and peaks; the next index is 0.
    pub(crate) fn clear(&self) {
        let mut pages = hold(&self.pages);
        pages.volume += 1;
        pages.first = 0;
        pages.records.clear();
        pages.attempts.clear();
        pages.traffic.forget_peaks();
    }

    /// How many requests came since the log was cleared.
    pub(crate) fn len(&self) -> usize {
        hold(&self.pages).next_index()
    }

    /// Reads the open counts and peaks.
    pub(crate) fn traffic<R>(&self, read: impl FnOnce(&Traffic) -> R) -> R {
        read(&hold(&self.pages).traffic)
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        self.wait_until(|pages| (pages.next_index() >= count).then_some(())).await;
    }

    /// Waits until the request has come and ended.
    pub(crate) async fn wait_for_close(&self, index: usize) -> Option<RequestRecord> {
        self.wait_until(|pages| {
            if index < pages.first {
                return Some(None);
            }
            let record = pages.get(index)?;
            (record.finished != Finished::Open).then(|| Some(record.clone()))
        })
        .await
    }

    async fn wait_until<R>(&self, look: impl Fn(&Pages) -> Option<R>) -> R {
        // Subscribed before the first look, so that no change falls between look and wait.
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(found) = look(&hold(&self.pages)) {
                return found;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

/// One open request. Dropped unfinished, it ends as [`Finished::Faulted`]: the server has stopped.
#[derive(Debug)]
pub(crate) struct Visit {
    log: Arc<RequestLog>,
    volume: usize,
    index: usize,
    attempt: u32,
    key: Option<String>,
    ended: bool,
}

impl Visit {
    /// 1 for the first request with this body.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The key it came with.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Notes the status sent.
    pub(crate) fn note_status(&self, status: u16) {
        self.edit(&mut hold(&self.log.pages), |record| record.status = Some(status));
    }

    /// Notes the fault applied.
    pub(crate) fn note_fault(&self, fault: &Fault) {
        if *fault != Fault::None {
            self.edit(&mut hold(&self.log.pages), |record| record.fault = Some(fault.clone()));
        }
    }

    /// Notes one more event sent.
    pub(crate) fn note_chunk(&self) {
        self.edit(&mut hold(&self.log.pages), |record| record.chunks_sent += 1);
    }

    /// Ends the request. The first word stands, but for one case: an answer that counted as
    /// complete when its last bytes were handed over may turn out never to have been taken.
    pub(crate) fn finish(&mut self, how: Finished) {
        let now = self.log.clock.elapsed();
        let mut pages = hold(&self.log.pages);
        if !self.ended {
            pages.traffic.leave(self.key.as_deref());
        }
        self.edit(&mut pages, |record| {
            let revoked = record.finished == Finished::Completed && how == Finished::ClientClosed;
            if record.finished == Finished::Open || revoked {
                record.finished = how;
                record.ended = Some(now);
            }
        });
        drop(pages);
        self.ended = true;
        self.log.changes.send_replace(());
    }

    fn edit(&self, pages: &mut Pages, change: impl FnOnce(&mut RequestRecord)) {
        if pages.volume != self.volume {
            return;
        }
        let Some(place) = self.index.checked_sub(pages.first) else { return };
        if let Some(record) = pages.records.get_mut(place) {
            change(record);
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(Finished::Faulted);
        }
    }
}
