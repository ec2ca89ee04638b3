//! The key pool as a plain value: which key is next, and what becomes of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::health::{Health, KeyFate};
use super::key::{ApiKey, Labels};
use super::key_slot::{KeyStatus, Slot};
use super::ready_heap::ReadyHeap;
use super::time::Timestamp;

/// Names a key of one pool. A key that was removed and added again gets a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    slot: usize,
    generation: u64,
}

/// Why there is no key now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// The first of the cooling keys is ready then.
    CoolingUntil(Timestamp),
    /// The keys are out of credit; until then, where the provider said so.
    Exhausted(Option<Timestamp>),
    /// The keys may not use this model.
    Denied,
    /// The keys are refused.
    Dead,
    /// The last key was removed.
    Empty,
}

/// A key in use.
#[derive(Debug)]
pub struct Leased {
    pub id: KeyId,
    pub key: ApiKey,
    pub label: Arc<str>,
}

/// Keys, how busy and how well each is, and which of them is next.
#[derive(Debug, Default)]
pub struct KeyPool {
    slots: Vec<Option<Slot>>,
    ready: ReadyHeap,
    /// Keys that rest, by the moment when they may be used again.
    resting: BTreeSet<(Timestamp, usize)>,
    by_key: HashMap<ApiKey, usize>,
    labels: Labels,
    /// Counts leases: the clock of "used longest ago", and of a slot's generation.
    uses: u64,
}

impl KeyPool {
    /// Adds a key; one that is there already (or retires) stays as it is, and stays.
    pub fn add(&mut self, key: ApiKey) {
        if let Some(&slot) = self.by_key.get(&key) {
            if let Some(entry) = self.slot_mut(slot) {
                entry.retired = false;
            }
            self.place(slot);
            return;
        }
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.uses += 1;
        self.by_key.insert(key.clone(), slot);
        self.slots[slot] = Some(Slot::new(self.labels.of(&key), key, self.uses));
        self.place(slot);
    }

    /// Retires a key: no new work, and it is gone when its last work ends. False if unknown.
    pub fn remove(&mut self, key: &ApiKey) -> bool {
        let Some(&slot) = self.by_key.get(key) else { return false };
        if let Some(entry) = self.slot_mut(slot) {
            entry.retired = true;
        }
        self.place(slot);
        true
    }

    /// The ready key with the fewest requests in flight (of those, the one used longest ago), now
    /// with one more.
    pub fn lease(&mut self, model: &str, now: Timestamp) -> Result<Leased, NoKey> {
        let id = self.next(model, now)?;
        self.uses += 1;
        let uses = self.uses;
        let entry = self.slot_of(id).ok_or(NoKey::Empty)?;
        entry.in_flight += 1;
        entry.last_used = uses;
        entry.counts.attempts += 1;
        let leased = Leased { id, key: entry.key.clone(), label: entry.label.clone() };
        self.place(id.slot);
        Ok(leased)
    }

    /// The key that `model` would get now.
    pub fn next(&mut self, model: &str, now: Timestamp) -> Result<KeyId, NoKey> {
        self.wake_rested(now);
        let slot = self.least_loaded_for(model, now).ok_or_else(|| self.why_none(model, now))?;
        let entry = self.slot(slot).ok_or(NoKey::Empty)?;
        Ok(KeyId { slot, generation: entry.generation })
    }

    /// Ends a lease. `backoff` says how long to rest after the nth 429 in a row (from 0) where the
    /// provider does not.
    pub fn release(
        &mut self,
        id: KeyId,
        fate: KeyFate,
        model: &str,
        now: Timestamp,
        backoff: impl FnOnce(u32) -> Duration,
    ) {
        let Some(slot) = self.slot_of(id) else { return };
        slot.in_flight = slot.in_flight.saturating_sub(1);
        slot.learn(fate, model, now, backoff);
        self.place(id.slot);
    }

    /// Counts an attempt that had to wait first.
    pub fn count_wait(&mut self, id: KeyId) {
        if let Some(slot) = self.slot_of(id) {
            slot.counts.waited += 1;
        }
    }

    /// Adds what an answer cost to its key's counts.
    pub fn count_tokens(&mut self, id: KeyId, input: u64, output: u64) {
        if let Some(slot) = self.slot_of(id) {
            slot.counts.input_tokens += input;
            slot.counts.output_tokens += output;
        }
    }

    /// The key that would be leased next, without leasing it.
    pub fn least_loaded(&mut self, now: Timestamp) -> Option<ApiKey> {
        self.wake_rested(now);
        self.ready.least().and_then(|slot| self.slot(slot)).map(|slot| slot.key.clone())
    }

    /// Changes a key's in-flight count by hand; never below 0. False if the key is unknown.
    pub fn adjust(&mut self, key: &ApiKey, up: bool) -> bool {
        let Some(&slot) = self.by_key.get(key) else { return false };
        self.uses += 1;
        let uses = self.uses;
        if let Some(entry) = self.slot_mut(slot) {
            entry.in_flight =
                if up { entry.in_flight + 1 } else { entry.in_flight.saturating_sub(1) };
            entry.last_used = if up { uses } else { entry.last_used };
        }
        self.place(slot);
        true
    }

