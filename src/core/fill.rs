//! How full a bucket is, in one number that a processor can compare and swap.

/// The moment since when an empty bucket would have gained what this one holds, in seconds since the
/// bucket was made. It moves only when tokens are taken: what time brings is in it already.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmptySince(f64);

/// How a bucket fills, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// From one token to the next.
    pub each: f64,
    /// From empty to full.
    pub whole: f64,
}

impl EmptySince {
    /// What a bucket is that holds `level` tokens `now`.
    pub fn of(level: f64, now: f64, pace: Pace) -> Self {
        Self(now - level * pace.each)
    }

    /// The tokens in it.
    pub fn level(self, now: f64, pace: Pace) -> f64 {
        (now - self.0).min(pace.whole) / pace.each
    }

    /// The same after `amount` tokens are taken, if they are there.
    pub fn take(self, amount: f64, now: f64, pace: Pace) -> Option<Self> {
        let since = self.0.max(now - pace.whole) + amount * pace.each;
        (since <= now).then_some(Self(since))
    }

    /// When it holds so many tokens, where nobody takes any.
    pub fn holds_at(self, amount: f64, now: f64, pace: Pace) -> f64 {
        self.0.max(now - pace.whole) + amount * pace.each
    }

    /// The same after `amount` tokens are taken, there or not.
    pub fn owe(self, amount: f64, now: f64, pace: Pace) -> Self {
        Self(self.holds_at(amount, now, pace))
    }

    /// The same with `amount` tokens more.
    pub fn give_back(self, amount: f64, pace: Pace) -> Self {
        Self(self.0 - amount * pace.each)
    }

    /// Whether it holds all that it can.
    pub fn is_full(self, now: f64, pace: Pace) -> bool {
        self.0 <= now - pace.whole
    }

    /// As bits, of which not all are one.
    pub fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    /// From its bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(f64::from_bits(bits))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { each: 0.5, whole: 1.5 };

    #[test]
    fn it_holds_what_came_in_and_no_more_than_its_capacity() {
        let mut fill = EmptySince::of(3.0, 10.0, PACE);
        for left in [2.0, 1.0, 0.0] {
            fill = fill.take(1.0, 10.0, PACE).unwrap();
            assert_eq!(fill.level(10.0, PACE), left);
        }
        assert_eq!(fill.take(1.0, 10.4, PACE), None);
        assert_eq!(fill.take(1.0, 10.5, PACE).unwrap().level(10.5, PACE), 0.0);
        assert_eq!(fill.level(1e9, PACE), 3.0);
        assert_eq!(fill.take(3.0, 1e9, PACE).unwrap().level(1e9, PACE), 0.0);
        assert_eq!(EmptySince::from_bits(fill.to_bits()), fill);
    }
}
