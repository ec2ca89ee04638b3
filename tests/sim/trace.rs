//! What happened in one scenario, as the provider and the callers saw it: the only thing that the
//! oracles look at. All times are those of the client's steady clock, which counts forward steps of
//! the machine's clock (the library cannot tell them from time) but no steps back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use lockkeeper::testing::VirtualClock;
use lockkeeper::{ClientStats, Error, KeyStatus, StreamState, Usage};

use super::said::{self, Said};

/// Events in their order, and what is known of each attempt and call.
#[derive(Debug, Default)]
pub struct Trace {
    pub events: Vec<Event>,
    pub attempts: Vec<Attempt>,
    /// By the call's number.
    pub calls: BTreeMap<usize, Call>,
    pub samples: Vec<Sample>,
    /// The state of affairs when everybody had gone.
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// A caller first polled its call.
    Asked(usize),
    /// An attempt's request reached the provider.
    Started(usize),
    /// An attempt's answer has begun to show, or is whole.
    Answers(usize),
    /// The client let go of an attempt's request, or of its answer's body.
    Ended(usize),
    /// The caller has its result, or has dropped the call.
    Returned(usize),
}

/// One request, as the provider saw it.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub call: usize,
    pub key: usize,
    pub model: String,
    pub asks_usage: bool,
    pub started: Duration,
    pub said: Said,
    /// When the headers went out, on the client's steady clock and by its time of day.
    pub headers: Option<(Duration, SystemTime)>,
    pub was_reset: bool,
    /// When each piece of the body went out.
    pub pieces: Vec<Duration>,
    /// How the body ended, if it did before the client let go of it.
    pub body_end: Option<BodyEnd>,
    pub ended: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    Whole,
    Cut,
}

/// One call, as the caller saw it.
#[derive(Clone, Debug)]
pub struct Call {
    pub asked: Duration,
    pub returned: Duration,
    pub returned_by_day: SystemTime,
    pub result: Returned,
    /// The failed attempts, as the client tells of them.
    pub told: Vec<lockkeeper::Attempt>,
    pub usage: Option<Usage>,
    /// What the caller had read when the call ended.
    pub text: String,
    /// Where the stream stood, and whether it gave anything after its end.
    pub state: Option<StreamState>,
    pub spoke_after_its_end: bool,
}

#[derive(Clone, Debug)]
pub enum Returned {
    Answer,
    Failed(Box<Error>),
    Cancelled,
    NotYet,
}

/// A look at the client from outside at a random moment, when everybody waits for time to pass.
#[derive(Clone, Debug)]
pub struct Sample {
    pub at: Duration,
    /// After how many events.
    pub events: usize,
    pub in_flight: Vec<u32>,
    pub open_requests: usize,
    /// Of each model's bucket: its tokens and how many wait.
    pub buckets: Vec<(f64, usize)>,
}

/// What is left at the end.
#[derive(Clone, Debug)]
pub struct End {
    pub keys: Vec<KeyStatus>,
    pub in_flight: u32,
    pub open_requests: usize,
    pub waiters: usize,
    pub stats: ClientStats,
    pub hung: usize,
    pub elapsed: Duration,
}

impl Trace {
    /// The attempts of one call, by their numbers, in their order.
    pub fn attempts_of(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, attempt) in self.attempts.iter().enumerate() {
            of.entry(attempt.call).or_default().push(index);
        }
        of
    }
}

/// Writes the trace while the scenario runs. Clones write the same one.
#[derive(Clone)]
pub struct Recorder {
    clock: VirtualClock,
    trace: Arc<Mutex<Trace>>,
}

impl Recorder {
    pub fn new(clock: &VirtualClock) -> Self {
        Self { clock: clock.clone(), trace: Arc::default() }
    }

    pub fn trace(&self) -> MutexGuard<'_, Trace> {
        self.trace.lock().unwrap()
    }

    pub fn now(&self) -> Duration {
        self.clock.runtime().now().since_origin()
    }

    pub fn time_of_day(&self) -> SystemTime {
        self.clock.runtime().unix_time()
    }

    pub fn asked(&self, call: usize) {
        let now = self.now();
        let mut trace = self.trace();
        trace.events.push(Event::Asked(call));
        let begun = Call {
            asked: now,
            returned: now,
            returned_by_day: SystemTime::UNIX_EPOCH,
            result: Returned::NotYet,
            told: Vec::new(),
            usage: None,
            text: String::new(),
            state: None,
            spoke_after_its_end: false,
        };
        assert!(trace.calls.insert(call, begun).is_none(), "a call is asked once");
    }

    /// The caller is done with a call; `tell` adds what it knows of it.
    pub fn returned(&self, call: usize, result: Returned, tell: impl FnOnce(&mut Call)) {
        let (now, by_day) = (self.now(), self.time_of_day());
        let mut trace = self.trace();
        trace.events.push(Event::Returned(call));
        let known = trace.calls.get_mut(&call).unwrap();
        assert!(matches!(known.result, Returned::NotYet), "a call ends once");
        (known.returned, known.returned_by_day, known.result) = (now, by_day, result);
        tell(known);
    }

    /// An attempt begins; what the provider says to it is not known yet.
    pub fn started(&self, attempt: Attempt) -> usize {
        let mut trace = self.trace();
        let index = trace.attempts.len();
        trace.events.push(Event::Started(index));
        trace.attempts.push(attempt);
        index
    }

    pub fn ended(&self, index: usize) {
        let now = self.now();
        let mut trace = self.trace();
        trace.events.push(Event::Ended(index));
        trace.attempts[index].ended = now;
    }

    /// A piece of an answer went out: the key is proven by the first that shows anything.
    pub fn answers(&self, index: usize) {
        let mut trace = self.trace();
        let attempt = &trace.attempts[index];
        let Said::Stream(events) = &attempt.said else { return };
        let shows = |event: &said::Event| matches!(event, said::Event::Text(_) | said::Event::Done);
        let first = events.iter().position(shows).is_some_and(|at| at + 1 == attempt.pieces.len());
        if first {
            trace.events.push(Event::Answers(index));
        }
    }

    /// Notes something about an attempt, with the time.
    pub fn note(&self, index: usize, note: impl FnOnce(&mut Attempt, Duration)) {
        let now = self.now();
        note(&mut self.trace().attempts[index], now);
    }
}