    /// Every key, retiring ones included.
    pub fn statuses(&self, now: Timestamp) -> Vec<KeyStatus> {
        self.slots.iter().flatten().map(|slot| slot.status(now)).collect()
    }

    /// The keys themselves.
    pub fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.slots.iter().flatten().filter(|slot| !slot.retired).map(|slot| &slot.key)
    }

    fn slot(&self, slot: usize) -> Option<&Slot> {
        self.slots.get(slot).and_then(Option::as_ref)
    }

    fn slot_mut(&mut self, slot: usize) -> Option<&mut Slot> {
        self.slots.get_mut(slot).and_then(Option::as_mut)
    }

    fn slot_of(&mut self, id: KeyId) -> Option<&mut Slot> {
        self.slot_mut(id.slot).filter(|slot| slot.generation == id.generation)
    }

    /// Puts a key where its state says: among the ready, among the resting, or out.
    fn place(&mut self, slot: usize) {
        self.ready.remove(slot);
        let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        if let Some(until) = entry.listed_until.take() {
            self.resting.remove(&(until, slot));
        }
        if entry.retired {
            if entry.in_flight == 0 {
                self.by_key.remove(&entry.key);
                self.slots[slot] = None;
            }
            return;
        }
        match entry.health.rests_until() {
            None => self.ready.set(slot, entry.rank()),
            // One call at a time tests a key on probation; the next may when that one has ended.
            Some(_) if entry.health.on_probation() && entry.in_flight > 0 => {}
            Some(until) => {
                entry.listed_until = Some(until);
                self.resting.insert((until, slot));
            }
        }
    }

    /// Moves keys whose rest is over to the ready ones.
    fn wake_rested(&mut self, now: Timestamp) {
        while let Some(&(until, slot)) = self.resting.first() {
            if until > now {
                return;
            }
            self.resting.pop_first();
            let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) else { continue };
            entry.listed_until = None;
            if !entry.health.on_probation() {
                entry.health = Health::Ready;
            }
            self.ready.set(slot, entry.rank());
        }
    }

    /// The first ready key, in the heap's order, that is not denied for `model`.
    fn least_loaded_for(&mut self, model: &str, now: Timestamp) -> Option<usize> {
        let mut passed_over = Vec::new();
        let found = loop {
            let Some(slot) = self.ready.least() else { break None };
            if self.slot(slot).is_some_and(|entry| entry.may_use(model, now)) {
                break Some(slot);
            }
            self.ready.remove(slot);
            passed_over.push(slot);
        };
        for slot in passed_over {
            if let Some(rank) = self.slot(slot).map(Slot::rank) {
                self.ready.set(slot, rank);
            }
        }
        found
    }

    fn why_none(&self, model: &str, now: Timestamp) -> NoKey {
        let live = || self.slots.iter().flatten().filter(|slot| !slot.retired);
        let usable = live().filter(|slot| slot.may_use(model, now));
        let cooling = usable.filter_map(|slot| match slot.health {
            Health::Cooling(until) => Some(until),
            _ => None,
        });
        if let Some(until) = cooling.min() {
            return NoKey::CoolingUntil(until);
        }
        let healths = || live().map(|slot| slot.health);
        if healths().any(|h| matches!(h, Health::Exhausted(_) | Health::ExhaustedUntil(_))) {
            return NoKey::Exhausted(healths().filter_map(Health::known_reset).min());
        }
        if live().any(|slot| slot.denied.contains_key(model)) {
            return NoKey::Denied;
        }
        if live().next().is_some() { NoKey::Dead } else { NoKey::Empty }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::key_slot::KeyState;

    const START: Timestamp = Timestamp::ZERO;

    fn pool(keys: &[&str]) -> KeyPool {
        let mut pool = KeyPool::default();
        keys.iter().for_each(|key| pool.add(ApiKey::new(key)));
        pool
    }

    fn at(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    fn second(_: u32) -> Duration {
        Duration::from_secs(1)
    }

    fn end(pool: &mut KeyPool, id: KeyId, fate: KeyFate, now: Timestamp) {
        pool.release(id, fate, "m", now, second);
    }

    #[test]
    fn one_after_the_other_rotates() {
        let mut pool = pool(&["key-a", "key-b", "key-c"]);
        let mut order = Vec::new();
        for _ in 0..6 {
            let leased = pool.lease("m", START).unwrap();
            order.push(leased.key.expose().to_owned());
            end(&mut pool, leased.id, KeyFate::Works, START);
        }
        assert_eq!(order, ["key-a", "key-b", "key-c", "key-a", "key-b", "key-c"]);
    }

    #[test]
    fn thirty_at_once_over_three_keys_are_ten_each() {
        let mut pool = pool(&["key-a", "key-b", "key-c"]);
        for _ in 0..30 {
            pool.lease("m", START).unwrap();
        }
        let in_flight: Vec<u32> = pool.statuses(START).iter().map(|key| key.in_flight).collect();
        assert_eq!(in_flight, [10, 10, 10]);
    }

    #[test]
    fn a_limited_key_rests_as_long_as_the_provider_says() {
        let mut pool = pool(&["key-a"]);
        let id = pool.lease("m", START).unwrap().id;
        end(&mut pool, id, KeyFate::Limited(Some(Duration::from_secs(7))), START);
        assert_eq!(pool.lease("m", at(6)).unwrap_err(), NoKey::CoolingUntil(at(7)));
        assert!(pool.lease("m", at(7)).is_ok());
    }

    #[test]
    fn many_429s_of_one_burst_count_as_one() {
        let mut pool = pool(&["key-a"]);
        let ids: Vec<KeyId> = (0..5).map(|_| pool.lease("m", START).unwrap().id).collect();
        for id in ids {
            pool.release(id, KeyFate::Limited(None), "m", START, |n| Duration::from_secs(1 << n));
        }
        assert_eq!(pool.lease("m", START).unwrap_err(), NoKey::CoolingUntil(at(1)));
        let id = pool.lease("m", at(1)).unwrap().id;
        pool.release(id, KeyFate::Limited(None), "m", at(1), |n| Duration::from_secs(1 << n));
        assert_eq!(pool.lease("m", at(1)).unwrap_err(), NoKey::CoolingUntil(at(3)));
    }

    #[test]
    fn a_dead_key_is_tested_by_one_call_at_a_time() {
        let mut pool = pool(&["key-a"]);
        let id = pool.lease("m", START).unwrap().id;
        end(&mut pool, id, KeyFate::Dead, START);
        assert_eq!(pool.lease("m", at(299)).unwrap_err(), NoKey::Dead);
        let probe = pool.lease("m", at(300)).unwrap().id;
        assert_eq!(pool.lease("m", at(300)).unwrap_err(), NoKey::Dead);
        end(&mut pool, probe, KeyFate::Unchanged, at(301));
        let probe = pool.lease("m", at(301)).unwrap().id;
        end(&mut pool, probe, KeyFate::Dead, at(302));
        assert_eq!(pool.lease("m", at(901)).unwrap_err(), NoKey::Dead);
        let probe = pool.lease("m", at(902)).unwrap().id;
        end(&mut pool, probe, KeyFate::Works, at(903));
        assert_eq!(pool.statuses(at(903))[0].state, KeyState::Ready);
    }

    #[test]
    fn a_key_denied_one_model_serves_another() {
        let mut pool = pool(&["key-a", "key-b"]);
        let id = pool.lease("m", START).unwrap().id;
        end(&mut pool, id, KeyFate::Denied, START);
        for _ in 0..3 {
            assert_eq!(pool.lease("m", START).unwrap().key.expose(), "key-b");
        }
        assert_eq!(pool.lease("other", START).unwrap().key.expose(), "key-a");
    }

    #[test]
    fn the_reason_for_no_key_follows_the_order_of_hope() {
        let mut pool = pool(&["key-a", "key-b", "key-c"]);
        let ids: Vec<KeyId> = (0..3).map(|_| pool.lease("m", START).unwrap().id).collect();
        end(&mut pool, ids[0], KeyFate::Dead, START);
        end(&mut pool, ids[1], KeyFate::Exhausted(None), START);
        end(&mut pool, ids[2], KeyFate::Limited(None), START);
        assert_eq!(pool.lease("m", START).unwrap_err(), NoKey::CoolingUntil(at(1)));
        assert!(pool.remove(&ApiKey::new("key-c")));
        assert_eq!(pool.lease("m", START).unwrap_err(), NoKey::Exhausted(None));
        assert!(pool.remove(&ApiKey::new("key-b")));
        assert_eq!(pool.lease("m", START).unwrap_err(), NoKey::Dead);
        assert!(pool.remove(&ApiKey::new("key-a")));
        assert_eq!(pool.lease("m", START).unwrap_err(), NoKey::Empty);
    }

    #[test]
    fn a_removed_key_is_gone_when_its_work_ends() {
        let mut pool = pool(&["key-a", "key-b"]);
        let id = pool.lease("m", START).unwrap().id;
        assert!(pool.remove(&ApiKey::new("key-a")));
        assert_eq!(pool.statuses(START).len(), 2);
        assert_eq!(pool.lease("m", START).unwrap().key.expose(), "key-b");
        end(&mut pool, id, KeyFate::Works, START);
        assert_eq!(pool.statuses(START).len(), 1);
        // The slot is used again; the old lease, ended twice, must not touch the new key.
        pool.add(ApiKey::new("key-c"));
        let busy = pool.lease("m", START).unwrap();
        assert_eq!(busy.key.expose(), "key-c");
        end(&mut pool, id, KeyFate::Dead, START);
        assert_eq!(pool.statuses(START)[0].in_flight, 1);
    }

    #[test]
    fn counts_by_hand_never_fall_below_zero() {
        let mut pool = pool(&["key-a"]);
        let key = ApiKey::new("key-a");
        assert!(pool.adjust(&key, false));
        assert!(pool.adjust(&key, true));
        assert_eq!(pool.statuses(START)[0].in_flight, 1);
        assert!(!pool.adjust(&ApiKey::new("unknown"), true));
    }
}
