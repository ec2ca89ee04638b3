//! What is counted: per client, and per call for those who read its stream.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::call_span::{CallSpan, IS_BUILT_IN};
use crate::core::key_pool::KeyId;
use crate::error::{Attempt, Error};
use crate::events::{self, Event, Observer, Outcome, WaitFor};
use crate::key_lease::KeyLease;
use crate::key_pool::ApiKeyPool;
use crate::lock::lock;
use crate::snapshot::Counts;
use crate::stats::{ClientStats, Waits, WaitsFor};
use crate::token_budget::Reserved;

/// The waits for one thing.
#[derive(Default)]
struct WaitTotals {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

impl WaitTotals {
    fn snapshot(&self) -> Waits {
        let time = Duration::from_nanos(self.nanoseconds.load(Relaxed));
        Waits { count: self.count.load(Relaxed), time }
    }
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
    waits: [WaitTotals; 5],
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

    /// What they have come to. Of the rest of the stats they know nothing.
    pub fn snapshot(&self) -> ClientStats {
        let [token, key, retry, concurrency, budget] =
            self.waits.each_ref().map(WaitTotals::snapshot);
        ClientStats {
            calls: self.calls.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: self.failed.load(Relaxed),
            cancelled: self.cancelled.load(Relaxed),
            attempts: self.attempts.load(Relaxed),
            waits: [token, key, retry, concurrency, budget].iter().map(|it| it.count).sum(),
            waits_for: WaitsFor { token, key, retry, concurrency, budget },
            input_tokens: self.input_tokens.load(Relaxed),
            output_tokens: self.output_tokens.load(Relaxed),
            ..ClientStats::default()
        }
    }

    /// Totals, in the order of [`Counts`].
    fn listed(&self) -> [&AtomicU64; 6] {
        let Self { succeeded, failed, cancelled, attempts, input_tokens, output_tokens, .. } = self;
        [succeeded, failed, cancelled, attempts, input_tokens, output_tokens]
    }

    /// What outlives the process.
    pub fn totals(&self) -> Counts {
        Counts(self.listed().map(|total| total.load(Relaxed)))
    }

    /// Nothing has been counted less often than so.
    pub fn at_least(&self, counts: Counts) {
        for (place, (total, least)) in self.listed().into_iter().zip(counts.0).enumerate() {
            let more = least.saturating_sub(total.fetch_max(least, Relaxed));
            let ended = place < 3; // the first three are ways for a call to end
            self.calls.fetch_add(if ended { more } else { 0 }, Relaxed);
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
    /// Whether anybody sees its span.
    is_seen: bool,
    waiting: Waiting,
    state: Mutex<State>,
}

/// What a call waits for, and since when. A call is in one place at a time, so nobody is in between.
#[derive(Default)]
struct Waiting {
    /// The place of its reason, from 1; 0 while it does not wait.
    reason: AtomicU8,
    since: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Until the call ends.
    span: Option<CallSpan>,
    ended: bool,
    answered_by: Option<(KeyId, Arc<str>)>,
    /// What the answer may cost, until somebody knows. If nobody ever does it is spent. Apart, since most
    /// clients have no budget.
    reserved: Option<Box<Reserved>>,
    attempts: Vec<Attempt>,
}

impl CallRecord {
    /// The record of a call that begins now.
    pub fn begin(counters: &Arc<Counters>, pool: &ApiKeyPool, span: Option<CallSpan>) -> Self {
        let id = counters.call();
        let (counters, pool) = (counters.clone(), pool.clone());
        let (is_seen, waiting) = (span.is_some(), Waiting::default());
        let state = Mutex::new(State { span, ..State::default() });
        Self { counters, pool, id, is_seen, waiting, state }
    }

    /// Its span, until it ends.
    #[inline]
    pub fn span(&self) -> Option<CallSpan> {
        if IS_BUILT_IN && self.is_seen { self.seen_span() } else { None }
    }

    #[cold]
    fn seen_span(&self) -> Option<CallSpan> {
        lock(&self.state).span.clone()
    }

    /// An attempt has failed.
    pub fn failed_attempt(&self, attempt: Attempt) {
        lock(&self.state).attempts.push(attempt);
    }

    /// This key has begun to answer.
    pub fn answered_by(&self, lease: &mut KeyLease) {
        let (key, label, reserved) =
            (lease.id(), lease.label(), lease.take_reserved().map(Box::new));
        if let Some(span) = self.span() {
            span.key(&label);
        }
        let mut state = lock(&self.state);
        (state.answered_by, state.reserved) = (Some((key, label)), reserved);
    }

    /// The attempts that failed.
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.state).attempts.clone()
    }

