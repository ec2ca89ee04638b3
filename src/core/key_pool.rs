//! The key pool as a plain value: which key is next, and what becomes of it.

mod named;

use std::sync::Arc;
use std::time::Duration;

use super::fill::Pace;
use super::health::{Backoff, Health, KeyFate};
use super::key::{ApiKey, LabelledKey, Labels};
use super::key_limits::PerKey;
use super::key_memory::KeyMemory;
use super::key_record::Note;
use super::key_slot::{KeyStatus, Slot};
pub use super::no_key::NoKey;
use super::ranked_heap::RankedHeap;
use super::time::Timestamp;

use account::label_of_account;
use pacing::Pacing;

/// Names a key of one pool. A key that was removed and added again gets a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId {
    slot: usize,
    generation: u64,
}

/// Some of a pool's keys: those of one entry of a configuration. A key may stand in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope(usize);

impl Scope {
    /// All keys.
    pub const ALL: Self = Self(0);
}

/// What a key is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub model: &'a str,
    pub scope: Scope,
    /// With fewer requests in flight than this.
    pub most: u32,
    /// From each key's own buckets, where it has some.
    pub limits: Option<PerKey>,
    /// Nobody has set a limit: keys of which nothing is known begin slowly.
    pub begins_slowly: bool,
    /// How many requests stand in line, where that is so.
    pub waiting: usize,
}

/// A key in use.
#[derive(Debug)]
pub struct Leased {
    pub id: KeyId,
    pub key: Arc<LabelledKey>,
    /// Which of its watched requests this is, from 1; 0 where they are not watched.
    pub number: u64,
}

/// Keys, how busy and how well each is, and which of them is next.
#[derive(Debug, Default)]
pub struct KeyPool {
    slots: Vec<Option<Slot>>,
    ready: RankedHeap,
    /// Keys that rest, by the moment when they may be used again.
    resting: RankedHeap,
    /// The slots in the order of their keys: a key's text stands in its slot and nowhere else.
    by_key: Vec<usize>,
    labels: Labels,
    /// The names of the scopes after [`Scope::ALL`].
    scopes: Vec<String>,
    /// How many keys have something held against them.
    unwell: usize,
    pacing: Pacing,
    /// Counts leases: the clock of "used longest ago", and of a slot's generation.
    uses: u64,
}

impl KeyPool {
    /// The scope of this name.
    pub fn scope(&mut self, name: &str) -> Scope {
        let known = self.scopes.iter().position(|scope| scope == name);
        let place = known.unwrap_or_else(|| {
            self.scopes.push(name.to_owned());
            self.scopes.len() - 1
        });
        Scope(place + 1)
    }

    /// Adds a key to a scope; one that is there already (or retires) stays as it is, and stays.
    pub fn add(&mut self, key: ApiKey, scope: Scope) {
        if !key.is_none() {
            self.remove(&ApiKey::none(), scope); // a server that wants keys after all
        }
        let slot = self.slot_of_key(&key).unwrap_or_else(|| self.new_slot(key));
        self.slots[slot].iter_mut().for_each(|entry| entry.join(scope));
        self.place(slot);
    }

    /// Forgets all that is held against a key: somebody knows better.
    pub fn revive(&mut self, key: &ApiKey) {
        if let Some(slot) = self.slot_of_key(key) {
            self.slots[slot].iter_mut().for_each(Slot::revive);
            self.place(slot);
            self.others_revive(slot);
        }
    }

    /// Takes a key out of a scope. When it is in none it is retired: no new work, and it is gone when
    /// its last work ends. False if it was not there.
    pub fn remove(&mut self, key: &ApiKey, scope: Scope) -> bool {
        let Some(slot) = self.slot_of_key(key) else { return false };
        let Some(entry) = self.slot_mut(slot) else { return false };
        let was_there = entry.leave(scope);
        self.place(slot);
        was_there
    }

    /// Whether nothing is held against any key: then no answer hangs on what time it is.
    pub fn is_well(&self) -> bool {
        self.unwell == 0
    }

    /// The ready key with the fewest requests in flight (of those, the one used longest ago), now
    /// with one more.
    #[inline]
    pub fn lease(&mut self, wanted: Wanted<'_>, now: Timestamp) -> Result<Leased, NoKey> {
        let begins_slowly = self.begins_slowly(wanted);
        let slot =
            self.least_loaded(wanted, now).or_else(|none| self.gathers(wanted, now, none))?;
        self.take(slot, wanted, now, begins_slowly)
    }

