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
use crate::core::fallback::{Meaning, holds_more, share};
use crate::core::time::Timestamp;
use crate::error::{Attempt, Clock, Error, ErrorKind, Problem};
use crate::platform::Runtime;

/// One call's way from target to target.
pub(super) struct Walk {
    targets: Arc<[Target]>,
    pub runtime: Arc<dyn Runtime>,
    messages: Vec<Message>,
    options: ChatOptions,
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
        options: ChatOptions,
        total: Option<Duration>,
    ) -> Self {
        let started = runtime.now();
        Self {
            targets,
            runtime,
            messages,
            options,
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
        let others = self.targets[self.next..].iter();
        let next = others.filter(|it| it.is_there() && self.is_roomy(it)).count() as u32;
        let began = self.runtime.now();
        let left = self.end().map(|end| end.at - began);
        let begin_within = left.filter(|_| next > 0).map(|left| share(left, next + 1));
        let mut options = self.options.clone();
        // What the call says goes for all of it; what a target says, for its part.
        let own = if options.timeout.is_none() { target.info.timeout } else { None };
        options.timeout = left.into_iter().chain(own).min();
        options.route = Some(Route { pass: pass.clone(), has_next: next > 0, begin_within });
        let until = begin_within.or(left);
        let limit = until.map(|until| Limit::new(Clock::Total, until, began));
        Leg { index, target, pass, options, limit, began }
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
        if meaning.moves_on && self.end().is_none_or(|end| self.runtime.now() < end.at) {
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

    /// Goes to the same target once more.
    pub fn again(&mut self, leg: &Leg) {
        self.next = leg.index;
    }

    /// Whether there is a target that has not been asked.
    pub fn is_over(&self) -> bool {
        self.next >= self.targets.len()
    }

    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }

    fn is_roomy(&self, target: &Target) -> bool {
        holds_more(target.info.context_window, self.too_small)
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
        for mut attempt in made {
            attempt.target = Some(target.name.clone());
            attempt.started_after += began - self.started;
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

    /// The limit that the target has to be held to, where it is none that keeps time itself.
    pub fn own_limit(&self) -> Option<Limit> {
        self.limit.filter(|_| !self.target.keeps_time())
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
