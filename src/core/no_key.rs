//! Why a pool has no key for a request, and what there is to wait for.

use super::health::Health;
use super::key_pool::{KeyPool, Wanted};
use super::time::Timestamp;

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
    /// So many requests are under way that there is room for no more; until then at the latest, when the
    /// first of the cooling keys is ready.
    Busy(Option<Timestamp>),
}

impl KeyPool {
    /// Why no key will do.
    pub(super) fn why_none(&self, wanted: Wanted<'_>, now: Timestamp) -> NoKey {
        let (mut live, mut denied, mut exhausted, mut cooling) = (false, false, false, false);
        let (mut busy, with_any_load) = (false, Wanted { most: u32::MAX, limits: None, ..wanted });
        let (mut reset, mut ready_at) = (None, None);
        for slot in self.each(wanted.scope).filter(|slot| !slot.retired) {
            live = true;
            denied |= slot.denied.get(wanted.model).is_some();
            exhausted |= matches!(slot.health, Health::Exhausted(_) | Health::ExhaustedUntil(_));
            reset = earlier(reset, slot.health.known_reset());
            if slot.will_do(with_any_load, now) {
                busy |= slot.health == Health::Ready && slot.in_flight >= wanted.most;
                let refilled = wanted.limits.map(|it| slot.fills.has(wanted.model, it, now));
                if let (Some(Err(at)), Health::Ready) = (refilled, slot.health) {
                    (ready_at, cooling) = (earlier(ready_at, Some(at)), true);
                }
                // Whichever is ready first will do, for whatever reason it rests.
                let ends = slot.rests_until().filter(|until| *until > now);
                cooling |= ends.is_some() && slot.is_limited();
                ready_at = earlier(ready_at, ends);
            }
        }
        match (ready_at, live) {
            _ if busy => NoKey::Busy(ready_at),
            (Some(until), _) if cooling => NoKey::CoolingUntil(until),
            _ if exhausted => NoKey::Exhausted(reset),
            _ if denied => NoKey::Denied,
            (_, true) => NoKey::Dead,
            (_, false) => NoKey::Empty,
        }
    }
}

/// The earlier of two moments, as far as there are two.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}
