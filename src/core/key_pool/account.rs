//! Keys of one account at the provider: they share its quota, and so what is known of its limit and every
//! rest for want of it. That a key is refused (401) or denied a model (403) is its own matter.
//!
//! Who has an account together is declared, or shows in what their answers tell. A key on its own is an
//! account of one. What one key of an account learns, all of them learn.

use std::cell::Cell;
use std::ops::Range;
use std::time::Duration;

use super::{KeyFate, KeyId, KeyPool, Scope};
use crate::core::health::{Backoff, Health};
use crate::core::key::ApiKey;
use crate::core::key_slot::Slot;
use crate::core::learned_limit::{Grain, Heard, Kinship, Load};
use crate::core::time::Timestamp;

impl Slot {
    /// The number of its account, of which there is one for each key on its own, too.
    fn account_number(&self) -> u64 {
        if self.account == 0 { self.generation } else { self.account }
    }

    /// Whether it has one account with another key.
    pub fn shares_with(&self, other: &Self) -> bool {
        self.account_number() == other.account_number()
    }

    /// Takes in what an attempt with another key of its account has shown. What is held against the key
    /// itself weighs more.
    fn learn_of_account(&mut self, fate: KeyFate, now: Timestamp, backoff: Backoff<'_>) {
        match (fate, self.health) {
            (KeyFate::Works, Health::Exhausted(refusal)) if refusal.until <= now => {
                self.gets_well()
            }
            (KeyFate::Works, _) => self.limited_in_a_row = 0,
            (_, Health::Dead(_)) => {}
            _ => self.suffers(fate, "", now, backoff),
        }
    }
}

impl KeyPool {
    /// Keys have one account together, as somebody says.
    pub fn join(&mut self, keys: &[ApiKey]) {
        self.part(); // what was learned is no declaration
        let mut first = None;
        let mut is_news = false;
        for key in keys {
            let Some(slot) = self.slot_of_key(key) else { continue };
            is_news |= self.unite(*first.get_or_insert(slot), slot);
        }
        self.slots.iter_mut().flatten().for_each(|entry| entry.declared = entry.account);
        if let Some(first) = first.filter(|_| is_news) {
            // What one has learned of its own is not true of all.
            self.change_all(first, &mut |entry| entry.learned = None);
        }
    }

    /// Makes two accounts one. False if they are.
    fn unite(&mut self, one: usize, other: usize) -> bool {
        let number = |slot| self.slot(slot).map_or(0, Slot::account_number);
        let (one, other) = (number(one), number(other));
        if one == other {
            return false;
        }
        for entry in self.slots.iter_mut().flatten() {
            if [one, other].contains(&entry.account_number()) {
                entry.account = one;
            }
        }
        self.pacing.has_accounts = true;
        true
    }

    /// Goes by what was declared alone.
    fn part(&mut self) {
        for entry in self.slots.iter_mut().flatten() {
            entry.account = entry.declared;
        }
    }

    /// Does this to a key and all that share its account, and puts each where it belongs then.
    pub(super) fn change_all(&mut self, slot: usize, change: &mut dyn FnMut(&mut Slot)) {
        let Some(account) = self.slot(slot).map(Slot::account_number) else { return };
        for slot in self.at_most(slot) {
            let Some(entry) = self.slot_mut(slot) else { continue };
            if entry.account_number() == account {
                change(entry);
                self.place(slot);
            }
        }
    }

    /// Where the keys of an account may stand.
    fn at_most(&self, slot: usize) -> Range<usize> {
        if self.pacing.has_accounts { 0..self.slots.len() } else { slot..slot + 1 }
    }

    /// What is under way on the account of a key.
    pub(super) fn load(&self, slot: usize) -> Load {
        let all = self.account_of(slot);
        Load { in_flight: all.map(|entry| entry.in_flight).sum(), so_far: self.uses }
    }

    /// The keys of an account.
    fn account_of(&self, slot: usize) -> impl Iterator<Item = &Slot> {
        let of = self.slot(slot);
        let all = self.slots[self.at_most(slot)].iter().flatten();
        all.filter(move |entry| of.is_some_and(|of| of.shares_with(entry)))
    }

    /// Takes in at the other keys of an account what an attempt has shown of it.
    #[cold]
    pub(super) fn others_learn(&mut self, id: KeyId, fate: KeyFate, now: Timestamp) {
        let is_its_own = matches!(
            fate,
            KeyFate::Unchanged | KeyFate::Cancelled | KeyFate::Denied | KeyFate::Dead
        );
        let rest = self.rest_of(id, now).map(|(rest, _)| rest);
        if is_its_own || self.slot_of(id).is_none() {
            return;
        }
        self.change_all(id.slot, &mut |slot| {
            if slot.generation != id.generation {
                slot.learn_of_account(fate, now, &|_| rest.unwrap_or_default());
            }
        });
    }

