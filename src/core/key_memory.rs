//! What is known of a key, as it outlives a process: by how much time is left, not by whose clock.

use std::sync::Arc;
use std::time::Duration;

use super::health::{Health, KeyFate, Refusal};
use super::key_slot::{KeyCounts, KeyState, LONGEST_REST, Slot};
use super::time::Timestamp;

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMemory {
    pub state: KeyState,
    /// How long it rests, or is not tested.
    pub rests_for: Duration,
    /// How long the pause was that it is in, where it may only be tested when that is over.
    pub pause: Option<Duration>,
    pub limited_in_a_row: u32,
    pub denied: Vec<Denial>,
    pub counts: KeyCounts,
}

/// A model that a key may not use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub model: Arc<str>,
    /// How long that is believed.
    pub rests_for: Duration,
    pub pause: Duration,
}

impl KeyMemory {
    /// What that is so long after.
    fn health(&self, passed: Duration, now: Timestamp) -> Health {
        let until = end_of(self.rests_for, passed, now);
        match (self.state, self.pause) {
            (KeyState::Dead, pause) => {
                Health::Dead(Refusal::resumed(until, pause.unwrap_or_default()))
            }
            (KeyState::Exhausted, Some(pause)) => Health::Exhausted(Refusal::resumed(until, pause)),
            _ if until <= now => Health::Ready,
            (KeyState::Ready, _) => Health::Ready,
            (KeyState::Cooling, _) => Health::Cooling(until),
            (KeyState::Exhausted, None) => Health::ExhaustedUntil(until),
        }
    }
}

impl Slot {
    /// What is known of the key.
    pub fn memory(&self, now: Timestamp) -> KeyMemory {
        let status = self.status(now);
        let pause = match self.health {
            Health::Exhausted(refusal) | Health::Dead(refusal) => Some(refusal.pause()),
            _ => None,
        };
        let denied = self.denied.iter().map(|(model, refusal)| Denial {
            model: model.clone(),
            rests_for: refusal.until - now,
            pause: refusal.pause(),
        });
        KeyMemory {
            state: status.state,
            rests_for: status.rests_for.unwrap_or_default(),
            pause,
            limited_in_a_row: self.limited_in_a_row,
            denied: denied.collect(),
            counts: self.counts,
        }
    }

    /// Takes in what was known so long ago, where it is worse than what is: of two rests the later ends.
    pub fn recall(&mut self, memory: &KeyMemory, passed: Duration, now: Timestamp) {
        self.set_health(self.health.or_worse(memory.health(passed, now)));
        self.limited_in_a_row = self.limited_in_a_row.max(memory.limited_in_a_row);
        for Denial { model, rests_for, pause } in &memory.denied {
            let refusal = Refusal::resumed(end_of(*rests_for, passed, now), *pause);
            if self.denied.get(model).is_none_or(|known| known.until < refusal.until) {
                self.set_denied(model.clone(), refusal);
            }
        }
        self.counts = larger(self.counts, memory.counts);
    }
}

/// When a rest ends of which so much was left, so long ago.
fn end_of(rest: Duration, passed: Duration, now: Timestamp) -> Timestamp {
    now + rest.min(LONGEST_REST).saturating_sub(passed)
}

/// The larger of each: what is counted in both is counted once.
fn larger(one: KeyCounts, other: KeyCounts) -> KeyCounts {
    let mut counts = one.listed();
    for (count, other) in counts.iter_mut().zip(other.listed()) {
        *count = other.max(*count);
    }
    KeyCounts::of_list(counts)
}

impl KeyCounts {
    /// Counts an attempt that has ended.
    pub(super) fn count(&mut self, fate: KeyFate) {
        *match fate {
            KeyFate::Works => &mut self.succeeded,
            KeyFate::Limited(_) | KeyFate::Resting(_) => &mut self.rate_limited,
            KeyFate::Cancelled => &mut self.cancelled,
            _ => &mut self.failed,
        } += 1;
    }

    /// All of them, in the order of their definition.
    pub(crate) fn listed(self) -> [u64; 8] {
        let Self { attempts, waited, succeeded, rate_limited, .. } = self;
        let Self { failed, cancelled, input_tokens, output_tokens, .. } = self;
        [attempts, waited, succeeded, rate_limited, failed, cancelled, input_tokens, output_tokens]
    }

