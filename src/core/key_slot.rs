//! One key of a pool: how busy it is, how well, and what it has done.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::health::{Health, KeyFate, Refusal};
use super::key::ApiKey;
use super::ready_heap::Rank;
use super::time::Timestamp;

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
    /// Attempts that failed in any other way, or were cancelled.
    pub failed: u64,
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
    /// Rate limited (429).
    Cooling,
    /// Out of quota or credit.
    Exhausted,
    /// Refused (401).
    Dead,
}

/// A look at one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The key's label (`…abcd`), never the key.
    pub label: String,
    /// How it is doing.
    pub state: KeyState,
    /// How long it still rests, where it does.
    pub rests_for: Option<Duration>,
    /// The models that it may not use (403), in alphabetical order.
    pub denied_models: Vec<String>,
    /// Requests under way.
    pub in_flight: u32,
    /// Whether it was removed and only finishes its work.
    pub retiring: bool,
    /// What it has done so far.
    pub counts: KeyCounts,
}

#[derive(Debug)]
pub struct Slot {
    pub key: ApiKey,
    pub label: Arc<str>,
    pub generation: u64,
    pub in_flight: u32,
    pub last_used: u64,
    pub health: Health,
    pub denied: HashMap<String, Refusal>,
    pub limited_in_a_row: u32,
    pub retired: bool,
    /// Where the pool's list of resting keys has it.
    pub listed_until: Option<Timestamp>,
    pub counts: KeyCounts,
}

impl Slot {
    pub fn new(label: Arc<str>, key: ApiKey, generation: u64) -> Self {
        Self {
            key,
            label,
            generation,
            in_flight: 0,
            last_used: 0,
            health: Health::Ready,
            denied: HashMap::new(),
            limited_in_a_row: 0,
            retired: false,
            listed_until: None,
            counts: KeyCounts::default(),
        }
    }

    /// Fewest in flight first, then the one used longest ago.
    pub fn rank(&self) -> Rank {
        (self.in_flight, self.last_used)
    }

    /// Whether the key is not denied `model`. A denial that has run out is tested by one call.
    pub fn may_use(&self, model: &str, now: Timestamp) -> bool {
        self.denied.get(model).is_none_or(|refusal| refusal.until <= now && self.in_flight == 0)
    }

    /// Takes in what an attempt has shown.
    pub fn learn(
        &mut self,
        fate: KeyFate,
        model: &str,
        now: Timestamp,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        match fate {
            KeyFate::Works => self.works(model, now),
            KeyFate::Unchanged => self.counts.failed += 1,
            KeyFate::Limited(rest) => self.limited(rest, now, backoff),
            KeyFate::Exhausted(Some(reset)) => self.fails(Health::ExhaustedUntil(now + reset)),
            KeyFate::Exhausted(None) => {
                self.fails(Health::Exhausted(Refusal::after(self.health.refusal(), now)));
            }
            KeyFate::Dead => self.fails(Health::Dead(Refusal::after(self.health.refusal(), now))),
            KeyFate::Denied => {
                self.counts.failed += 1;
                self.deny(model, now);
            }
        }
    }

    pub fn status(&self, now: Timestamp) -> KeyStatus {
        let rests_until = self.health.rests_until();
        let mut denied_models: Vec<String> = self.denied.keys().cloned().collect();
        denied_models.sort();
        KeyStatus {
            label: self.label.to_string(),
            state: match self.health {
                Health::Cooling(until) | Health::ExhaustedUntil(until) if until <= now => {
                    KeyState::Ready
                }
                Health::Ready => KeyState::Ready,
                Health::Cooling(_) => KeyState::Cooling,
                Health::Exhausted(_) | Health::ExhaustedUntil(_) => KeyState::Exhausted,
                Health::Dead(_) => KeyState::Dead,
            },
            rests_for: rests_until.map(|until| until - now).filter(|rest| !rest.is_zero()),
            denied_models,
            in_flight: self.in_flight,
            retiring: self.retired,
            counts: self.counts,
        }
    }

    fn works(&mut self, model: &str, now: Timestamp) {
        self.counts.succeeded += 1;
        self.limited_in_a_row = 0;
        self.denied.remove(model);
        // Only a test made after the refusal lifts it, not an answer that was under way before.
        if self.health.refusal().is_some_and(|refusal| refusal.until <= now) {
            self.health = Health::Ready;
        }
    }

    fn limited(
        &mut self,
        rest: Option<Duration>,
        now: Timestamp,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        self.counts.rate_limited += 1;
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

    fn fails(&mut self, health: Health) {
        self.counts.failed += 1;
        self.health = health;
    }

    fn deny(&mut self, model: &str, now: Timestamp) {
        let refusal = Refusal::after(self.denied.get(model).copied(), now);
        if self.denied.len() >= DENIALS_KEPT && !self.denied.contains_key(model) {
            let oldest = self.denied.iter().min_by_key(|(_, refusal)| refusal.until);
            let oldest = oldest.map(|(model, _)| model.clone());
            oldest.and_then(|model| self.denied.remove(&model));
        }
        self.denied.insert(model.to_owned(), refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_models_are_told_in_order() {
        let mut slot = Slot::new("…abcd".into(), ApiKey::new("sk-0123456789abcd"), 0);
        for model in ["c", "a", "d", "b"] {
            slot.learn(KeyFate::Denied, model, Timestamp::ZERO, |_| Duration::ZERO);
        }
        assert_eq!(slot.status(Timestamp::ZERO).denied_models, ["a", "b", "c", "d"]);
    }
}
