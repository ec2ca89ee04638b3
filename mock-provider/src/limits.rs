//! The keys' token buckets. A bucket's tokens are permits for requests.

use std::collections::HashMap;
use std::time::Duration;

use crate::settings::KeySettings;

/// The longest wait that is announced, where a bucket refills slowly or never: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// All keys and where their buckets stand.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    keys: HashMap<String, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    index: usize,
    capacity: u32,
    refill_rate: f64,
    permits: f64,
    updated: Duration,
}

/// What the limits say to one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Admission {
    /// Go on; with a quota if this key is limited.
    Granted(Option<Quota>),
    /// Too early.
    TooMany { quota: Quota, retry_after: Duration },
    /// No such key.
    UnknownKey,
}

/// What the `x-ratelimit-*-requests` headers say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quota {
    /// The bucket's capacity.
    pub(crate) limit: u32,
    /// Whole permits left.
    pub(crate) remaining: u32,
    /// Until the bucket is full again, which is what OpenAI calls its reset.
    pub(crate) reset: Duration,
}

impl Limits {
    /// Buckets for these keys at `now`. A key whose limit has not changed keeps its level.
    pub(crate) fn renewed(&self, keys: &[KeySettings], now: Duration) -> Self {
        let bucket = |(index, settings): (usize, &KeySettings)| {
            let fresh = Bucket {
                index,
                capacity: settings.capacity,
                refill_rate: settings.refill_rate.max(0.0),
                permits: f64::from(settings.capacity),
                updated: now,
            };
            let kept = self.keys.get(&settings.key).filter(|old| old.has_limit_of(&fresh));
            let bucket = kept.map_or(fresh, |old| Bucket { index, ..*old });
            (settings.key.clone(), bucket)
        };
        Self { keys: keys.iter().enumerate().map(bucket).collect() }
    }

    /// Which of the settings' keys this is.
    pub(crate) fn index_of(&self, key: Option<&str>) -> Option<usize> {
        self.keys.get(key?).map(|bucket| bucket.index)
    }

    /// Whether the key may make requests at all.
    pub(crate) fn knows(&self, key: Option<&str>) -> bool {
        self.keys.is_empty() || key.is_some_and(|key| self.keys.contains_key(key))
    }

    /// Takes a permit, if one is there. `now` is the time since the server started.
    pub(crate) fn admit(&mut self, key: Option<&str>, now: Duration) -> Admission {
        if self.keys.is_empty() {
            return Admission::Granted(None);
        }
        match key.and_then(|key| self.keys.get_mut(key)) {
            None => Admission::UnknownKey,
            Some(bucket) if bucket.capacity == 0 => Admission::Granted(None),
            Some(bucket) => bucket.take(now),
        }
    }
}

impl Bucket {
    fn has_limit_of(&self, other: &Self) -> bool {
        self.capacity == other.capacity && self.refill_rate == other.refill_rate
    }

    fn take(&mut self, now: Duration) -> Admission {
        let elapsed = now.saturating_sub(self.updated).as_secs_f64();
        self.permits = (self.permits + elapsed * self.refill_rate).min(f64::from(self.capacity));
        self.updated = now;
        // A client that waits exactly as long as it was told must not fail by a rounding error.
        if self.permits + 1e-6 >= 1.0 {
            self.permits = (self.permits - 1.0).max(0.0);
            return Admission::Granted(Some(self.quota()));
        }
        let retry_after = self.time_for(1.0 - self.permits);
        Admission::TooMany { quota: self.quota(), retry_after }
    }

    fn quota(&self) -> Quota {
        Quota {
            limit: self.capacity,
            remaining: self.permits as u32,
            reset: self.time_for(f64::from(self.capacity) - self.permits),
        }
    }

    fn time_for(&self, permits: f64) -> Duration {
        if permits <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(permits / self.refill_rate).unwrap_or(LONGEST).min(LONGEST)
    }
}

impl Quota {
    /// The three headers.
    pub(crate) fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("x-ratelimit-limit-requests", self.limit.to_string()),
            ("x-ratelimit-remaining-requests", self.remaining.to_string()),
            ("x-ratelimit-reset-requests", spelled(self.reset)),
        ]
    }
}

/// A duration as OpenAI spells it: `20ms`, `1.5s`, `6m0s`, `1h0m0s`. Rounded up, so that it is
/// never too short.
fn spelled(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    if millis < 1000 {
        return format!("{millis}ms");
    }
    let (minutes, rest) = (millis / 60_000, millis % 60_000);
    let seconds = rest as f64 / 1000.0;
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_bucket_starts_full_and_refills() {
        let keys = [KeySettings::limited("k", 2, 4.0)];
        let mut limits = Limits::default().renewed(&keys, Duration::ZERO);
        let granted = |limits: &mut Limits, at| {
            matches!(limits.admit(Some("k"), seconds(at)), Admission::Granted(Some(_)))
        };
        assert!(granted(&mut limits, 0.0) && granted(&mut limits, 0.0));
        let Admission::TooMany { quota, retry_after } = limits.admit(Some("k"), Duration::ZERO)
        else {
            panic!("the bucket should be empty");
        };
        assert_eq!((quota.limit, quota.remaining, quota.reset), (2, 0, seconds(0.5)));
        assert_eq!(retry_after, seconds(0.25));
        assert!(granted(&mut limits, 0.25));
        assert!(!granted(&mut limits, 0.25));
    }

    #[test]
    fn unchanged_limits_keep_their_level() {
        let mut keys = [KeySettings::limited("k", 1, 0.0)];
        let mut limits = Limits::default().renewed(&keys, Duration::ZERO);
        limits.admit(Some("k"), Duration::ZERO);
        let mut limits = limits.renewed(&keys, Duration::ZERO);
        assert!(matches!(limits.admit(Some("k"), seconds(9.0)), Admission::TooMany { .. }));
        keys[0].capacity = 2;
        let mut limits = limits.renewed(&keys, Duration::ZERO);
        assert!(matches!(limits.admit(Some("k"), seconds(9.0)), Admission::Granted(_)));
    }

    #[test]
    fn resets_are_spelled_like_openai_does() {
        assert_eq!(spelled(Duration::from_micros(19_500)), "20ms");
        assert_eq!(spelled(seconds(1.0)), "1s");
        assert_eq!(spelled(seconds(1.5)), "1.5s");
        assert_eq!(spelled(seconds(360.0)), "6m0s");
        assert_eq!(spelled(seconds(86_400.0)), "24h0m0s");
    }
}
