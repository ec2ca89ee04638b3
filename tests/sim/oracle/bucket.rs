//! The token bucket's contract: the window law, first come first served, and no idle token while
//! somebody waits.
//!
//! Time is the client's steady clock. A step on of the machine's clock is time to the client, and
//! nothing it could know better, so the law is held to a clock that counts it; a step back is
//! hidden from the client by that clock, and so from the law: no token may be gained or lost by it.
//! Timers do not ring earlier for a step on, though, so idleness is judged without such steps, and
//! order only where they make nobody so late that the rest must pass.

use std::time::Duration;

use super::Case;
use crate::outcome::Outcome;
use crate::scenario::MODELS;
use crate::trace::{Event, Returned};

/// What rounding may take from a bucket.
const ROUNDING: f64 = 1e-5;
/// How full a bucket may get before a waiter takes its token: a timer's rounding more than 1.
const IN_TIME: f64 = 1.0 + 1e-3;

/// A waiter who looks later than this may be passed.
const LATE: Duration = Duration::from_secs(1);

pub fn judge(case: &Case) {
    for (index, model) in MODELS.iter().enumerate() {
        match case.scenario.per_key {
            false => window_law(case, index, &starts_on(case, model, None)),
            true => (0..case.scenario.keys.len())
                .for_each(|key| window_law(case, index, &starts_on(case, model, Some(key)))),
        }
    }
    if case.scenario.stepped_on() < LATE {
        first_come_first_served(case);
    }
    if !case.scenario.steps_on() {
        no_idle_token(case);
    }
    if case.scenario.is_ideal {
        as_fast_as_can_be(case);
    }
}

/// In any window of t seconds at most `capacity + rate · t` attempts start.
fn window_law(case: &Case, index: usize, starts: &[Duration]) {
    // What a key's own limits hold for is the client's model: all others have the same.
    let (capacity, rate) = case.scenario.limits[if case.scenario.per_key { 0 } else { index }];
    let model = MODELS[index];
    // From start i to start j there are j - i + 1; all i are looked at through the least of them.
    let mut least = f64::INFINITY;
    for (count, &at) in starts.iter().enumerate() {
        let owed = count as f64 - rate * (at - starts[0]).as_secs_f64();
        least = least.min(owed);
        assert!(
            owed + 1.0 - least <= capacity + ROUNDING,
            "the window law of `{model}` is broken at {at:?}: {:.6} over a capacity of {capacity}",
            owed + 1.0 - least
        );
    }
}

/// First attempts start in the order of their calls: of one priority in that in which they asked, of
/// several as if each step of it were 10 seconds. A call that finds no ready key gives its token back and
/// queues again, so the order is known only until the first trouble with a key.
fn first_come_first_served(case: &Case) {
    let mut queues = vec![Vec::new(); MODELS.len()];
    let of = |call: usize| case.scenario.calls[call].model.unwrap_or(0);
    for event in &case.trace.events {
        match *event {
            Event::Asked(call) => queues[of(call)].push(call),
            Event::Returned(call) => queues[of(call)].retain(|&waiting| waiting != call),
            Event::Ended(attempt) if is_trouble(&case.outcomes[attempt]) => return,
            Event::Ended(_) | Event::Answers(_) => {}
            Event::Started(attempt) => {
                let call = case.trace.attempts[attempt].call;
                let queue = &mut queues[of(call)];
                let Some(place) = queue.iter().position(|&waiting| waiting == call) else {
                    continue;
                };
                for (other, &waiting) in queue.iter().enumerate() {
                    let first = comes_first(case, (waiting, other), (call, place));
                    assert!(!first, "call {call} started before {waiting}");
                }
                queue.remove(place);
            }
        }
    }
}

/// Whether one call, by its number and its place among those that asked, surely comes before another.
fn comes_first(case: &Case, one: (usize, usize), other: (usize, usize)) -> bool {
    let priority = |call: usize| case.scenario.calls[call].priority;
    let rank = |call: usize| {
        let steps = u32::from((100 - priority(call)).unsigned_abs());
        case.trace.calls[&call].asked + Duration::from_secs(10) * steps
    };
    match priority(one.0) == priority(other.0) {
        true => one.1 < other.1,
        // The client may have seen a step of the clock between them.
        false => rank(one.0) + LATE < rank(other.0),
    }
}

