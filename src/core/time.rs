//! Time as a value: the parts are told what time it is and never look.

use std::ops::{Add, Sub};
use std::time::Duration;

use crate::platform::number_text;

/// A moment: the time since an origin that the [`Runtime`](crate::Runtime) chose and keeps. What lies
/// more than five centuries behind it is one far-off moment.
///
/// ```
/// use lockkeeper::Timestamp;
/// use std::time::Duration;
///
/// let start = Timestamp::ZERO;
/// let later = start + Duration::from_secs(2);
/// assert_eq!(later - start, Duration::from_secs(2));
/// assert_eq!(start - later, Duration::ZERO); // a clock that steps back loses no time
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// The moment `since_origin` after the origin.
    #[must_use]
    pub const fn new(since_origin: Duration) -> Self {
        Self(nanoseconds(since_origin))
    }

    /// How long after the origin this is.
    #[must_use]
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How many nanoseconds after the origin this is.
    pub(crate) const fn nanoseconds(self) -> u64 {
        self.0
    }

    /// How many seconds after the origin this is.
    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 * 1e-9
    }
}

/// A duration in nanoseconds, as far as they can be counted.
const fn nanoseconds(duration: Duration) -> u64 {
    const SECOND: u64 = 1_000_000_000;
    if duration.as_secs() < u64::MAX / SECOND {
        duration.as_secs() * SECOND + duration.subsec_nanos() as u64
    } else {
        u64::MAX
    }
}

/// Above this many seconds a duration is taken for milliseconds.
pub const LONGEST_SECONDS: f64 = 10_000.0;

/// The duration of so many seconds, as `provider.json` and the options of a call give it.
///
/// # Errors
/// A negative or non-finite number, and one that looks like milliseconds.
pub fn duration_from_seconds(seconds: f64) -> Result<Duration, String> {
    if seconds.is_finite() && seconds > LONGEST_SECONDS {
        return Err(format!(
            "must be at most {} seconds, not {}; it looks like milliseconds, and durations are in \
             seconds",
            number_text(LONGEST_SECONDS),
            number_text(seconds)
        ));
    }
    from_seconds(seconds).ok_or_else(|| {
        format!("must be a number of seconds of at least 0, not {}", number_text(seconds))
    })
}

/// The duration of so many seconds, to the nanosecond; none where there is no such duration. The
/// standard library reckons in 128 bits, which wasm has not.
pub fn from_seconds(seconds: f64) -> Option<Duration> {
    const TOO_LONG: f64 = u64::MAX as f64;
    if !(0.0..TOO_LONG).contains(&seconds) {
        return None;
    }
    let nanoseconds = seconds.fract() * 1e9 + 0.5;
    Some(Duration::from_secs(seconds as u64) + Duration::from_nanos(nanoseconds as u64))
}

/// The duration for a message, in seconds as everywhere.
pub fn seconds_text(duration: Duration) -> String {
    number_text(duration.as_secs_f64()) + "s"
}

/// Makes a clock that may step back into one that never does: what comes after a step counts from
/// there, and no time is lost or gained by it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady {
    last: Duration,
    stepped_back: Duration,
}

impl Steady {
    /// The steady time at which the clock shows `shown`.
    pub fn read(&mut self, shown: Duration) -> Timestamp {
        self.stepped_back += self.last.saturating_sub(shown);
        self.last = shown;
        Timestamp::new(shown) + self.stepped_back
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates: a far-off moment stays far off.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(later)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// The time between two moments, zero where `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds() {
        assert_eq!(duration_from_seconds(1.5), Ok(Duration::from_millis(1500)));
        assert_eq!(duration_from_seconds(10_000.0), Ok(Duration::from_secs(10_000)));
        assert!(duration_from_seconds(30_000.0).unwrap_err().contains("looks like milliseconds"));
        let message = "must be a number of seconds of at least 0, not -1";
        assert_eq!(duration_from_seconds(-1.0).unwrap_err(), message);
        assert!(duration_from_seconds(f64::NAN).is_err());
        assert!(duration_from_seconds(f64::INFINITY).is_err());
    }

    #[test]
    fn seconds_are_told_to_the_nanosecond() {
        let nanoseconds = |seconds| from_seconds(seconds).map(|duration| duration.as_nanos());
        for (seconds, expected) in
            [(0.0, 0), (1e-9, 1), (0.1, 100_000_000), (1.999_999_999_9, 2_000_000_000)]
        {
            assert_eq!(nanoseconds(seconds), Some(expected), "{seconds}");
        }
        assert_eq!(from_seconds(1e18), Some(Duration::from_secs(1_000_000_000_000_000_000)));
        for none in [-1e-9, 1e20, f64::NAN, f64::INFINITY] {
            assert_eq!(from_seconds(none), None);
        }
    }

    #[test]
    fn a_steady_clock_goes_on_where_it_was() {
        let mut steady = Steady::default();
        let mut read = |seconds| steady.read(Duration::from_secs(seconds)).since_origin().as_secs();
        assert_eq!(
            [read(100), read(101), read(40), read(45), read(44), read(50)],
            [100, 101, 101, 106, 106, 112]
        );
    }
}
