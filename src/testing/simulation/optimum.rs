//! How somebody would do who knew everything beforehand: first come, first served, each call as soon as
//! the working keys together may send it.
//!
//! Of `n` calls that come from a moment `a` on none can start before `a`, and the keys together grant
//! `C + R · t` requests in `t` seconds: so the last of them can't start before `a + (n − C) / R`, and
//! first come, first served it starts at the latest of these moments over all `a`. A client can't do
//! better whatever it does. It is held to the provider's limits alone: not to those that the client
//! sets itself, nor to any fault but dead keys.

use std::time::Duration;

use super::limit::{Limit, LimitPair};
use super::report::{Spread, rounded};
use super::scenario::{LimitScope, Scenario};
use super::service::{answer_time, tokens_of_a_call};

/// What is smaller, in seconds or as a share of the time, may be lost in rounding, and time would stand still.
const LEAST_STEP: f64 = 1e-9;
const LEAST_SHARE: f64 = 1e-15;

/// When the last call would end, in seconds from the start, and how long each would wait.
pub(super) fn optimum(scenario: &Scenario, arrivals: &[Duration], keys: usize) -> (f64, Spread) {
    let mut limits = of_all(scenario, keys);
    let amounts = [1.0, tokens_of_a_call(scenario)];
    let mut start = 0.0_f64;
    let mut waits = Vec::with_capacity(arrivals.len());
    for at in arrivals.iter().map(Duration::as_secs_f64) {
        start = start.max(at);
        for (limit, amount) in limits.iter_mut().zip(amounts) {
            if let Some(limit) = limit {
                while !limit.grants(amount, start) {
                    let wait = limit.wait(amount, start);
                    start += wait.max(LEAST_STEP).max(start * LEAST_SHARE);
                }
            }
        }
        let both = limits.iter_mut().zip(amounts);
        both.for_each(|(limit, amount)| limit.iter_mut().for_each(|limit| limit.take(amount)));
        waits.push(start - at);
    }
    let end = if arrivals.is_empty() { 0.0 } else { start + answer_time(scenario) };
    (rounded(end), Spread::of(waits))
}

/// What the keys that work have together.
fn of_all(scenario: &Scenario, keys: usize) -> LimitPair {
    let holders = match scenario.limits.scope {
        LimitScope::Account => 1,
        LimitScope::Key => keys.saturating_sub(scenario.faults.dead_keys as usize).max(1),
    };
    Limit::both(&scenario.limits).map(|limit| limit.map(|limit| limit.times(holders as f64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::simulation::Counting;

    /// After centuries, where a microsecond is lost in rounding.
    #[test]
    fn time_never_stands_still() {
        let mut scenario = Scenario::new(serde_json::Value::Null);
        let arrivals = vec![Duration::ZERO; 500_000];
        scenario.limits.requests = Some(1.0);
        scenario.limits.per = 86_399.9;
        for counting in [Counting::Bucket, Counting::Window] {
            scenario.limits.counting = counting;
            let (found, _) = optimum(&scenario, &arrivals, 1);
            assert!((found / (499_999.0 * 86_399.9) - 1.0).abs() < 1e-6, "{counting:?}: {found}");
        }
        scenario.limits.requests = None;
        (scenario.traffic.input_tokens, scenario.traffic.output_tokens) = (1_000_000, 999_999);
        scenario.limits.tokens_per_minute = Some(1_999_999.0);
        let (found, _) = optimum(&scenario, &arrivals, 1);
        assert!((found / (499_999.0 * 60.0) - 1.0).abs() < 1e-3, "{found}");
    }
}