    /// The counts of such a list.
    pub(crate) fn of_list(list: [u64; 8]) -> Self {
        let [
            attempts,
            waited,
            succeeded,
            rate_limited,
            failed,
            cancelled,
            input_tokens,
            output_tokens,
        ] = list;
        Self {
            attempts,
            waited,
            succeeded,
            rate_limited,
            failed,
            cancelled,
            input_tokens,
            output_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::key::{ApiKey, LabelledKey};

    const HOUR: Duration = Duration::from_secs(3_600);

    fn slot(fates: &[KeyFate]) -> Slot {
        let key = LabelledKey { key: ApiKey::new("sk-0123456789abcd"), label: "…abcd".into() };
        let mut slot = Slot::new(key, 0);
        for fate in fates {
            slot.learn(*fate, "m", Timestamp::ZERO, &|_| Duration::from_secs(30));
        }
        slot
    }

    /// What a key of these fates is, an hour later, after it has recalled what one of those has known.
    fn recalled(known: &[KeyFate], fates: &[KeyFate], passed: Duration) -> Health {
        let memory = slot(known).memory(Timestamp::ZERO);
        let mut slot = slot(fates);
        slot.recall(&memory, passed, Timestamp::ZERO);
        slot.health
    }

    #[test]
    fn what_is_recalled_is_what_was_known() {
        for fate in [
            KeyFate::Works,
            KeyFate::Limited(Some(HOUR)),
            KeyFate::Exhausted(Some(HOUR)),
            KeyFate::Exhausted(None),
            KeyFate::Dead,
            KeyFate::Denied,
        ] {
            let known = slot(&[fate]);
            let mut fresh = slot(&[]);
            fresh.recall(&known.memory(Timestamp::ZERO), Duration::ZERO, Timestamp::ZERO);
            assert_eq!(fresh.memory(Timestamp::ZERO), known.memory(Timestamp::ZERO), "{fate:?}");
        }
    }

    #[test]
    fn of_two_rests_the_later_ends_and_a_refusal_stays_one() {
        let cooling = |seconds| KeyFate::Limited(Some(Duration::from_secs(seconds)));
        let at = |seconds| Timestamp::new(Duration::from_secs(seconds));
        let now = Duration::ZERO;
        assert_eq!(recalled(&[cooling(7)], &[cooling(9)], now), Health::Cooling(at(9)));
        assert_eq!(recalled(&[cooling(9)], &[cooling(7)], now), Health::Cooling(at(9)));
        assert_eq!(recalled(&[KeyFate::Works], &[cooling(7)], now), Health::Cooling(at(7)));
        let both = [recalled(&[KeyFate::Dead], &[cooling(900)], now)];
        assert!(both[0].on_probation() && both[0].rests_until() == Some(at(900)), "{both:?}");
        let both = [recalled(&[cooling(900)], &[KeyFate::Dead], now)];
        assert!(both[0].on_probation() && both[0].rests_until() == Some(at(900)), "{both:?}");
    }

    #[test]
    fn time_that_has_passed_counts() {
        let limited = [KeyFate::Limited(Some(HOUR))];
        assert_eq!(recalled(&limited, &[], HOUR), Health::Ready);
        let left = recalled(&limited, &[], HOUR / 4).rests_until();
        assert_eq!(left, Some(Timestamp::new(HOUR / 4 * 3)));
        // A refused key is not well again by itself: one call may test it.
        let tested = recalled(&[KeyFate::Dead], &[], HOUR);
        assert!(tested.on_probation() && tested.rests_until() == Some(Timestamp::ZERO));
    }

    #[test]
    fn no_memory_is_longer_than_what_could_be_learned() {
        let mut memory = slot(&[KeyFate::Limited(Some(HOUR))]).memory(Timestamp::ZERO);
        memory.rests_for = HOUR * 1_000;
        let mut fresh = slot(&[]);
        fresh.recall(&memory, Duration::ZERO, Timestamp::ZERO);
        assert_eq!(fresh.health.rests_until(), Some(Timestamp::new(HOUR * 24)));
    }
}
