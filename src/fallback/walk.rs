//! One call's way from target to target: where it may go next, how long it may take there, and what it
//! has met so far.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tracing::debug;

use super::target::Target;
use crate::chat::{AnsweredBy, ChatOptions, ChatResponse, Message};
use crate::circuit::Pass;
use crate::clocks::{Limit, within};
use crate::codec::Route;
use crate::core::backoff::{self, Jitter};
use crate::core::fallback::{Meaning, holds_more, share};
use crate::core::time::Timestamp;
use crate::error::{Attempt, Clock, Error, ErrorKind, Problem};
use crate::platform::Runtime;
use crate::provider_config::{
    DEFAULT_FIRST_TOKEN_TIMEOUT, DEFAULT_IDLE_TIMEOUT, DEFAULT_RETRY_DELAY,
};

/// So much later than a target that keeps time itself it is held to its time: one that wraps such a
/// target may keep none.
const SLACK: Duration = Duration::from_millis(250);

/// One call's way from target to target.
pub(super) struct Walk {
    targets: Arc<[Target]>,
    pub runtime: Arc<dyn Runtime>,
    messages: Vec<Message>,
    options: ChatOptions,
    /// How the call is itself one of several, where this fallback stands behind another.
    outer: Route,
    total: Option<Duration>,
    started: Timestamp,
    /// The target that is next.
    next: usize,
    /// The largest context window, if it is known, that was too small.
    too_small: Option<u64>,
    attempts: Vec<Attempt>,
    /// Why each target did not answer.
    reasons: Vec<String>,
    last: Option<Error>,
    retry_at: Option<SystemTime>,
}

/// A call's stay at one target.
pub(super) struct Leg {
    pub index: usize,
    pub target: Target,
    pub pass: Option<Arc<Pass>>,
    pub options: ChatOptions,
    /// When the answer must have begun, or be whole where it comes so.
    pub limit: Option<Limit>,
    began: Timestamp,
}

impl Walk {
    pub fn new(
        targets: Arc<[Target]>,
        runtime: Arc<dyn Runtime>,
        messages: Vec<Message>,
        mut options: ChatOptions,
        total: Option<Duration>,
    ) -> Self {
        let started = runtime.now();
        let outer = options.route.take().unwrap_or_default();
        Self {
            targets,
            runtime,
            messages,
            options,
            outer,
            total,
            started,
            next: 0,
            too_small: None,
            attempts: Vec::new(),
            reasons: Vec::new(),
            last: None,
            retry_at: None,
        }
    }

    /// Goes to the next target that lets the call in.
    ///
    /// # Errors
    /// That there is none, with all that was tried.
    pub fn next_leg(&mut self) -> Result<Leg, Error> {
        while let Some(target) = self.targets.get(self.next).cloned() {
            let index = self.next;
            self.next += 1;
            if !holds_more(target.info.context_window, self.too_small) {
                continue;
            }
            match target.enter() {
                Ok(pass) => {
                    debug!(target = %target.name, "asks");
                    return Ok(self.leg(index, target, pass));
                }
                Err(error) => self.note(&target, error, self.runtime.now()),
            }
        }
        Err(self.full_failure())
    }

    fn leg(&self, index: usize, target: Target, pass: Option<Arc<Pass>>) -> Leg {
        let next = self.targets[self.next..].iter().filter(|it| self.may_ask(it)).count() as u32;
        let began = self.runtime.now();
        let left = self.end().map(|end| end.at - began);
        let to_begin = left.into_iter().chain(self.outer_end().map(|end| end - began)).min();
        let begin_within = match next {
            0 => self.outer_end().map(|end| end - began),
            _ => to_begin.map(|left| share(left, next + 1)),
        };
        let mut options = self.options.clone();
        // What the call says goes for all of it; what a target says, for its part.
        let own = if options.timeout.is_none() { target.info.timeout } else { None };
        options.timeout = left.into_iter().chain(own).min();
        if index > 0 {
            options.model = None; // the others know it by another name
        }
        let passes = self.outer.passes.iter().cloned().chain(pass.clone()).collect();
        let has_next = next > 0 || self.outer.has_next;
        options.route = Some(Route { passes, has_next, begin_within });
        let limit = begin_within.or(left).map(|until| Limit::new(Clock::Total, until, began));
        Leg { index, target, pass, options, limit, began }
    }

    /// When an answer must have begun, where the call is itself one of several.
    fn outer_end(&self) -> Option<Timestamp> {
        self.outer.begin_within.map(|within| self.started + within)
    }

    fn is_late(&self) -> bool {
        let ends = self.end().map(|end| end.at).into_iter().chain(self.outer_end());
        ends.min().is_some_and(|end| end <= self.runtime.now())
    }

    /// Takes in how a target has failed: then another may be next.
    ///
    /// # Errors
    /// The call's, where no other target would do better, or the time is up.
    pub fn failed(&mut self, leg: &Leg, error: Error) -> Result<(), Error> {
        if let Some(pass) = &leg.pass {
            pass.ended(Some((error.kind(), error.status())));
        }
        let meaning = Meaning::of(error.kind(), error.status());
        if error.kind() == ErrorKind::ContextLengthExceeded {
            self.too_small = self.too_small.max(leg.target.info.context_window);
        }
        debug!(target = %leg.target.name, kind = %error.kind(), moves_on = meaning.moves_on, "failed");
        self.note(&leg.target, error, leg.began);
        if meaning.moves_on && !self.is_late() {
            return Ok(());
        }
        // It is this failure that ends the call, not that there is nobody else.
        self.reasons.truncate(1);
        Err(self.full_failure())
    }

