//! How a call gets its turn: a bucket token, LLM tokens of the budget where there is one, and then the
//! least loaded key. None is held while it waits for another.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::acquire::Acquire;
use crate::call::Call;
use crate::circuit::Pass;
use crate::clocks::Alarm;
use crate::core::key_limits::PerKey;
use crate::core::key_pool::NoKey;
use crate::core::retry::Failure;
use crate::core::time::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::events::{Event, WaitFor};
use crate::exchange::Engine;
use crate::key_lease::KeyLease;
use crate::line::Place;
use crate::token_budget::OfKey;

/// No call without a timeout waits longer than this before its first attempt, and none waits longer
/// at a time, whatever the provider asks for: it is told when to come back instead.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Where somebody else can answer, a call waits no longer than this for a key or for what the provider
/// asks for.
const LONGEST_WAIT_WITH_FALLBACK: Duration = Duration::from_secs(5);

/// A wait for a key.
struct Wait {
    reason: WaitFor,
    /// How long it takes, where that is known.
    planned: Option<Duration>,
    /// When to look again.
    until: Timestamp,
}

impl Engine {
    /// Waits until an attempt may be sent, and takes the key for it.
    pub async fn admitted(&self, call: &mut Call) -> Result<KeyLease, Error> {
        if call.place.is_none() && self.is_behind_others(call) {
            self.await_key(call, true).await?;
        }
        loop {
            self.permits(call).await?;
            if let Err(failure) = self.may_send(call) {
                self.give_back(call);
                return Err(self.error(&call.course, failure));
            }
            if let Some(lease) = self.lease(call) {
                call.place = None;
                return Ok(lease);
            }
            self.give_back(call);
            self.await_key(call, self.is_behind_others(call)).await?;
        }
    }

    /// Whether somebody waits for a key whose turn comes first.
    fn is_behind_others(&self, call: &Call) -> bool {
        match &call.place {
            Some(place) => !place.is_first(self.now()),
            None => self.pool.is_behind_line(&call.course.model, self.room.as_ref(), call.rank()),
        }
    }

    /// A key, if it is the call's turn and there is one.
    fn lease(&self, call: &Call) -> Option<KeyLease> {
        if self.is_behind_others(call) {
            return None;
        }
        let seat = match &self.room {
            Some(room) => Some(self.pool.seat(room)?),
            None => None,
        };
        let limits = self.limits_for(call);
        let mut lease = self.pool.lease_for(&call.course.model, limits).ok()?;
        if seat.is_some() {
            lease.besides().seat = seat;
        }
        if let Some(asked) = &call.asked {
            let own = limits.and_then(|limits| limits.llm_tokens);
            let own = own.map(|(pace, _)| OfKey {
                pool: self.pool.clone(),
                key: lease.id(),
                model: call.course.model.clone(),
                pace,
            });
            lease.besides().reserved = Some(asked.reserved(own));
        }
        Some(lease)
    }

    /// What the call takes of the key's own buckets, where keys have some.
    fn limits_for(&self, call: &Call) -> Option<PerKey> {
        let limits = self.limits_of_keys?;
        let amount = call.asked.as_ref().map_or(0.0, |asked| asked.amount.into());
        let llm_tokens = limits.llm_tokens.map(|(pace, _)| (pace, amount));
        Some(PerKey { llm_tokens, ..limits })
    }

    /// Why there would be no key for it, apart from others whose turn is first.
    fn no_key_for(&self, call: &Call) -> Option<NoKey> {
        if self.room.as_ref().is_some_and(|room| !room.has_some()) {
            return Some(NoKey::Busy(None));
        }
        self.pool.why_none(&call.course.model, self.limits_for(call))
    }

    /// Whether there is still any use in an attempt.
    pub fn may_send(&self, call: &Call) -> Result<(), Failure> {
        if let Some(limit) = call.beginning().filter(|limit| limit.at <= self.now()) {
            return Err(limit.failure()); // the clock has jumped, or the last wait was to the very end
        }
        if call.course.passes().all(Pass::may_send) {
            return Ok(());
        }
        // What has opened the circuit says more than that it is open.
        Err(call.failures.last().cloned().unwrap_or_else(|| {
            Failure::new(ErrorKind::CircuitOpen, "too much has failed there meanwhile")
        }))
    }

    /// Waits for a bucket token, and for as many LLM tokens as the call asks of its budget. Neither is
    /// held while it waits for the other.
    async fn permits(&self, call: &mut Call) -> Result<(), Error> {
        if self.limits_of_keys.is_some() {
            return Ok(()); // they are taken with the key
        }
        self.bucket_token(call).await?;
        match &call.asked {
            Some(asked) if !asked.bucket.take(asked.amount, call.rank()) => {
                call.bucket.give_back(1);
                // Apart, so that a call without a budget has no room for it.
                Box::pin(self.both_permits(call)).await
            }
            _ => Ok(()),
        }
    }

    async fn both_permits(&self, call: &mut Call) -> Result<(), Error> {
        while let Some(asked) = &call.asked {
            let (budget, amount) = (asked.bucket.clone(), asked.amount);
            let tokens = budget.acquire_until(amount, call.claim(), call.deadline());
            self.granted(call, tokens, WaitFor::Budget).await?;
            if call.bucket.take(1, call.rank()) {
                break;
            }
            budget.give_back(amount);
            self.bucket_token(call).await?;
            if budget.take(amount, call.rank()) {
                break;
            }
            call.bucket.give_back(1);
        }
        Ok(())
    }

