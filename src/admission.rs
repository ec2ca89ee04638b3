//! How a call gets its turn: a bucket token, then the least loaded key. Nothing is held while it waits
//! for either.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::call::Call;
use crate::circuit::Pass;
use crate::clocks::Alarm;
use crate::core::key_pool::NoKey;
use crate::core::retry::Failure;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, WaitFor};
use crate::exchange::Engine;
use crate::key_lease::KeyLease;

/// No call without a timeout waits longer than this before its first attempt, and none waits longer
/// at a time, whatever the provider asks for: it is told when to come back instead.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Where somebody else can answer, a call waits no longer than this for a key or for what the provider
/// asks for.
const LONGEST_WAIT_WITH_FALLBACK: Duration = Duration::from_secs(5);

impl Engine {
    /// Waits until an attempt may be sent, and takes the key for it.
    pub async fn admitted(&self, call: &mut Call) -> Result<KeyLease, Error> {
        loop {
            self.bucket_token(call).await?;
            if let Err(failure) = self.may_send(call) {
                call.bucket.give_back(1);
                return Err(self.error(call, failure));
            }
            match self.pool.lease_for(&call.model) {
                Ok(lease) => return Ok(lease),
                Err(none) => {
                    call.bucket.give_back(1);
                    self.await_key(call, none).await?;
                }
            }
        }
    }

    /// Whether there is still any use in an attempt.
    fn may_send(&self, call: &Call) -> Result<(), Failure> {
        if let Some(limit) = call.beginning().filter(|limit| limit.at <= self.now()) {
            return Err(limit.failure()); // the clock has jumped, or the last wait was to the very end
        }
        if call.passes().all(Pass::may_send) {
            return Ok(());
        }
        // What has opened the circuit says more than that it is open.
        Err(call.failures.last().cloned().unwrap_or_else(|| {
            Failure::new(ErrorKind::CircuitOpen, "too much has failed there meanwhile")
        }))
    }

    async fn bucket_token(&self, call: &mut Call) -> Result<(), Error> {
        let mut token =
            call.bucket.acquire_until(1, (call.started, call.priority), call.deadline());
        let record = call.record.clone();
        let told = |planned| {
            record.tell(Event::Waits { reason: WaitFor::Token, planned: Some(planned) });
        };
        token.told(told).await.map_err(|late| match call.failures.last() {
            Some(failure) => self.error(call, failure.clone()).with_retry_at(late.retry_at()),
            None => late.with_attempts(call.record.attempts()),
        })?;
        call.waited |= token.has_waited();
        Ok(())
    }

    /// Waits for a key, if one is to be hoped for in time.
    pub async fn await_key(&self, call: &mut Call, none: NoKey) -> Result<(), Error> {
        let mut changed = self.pool.changed();
        if self.pool.next_key(&call.model, &[]).is_ok() {
            return Ok(()); // one has come since we looked
        }
        let wait = match none {
            NoKey::CoolingUntil(until) => until - self.now(),
            _ => Duration::MAX,
        };
        if self.is_too_long(call, wait) || self.goes_elsewhere(call, wait) {
            return Err(self.no_key(call, none));
        }
        let planned = (wait != Duration::MAX).then_some(wait);
        self.waits(call, WaitFor::Key, planned);
        let mut rested = Alarm::new(self.runtime(), self.now() + wait);
        poll_fn(|cx| match rested.poll(cx) {
            Poll::Pending => Pin::new(&mut changed).poll(cx),
            rested => rested,
        })
        .await;
        Ok(())
    }

    pub fn goes_elsewhere(&self, call: &Call, wait: Duration) -> bool {
        call.has_next() && wait > LONGEST_WAIT_WITH_FALLBACK
    }

    pub fn is_too_long(&self, call: &Call, wait: Duration) -> bool {
        let until = self.now() + wait;
        // Rounds before the first attempt are no retries, so that nothing else would end them.
        let patience = call.tried.is_empty().then(|| call.started + LONGEST_WAIT);
        wait > LONGEST_WAIT || call.deadline().or(patience).is_some_and(|end| until > end)
    }

    /// The error for want of a key: what the provider said of that reason, if this call heard it.
    pub fn no_key(&self, call: &Call, none: NoKey) -> Error {
        let error = self.pool.no_key_error(none);
        match call.failures.iter().find(|failure| failure.kind() == error.kind()) {
            Some(failure) => self.error(call, failure.clone()).with_retry_at(error.retry_at()),
            None => error.with_attempts(call.record.attempts()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::error::Clock;
    use crate::testing::{Reply, ScriptedTransport, VirtualClock};
    use crate::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};
    use std::sync::Arc;

    #[test]
    fn no_attempt_begins_when_the_time_is_up() {
        let clock = VirtualClock::new();
        let transport = ScriptedTransport::replies(&clock, [Reply::answer("Hi!")]);
        let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]);
        (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1.0, 1.0);
        let builder = OpenAiCompatible::builder(settings).transport(Arc::new(transport.clone()));
        let llm = builder.runtime(clock.runtime()).build().unwrap();
        llm.token_bucket().try_acquire(1).unwrap();
        let options = ChatOptions::default().timeout(Duration::from_millis(1_500));
        let call = llm.chat(vec![Message::user("Hi!")], options);
        let sleep = async {
            clock.runtime().sleep(Duration::from_millis(500)).await;
            clock.step_on(Duration::from_millis(600)); // its timer will ring when it is too late
        };
        let (answer, ()) = clock.block_on(futures_util::future::join(call, sleep));
        assert_eq!(answer.unwrap_err().clock(), Some(Clock::Total));
        assert_eq!((transport.requests().len(), llm.stats().attempts), (0, 0));
        assert_eq!(llm.key_pool().in_flight(), 0);
    }
}
