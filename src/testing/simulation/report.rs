//! What came of a simulation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What came of a simulation. Times are seconds; rates are per second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The entry that was called, as `provider/model`.
    pub model: String,
    /// Calls made.
    pub calls: u64,
    /// Calls answered.
    pub succeeded: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// The same by the [kind](crate::ErrorKind) of their error.
    pub failures: BTreeMap<String, u64>,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that were refused with 429.
    pub refused: u64,
    /// Requests by what became of them: a status, `cut` or `silence`.
    pub outcomes: BTreeMap<String, u64>,
    /// When the last call ended.
    pub makespan: f64,
    /// When it could have ended at best, by somebody who knew the provider's limits beforehand: the
    /// greatest of `a + (n − C) / R` over every moment `a` from which `n` calls come, where the working
    /// keys together grant `C` requests at once and `R` per second, and the time of one answer. With
    /// windows, the beginning of the one in which the `n`-th request is granted.
    pub optimum: f64,
    /// How long each call would have waited then, first come, first served.
    pub optimum_waits: Spread,
    /// Calls answered per second, up to the makespan.
    pub throughput: f64,
    /// How long each call waited in all, by what for. A call that has not waited counts with 0.
    pub waits: WaitReport,
    /// How long each answered call took.
    pub latency: Spread,
    /// Streams: from each call to its first visible LLM token.
    pub first_token: Spread,
    /// The keys.
    pub keys: Vec<KeyReport>,
    /// How evenly requests are spread over the keys that work: Jain's index, `(Σx)² / (k · Σx²)`. 1 is
    /// even; 1/k is all on one of k.
    pub balance: f64,
    /// How it went, to be plotted.
    pub series: Series,
}

/// Waits by what for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WaitReport {
    /// Whatever it was.
    pub total: Spread,
    /// A bucket token.
    pub bucket: Spread,
    /// A key that is ready.
    pub key: Spread,
    /// The next retry.
    pub retry: Spread,
    /// Room among the requests under way.
    pub concurrency: Spread,
    /// LLM tokens of the budget.
    pub budget: Spread,
}

/// How values are spread: the mean, and what so many percent are no more than.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Spread {
    /// The sum, divided by how many there are.
    pub mean: f64,
    /// Half of them.
    pub p50: f64,
    /// 95 percent.
    pub p95: f64,
    /// 99 percent.
    pub p99: f64,
    /// All.
    pub max: f64,
}

/// What became of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeyReport {
    /// The key's label.
    pub label: String,
    /// Requests sent with it.
    pub requests: u64,
    /// Those that the provider answered.
    pub answered: u64,
    /// Those refused with 429.
    pub refused: u64,
}

/// Lists of the same length, of 200 to 400 points in time, or fewer where little time passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Series {
    /// The moments, evenly spaced but for the last one.
    pub time: Vec<f64>,
    /// Bucket tokens there at that moment.
    pub bucket: Vec<f64>,
    /// Requests under way at that moment.
    pub in_flight: Vec<u64>,
    /// Calls at that moment that have no request under way: they wait.
    pub queue: Vec<u64>,
    /// Calls answered per second since the point before.
    pub answered: Vec<f64>,
    /// Requests sent per second since the point before.
    pub sent: Vec<f64>,
    /// Requests refused with 429 per second since the point before.
    pub refused: Vec<f64>,
}

impl Spread {
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let Some(&max) = values.last() else { return Self::default() };
        let at_most = |percent: usize| rounded(values[(values.len() * percent).div_ceil(100) - 1]);
        Self {
            mean: rounded(values.iter().sum::<f64>() / values.len() as f64),
            p50: at_most(50),
            p95: at_most(95),
            p99: at_most(99),
            max: rounded(max),
        }
    }
}

/// To millionths: short enough to be read back as they were.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Jain's index of fairness; 1 where there is nothing to share.
pub(super) fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|&x| x as f64).sum();
    let squares: f64 = shares.iter().map(|&x| (x as f64) * (x as f64)).sum();
    if squares == 0.0 { 1.0 } else { rounded(sum * sum / (shares.len() as f64 * squares)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let spread = Spread::of((1..=200).rev().map(f64::from).collect());
        let expected = Spread { mean: 100.5, p50: 100.0, p95: 190.0, p99: 198.0, max: 200.0 };
        assert_eq!(spread, expected);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn balance_is_1_where_all_have_the_same() {
        assert_eq!([jain(&[7, 7, 7]), jain(&[9, 0, 0]), jain(&[])], [1.0, 0.333_333, 1.0]);
    }
}
