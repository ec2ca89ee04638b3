//! What is written down while a simulation runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::report::{KeyReport, Report, Spread, WaitReport};
use crate::error::ErrorKind;
use crate::events::{Event, Observer, Outcome, WaitFor};
use crate::lock::lock;
use crate::testing::VirtualClock;

/// Where provider, client and callers write.
pub(super) type SharedBooks = Arc<Mutex<Books>>;

#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) begun: u64,
    pub(super) answered: u64,
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) in_flight: u64,
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    pub(super) keys: Vec<KeyReport>,
    failures: BTreeMap<&'static str, u64>,
    /// By their numbers.
    calls: Vec<Call>,
}

#[derive(Debug, Default)]
struct Call {
    start: Duration,
    /// What it waits for, since when.
    waiting: Option<(WaitFor, Duration)>,
    waited: [Duration; 5],
    first_token: Option<Duration>,
    /// How long it took, if it was answered.
    took: Option<Duration>,
}

impl Books {
    /// A call has ended with an error.
    pub(super) fn fails(&mut self, kind: ErrorKind) {
        *self.failures.entry(kind.as_str()).or_default() += 1;
    }

    /// How many calls are there without a request under way.
    pub(super) fn queue(&self) -> u64 {
        let ended = self.answered + self.failures.values().sum::<u64>();
        self.begun.saturating_sub(ended + self.in_flight)
    }

    fn on_event(&mut self, number: u64, event: &Event<'_>, now: Duration) {
        let number = number as usize;
        while self.calls.len() <= number {
            self.calls.push(Call { start: now, ..Call::default() });
        }
        let call = &mut self.calls[number];
        if let Some((reason, since)) = call.waiting.take() {
            call.waited[reason.place()] += now - since;
        }
        match event {
            Event::Waits { reason, .. } => call.waiting = Some((*reason, now)),
            Event::FirstToken { .. } => call.first_token = Some(now - call.start),
            Event::Ends { outcome: Outcome::Succeeded, .. } => {
                call.took = Some(now - call.start);
                self.answered += 1;
            }
            _ => {}
        }
    }

    /// Writes what is known into a report.
    pub(super) fn close(&mut self, report: &mut Report) {
        let spread = |values: &dyn Fn(&Call) -> Option<Duration>| {
            Spread::of(
                self.calls.iter().filter_map(values).map(|time| time.as_secs_f64()).collect(),
            )
        };
        let waits = |reason: WaitFor| spread(&move |call: &Call| Some(call.waited[reason.place()]));
        report.waits = WaitReport {
            total: spread(&|call| Some(call.waited.iter().sum())),
            bucket: waits(WaitFor::Token),
            key: waits(WaitFor::Key),
            retry: waits(WaitFor::Retry),
            concurrency: waits(WaitFor::Concurrency),
            budget: waits(WaitFor::Budget),
        };
        report.latency = spread(&|call| call.took);
        report.first_token = spread(&|call| call.first_token);
        (report.calls, report.succeeded) = (self.begun, self.answered);
        report.failed = self.failures.values().sum();
        report.failures = named(&self.failures);
        (report.requests, report.refused) = (self.requests, self.refused);
        report.outcomes = named(&self.outcomes);
        report.keys = std::mem::take(&mut self.keys);
    }
}

fn named(counts: &BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(&name, &count)| (name.to_owned(), count)).collect()
}

/// Sees what happens to calls.
pub(super) struct Watcher {
    pub(super) clock: VirtualClock,
    pub(super) books: SharedBooks,
}

impl Observer for Watcher {
    fn on_event(&self, call: u64, event: &Event<'_>) {
        let now = self.clock.elapsed();
        lock(&self.books).on_event(call, event, now);
    }
}
