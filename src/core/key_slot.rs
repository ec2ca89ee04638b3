//! One key of a pool: how busy it is, how well, and what it has done.

use std::sync::Arc;
use std::time::Duration;

use super::health::{Backoff, Health, KeyFate, Refusal};
use super::histogram::Quantiles;
use super::key::LabelledKey;
use super::key_limits::KeyFills;
use super::key_pool::{Scope, Wanted};
use super::key_record::Record;
use super::learned_limit::{Heard, LearnedLimit, Load};
use super::names::Names;
use super::ranked_heap::Rank;
use super::time::{Timestamp, from_seconds};
use crate::error::ErrorKind;

/// No rest is longer, whatever the provider says: a day later it may have thought better of it.
pub const LONGEST_REST: Duration = Duration::from_secs(24 * 60 * 60);

/// Denials kept per key; models beyond it push out the oldest.
const DENIALS_KEPT: usize = 64;

/// What a key has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyCounts {
    /// Attempts begun.
    pub attempts: u64,
    /// Attempts that had to wait first: for a bucket token, a ready key, or the next retry.
    pub waited: u64,
    /// Attempts that were answered.
    pub succeeded: u64,
    /// Attempts refused with 429.
    pub rate_limited: u64,
    /// Attempts that failed in any other way.
    pub failed: u64,
    /// Attempts dropped before their end.
    pub cancelled: u64,
    /// LLM tokens sent.
    pub input_tokens: u64,
    /// LLM tokens received.
    pub output_tokens: u64,
}

/// How a key is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Usable.
    Ready,
    /// Rate limited: after a 429, or as its limit is used up for the moment.
    Cooling,
    /// Out of quota or credit.
    Exhausted,
    /// Refused (401).
    Dead,
}

/// The limit of a key at its provider, as its answers and refusals have shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyLimit {
    /// So many requests…
    pub requests: u64,
    /// …in so long.
    pub per: Duration,
}

/// A look at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The key's label (`…abcd`), never the key.
    pub label: String,
    /// Where it shares its account at the provider with others: the label of the first of them.
    pub account: Option<String>,
    /// How it is doing.
    pub state: KeyState,
    /// How long it still rests, where it does.
    pub rests_for: Option<Duration>,
    /// The models that it may not use (403), in alphabetical order.
    pub denied_models: Vec<String>,
    /// What has been learned of its limit of requests.
    pub limit: Option<KeyLimit>,
    /// Requests under way.
    pub in_flight: u32,
    /// Whether it was removed and only finishes its work.
    pub retiring: bool,
    /// What it has done so far.
    pub counts: KeyCounts,
    /// How often attempts failed, by what went wrong: the rate-limited ones too.
    pub failures: Vec<(ErrorKind, u64)>,
    /// How long the answered attempts took, from being sent to the end of the answer; `None` where there
    /// were none.
    pub latency: Option<Quantiles>,
    /// How long streams took from being sent to their first visible token; `None` where there were
    /// none.
    pub first_token: Option<Quantiles>,
}

#[derive(Debug)]
pub struct Slot {
    pub key: Arc<LabelledKey>,
    /// A second handle on the key, which lies here until a lease takes it along: moving it is cheaper
    /// than counting one more.
    spare: Option<Arc<LabelledKey>>,
    pub generation: u64,
    /// Which keys it shares its quota with: the number of their account, or 0.
    pub account: u64,
    /// The same as far as somebody has said so.
    pub declared: u64,
    pub in_flight: u32,
    pub last_used: u64,
    pub health: Health,
    pub denied: Names<Refusal>,
    /// How full its own buckets are, where clients give it some.
    pub fills: KeyFills,
    pub limited_in_a_row: u32,
    pub retired: bool,
    /// Whose key it is.
    pub scopes: Vec<Scope>,
    /// The last refusal that no answer has lifted since.
    refused: Option<Refusal>,
    pub counts: KeyCounts,
    pub record: Record,
    /// What is known of its limit, where that is near or to be found out.
    pub learned: Option<Box<LearnedLimit>>,
    /// Whether the pool counts it among those that are not well.
    pub counted_unwell: bool,
}

