//! The story of a request: wait for its turn, send, and either hand over the answer or decide what
//! comes next. Every policy is in [`core`](crate::core); this
//! is the one loop that drives it.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, trace};

use crate::accounting::Counters;
use crate::call::{Call, Course};
use crate::circuit::Pass;
use crate::clocks::{Alarm, Limit, within};
use crate::core::backoff::{self, Jitter};
use crate::core::health::KeyFate;
use crate::core::key_limits::PerKey;
use crate::core::key_record::Note;
use crate::core::redaction::Redaction;
use crate::core::retry::{Failure, Step};
use crate::core::time::Timestamp;
use crate::error::{Attempt, Error, ErrorKind};
use crate::events::{Event, WaitFor};
use crate::key_lease::KeyLease;
use crate::key_pool::ApiKeyPool;
use crate::lock::lock;
use crate::platform::{HttpResponse, MaybeSend, Runtime, Transport, boxed};
use crate::response_failure::{self, Hints};
use crate::room::Room;
use crate::shared_state::Store;
use crate::wire::{Target, Wire};

/// What a client and its open streams work with.
pub(crate) struct Engine {
    pub pool: ApiKeyPool,
    /// How many requests may be under way, where that is limited.
    pub room: Option<Arc<Room>>,
    /// The limits that each key has for itself, in place of those of all.
    pub limits_of_keys: Option<PerKey>,
    pub transport: Arc<dyn Transport>,
    pub wire: Wire,
    pub retry_delay: Duration,
    pub jitter: std::sync::Mutex<Jitter>,
    pub counters: Arc<Counters>,
    pub max_event_bytes: usize,
    pub skip_undecodable_events: bool,
    /// Where its limits are kept together with other processes.
    pub store: Option<Arc<Store>>,
}

/// How to read an answer that has begun well.
pub(crate) trait Reader: MaybeSend {
    /// What is read.
    type Answer;

    /// Reads it, as far as it takes to know that it will not have to be asked for again.
    fn read(
        &self,
        sent: Sent<'_>,
        response: HttpResponse,
    ) -> impl Future<Output = Result<Self::Answer, Failure>> + MaybeSend;
}

/// An attempt that is under way.
pub(crate) struct Sent<'a> {
    pub engine: &'a Engine,
    pub call: &'a Call,
    pub key_label: &'a str,
    /// What must show in no error and no log.
    pub redaction: &'a Redaction,
}

impl Sent<'_> {
    pub fn runtime(&self) -> &dyn Runtime {
        self.engine.runtime()
    }
}

impl Engine {
    pub fn runtime(&self) -> &dyn Runtime {
        &**self.pool.runtime()
    }

    pub fn now(&self) -> Timestamp {
        self.runtime().now()
    }

    /// Does what it takes to get an answer, and returns it with the key that it came by.
    pub async fn exchange<R: Reader>(
        &self,
        call: &mut Call,
        reader: &R,
    ) -> Result<(R::Answer, KeyLease), Error> {
        loop {
            let (response, lease) = self.response(call).await?;
            let redaction = self.wire.redaction(lease.api_key());
            let key_label = lease.key_label();
            let sent = Sent { engine: self, call, key_label, redaction: &redaction };
            match reader.read(sent, response).await {
                Ok(answer) => return Ok((answer, lease)),
                Err(failure) => self.next_step(call, lease, failure).await?,
            }
        }
    }

    /// Does what it takes to get a response whose status is good, and returns it with its key.
    pub async fn response(&self, call: &mut Call) -> Result<(HttpResponse, KeyLease), Error> {
        loop {
            let lease = match &self.store {
                None => self.admitted(call).await?,
                // Apart, so that a call that shares nothing has no room for it.
                Some(store) => boxed(self.admitted_by_all(store, call)).await?,
            };
            match self.attempt(call, &lease).await {
                Ok(response) => return Ok((response, lease)),
                Err(failure) => self.next_step(call, lease, failure).await?,
            }
        }
    }

    /// Sends the request once.
    async fn attempt(&self, call: &mut Call, lease: &KeyLease) -> Result<HttpResponse, Failure> {
        call.course.sent = self.now();
        call.tried.push(lease.id());
        self.counters.attempt();
        if std::mem::take(&mut call.waited) {
            self.pool.count_wait(lease.id());
        }
        let key_label = lease.key_label();
        call.course.record.tell(Event::Sends { key_label, model: &call.course.model });
        let redaction = self.wire.redaction(lease.api_key());
        trace!(call = call.course.record.id, body = %redaction.redacted(&call.body), "request");
        let request = self.wire.request(&call.target, call.body.clone(), lease.key());
        let limit = Limit::first(&[call.beginning(), call.headers(), call.first_token()]);
        let response = within(self.runtime(), limit, self.transport.send(request))
            .await
            .map_err(Limit::failure)?
            .map_err(response_failure::of_transport)?;
        let (status, took) = (response.status, self.now() - call.course.sent);
        call.course.record.tell(Event::Headers { key_label, status, took });
        if (200..300).contains(&status) {
            lease.hears(call.course.sent, &response.headers);
            return Ok(response);
        }
        let hints = Hints::of(&response.headers, self.runtime().unix_time());
        if status == 429 {
            lease.rests(call.course.sent, &response.headers, hints.rest(), &|n| self.backoff(n));
        }
        let sent = Sent { engine: self, call, key_label, redaction: &redaction };
        // Apart, so that a call that goes well has no room for it.
        let refused = Box::pin(response_failure::read(sent, response, hints));
        let (failure, refusal) = refused.await;
        if let Target::Forward(_) = call.target {
            call.refusal = Some(refusal.redacted(&redaction));
        }
        Err(failure)
    }