    /// Gives back what an attempt was to take that does not start.
    fn give_back(&self, call: &Call) {
        if self.limits_of_keys.is_some() {
            return;
        }
        call.bucket.give_back(1);
        if let Some(asked) = &call.asked {
            asked.bucket.give_back(asked.amount);
        }
    }

    async fn bucket_token(&self, call: &mut Call) -> Result<(), Error> {
        let token = call.bucket.acquire_until(1, call.claim(), call.deadline());
        self.granted(call, token, WaitFor::Token).await
    }

    /// Waits for tokens of a bucket.
    async fn granted(
        &self,
        call: &mut Call,
        mut tokens: Acquire,
        reason: WaitFor,
    ) -> Result<(), Error> {
        let record = call.course.record.clone();
        let told = |planned| record.tell(Event::Waits { reason, planned: Some(planned) });
        tokens.told(told).await.map_err(|late| match call.failures.last() {
            Some(failure) => {
                self.error(&call.course, failure.clone()).with_retry_at(late.retry_at())
            }
            None => late.with_attempts(call.course.record.attempts()),
        })?;
        call.waited |= tokens.has_waited();
        Ok(())
    }

    /// Waits in line for a key, if one is to be hoped for in time. Who `is_behind` others that take the
    /// next one looks again only when something has changed.
    pub async fn await_key(&self, call: &mut Call, is_behind: bool) -> Result<(), Error> {
        let (place, room) = (call.place.take(), self.room.as_ref());
        let join = || self.pool.stand_in_line(&call.course.model, room, call.rank());
        let place = place.unwrap_or_else(join);
        let mut alarm = Alarm::new(self.runtime(), self.now());
        let mut told = false;
        poll_fn(|cx| {
            loop {
                let only_as_first = is_behind && !told;
                let Some(wait) = self.look(call, &place, only_as_first, cx.waker())? else {
                    return Poll::Ready(Ok(()));
                };
                if !std::mem::replace(&mut told, true) {
                    call.course
                        .record
                        .tell(Event::Waits { reason: wait.reason, planned: wait.planned });
                }
                alarm.set(wait.until);
                if alarm.poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await?;
        call.waited |= told;
        call.place = Some(place);
        Ok(())
    }

    /// Looks whether there is a key for the call, in its turn; if not, what it waits for.
    fn look(
        &self,
        call: &Call,
        place: &Place,
        only_as_first: bool,
        waker: &Waker,
    ) -> Result<Option<Wait>, Error> {
        let now = self.now();
        let (is_first, again) = place.look(waker, now);
        let ends = self.waits_until(call, place.since);
        let none = self.no_key_for(call);
        // Where tokens are what is short, those behind wait for them: the bucket knows for how long.
        let goes = is_first || !only_as_first && call.bucket.waiters() > 0;
        if none.is_none() && goes {
            return Ok(None);
        }
        let (reason, ready_at) = match none {
            Some(NoKey::CoolingUntil(until)) => (WaitFor::Key, Some(until)),
            Some(NoKey::Busy(until)) => (WaitFor::Concurrency, until),
            None => (WaitFor::Key, None), // those before it take it
            Some(none) => return Err(self.no_key(call, none)),
        };
        let known = none.filter(|none| matches!(none, NoKey::CoolingUntil(_))).and(ready_at);
        let wait = known.map_or(Duration::ZERO, |until| until - now);
        if self.is_too_long(call, wait) || self.goes_elsewhere(call, wait) || ends <= now {
            return Err(self.no_key(call, none.unwrap_or(NoKey::Busy(None))));
        }
        let until = ready_at.filter(|_| is_first).map_or(again, |ready_at| ready_at.min(again));
        Ok(Some(Wait { reason, planned: known.map(|_| wait), until: until.min(ends) }))
    }

    /// How long a call waits at most that began to at `since`.
    fn waits_until(&self, call: &Call, since: Timestamp) -> Timestamp {
        let longest = if call.has_next() { LONGEST_WAIT_WITH_FALLBACK } else { LONGEST_WAIT };
        let patience = since + longest;
        call.deadline().map_or(patience, |deadline| deadline.min(patience))
    }

    pub fn goes_elsewhere(&self, call: &Call, wait: Duration) -> bool {
        call.has_next() && wait > LONGEST_WAIT_WITH_FALLBACK
    }

    pub fn is_too_long(&self, call: &Call, wait: Duration) -> bool {
        let until = self.now() + wait;
        // Rounds before the first attempt are no retries, so that nothing else would end them.
        let patience = call.tried.is_empty().then(|| call.course.started + LONGEST_WAIT);
        wait > LONGEST_WAIT || call.deadline().or(patience).is_some_and(|end| until > end)
    }

    /// The error for want of a key: what the provider said of that reason, if this call heard it.
    pub fn no_key(&self, call: &Call, none: NoKey) -> Error {
        let error = self.pool.no_key_error(none);
        match call.failures.iter().find(|failure| failure.kind() == error.kind()) {
            Some(failure) => {
                self.error(&call.course, failure.clone()).with_retry_at(error.retry_at())
            }
            None => error.with_attempts(call.course.record.attempts()),
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