impl Slot {
    pub fn new(key: LabelledKey, generation: u64) -> Self {
        Self {
            key: Arc::new(key),
            spare: None,
            generation,
            account: 0,
            declared: 0,
            in_flight: 0,
            last_used: 0,
            health: Health::Ready,
            denied: Names::default(),
            fills: KeyFills::default(),
            limited_in_a_row: 0,
            retired: false,
            scopes: Vec::new(),
            refused: None,
            counts: KeyCounts::default(),
            record: Record::default(),
            learned: None,
            counted_unwell: false,
        }
    }

    /// A handle on the key, for a lease.
    pub fn take_key(&mut self) -> Arc<LabelledKey> {
        self.spare.take().unwrap_or_else(|| self.key.clone())
    }

    /// Takes the handle of a lease that has ended.
    pub fn take_back(&mut self, key: Arc<LabelledKey>) {
        self.spare = Some(key);
    }

    /// Whether anything is held against the key, which time will lift.
    pub fn is_unwell(&self) -> bool {
        let has_troubles = self.refused.is_some() || self.denied.len() > 0;
        self.health != Health::Ready || self.learned.is_some() || has_troubles
    }

    /// When it may be used again, by its health and its limit; `None` where it may be used now.
    pub fn rests_until(&self) -> Option<Timestamp> {
        let paced = self.free_at();
        if self.health.on_probation() {
            self.health.rests_until()
        } else {
            self.health.rests_until().max(paced)
        }
    }

    /// When its limit lets it be used again.
    fn free_at(&self) -> Option<Timestamp> {
        // Of an account, others may have more under way.
        let in_flight = if self.account == 0 { self.in_flight } else { u32::MAX };
        self.learned.as_ref().and_then(|limit| limit.free_at(in_flight))
    }

    /// Whether what it waits for is its limit.
    pub fn is_limited(&self) -> bool {
        let is_paced = self.health == Health::Ready && self.learned.is_some();
        is_paced || matches!(self.health, Health::Cooling(_))
    }

    /// Whether it is among the ready ones, and nothing is or was held against it.
    pub fn is_plain(&self) -> bool {
        !self.counted_unwell && !self.retired && !self.is_unwell()
    }

    /// Fewest in flight first, then the one used longest ago: both in one number, which is compared
    /// at once. Uses are told apart for 35 years of a thousand a second.
    pub fn rank(&self) -> Rank {
        const BITS_OF_USE: u32 = 40;
        let in_flight = u64::from(self.in_flight.min(u32::MAX >> 8));
        in_flight << BITS_OF_USE | self.last_used & (u64::MAX >> (64 - BITS_OF_USE))
    }

    /// Whether the key belongs to the scope, has room and is not denied the model. A denial that has run
    /// out is tested by one call.
    pub fn will_do(&self, wanted: Wanted<'_>, now: Timestamp) -> bool {
        self.in_flight < wanted.most
            && self.is_in(wanted.scope)
            && wanted.limits.is_none_or(|it| self.fills.has(wanted.model, it, now).is_ok())
            && (self.denied.len() == 0 || self.may_serve(wanted.model, now))
    }

    fn may_serve(&self, model: &str, now: Timestamp) -> bool {
        let denied = self.denied.get(model);
        denied.is_none_or(|refusal| refusal.until <= now && self.in_flight == 0)
    }

    /// Whether the key belongs to a scope.
    pub fn is_in(&self, scope: Scope) -> bool {
        scope == Scope::ALL || self.scopes.contains(&scope)
    }

    /// The key belongs to this scope too from now on.
    pub fn join(&mut self, scope: Scope) {
        if std::mem::take(&mut self.retired) {
            self.scopes.clear();
        }
        if !self.scopes.contains(&scope) {
            self.scopes.push(scope);
        }
    }

