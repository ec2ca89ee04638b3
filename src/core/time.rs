//! Time as a value: the parts are told what time it is and never look.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment: the time since an origin that the [`Runtime`](crate::Runtime) chose and keeps.
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
pub struct Timestamp(Duration);

impl Timestamp {
    /// The origin.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// The moment `since_origin` after the origin.
    #[must_use]
    pub const fn new(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// How long after the origin this is.
    #[must_use]
    pub const fn since_origin(self) -> Duration {
        self.0
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates: a far-off moment stays far off.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// The time between two moments, zero where `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
