//! How a key is doing, and when it may be tried again.

use std::time::Duration;

use super::time::Timestamp;

/// Refused keys come back by mistake too (outages have shown up as 401): try again after this…
const FIRST_PROBE_AFTER: Duration = Duration::from_secs(5 * 60);
/// …then after twice as long each time, up to this.
const LATER_PROBES_AFTER: Duration = Duration::from_secs(60 * 60);

/// How long a key rests after the nth 429 in a row (from 0) where the provider does not say.
pub type Backoff<'b> = &'b dyn Fn(u32) -> Duration;

/// What an attempt showed about its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFate {
    /// It works.
    Works,
    /// Nothing about the key: the attempt failed for another reason.
    Unchanged,
    /// Nothing: the attempt was dropped.
    Cancelled,
    /// 429: it needs a rest, as long as the provider says where it says so.
    Limited(Option<Duration>),
    /// The same, of a key that rests since its response's headers: the body may ask for more.
    Resting(Option<Duration>),
    /// 402 or a billing code: no credit, until the provider's reset where it names one.
    Exhausted(Option<Duration>),
    /// 403: not for this model.
    Denied,
    /// 401: refused.
    Dead,
}

impl KeyFate {
    /// Whether the key is what failed.
    pub fn is_about_the_key(self) -> bool {
        !matches!(self, Self::Works | Self::Unchanged | Self::Cancelled)
    }
}

/// A refusal that is believed for a while, then tested by one call at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub until: Timestamp,
    pause: Duration,
}

impl Refusal {
    /// The first refusal, or the next after `before`.
    pub fn after(before: Option<Self>, now: Timestamp) -> Self {
        let pause = match before {
            None => FIRST_PROBE_AFTER,
            // Calls that were under way when the key was refused say nothing new.
            Some(refusal) if now < refusal.until => return refusal,
            Some(refusal) => (refusal.pause * 2).min(LATER_PROBES_AFTER),
        };
        Self { until: now + pause, pause }
    }

    /// One that goes on after an interruption.
    pub fn resumed(until: Timestamp, pause: Duration) -> Self {
        Self { until, pause: pause.clamp(FIRST_PROBE_AFTER, LATER_PROBES_AFTER) }
    }

    /// How long it is believed, from its beginning.
    pub fn pause(self) -> Duration {
        self.pause
    }
}

/// The health of a key, as it was last heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Usable.
    #[default]
    Ready,
    /// Rate limited until then.
    Cooling(Timestamp),
    /// Out of credit; the provider named the moment when that ends.
    ExhaustedUntil(Timestamp),
    /// Out of credit; nobody knows for how long.
    Exhausted(Refusal),
    /// Refused.
    Dead(Refusal),
}

impl Health {
    /// When the key may be used again; `None` where it may be used now.
    pub fn rests_until(self) -> Option<Timestamp> {
        match self {
            Self::Ready => None,
            Self::Cooling(until) | Self::ExhaustedUntil(until) => Some(until),
            Self::Exhausted(refusal) | Self::Dead(refusal) => Some(refusal.until),
        }
    }

    /// The worse of two, until both have ended: a refusal weighs more than a rest.
    pub fn or_worse(self, other: Self) -> Self {
        let until = self.rests_until().max(other.rests_until());
        let weight = |health: Self| (health.on_probation(), health.rests_until());
        let worse = if weight(other) > weight(self) { other } else { self };
        let Some(until) = until else { return worse };
        match worse {
            Self::Ready => Self::Ready,
            Self::Cooling(_) => Self::Cooling(until),
            Self::ExhaustedUntil(_) => Self::ExhaustedUntil(until),
            Self::Exhausted(refusal) => Self::Exhausted(Refusal { until, ..refusal }),
            Self::Dead(refusal) => Self::Dead(Refusal { until, ..refusal }),
        }
    }

    /// Whether the key may only be tested, by one call at a time.
    pub fn on_probation(self) -> bool {
        matches!(self, Self::Exhausted(_) | Self::Dead(_))
    }

    /// When the provider said that it ends, where it did.
    pub fn known_reset(self) -> Option<Timestamp> {
        match self {
            Self::Cooling(until) | Self::ExhaustedUntil(until) => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_come_after_five_minutes_then_ever_later_up_to_an_hour() {
        let mut now = Timestamp::ZERO;
        let mut refusal = None;
        let mut minutes = Vec::new();
        for _ in 0..6 {
            let next = Refusal::after(refusal, now);
            minutes.push((next.until - now).as_secs() / 60);
            now = next.until;
            refusal = Some(next);
        }
        assert_eq!(minutes, [5, 10, 20, 40, 60, 60]);
    }

    #[test]
    fn a_late_answer_of_the_same_refusal_changes_nothing() {
        let first = Refusal::after(None, Timestamp::ZERO);
        let again = Refusal::after(Some(first), Timestamp::ZERO + Duration::from_secs(3));
        assert_eq!(first, again);
    }
}