    /// The label of the key that answers or has answered.
    pub fn key_label(&self) -> Option<String> {
        lock(&self.state).answered_by.as_ref().map(|(_, label)| label.to_string())
    }

    /// Whether a key has begun to answer, so that the call costs something.
    pub fn has_answer(&self) -> bool {
        lock(&self.state).answered_by.is_some()
    }

    /// What the call has cost. Nothing is what somebody says who does not know: what was set aside stays
    /// spent then.
    pub fn count(&self, input: u64, output: u64) {
        let (answered_by, reserved) = {
            let mut state = lock(&self.state);
            let reserved = state.reserved.take_if(|_| input + output > 0);
            (state.answered_by.as_ref().map(|(key, _)| *key), reserved)
        };
        let Some(key) = answered_by else { return };
        if let Some(reserved) = reserved {
            reserved.settle(input, output);
        }
        self.counters.tokens(input, output);
        self.pool.count_tokens(key, input, output);
        if let Some(span) = self.span() {
            span.cost(input, output);
        }
    }

    /// Something has happened to the call: a wait begins, or whatever it waited for has come.
    pub fn tell(&self, event: Event<'_>) {
        self.waited();
        if let Event::Waits { reason, .. } = event {
            self.waits(reason);
        }
        if let (Event::FirstToken { took, .. }, Some(span)) = (event, self.span()) {
            span.first_token(took.as_secs_f64());
        }
        match self.span() {
            Some(span) => span.within(|| self.counters.tell(self.id, event)),
            None => self.counters.tell(self.id, event),
        }
    }

    fn waits(&self, reason: WaitFor) {
        self.counters.waits[reason.place()].count.fetch_add(1, Relaxed);
        self.waiting.since.store(self.pool.runtime().now().nanoseconds(), Relaxed);
        self.waiting.reason.store(reason.place() as u8 + 1, Relaxed);
    }

    /// Ends the wait that the call is in, if it is in one.
    fn waited(&self) {
        if self.waiting.reason.load(Relaxed) == 0 {
            return;
        }
        let reason = self.waiting.reason.swap(0, Relaxed);
        let now = self.pool.runtime().now().nanoseconds();
        let took = now.saturating_sub(self.waiting.since.load(Relaxed));
        if let Some(totals) = self.counters.waits.get(usize::from(reason).wrapping_sub(1)) {
            totals.nanoseconds.fetch_add(took, Relaxed);
        }
    }

    /// The call has ended with this error.
    pub fn fail(&self, error: &Error) {
        if let Some(span) = self.span() {
            span.failed(error.kind(), error.status());
        }
        self.end(Outcome::Failed);
    }

    /// The call has ended.
    pub fn end(&self, outcome: Outcome) {
        let (answered_by, failed_attempts) = {
            let mut state = lock(&self.state);
            if std::mem::replace(&mut state.ended, true) {
                return;
            }
            (state.answered_by.clone(), state.attempts.len())
        };
        let total = match outcome {
            Outcome::Succeeded => &self.counters.succeeded,
            Outcome::Failed => &self.counters.failed,
            Outcome::Cancelled => &self.counters.cancelled,
        };
        total.fetch_add(1, Relaxed);
        let key_label = answered_by.as_ref().map(|(_, label)| &**label);
        self.tell(Event::Ends { outcome, key_label });
        if let Some(span) = self.span() {
            span.ended(outcome, failed_attempts);
            lock(&self.state).span = None; // so that it closes, whoever still holds the record
        }
    }
}

impl Drop for CallRecord {
    fn drop(&mut self) {
        self.end(Outcome::Cancelled);
    }
}
