//! How long to wait before the next try: exponential, capped, jittered.

use std::time::Duration;

use super::time::from_seconds;

/// No wait between two tries is longer, unless the provider asks for it.
const LONGEST: Duration = Duration::from_secs(60);

/// The wait before retry number `n` (from 0): `base · 2ⁿ`, at most 60 s, and of that a part
/// between half (`jitter` = 0) and all of it (`jitter` = 1), so that clients that failed together
/// do not come back together.
///
/// The shape is "equal jitter" in the terms of AWS's Architecture Blog, "Exponential Backoff And
/// Jitter".
pub fn delay(base: Duration, n: u32, jitter: f64) -> Duration {
    let factor = 2f64.powi(n.min(32) as i32);
    let full = (base.as_secs_f64() * factor).min(LONGEST.as_secs_f64());
    from_seconds(full / 2.0 * (1.0 + jitter.clamp(0.0, 1.0))).unwrap_or(LONGEST)
}

/// Random numbers good enough to spread retries (SplitMix64: public domain, by Sebastiano Vigna).
#[derive(Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// The same seed gives the same jitter.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number, from 0 up to but not including 1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute() {
        let base = Duration::from_secs(1);
        let full = |n| delay(base, n, 1.0).as_secs();
        assert_eq!((0..8).map(full).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(delay(base, u32::MAX, 1.0), LONGEST);
        assert_eq!(delay(Duration::MAX, 3, 1.0), LONGEST);
        assert_eq!(delay(Duration::ZERO, 3, 1.0), Duration::ZERO);
    }

    #[test]
    fn jitter_lies_between_half_and_full() {
        let mut jitter = Jitter::new(7);
        for _ in 0..1_000 {
            let wait = delay(Duration::from_secs(1), 2, jitter.next());
            assert!((2.0..=4.0).contains(&wait.as_secs_f64()));
        }
    }
}