    /// Counts a request on a key that is ready.
    #[inline]
    fn take(
        &mut self,
        slot: usize,
        wanted: Wanted<'_>,
        now: Timestamp,
        begins_slowly: bool,
    ) -> Result<Leased, NoKey> {
        self.uses += 1;
        let entry = self.slots[slot].as_mut().ok_or(NoKey::Empty)?;
        entry.in_flight += 1;
        entry.last_used = self.uses;
        if let Some(limits) = wanted.limits {
            entry.fills.take(wanted.model, limits, now);
        }
        entry.counts.attempts += 1;
        let id = KeyId { slot, generation: entry.generation };
        let mut leased = Leased { id, key: entry.take_key(), number: 0 };
        if begins_slowly || entry.learned.is_some() {
            leased.number = self.sends(slot, now);
            return Ok(leased);
        }
        match entry.is_plain() {
            true => {
                let rank = entry.rank();
                self.ready.set(slot, rank);
            }
            false => self.place(slot),
        }
        Ok(leased)
    }

    /// The key that would be leased now.
    pub fn next(&mut self, wanted: Wanted<'_>, now: Timestamp) -> Result<KeyId, NoKey> {
        let slot =
            self.least_loaded(wanted, now).or_else(|none| self.gathers(wanted, now, none))?;
        let entry = self.slot(slot).ok_or(NoKey::Empty)?;
        Ok(KeyId { slot, generation: entry.generation })
    }

    /// A key has begun to answer.
    pub fn works(&mut self, id: KeyId, model: &str, now: Timestamp) {
        self.change(id, |slot| slot.works(model, now));
        if self.pacing.has_accounts {
            self.others_learn(id, KeyFate::Works, now);
        }
    }

    /// Ends a lease. `backoff` says how long to rest after the nth 429 in a row (from 0) where the provider
    /// does not.
    #[inline]
    pub fn release(
        &mut self,
        id: KeyId,
        fate: KeyFate,
        model: &str,
        now: Timestamp,
        backoff: Backoff<'_>,
    ) {
        self.change(id, |slot| {
            slot.in_flight = slot.in_flight.saturating_sub(1);
            slot.learn(fate, model, now, backoff);
        });
        if self.pacing.has_accounts {
            self.others_learn(id, fate, now);
        }
    }