    /// Ends a failed attempt and does what its failure asks for: nothing, or a wait, so that the
    /// loop goes round again; or the call ends with an error.
    async fn next_step(
        &self,
        call: &mut Call,
        lease: KeyLease,
        failure: Failure,
    ) -> Result<(), Error> {
        let failure = self.end_attempt(&call.course, lease, failure);
        if call.asks_again_without_usage(&failure) {
            return Ok(());
        }
        let next = self.pool.next_key(&call.course.model, &call.tried);
        let step = call.retries.after(&failure, next);
        debug!(call = call.course.record.id, ?step, "decides");
        call.failed(failure.clone());
        if !call.course.passes().all(Pass::may_send) {
            return Err(self.error(&call.course, failure)); // no wait would help
        }
        match step {
            Step::AtOnce => Ok(()),
            Step::GiveUp => Err(match next {
                Err(none) if failure.key_fate().is_about_the_key() => self.no_key(call, none),
                _ => self.error(&call.course, failure),
            }),
            Step::Wait(Some(wait), _) if self.goes_elsewhere(call, wait) => {
                Err(self.too_long(call, failure, wait))
            }
            Step::Wait(asked_for, n) => {
                let wait = asked_for.unwrap_or_else(|| self.backoff(n));
                self.wait(call, failure, wait).await
            }
            Step::AwaitKey => self.await_key(call, false).await,
        }
    }

    /// Tells the key and the record how an attempt failed. No secret shows in what is kept.
    pub fn end_attempt(&self, course: &Course, lease: KeyLease, mut failure: Failure) -> Failure {
        let redaction = self.wire.redaction(lease.api_key());
        failure.error.change_texts(|text| redaction.redacted(text));
        let error = &failure.error;
        let attempt = Attempt {
            target: None,
            key_label: lease.key_label().to_owned(),
            kind: error.kind(),
            status: error.status(),
            message: error.message().to_owned(),
            started_after: course.sent - course.started,
            took: self.now() - course.sent,
        };
        let retry_after = failure.retry_after;
        course.record.tell(Event::Fails { attempt: &attempt, retry_after });
        course.record.failed_attempt(attempt);
        course.passes().for_each(|pass| pass.failed(failure.kind(), failure.error.status()));
        let note = Some(Note::Failed(failure.kind()));
        lease.end(failure.key_fate(), note, &course.model, &|n| self.backoff(n));
        failure
    }

    /// Ends a lease whose key has answered.
    pub fn works(&self, course: &Course, lease: KeyLease) {
        let note = Some(Note::Answered(self.now() - course.sent));
        lease.end(KeyFate::Works, note, &course.model, &|_| Duration::ZERO);
    }

    /// Waits, if that fits the call's deadline.
    async fn wait(&self, call: &mut Call, failure: Failure, wait: Duration) -> Result<(), Error> {
        let until = self.now() + wait;
        if self.is_too_long(call, wait) {
            return Err(self.too_long(call, failure, wait));
        }
        call.waited = true;
        call.course.record.tell(Event::Waits { reason: WaitFor::Retry, planned: Some(wait) });
        let mut alarm = Alarm::new(self.runtime(), until);
        poll_fn(|cx| alarm.poll(cx)).await;
        Ok(())
    }

    fn too_long(&self, call: &Call, failure: Failure, wait: Duration) -> Error {
        let retry_at = self.runtime().unix_time().checked_add(wait);
        self.error(&call.course, failure).with_retry_at(retry_at)
    }

    /// The error of a call that ended with `failure`.
    pub fn error(&self, course: &Course, failure: Failure) -> Error {
        let (kind, retry_after) = (failure.kind(), failure.retry_after);
        let error = failure.error.with_attempts(course.record.attempts());
        let attempt = error.attempts().iter().rfind(|attempt| attempt.kind == kind);
        let label = attempt.map(|attempt| attempt.key_label.clone());
        let retry_at = retry_after.and_then(|wait| self.runtime().unix_time().checked_add(wait));
        let error = match label {
            Some(label) => error.with_key_label(label),
            None => error,
        };
        if error.kind() == ErrorKind::Config { error } else { error.with_retry_at(retry_at) }
    }

    fn backoff(&self, n: u32) -> Duration {
        backoff::delay(self.retry_delay, n, lock(&self.jitter).next())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Reply, ScriptedTransport, VirtualClock};
    use crate::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};

    #[test]
    fn a_wait_after_a_refused_usage_is_not_put_down_to_an_earlier_failure() {
        let clock = VirtualClock::new();
        let replies = [Reply::status(401), Reply::error(400, "", "unknown field stream_options")];
        let transport = ScriptedTransport::replies(&clock, replies);
        let keys = ["sk-0123456789aaaa", "sk-0123456789bbbb"];
        let mut settings = ModelSettings::new("openai", "gpt-4", keys);
        (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (2.0, 0.1);
        settings.timeout = Some(Duration::from_secs(1));
        let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport));
        let llm = builder.runtime(clock.runtime()).build().unwrap();
        let stream = llm.chat_stream(vec![Message::user("Hi!")], ChatOptions::default());
        let error = clock.block_on(stream.text()).unwrap_err();
        assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::RateLimited, 2));
        assert!(error.retry_at().is_some());
    }
}
