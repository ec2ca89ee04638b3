//! What is counted: per client, and per call for those who read its stream.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use crate::core::key_pool::KeyId;
use crate::error::Attempt;
use crate::events::{self, Event, Observer, Outcome};
use crate::key_pool::ApiKeyPool;
use crate::lock::lock;

/// What a client has done so far; see [`OpenAiCompatible::stats`](crate::OpenAiCompatible::stats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// Calls made; a stream counts from when it is made, though it asks when it is first read.
    pub calls: u64,
    /// Calls answered.
    pub succeeded: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// Calls dropped or aborted before their end.
    pub cancelled: u64,
    /// Attempts sent, over all calls.
    pub attempts: u64,
    /// Waits of calls: for a bucket token, a key, or the next retry.
    pub waits: u64,
    /// LLM tokens sent, as reported or estimated.
    pub input_tokens: u64,
    /// LLM tokens received, as reported or estimated.
    pub output_tokens: u64,
}

/// The running totals behind [`ClientStats`], and who is told of what happens.
#[derive(Default)]
pub(crate) struct Counters {
    observer: Option<Arc<dyn Observer>>,
    calls: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    cancelled: AtomicU64,
    attempts: AtomicU64,
    waits: AtomicU64,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
}

impl Counters {
    pub fn new(observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..Self::default() }
    }

    /// Something has happened to a call.
    pub fn tell(&self, call: u64, event: Event<'_>) {
        events::log(call, &event);
        if let Some(observer) = &self.observer {
            observer.on_event(call, &event);
        }
    }

    pub fn attempt(&self) {
        self.attempts.fetch_add(1, Relaxed);
    }

    pub fn wait(&self) {
        self.waits.fetch_add(1, Relaxed);
    }

    pub fn snapshot(&self) -> ClientStats {
        ClientStats {
            calls: self.calls.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: self.failed.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            attempts: self.attempts.load(Relaxed),
            waits: self.waits.load(Relaxed),
            input_tokens: self.input_tokens.load(Relaxed),
            output_tokens: self.output_tokens.load(Relaxed),
        }
    }

    /// A call begins; returns its number, for the log.
    fn call(&self) -> u64 {
        self.calls.fetch_add(1, Relaxed)
    }

    fn tokens(&self, input: u64, output: u64) {
        // A provider may report nonsense; a total that is full stays so.
        let add = |total: &AtomicU64, tokens: u64| {
            let _ = total.fetch_update(Relaxed, Relaxed, |sum| Some(sum.saturating_add(tokens)));
        };
        add(&self.input_tokens, input);
        add(&self.output_tokens, output);
    }
}

/// The record of one call: counted once, however it ends.
pub(crate) struct CallRecord {
    counters: Arc<Counters>,
    pool: ApiKeyPool,
    /// The call's number, for the log.
    pub id: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    answered_by: Option<(KeyId, String)>,
    attempts: Vec<Attempt>,
}

impl CallRecord {
    /// The record of a call that begins now.
    pub fn begin(counters: &Arc<Counters>, pool: &ApiKeyPool) -> Self {
        let id = counters.call();
        Self { counters: counters.clone(), pool: pool.clone(), id, state: Mutex::default() }
    }

    /// An attempt has failed.
    pub fn failed_attempt(&self, attempt: Attempt) {
        lock(&self.state).attempts.push(attempt);
    }

    /// This key has begun to answer.
    pub fn answered_by(&self, key: KeyId, label: &str) {
        lock(&self.state).answered_by = Some((key, label.to_owned()));
    }

    /// The attempts that failed.
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.state).attempts.clone()
    }

    /// The label of the key that answers or has answered.
    pub fn key_label(&self) -> Option<String> {
        lock(&self.state).answered_by.as_ref().map(|(_, label)| label.clone())
    }

    /// Whether a key has begun to answer, so that the call costs something.
    pub fn has_answer(&self) -> bool {
        lock(&self.state).answered_by.is_some()
    }

    /// What the call has cost.
    pub fn count(&self, input: u64, output: u64) {
        let Some((key, _)) = lock(&self.state).answered_by.clone() else { return };
        self.counters.tokens(input, output);
        self.pool.count_tokens(key, input, output);
    }

    /// Something has happened to the call.
    pub fn tell(&self, event: Event<'_>) {
        self.counters.tell(self.id, event);
    }

    /// The call has ended.
    pub fn end(&self, outcome: Outcome) {
        let answered_by = {
            let mut state = lock(&self.state);
            if std::mem::replace(&mut state.ended, true) {
                return;
            }
            state.answered_by.clone()
        };
        let total = match outcome {
            Outcome::Succeeded => &self.counters.succeeded,
            Outcome::Failed => &self.counters.failed,
            Outcome::Cancelled => &self.counters.cancelled,
        };
        total.fetch_add(1, Relaxed);
        let key_label = answered_by.as_ref().map(|(_, label)| &**label);
        self.tell(Event::Ends { outcome, key_label });
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
