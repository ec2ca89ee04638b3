//! The part of the pool that keeps each key to the limit that it has shown.

use std::time::Duration;

use super::account::once;
use super::{KeyId, KeyPool, NoKey, Wanted};
use crate::core::health::{Backoff, Health};
use crate::core::key_slot::Slot;
use crate::core::learned_limit::{Heard, Hint, LearnedLimit};
use crate::core::time::Timestamp;

/// So long requests gather before keys of which nothing is known, to see how many there are…
const GATHERED_FOR: Duration = Duration::from_millis(2);

/// …and up to so many for each key all go at once, as they would if nobody cared for limits.
const FEW: u32 = 10;

/// What the keys of a pool share of their limits.
#[derive(Debug, Default)]
pub struct Pacing {
    /// A key has shown that there is no limit to be seen: none begins slowly any more.
    is_open: bool,
    /// The slot whose key tries out how much there is.
    leader: Option<usize>,
    /// Whether some key goes by what others find.
    some_follow: bool,
    /// How many requests have come since then and must wait.
    gathered: Option<(Timestamp, u32)>,
    /// Whether some keys share an account.
    pub(super) has_accounts: bool,
}

impl KeyPool {
    /// Whether an answer hangs on what time it is.
    pub fn needs_time(&self, wanted: Wanted<'_>) -> bool {
        !self.is_well() || self.begins_slowly(wanted)
    }

    pub(super) fn begins_slowly(&self, wanted: Wanted<'_>) -> bool {
        wanted.begins_slowly && !self.pacing.is_open
    }

    /// No key is free for a request: if that is as nothing is known of them, it waits to see how many
    /// there are, or goes with the others.
    pub(super) fn gathers(
        &mut self,
        wanted: Wanted<'_>,
        now: Timestamp,
        none: NoKey,
    ) -> Result<usize, NoKey> {
        if !self.begins_slowly(wanted) {
            return Err(none);
        }
        let is_starting = |slot: &&Slot| {
            let begins = slot.learned.as_ref().is_some_and(|limit| limit.is_starting());
            // One key of each account counts.
            let is_one = slot.account == 0 || slot.account == slot.generation;
            is_one && begins && slot.health == Health::Ready && slot.will_do(wanted, now)
        };
        let starting = self.each(wanted.scope).filter(is_starting).count();
        let (NoKey::CoolingUntil(until), Ok(keys @ 1..)) = (none, u32::try_from(starting)) else {
            return Err(none);
        };
        let (since, before) = self.pacing.gathered.unwrap_or((now, 0));
        let before = before.max(u32::try_from(wanted.waiting).unwrap_or(u32::MAX));
        let ends = since + GATHERED_FOR;
        if now < ends {
            self.pacing.gathered = Some((since, before));
            return Err(NoKey::CoolingUntil(ends.min(until)));
        }
        if before > FEW * keys {
            return Err(none);
        }
        self.pacing.gathered = None;
        for slot in 0..self.slots.len() {
            let Some(limit) = self.slot_mut(slot).and_then(|entry| entry.learned.as_mut()) else {
                continue;
            };
            limit.lets_go(before.max(1).div_ceil(keys));
            self.place(slot);
        }
        self.least_loaded(wanted, now)
    }

    /// Counts a request on a watched key: its number.
    pub(super) fn sends(&mut self, slot: usize, now: Timestamp) -> u64 {
        let leader = self.pacing.leader.filter(|&leader| self.leads(leader)).unwrap_or(slot);
        let Some(entry) = self.slot(slot) else { return 0 };
        let leads = leader == slot || self.slot(leader).is_some_and(|it| it.shares_with(entry));
        if entry.learned.is_none() {
            self.pacing.some_follow = true;
            self.pacing.leader = Some(leader);
        }
        let mut number = 0;
        self.change_all(slot, &mut |entry| {
            let limit = &mut entry.learned;
            let begins = || Box::new(LearnedLimit::starting(leads));
            number = limit.get_or_insert_with(begins).sends(now.seconds());
            limit.take_if(|limit| limit.is_forgotten(now.seconds()));
        });
        number
    }

    /// Whether a key is there still to lead.
    fn leads(&self, slot: usize) -> bool {
        self.slot(slot).is_some_and(|entry| !entry.retired && !entry.health.on_probation())
    }

    /// A key has begun to answer, and says this of its limits; `held` until something that is used up
    /// is back.
    pub fn heard(&mut self, id: KeyId, heard: Heard, held: Option<Duration>, now: Timestamp) {
        if self.slot_of(id).is_none() {
            return;
        }
        let load = self.load(id.slot);
        self.change_all(id.slot, &mut |slot| slot.heard(heard, load, held, now));
        self.compare(id.slot, heard, true);
        let limit = self.slot_of(id).and_then(|slot| slot.learned.as_ref());
        if limit.is_some_and(|limit| limit.shows_no_limit()) {
            self.open();
        }
        self.share();
    }

    /// A key was refused with 429, as a response's headers say before its body tells more. True if some other key is ready earlier by it.
    pub fn refused(
        &mut self,
        id: KeyId,
        heard: Heard,
        rest: Option<Duration>,
        now: Timestamp,
        backoff: Backoff<'_>,
    ) {
        if self.slot_of(id).is_none() {
            return;
        }
        let (load, backoff) = (self.load(id.slot), once(backoff));
        self.change_all(id.slot, &mut |slot| {
            let health = slot.health;
            slot.refused((heard, load), rest, now, &backoff);
            if slot.generation != id.generation && matches!(health, Health::Dead(_)) {
                slot.health = health; // which is its own, and weighs more
            }
        });
        self.compare(id.slot, heard, false);
        self.share();
    }

    /// Lets all keys go of which nothing bad is known.
    fn open(&mut self) {
        self.pacing.is_open = true;
        for slot in 0..self.slots.len() {
            if let Some(entry) = self.slot_mut(slot) {
                entry.learned.take_if(|limit| limit.is_starting());
                self.place(slot);
            }
        }
    }

    /// Passes on what has been found.
    fn share(&mut self) {
        if !self.pacing.some_follow {
            return;
        }
        let limits = || self.slots.iter().flatten().filter_map(|slot| slot.learned.as_ref());
        let told =
            limits().filter_map(|limit| limit.hint()).find(|hint| matches!(hint, Hint::Told(_)));
        let hint = told.or_else(|| limits().filter_map(|limit| limit.hint()).next_back());
        self.pacing.some_follow = false;
        for slot in 0..self.slots.len() {
            let Some(entry) = self.slot_mut(slot) else { continue };
            let before = entry.rests_until();
            let Some(limit) = &mut entry.learned else { continue };
            hint.iter().for_each(|hint| limit.follow(*hint));
            let follows = limit.follows();
            let changed = entry.rests_until() != before;
            self.pacing.some_follow |= follows;
            if changed {
                self.place(slot);
            }
        }
    }
}