    /// The key leaves a scope; with its last one it retires, and is seen there until it is gone.
    /// False if it was not there.
    pub fn leave(&mut self, scope: Scope) -> bool {
        let was_there = self.is_in(scope) && !self.retired;
        if scope == Scope::ALL || self.scopes == [scope] {
            self.retired = true;
        } else {
            self.scopes.retain(|&other| other != scope);
        }
        was_there
    }

    /// Forgets all that is held against the key.
    pub fn revive(&mut self) {
        self.learned = None;
        self.gets_well();
        self.denied.clear();
    }

    /// Forgets its rests, and what led to them.
    pub fn gets_well(&mut self) {
        self.health = Health::Ready;
        self.refused = None;
        self.limited_in_a_row = 0;
    }

    /// Takes in what an attempt has shown.
    pub fn learn(&mut self, fate: KeyFate, model: &str, now: Timestamp, backoff: Backoff<'_>) {
        self.suffers(fate, model, now, backoff);
        self.counts.count(fate);
    }

    /// Takes in what that means for the key, which is not counted here.
    pub fn suffers(&mut self, fate: KeyFate, model: &str, now: Timestamp, backoff: Backoff<'_>) {
        if let KeyFate::Exhausted(_) = fate {
            self.learned = None; // it was no limit of requests that refused it
        }
        match fate {
            KeyFate::Works => self.works(model, now),
            KeyFate::Limited(rest) => self.limited(rest, now, backoff),
            KeyFate::Resting(rest) => self.rests_on(rest, now),
            KeyFate::Exhausted(Some(reset)) => {
                self.limited_in_a_row = 0;
                self.health = Health::ExhaustedUntil(now + reset.min(LONGEST_REST));
            }
            KeyFate::Exhausted(None) => {
                self.limited_in_a_row = 0;
                self.health = Health::Exhausted(self.refused_again(now));
            }
            KeyFate::Dead => self.health = Health::Dead(self.refused_again(now)),
            KeyFate::Denied => self.deny(model, now),
            KeyFate::Unchanged | KeyFate::Cancelled => {}
        }
    }

    /// An attempt has begun to be answered.
    pub fn works(&mut self, model: &str, now: Timestamp) {
        self.limited_in_a_row = 0;
        // Only a test made after a refusal lifts it, not an answer that was under way before.
        if self.denied.get(model).is_some_and(|refusal| refusal.until <= now) {
            self.denied.remove(model);
        }
        if self.refused.is_some_and(|refusal| refusal.until <= now) {
            self.refused = None;
            if self.health.on_probation() {
                self.health = Health::Ready;
            }
        }
    }

    fn refused_again(&mut self, now: Timestamp) -> Refusal {
        *self.refused.insert(Refusal::after(self.refused, now))
    }

    pub fn status(&self, now: Timestamp) -> KeyStatus {
        let rests_until = self.rests_until();
        let learned = self.learned.as_ref().filter(|limit| !limit.is_starting());
        let is_paced = learned.and(self.free_at()).is_some_and(|at| at > now);
        KeyStatus {
            label: self.key.label.to_string(),
            account: None,
            state: match self.health {
                Health::Ready if is_paced => KeyState::Cooling,
                Health::Cooling(until) | Health::ExhaustedUntil(until) if until <= now => {
                    KeyState::Ready
                }
                Health::Ready => KeyState::Ready,
                Health::Cooling(_) => KeyState::Cooling,
                Health::Exhausted(_) | Health::ExhaustedUntil(_) => KeyState::Exhausted,
                Health::Dead(_) => KeyState::Dead,
            },
            rests_for: rests_until.map(|until| until - now).filter(|rest| !rest.is_zero()),
            denied_models: self.denied.iter().map(|(model, _)| model.to_string()).collect(),
            limit: learned
                .and_then(|limit| limit.known())
                .and_then(|(requests, per)| Some(KeyLimit { requests, per: from_seconds(per)? })),
            in_flight: self.in_flight,
            retiring: self.retired,
            counts: self.counts,
            failures: self.record.failures().to_vec(),
            latency: self.record.latency(),
            first_token: self.record.first_token(),
        }
    }