    /// Takes back the handle that a lease has had on its key.
    pub fn take_back(&mut self, leased: Leased) {
        if let Some(slot) = self.slot_of(leased.id) {
            slot.take_back(leased.key);
        }
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
            let counts = &mut slot.counts;
            counts.input_tokens = counts.input_tokens.saturating_add(input);
            counts.output_tokens = counts.output_tokens.saturating_add(output);
        }
    }

    /// Adds to the record of a key. Apart, so that a lease whose end has none is no slower for it.
    #[inline(never)]
    pub fn note(&mut self, id: KeyId, note: Note) {
        if let Some(slot) = self.slot_of(id) {
            slot.record.note(note);
        }
    }

    /// Settles what a request to a model has cost of its key's own bucket.
    pub fn settle(&mut self, id: KeyId, model: &str, amount: f64, pace: Pace) {
        if let Some(slot) = self.slot_of(id) {
            slot.fills.settle(model, amount, pace);
        }
    }

    /// The key of an id.
    pub fn key(&self, id: KeyId) -> Option<&ApiKey> {
        self.slot(id.slot).filter(|slot| slot.generation == id.generation).map(|slot| &slot.key.key)
    }

    /// Changes a key's in-flight count by hand; never below 0. False if the key is unknown.
    pub fn adjust(&mut self, key: &ApiKey, up: bool) -> bool {
        let Some(slot) = self.slot_of_key(key) else { return false };
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

    /// Every key of a scope in the order in which they were added; of all, retiring ones too.
    pub fn statuses(&self, scope: Scope, now: Timestamp) -> Vec<KeyStatus> {
        let mut slots: Vec<&Slot> = self.each(scope).collect();
        slots.sort_unstable_by_key(|slot| slot.generation);
        let mut statuses: Vec<_> = slots.iter().map(|slot| slot.status(now)).collect();
        for (status, slot) in statuses.iter_mut().zip(&slots) {
            status.account = label_of_account(&slots, slot);
        }
        statuses
    }

    /// What is known of each key of a scope.
    pub fn memories(&self, scope: Scope, now: Timestamp) -> Vec<(ApiKey, KeyMemory)> {
        let keys = self.each(scope).filter(|slot| !slot.retired);
        keys.map(|slot| (slot.key.key.clone(), slot.memory(now))).collect()
    }

    /// Takes in what was known of a key so long ago, where that is worse than what is.
    pub fn recall(&mut self, key: &ApiKey, memory: &KeyMemory, passed: Duration, now: Timestamp) {
        if let Some(slot) = self.slot_of_key(key) {
            self.slots[slot].iter_mut().for_each(|entry| entry.recall(memory, passed, now));
            self.place(slot);
        }
    }

    /// The keys of a scope.
    pub fn keys(&self, scope: Scope) -> impl Iterator<Item = &ApiKey> {
        self.each(scope).filter(|slot| !slot.retired).map(|slot| &slot.key.key)
    }

    pub(super) fn each(&self, scope: Scope) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten().filter(move |slot| slot.is_in(scope))
    }

    /// Changes a key, and puts it where it belongs then.
    #[inline]
    fn change(&mut self, id: KeyId, change: impl FnOnce(&mut Slot)) {
        let slot = self.slots.get_mut(id.slot).and_then(Option::as_mut);
        let Some(slot) = slot.filter(|slot| slot.generation == id.generation) else { return };
        change(slot);
        match slot.is_plain() {
            true => self.ready.set(id.slot, slot.rank()),
            false => self.place(id.slot),
        }
    }

    fn new_slot(&mut self, key: ApiKey) -> usize {
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(None);
        }
        self.uses += 1;
        if let Err(place) = self.place_of_key(&key) {
            self.by_key.insert(place, slot);
        }
        self.slots[slot] =
            Some(Slot::new(LabelledKey { label: self.labels.give(&key), key }, self.uses));
        slot
    }

    fn slot_of_key(&self, key: &ApiKey) -> Option<usize> {
        self.place_of_key(key).ok().map(|place| self.by_key[place])
    }

    /// Where a key's slot stands among those of the others, or else would stand.
    fn place_of_key(&self, key: &ApiKey) -> Result<usize, usize> {
        let text = |slot: usize| self.slot(slot).map_or("", |entry| entry.key.key.expose());
        self.by_key.binary_search_by(|&slot| text(slot).cmp(key.expose()))
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
        self.count_unwell(slot);
        let Some(entry) = self.slot(slot) else { return };
        let rank = entry.rank();
        match entry.rests_until() {
            _ if entry.retired => {
                self.take_out(slot);
                self.forget_if_idle(slot);
            }
            None => {
                self.resting.remove(slot);
                self.ready.set(slot, rank);
            }
            // One call at a time tests a key on probation; the next may when that one has ended.
            Some(_) if entry.health.on_probation() && entry.in_flight > 0 => self.take_out(slot),
            Some(until) => {
                self.ready.remove(slot);
                self.resting.set(slot, until.nanoseconds());
            }
        }
    }

    fn take_out(&mut self, slot: usize) {
        self.ready.remove(slot);
        self.resting.remove(slot);
    }

    /// Forgets a retired key whose last work has ended.
    fn forget_if_idle(&mut self, slot: usize) {
        let gone = self.slots[slot].take_if(|entry| entry.in_flight == 0);
        if let Some(gone) = gone {
            self.by_key.retain(|known| *known != slot);
            self.unwell -= usize::from(gone.counted_unwell);
            self.labels.take_back(&gone.key.label);
        }
    }

    /// Counts a key among those that are not well, or no longer.
    fn count_unwell(&mut self, slot: usize) {
        let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) else { return };
        let unwell = entry.is_unwell();
        let was = std::mem::replace(&mut entry.counted_unwell, unwell);
        self.unwell = self.unwell + usize::from(unwell) - usize::from(was);
    }

    /// Moves keys whose rest is over to the ready ones.
    fn wake_rested(&mut self, now: Timestamp) {
        while let Some((until, slot)) = self.resting.least()
            && until <= now.nanoseconds()
        {
            self.resting.remove(slot);
            let Some(entry) = self.slots.get_mut(slot).and_then(Option::as_mut) else { continue };
            if !entry.health.on_probation() {
                entry.health = Health::Ready;
            }
            self.ready.set(slot, entry.rank());
            self.count_unwell(slot);
        }
    }

    /// The first ready key, in the heap's order, that will do.
    fn least_loaded(&mut self, wanted: Wanted<'_>, now: Timestamp) -> Result<usize, NoKey> {
        self.wake_rested(now);
        let next = self.ready.least().map(|(_, slot)| slot);
        if let Some(slot) = next.filter(|&slot| self.will_do(slot, wanted, now)) {
            return Ok(slot); // as nearly always
        }
        self.least_loaded_that_will_do(wanted, now)
    }

    /// The same where the first of all will not do.
    #[cold]
    fn least_loaded_that_will_do(
        &mut self,
        wanted: Wanted<'_>,
        now: Timestamp,
    ) -> Result<usize, NoKey> {
        let mut passed_over = Vec::new();
        let found = loop {
            let Some((_, slot)) = self.ready.least() else { break None };
            if self.will_do(slot, wanted, now) {
                break Some(slot);
            }
            if self.slot(slot).is_none_or(|entry| entry.in_flight >= wanted.most) {
                break None; // and so have all behind it
            }
            self.ready.remove(slot);
            passed_over.push(slot);
        };
        for slot in passed_over {
            if let Some(rank) = self.slot(slot).map(Slot::rank) {
                self.ready.set(slot, rank);
            }
        }
        found.ok_or_else(|| self.why_none(wanted, now))
    }

    fn will_do(&self, slot: usize, wanted: Wanted<'_>, now: Timestamp) -> bool {
        self.slot(slot).is_some_and(|entry| entry.will_do(wanted, now))
    }
}

mod account;
mod pacing;
#[cfg(test)]
mod tests;
