//! How long things take, as a few counts: quantiles without a list of samples.
//!
//! Each bucket reaches a fixed factor further than the one before, so that the error of a quantile is
//! a fixed part of it, wherever it lies: the idea of `DDSketch` (Masson, Rim and Lee, "DDSketch: A Fast
//! and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019). Here there are four
//! buckets to each doubling, found by integers alone.

use std::time::Duration;

/// The lower end of the second bucket: 2⁷ µs. What is shorter counts as that long.
const FIRST_DOUBLING: u32 = 7;

/// From 128 µs up to 2³⁰ µs, nearly 18 minutes; what is longer counts as that long.
const DOUBLINGS: u32 = 23;

/// Buckets to a doubling: each reaches 2^¼ = 1.19 times as far as the one before.
const STEPS: u32 = 4;

const BUCKETS: usize = (DOUBLINGS * STEPS) as usize;

/// 2^¼, 2^½ and 2^¾, in units of 2⁻³⁰.
const STEP_ENDS: [u64; 3] = [1_276_901_417, 1_518_500_250, 1_805_811_301];

/// What stands for a bucket is its lower end times 2·2^¼ / (1 + 2^¼), here in units of 2⁻³⁰: no further
/// than 8.7 % from anything in the bucket.
const TELLS: u64 = 1_166_542_360;

/// The sum, the count and the spread of some durations.
///
/// Counts that are full are halved, all of them: quantiles then tell more of what was of late.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: [u16; BUCKETS],
    count: u64,
    sum: Duration,
}

/// How long something took, over all times that it was done. The quantiles are within 10 % of the
/// truth between 128 µs and 17 minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quantiles {
    /// How often it was done.
    pub count: u64,
    /// How long it took, all times together.
    pub sum: Duration,
    /// Half of the times took no longer.
    pub p50: Duration,
    /// Of a hundred times, 95 took no longer.
    pub p95: Duration,
    /// Of a hundred times, 99 took no longer.
    pub p99: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS], count: 0, sum: Duration::ZERO }
    }
}

impl Histogram {
    /// Takes in one duration.
    pub fn record(&mut self, took: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
        let bucket = bucket_of(took);
        if self.counts[bucket] == u16::MAX {
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
        self.counts[bucket] += 1;
    }

    /// What they have come to; `None` where there were none.
    pub fn quantiles(&self) -> Option<Quantiles> {
        let of = |percent| self.quantile(percent);
        let (count, sum) = (self.count, self.sum);
        (count > 0).then(|| Quantiles { count, sum, p50: of(50), p95: of(95), p99: of(99) })
    }

    fn quantile(&self, percent: u64) -> Duration {
        let counted: u64 = self.counts.iter().map(|count| u64::from(*count)).sum();
        let rank = (counted * percent).div_ceil(100);
        let mut below = 0;
        let reaches_it = |count: &u16| {
            below += u64::from(*count);
            below >= rank
        };
        middle_of(self.counts.iter().position(reaches_it).unwrap_or(BUCKETS - 1))
    }
}

/// The bucket that a duration falls into.
fn bucket_of(took: Duration) -> usize {
    let longest = (1 << (FIRST_DOUBLING + DOUBLINGS)) - 1;
    let took = took.min(Duration::from_micros(longest));
    let microseconds = took.as_secs() * 1_000_000 + u64::from(took.subsec_micros());
    let microseconds = microseconds.max(1 << FIRST_DOUBLING);
    let doubling = microseconds.ilog2();
    let mantissa = microseconds << (30 - doubling);
    let step = STEP_ENDS.iter().filter(|end| mantissa >= **end).count();
    ((doubling - FIRST_DOUBLING) * STEPS) as usize + step
}

/// What is told of a bucket.
fn middle_of(bucket: usize) -> Duration {
    let (doubling, step) = (bucket as u32 / STEPS, bucket % STEPS as usize);
    let start = if step == 0 { 1 << 30 } else { STEP_ENDS[step - 1] };
    let middle = (start * TELLS) >> 30;
    Duration::from_nanos((middle * 1_000) >> (30 - doubling - FIRST_DOUBLING))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(durations: impl IntoIterator<Item = Duration>) -> Quantiles {
        let mut histogram = Histogram::default();
        durations.into_iter().for_each(|took| histogram.record(took));
        histogram.quantiles().unwrap()
    }

    fn off(told: Duration, truth: Duration) -> f64 {
        told.as_secs_f64() / truth.as_secs_f64() - 1.0
    }

    #[test]
    fn a_duration_is_told_within_a_tenth() {
        let mut took = Duration::from_micros(128);
        let mut most = 0.0_f64;
        while took < Duration::from_secs(1_070) {
            let told = of([took]);
            most = most.max(off(told.p50, took).abs());
            assert_eq!((told.count, told.sum, told.p50), (1, took, told.p99));
            took = took.mul_f64(1.003);
        }
        assert!((0.08..0.1).contains(&most), "{most}");
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        // Ten thousand durations between 1 ms and 100 s, more of the short ones, in no order.
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f64 / (1 << 24) as f64
        };
        let mut all: Vec<_> =
            (0..10_000).map(|_| Duration::from_secs_f64(0.001 * 1e5_f64.powf(random()))).collect();
        let told = of(all.iter().copied());
        all.sort_unstable();
        for (told, rank) in [(told.p50, 5_000), (told.p95, 9_500), (told.p99, 9_900)] {
            assert!(off(told, all[rank - 1]).abs() < 0.1, "{told:?} for {:?}", all[rank - 1]);
        }
        assert_eq!((told.count, told.sum), (10_000, all.iter().sum()));
    }

    #[test]
    fn the_ends_are_open() {
        let short = of([Duration::ZERO, Duration::from_nanos(1)]);
        assert!(off(short.p50, Duration::from_micros(128)).abs() < 0.1, "{short:?}");
        let long = of([Duration::MAX, Duration::from_secs(2_000)]);
        assert!(off(long.p50, Duration::from_secs(1_074)).abs() < 0.1, "{long:?}");
        assert_eq!(long.sum, Duration::MAX);
        assert_eq!(Histogram::default().quantiles(), None);
    }

    #[test]
    fn what_was_of_late_weighs_more_when_the_counts_are_full() {
        let slow = std::iter::repeat_n(Duration::from_secs(1), 100_000);
        let fast = std::iter::repeat_n(Duration::from_millis(10), 100_000);
        let told = of(slow.chain(fast));
        assert_eq!(told.count, 200_000);
        assert!(off(told.p50, Duration::from_millis(10)).abs() < 0.1, "{told:?}");
        assert!(off(told.p99, Duration::from_secs(1)).abs() < 0.1, "{told:?}");
    }

    #[test]
    fn a_histogram_takes_a_few_hundred_bytes() {
        assert!(size_of::<Histogram>() <= 216, "{}", size_of::<Histogram>());
    }
}