    /// The other keys of an account, which rest with it.
    pub fn others_of_account(&self, id: KeyId) -> Vec<ApiKey> {
        let Some(of) = self.slot(id.slot).filter(|slot| slot.account != 0) else {
            return Vec::new();
        };
        let rests = |slot: &&Slot| {
            let is_other = slot.shares_with(of) && slot.generation != of.generation;
            is_other && !slot.retired && !matches!(slot.health, Health::Dead(_))
        };
        self.each(Scope::ALL).filter(rests).map(|slot| slot.key.key.clone()).collect()
    }

    /// A key is well, as somebody knows: so is its account.
    pub(super) fn others_revive(&mut self, slot: usize) {
        self.change_all(slot, &mut |entry| {
            entry.learned = None;
            if !matches!(entry.health, Health::Dead(_)) {
                entry.gets_well();
            }
        });
    }

    /// Looks what an answer shows of whose account its key belongs to.
    pub(super) fn compare(&mut self, slot: usize, heard: Heard, is_granted: bool) {
        let keys = self.slots.len();
        let Some(limit) = self.slot_mut(slot).and_then(|entry| entry.learned.as_mut()) else {
            return;
        };
        limit.kinship.keep(heard, is_granted);
        if !limit.kinship.is_due(keys) {
            return;
        }
        if self.is_apart(slot) {
            return self.part();
        }
        let Some(other) = self.kin_of(slot) else { return };
        self.unite(slot, other);
        let load = self.load(slot);
        self.change_all(slot, &mut |entry| {
            entry.learned.iter_mut().for_each(|limit| limit.begins_anew(heard, load));
        });
    }

    /// What a key's answers have told, and how moments are told apart.
    fn told(&self, slot: usize) -> Option<(&Slot, &Kinship, Grain)> {
        let entry = self.slot(slot)?;
        let limit = entry.learned.as_ref()?;
        Some((entry, &limit.kinship, limit.grain()?))
    }

    /// Whether a key that was found to share an account shows that it does not.
    fn is_apart(&self, slot: usize) -> bool {
        let Some((entry, own, grain)) = self.told(slot) else { return false };
        let is_apart = |other: usize| {
            let Some((other, told, _)) = self.told(other) else { return false };
            let is_declared = other.declared != 0 && other.declared == entry.declared;
            let is_found = other.shares_with(entry) && !is_declared;
            is_found && other.generation != entry.generation && own.is_apart_from(told, grain)
        };
        entry.account != entry.declared && (0..self.slots.len()).any(is_apart)
    }

    /// The key of another account which this one's answers show to be of its own, and of no other.
    fn kin_of(&self, slot: usize) -> Option<usize> {
        let (entry, last, grain) = self.told(slot)?;
        let mut found: Option<(usize, &Slot)> = None;
        let mut own = None;
        for at in 0..self.slots.len() {
            let Some((other, told, _)) = self.told(at) else { continue };
            if !last.goes_on_from(told, grain) {
                continue; // as nearly always
            }
            if other.shares_with(entry) {
                return None;
            }
            let own = own.get_or_insert_with(|| self.told_to_account(slot));
            let all = self.slots.iter().flatten().filter_map(|slot| slot.learned.as_ref());
            let all = all.map(|limit| &limit.kinship);
            if own.is_one_with(&self.told_to_account(at), all, grain) {
                if found.is_some_and(|(_, found)| !found.shares_with(other)) {
                    return None;
                }
                found = Some((at, other));
            }
        }
        found.map(|(at, _)| at)
    }

    /// What the answers of all keys of an account have told.
    fn told_to_account(&self, slot: usize) -> Kinship {
        let mut all = Kinship::default();
        for entry in self.account_of(slot) {
            entry.learned.iter().for_each(|limit| all.add(&limit.kinship));
        }
        all
    }
}

/// Says the same however often it is asked: keys that rest together wake together.
pub(super) fn once(backoff: Backoff<'_>) -> impl Fn(u32) -> Duration {
    let said = Cell::new(None);
    move |n| {
        let rest = said.get().unwrap_or_else(|| backoff(n));
        said.set(Some(rest));
        rest
    }
}

/// The label of the first key of an account, where it has others.
pub(super) fn label_of_account(slots: &[&Slot], of: &Slot) -> Option<String> {
    if of.account == 0 {
        return None;
    }
    let mut all = slots.iter().filter(|slot| slot.shares_with(of));
    let (first, _) = (all.next()?, all.next()?);
    Some(first.key.label.to_string())
}
