//! One call on its way: what it asks, how long it may take, and what it has met so far.

use std::sync::Arc;

use bytes::Bytes;

use crate::accounting::CallRecord;
use crate::circuit::Pass;
use crate::clocks::{Clocks, Limit};
use crate::codec::{RequestBody, Route};
use crate::core::key_pool::KeyId;
use crate::core::rank::Rank;
use crate::core::retry::{Failure, Retries};
use crate::core::time::Timestamp;
use crate::error::Clock;
use crate::line::Place;
use crate::response_failure::Refusal;
use crate::token_bucket::TokenBucket;
use crate::token_budget::Asked;
use crate::wire::Target;

/// What of a call is still told when its answer comes to an end.
pub(crate) struct Course {
    pub record: Arc<CallRecord>,
    pub model: Arc<str>,
    pub route: Option<Route>,
    pub started: Timestamp,
    /// When the last attempt was sent.
    pub sent: Timestamp,
}

impl Course {
    /// Its ways through circuit breakers.
    pub fn passes(&self) -> impl Iterator<Item = &Pass> {
        self.route.iter().flat_map(|route| route.passes.iter().map(|pass| &**pass))
    }
}

/// One call on its way.
pub(crate) struct Call {
    pub course: Course,
    pub bucket: TokenBucket,
    /// What it asks of the budget of LLM tokens, where there is one.
    pub asked: Option<Asked>,
    /// Where the model's name was written, for those who mistype it.
    pub model_origin: &'static str,
    pub target: Target,
    pub body: Bytes,
    pub clocks: Clocks,
    /// From −100 to 100; larger is earlier.
    pub priority: i8,
    /// Makes the body anew where the wish for usage is refused; until it is used.
    pub without_usage: Option<Arc<dyn RequestBody>>,
    pub retries: Retries,
    pub tried: Vec<KeyId>,
    /// Its place in the line for keys, where it waits for one.
    pub place: Option<Place>,
    /// The last failure of each kind, the latest at the end.
    pub failures: Vec<Failure>,
    /// What the last attempt got in place of an answer, where that is passed on.
    pub refusal: Option<Refusal>,
    /// Whether it has waited since its last attempt.
    pub waited: bool,
}

impl Call {
    /// The limit of the call as a whole.
    pub fn total(&self) -> Option<Limit> {
        self.clocks.total.map(|total| Limit::new(Clock::Total, total, self.course.started))
    }

    /// The limit of what comes before the answer: of all waits and attempts.
    pub fn beginning(&self) -> Option<Limit> {
        let within = self.course.route.as_ref().and_then(|route| route.begin_within);
        let limit = within.map(|within| Limit::new(Clock::Total, within, self.course.started));
        Limit::first(&[self.total(), limit])
    }

    /// When the answer must have begun.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.beginning().map(|limit| limit.at)
    }

    /// When it came, its priority and its number: what its rank is made of.
    pub fn claim(&self) -> (Timestamp, i8, u64) {
        (self.course.started, self.priority, self.course.record.id)
    }

    /// Where it stands wherever it waits.
    pub fn rank(&self) -> Rank {
        Rank::new(self.course.started, self.priority, self.course.record.id)
    }

    /// Whether somebody else can answer in its place.
    pub fn has_next(&self) -> bool {
        self.course.route.as_ref().is_some_and(|route| route.has_next)
    }

    /// The limit of the attempt's response headers.
    pub fn headers(&self) -> Option<Limit> {
        self.clocks.headers.map(|limit| Limit::new(Clock::Headers, limit, self.course.sent))
    }

    /// The limit of the attempt's first visible token.
    pub fn first_token(&self) -> Option<Limit> {
        self.clocks.first_token.map(|limit| Limit::new(Clock::FirstToken, limit, self.course.sent))
    }

    /// Remembers a failure, in place of an earlier one of its kind.
    pub fn failed(&mut self, failure: Failure) {
        self.failures.retain(|earlier| earlier.kind() != failure.kind());
        self.failures.push(failure);
    }

    /// Drops the request for usage, once, where that is what was refused.
    pub fn asks_again_without_usage(&mut self, failure: &Failure) -> bool {
        if !failure.refuses_stream_options() {
            return false;
        }
        let Some(body) = self.without_usage.take() else { return false };
        // What could be written with the wish can be written without.
        let Ok(json) = body.json(false) else { return false };
        // What failed before has been overcome: it is no reason for what may come.
        self.body = json;
        self.failures.clear();
        true
    }
}
