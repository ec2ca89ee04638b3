//! Keys by their names, for calls whose key is chosen elsewhere: see `shared_state`.

use std::sync::Arc;
use std::time::Duration;

use super::{KeyId, KeyPool, Leased, NoKey, Wanted};
use crate::core::key::LabelledKey;
use crate::core::key_slot::{KeyState, Slot};
use crate::core::time::Timestamp;

impl KeyPool {
    /// Every ready key that will do.
    pub fn ready_keys(
        &mut self,
        wanted: Wanted<'_>,
        now: Timestamp,
    ) -> Result<Vec<(KeyId, Arc<LabelledKey>)>, NoKey> {
        self.wake_rested(now);
        let slots = self.slots.iter().enumerate();
        let slots = slots.filter_map(|(slot, entry)| Some((slot, entry.as_ref()?)));
        let ready = slots.filter(|(_, entry)| is_ready(entry, wanted, now));
        let ready: Vec<_> = ready
            .map(|(slot, entry)| (KeyId { slot, generation: entry.generation }, entry.key.clone()))
            .collect();
        if ready.is_empty() { Err(self.why_none(wanted, now)) } else { Ok(ready) }
    }

    /// Leases this key, if it may still be used.
    pub fn lease_key(&mut self, id: KeyId, wanted: Wanted<'_>, now: Timestamp) -> Option<Leased> {
        self.wake_rested(now);
        let entry = self.slot(id.slot).filter(|entry| entry.generation == id.generation)?;
        is_ready(entry, wanted, now).then_some(())?;
        self.take(id.slot, wanted, now, self.begins_slowly(wanted)).ok()
    }

    /// How long a key will rest from now on, and why.
    pub fn rest_of(&self, id: KeyId, now: Timestamp) -> Option<(Duration, KeyState)> {
        let entry = self.slot(id.slot).filter(|entry| entry.generation == id.generation)?;
        let status = entry.status(now);
        status.rests_for.map(|rest| (rest, status.state))
    }
}

/// One call at a time tests a key on probation.
fn is_ready(entry: &Slot, wanted: Wanted<'_>, now: Timestamp) -> bool {
    let is_tested = entry.health.on_probation() && entry.in_flight > 0;
    let rests = entry.health.rests_until().is_some_and(|until| until > now);
    !entry.retired && !is_tested && !rests && entry.will_do(wanted, now)
}
