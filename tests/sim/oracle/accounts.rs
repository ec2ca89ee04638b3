//! The books: nothing is left in flight, open or waiting, and every count adds up.

use lockkeeper::{ClientStats, Usage};

use super::Case;
use super::endings::delivered_text;
use crate::run::messages;
use crate::said::{Event, Said, Whole};
use crate::scenario::Leaves;
use crate::trace::{Attempt, Call, Returned};

pub fn judge(case: &Case) {
    let end = case.trace.end.as_ref().unwrap();
    assert_eq!(end.in_flight, 0, "keys are still in flight");
    assert_eq!(end.open_requests, 0, "requests are still open");
    assert_eq!(end.waiters, 0, "somebody still waits at a bucket");
    calls_add_up(case, &end.stats);
    tokens_add_up(case, &end.stats);
    for (&number, call) in &case.trace.calls {
        usage_is_the_providers(case, number, call);
    }
}

fn calls_add_up(case: &Case, stats: &ClientStats) {
    let calls = || case.trace.calls.values();
    let count = |of: fn(&Returned) -> bool| calls().filter(|call| of(&call.result)).count() as u64;
    let succeeded = count(|result| matches!(result, Returned::Answer));
    let failed = count(|result| matches!(result, Returned::Failed(_)));
    let cancelled = count(|result| matches!(result, Returned::Cancelled));
    assert_eq!(stats.calls, case.scenario.calls.len() as u64, "calls");
    assert_eq!(
        (stats.succeeded, stats.failed, stats.cancelled),
        (succeeded, failed, cancelled),
        "calls that succeeded, failed and were cancelled"
    );
    assert_eq!(stats.attempts, case.trace.attempts.len() as u64, "attempts");
    for (index, key) in case.trace.end.as_ref().unwrap().keys.iter().enumerate() {
        let sent = case.trace.attempts.iter().filter(|attempt| attempt.key == index).count();
        let counts = key.counts;
        assert_eq!(counts.attempts, sent as u64, "attempts of key {index}");
        let ended = counts.succeeded + counts.rate_limited + counts.failed + counts.cancelled;
        assert_eq!(ended, counts.attempts, "every attempt of key {index} ends one way");
        let failures: u64 = key.failures.iter().map(|(_, count)| count).sum();
        assert_eq!(failures, counts.failed + counts.rate_limited, "kinds of key {index}");
        let timed = key.latency.map_or(0, |latency| latency.count);
        assert_eq!(timed, counts.succeeded, "latencies of key {index}");
    }
}

fn tokens_add_up(case: &Case, stats: &ClientStats) {
    let usages = || case.trace.calls.values().filter_map(|call| call.usage.as_ref());
    let said = (
        usages().map(|usage| usage.prompt_tokens).sum::<u64>(),
        usages().map(|usage| usage.completion_tokens).sum::<u64>(),
    );
    assert_eq!((stats.input_tokens, stats.output_tokens), said, "LLM tokens of all calls");
    let keys = &case.trace.end.as_ref().unwrap().keys;
    let by_key = (
        keys.iter().map(|key| key.counts.input_tokens).sum::<u64>(),
        keys.iter().map(|key| key.counts.output_tokens).sum::<u64>(),
    );
    assert_eq!(by_key, said, "LLM tokens of all keys");
}

/// What a call cost is what the provider reported last, or else an estimate that says so.
fn usage_is_the_providers(case: &Case, number: usize, call: &Call) {
    let Some(usage) = &call.usage else { return };
    // A reader who rests may leave before it has read all that was delivered.
    let plan = &case.scenario.calls[number];
    if !plan.rests.is_zero() && !matches!(plan.leaves, Leaves::Never) {
        return;
    }
    let attempt = case.trace.attempts.iter().rfind(|attempt| attempt.call == number).unwrap();
    match reported(attempt) {
        Some(reported) => {
            let known = (usage.prompt_tokens, usage.completion_tokens);
            assert_eq!((known, usage.estimated), (reported, false), "usage of call {number}");
        }
        None => {
            let estimate = Usage::estimated(&messages(number), &delivered_text(attempt));
            assert_eq!(*usage, estimate, "the estimated usage of call {number}");
        }
    }
}

fn reported(attempt: &Attempt) -> Option<(u64, u64)> {
    match &attempt.said {
        Said::Whole(Whole::Answer { usage, .. }) => *usage,
        Said::Stream(events) => {
            let delivered = &events[..attempt.pieces.len()];
            delivered.iter().rev().find_map(|event| match event {
                Event::Usage(input, output) => Some((*input, *output)),
                _ => None,
            })
        }
        _ => None,
    }
}