    /// Rests, for so long or as the backoff says.
    pub fn limited(&mut self, rest: Option<Duration>, now: Timestamp, backoff: Backoff<'_>) {
        let rest = rest.map(|rest| rest.min(LONGEST_REST));
        let until = match self.health {
            // The rest of a burst that is known to be too much already.
            Health::Cooling(until) if until > now => until.max(now + rest.unwrap_or_default()),
            // Refused or out of credit weighs more.
            health if health.rests_until().is_some_and(|until| until > now) => return,
            _ => {
                self.limited_in_a_row += 1;
                now + rest.unwrap_or_else(|| backoff(self.limited_in_a_row - 1))
            }
        };
        self.health = Health::Cooling(until);
    }

    /// Takes in what an answer says of its limits; `held` until something that is used up is back.
    pub fn heard(&mut self, heard: Heard, load: Load, held: Option<Duration>, now: Timestamp) {
        match &mut self.learned {
            Some(limit) => limit.answered(heard, now.seconds()),
            None => self.learned = LearnedLimit::told_by(heard, load).map(Box::new),
        }
        if let (Health::Ready, Some(held)) = (self.health, held) {
            self.health = Health::Cooling(now + held.min(LONGEST_REST));
        }
    }

    /// A 429: rests, for so long or as its limit or the backoff says.
    pub fn refused(
        &mut self,
        (heard, load): (Heard, Load),
        rest: Option<Duration>,
        now: Timestamp,
        backoff: Backoff<'_>,
    ) {
        let asked = rest.map(|rest| rest.min(LONGEST_REST).as_secs_f64());
        let is_news = match &mut self.learned {
            Some(limit) => limit.refused(heard, now.seconds(), asked),
            None => {
                let told = LearnedLimit::told_by(heard, load);
                let felt = || LearnedLimit::refused_by(now.seconds(), asked);
                self.learned = Some(Box::new(told.unwrap_or_else(felt)));
                true
            }
        };
        self.learned.iter_mut().for_each(|limit| limit.asks(now.seconds(), asked));
        match &self.learned {
            Some(limit) if rest.is_none() && limit.says_rest() => {
                self.limited_in_a_row += u32::from(is_news);
            }
            _ => self.limited(rest, now, backoff),
        }
    }

    /// Rests at least so long, unless something that weighs more has come between.
    fn rests_on(&mut self, rest: Option<Duration>, now: Timestamp) {
        if let (Health::Cooling(until), Some(rest)) = (self.health, rest) {
            self.health = Health::Cooling(until.max(now + rest.min(LONGEST_REST)));
        }
    }

    fn deny(&mut self, model: &str, now: Timestamp) {
        let refusal = Refusal::after(self.denied.get(model).copied(), now);
        self.set_denied(model.into(), refusal);
    }

    /// Holds this against the key.
    pub fn set_health(&mut self, health: Health) {
        self.health = health;
        if let Health::Exhausted(refusal) | Health::Dead(refusal) = health {
            self.refused = Some(refusal);
        }
    }

    /// Holds a model against the key.
    pub fn set_denied(&mut self, model: Arc<str>, refusal: Refusal) {
        if self.denied.len() >= DENIALS_KEPT && self.denied.get(&model).is_none() {
            let oldest = self.denied.iter().min_by_key(|(_, refusal)| refusal.until);
            let oldest = oldest.map(|(model, _)| model.clone());
            oldest.iter().for_each(|model| self.denied.remove(model));
        }
        self.denied.insert(model, refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::key::ApiKey;

    #[test]
    fn denied_models_are_told_in_order() {
        let key = LabelledKey { key: ApiKey::new("sk-0123456789abcd"), label: "…abcd".into() };
        let mut slot = Slot::new(key, 0);
        for model in ["c", "a", "d", "b"] {
            slot.learn(KeyFate::Denied, model, Timestamp::ZERO, &|_| Duration::ZERO);
        }
        assert_eq!(slot.status(Timestamp::ZERO).denied_models, ["a", "b", "c", "d"]);
    }
}