    /// The limit of the whole call.
    pub fn end(&self) -> Option<Limit> {
        self.total.map(|total| Limit::new(Clock::Total, total, self.started))
    }

    /// Goes to the same target once more, after the pause that comes before a retry of this number; false
    /// where there is no time for that.
    pub async fn again(&mut self, leg: &Leg, retry: u32) -> bool {
        let delay = leg.target.info.retry_delay.unwrap_or(DEFAULT_RETRY_DELAY);
        let jitter = Jitter::new(self.runtime.random_seed()).next();
        let pause = backoff::delay(delay, retry, jitter);
        if self.end().is_some_and(|end| self.runtime.now() + pause >= end.at) {
            return false;
        }
        self.next = leg.index;
        self.runtime.sleep(pause).await;
        true
    }

    /// Whether there is no other target to go to.
    pub fn is_over(&self) -> bool {
        !self.targets[self.next..].iter().any(|target| self.may_ask(target))
    }

    /// The attempts that have failed, with those of the target that is asked.
    pub fn attempts(&self, asked: Option<(&Leg, Vec<Attempt>)>) -> Vec<Attempt> {
        let now = asked.into_iter().flat_map(|(leg, made)| {
            made.into_iter().map(|attempt| self.placed(attempt, &leg.target, leg.began))
        });
        self.attempts.iter().cloned().chain(now).collect()
    }

    fn placed(&self, mut attempt: Attempt, target: &Target, began: Timestamp) -> Attempt {
        // A fallback within this one has said more exactly whose it was.
        attempt.target.get_or_insert_with(|| target.name.clone());
        attempt.started_after += began - self.started;
        attempt
    }

    fn may_ask(&self, target: &Target) -> bool {
        target.is_there() && holds_more(target.info.context_window, self.too_small)
    }

    /// Notes the attempts at a target that the call came to at `began`.
    fn note(&mut self, target: &Target, error: Error, began: Timestamp) {
        let mut made = error.attempts().to_vec();
        if made.is_empty() {
            let label = error.key_label().unwrap_or_default();
            let mut attempt = Attempt::new(label, error.kind(), error.message());
            (attempt.status, attempt.took) = (error.status(), self.runtime.now() - began);
            made.push(attempt);
        }
        for attempt in made {
            let attempt = self.placed(attempt, target, began);
            self.attempts.push(attempt);
        }
        self.reasons.push(format!("{}: {}: {}", target.name, error.kind(), error.message()));
        self.retry_at = [self.retry_at, error.retry_at()].into_iter().flatten().min();
        // That a circuit is open says less than what a target has said.
        if self.last.is_none() || error.kind() != ErrorKind::CircuitOpen {
            self.last = Some(error);
        }
    }

    /// The error of a call that nobody has answered.
    fn full_failure(&mut self) -> Error {
        let Some(mut error) = self.last.take() else {
            return Error::config(vec![Problem::new("", 0, "a fallback needs a target")]);
        };
        if self.reasons.len() > 1 {
            error.change_message(format!("no target answered: {}", self.reasons.join("; ")));
        }
        let retry_at = self.retry_at;
        error.with_attempts(std::mem::take(&mut self.attempts)).with_retry_at(retry_at)
    }
}

impl Leg {
    /// Asks for a whole answer.
    pub async fn chat(&self, walk: &Walk) -> Result<ChatResponse, Error> {
        let call = self.target.llm.chat(walk.messages.clone(), self.options.clone());
        match self.own_limit() {
            None => call.await,
            limit => within(&*walk.runtime, limit, call).await.map_err(|it| it.failure().error)?,
        }
    }

    /// Asks for a stream.
    pub fn chat_stream(&self, walk: &Walk) -> crate::ChatStream {
        self.target.llm.chat_stream(walk.messages.clone(), self.options.clone())
    }

    /// The limit that the target is held to until it answers. One that keeps time itself is the first to
    /// know, and says more of it.
    fn own_limit(&self) -> Option<Limit> {
        self.limit.map(|limit| if self.target.keeps_time() { limit.later(SLACK) } else { limit })
    }

    /// The limit of the next chunk, before the first visible one or after it.
    pub fn limit_of_chunk(&self, walk: &Walk, is_visible: bool) -> Option<Limit> {
        let end = walk.end().map(|end| end.later(SLACK));
        if self.target.keeps_time() {
            return if is_visible { end } else { self.own_limit() };
        }
        let options = &self.options;
        let silence = match is_visible {
            true => {
                let idle = options.idle_timeout.unwrap_or(DEFAULT_IDLE_TIMEOUT);
                Limit::new(Clock::Idle, idle, walk.runtime.now())
            }
            false => {
                let first = options.first_token_timeout.unwrap_or(DEFAULT_FIRST_TOKEN_TIMEOUT);
                Limit::new(Clock::FirstToken, first, self.began)
            }
        };
        Limit::first(&[if is_visible { end } else { self.limit }, Some(silence)])
    }

    /// The target has answered.
    pub fn answers(&self, mut answer: ChatResponse) -> ChatResponse {
        if let Some(pass) = &self.pass {
            pass.ended(None);
        }
        answer.answered_by.get_or_insert_with(|| self.answered_by());
        answer
    }

    /// Who the target is, where it does not say itself who answered.
    pub fn answered_by(&self) -> AnsweredBy {
        let model = self.target.info.model.clone();
        AnsweredBy {
            provider: self.target.info.provider.clone().unwrap_or_default(),
            model: model.unwrap_or_else(|| self.target.name.clone()),
            key_label: String::new(),
        }
    }
}