/// At no random moment is there a token while somebody waits.
fn no_idle_token(case: &Case) {
    for sample in &case.trace.samples {
        for (model, &(tokens, waiters)) in MODELS.iter().zip(&sample.buckets) {
            assert!(
                waiters == 0 || tokens < IN_TIME,
                "{waiters} wait at {:?} although `{model}` has {tokens} tokens",
                sample.at
            );
        }
    }
}

/// What was in the bucket just before each attempt took its token.
pub fn levels(case: &Case) -> Vec<f64> {
    let mut buckets = case.scenario.limits.map(|(capacity, _)| (capacity, Duration::ZERO));
    let level = |attempt: &crate::trace::Attempt| {
        let index = MODELS.iter().position(|model| *model == attempt.model).unwrap();
        let (capacity, rate) = case.scenario.limits[index];
        let (level, updated) = &mut buckets[index];
        let gained = (attempt.started - *updated).as_secs_f64() * rate;
        let before = (*level + gained).min(capacity);
        (*level, *updated) = (before - 1.0, attempt.started);
        before
    };
    case.trace.attempts.iter().map(level).collect()
}

/// A caller that starts later than it could was waiting for a token that has just come in.
pub fn waited_for_its_token(level: f64) -> bool {
    level < IN_TIME
}

/// Where nothing fails, every start is known beforehand: it comes at the call's arrival, or as soon
/// as tokens for all those from some earlier arrival on have come in, starting from a full bucket.
fn as_fast_as_can_be(case: &Case) {
    let (mut best, mut real) = (Duration::ZERO, Duration::ZERO);
    for (index, model) in MODELS.iter().enumerate() {
        let (capacity, rate) = case.scenario.limits[index];
        let arrivals = arrivals_at(case, index);
        let starts = starts_on(case, model, None);
        assert_eq!(starts.len(), arrivals.len(), "one attempt a call");
        for (n, (&(asked, service), &started)) in arrivals.iter().zip(&starts).enumerate() {
            let tokens_for = |(earlier, (at, _)): (usize, &(Duration, Duration))| {
                let wanted = (n - earlier + 1) as f64 - capacity;
                *at + Duration::from_secs_f64(wanted.max(0.0) / rate)
            };
            let earliest = arrivals[..=n].iter().enumerate().map(tokens_for).max();
            let earliest = earliest.unwrap_or(asked);
            let late = started.abs_diff(earliest);
            assert!(late < Duration::from_micros(10), "start {n} is off by {late:?}");
            best = best.max(earliest + service);
            real = real.max(started + service);
        }
    }
    let origin = case.trace.calls.values().map(|call| call.asked).min().unwrap_or_default();
    let (best, real) = (best.saturating_sub(origin), real.saturating_sub(origin));
    assert!(real <= best.mul_f64(1.01), "it took {real:?} where {best:?} would do");
    assert!(case.trace.calls.values().all(|call| matches!(call.result, Returned::Answer)));
}

/// When each call on a bucket asked, in their order, and how long its answer took to give.
fn arrivals_at(case: &Case, model: usize) -> Vec<(Duration, Duration)> {
    let mut arrivals = Vec::new();
    for event in &case.trace.events {
        if let Event::Asked(call) = *event
            && case.scenario.calls[call].model.unwrap_or(0) == model
        {
            let asked = case.trace.calls[&call].asked;
            let attempt = case.trace.attempts.iter().find(|attempt| attempt.call == call);
            arrivals.push((asked, attempt.map_or(Duration::MAX, |a| a.ended - a.started)));
        }
    }
    arrivals
}

/// When attempts on a model started: all, or those with one key.
fn starts_on(case: &Case, model: &str, key: Option<usize>) -> Vec<Duration> {
    let on = case
        .trace
        .attempts
        .iter()
        .filter(|attempt| attempt.model == model && key.is_none_or(|key| attempt.key == key));
    on.map(|attempt| attempt.started).collect()
}

/// Whether a key is worse off for this.
pub fn is_trouble(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failed) if failed.row.is_about_the_key())
}
