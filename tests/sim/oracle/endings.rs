//! How calls end: each once, by its deadline, with what the provider said last; a cut answer never
//! as a success; and every attempt told as it was.

use std::time::Duration;

use lockkeeper::{Clock, Error, ErrorKind, StreamState};

use super::Case;
use super::pool::Looks;
use crate::outcome::{Failed, Outcome, Row};
use crate::said::{Event, Said, Whole};
use crate::scenario::{Leaves, Scenario};
use crate::trace::{Attempt, Call, Returned};

/// Nobody waits longer for a key.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// What rounding may take from a wait.
const ROUNDING: Duration = Duration::from_micros(2);

pub fn judge(case: &Case, looks: &Looks) {
    let attempts_of = case.trace.attempts_of();
    for (&number, call) in &case.trace.calls {
        let attempts = attempts_of.get(&number).map_or(&[][..], Vec::as_slice);
        by_its_deadline(case.scenario, number, call);
        told_as_it_was(case, number, call, attempts);
        let last = attempts.last().map(|&index| (&case.trace.attempts[index], index));
        match &call.result {
            Returned::NotYet => panic!("call {number} never ended"),
            Returned::Cancelled => {
                let leaves = case.scenario.calls[number].leaves;
                assert!(!matches!(leaves, Leaves::Never), "call {number} is told to leave");
                let is_open = |state| matches!(state, StreamState::Open | StreamState::Cancelled);
                assert!(call.state.is_none_or(is_open), "{:?} after leaving", call.state);
            }
            Returned::Answer => {
                let (attempt, index) = last.unwrap();
                let outcome = &case.outcomes[index];
                assert_eq!(*outcome, Outcome::Answered, "call {number} succeeds all the same");
                assert_eq!(call.text, delivered_text(attempt), "the text of call {number}");
                assert!(call.state.is_none_or(|state| state == StreamState::Finished));
            }
            Returned::Failed(error) => {
                let lacks = &looks.at_return[&number];
                let lacks = if lacks.none { &lacks.lacks[..] } else { &[] };
                let failed = last.map(|(_, index)| &case.outcomes[index]);
                let is_late = ran_out_of_time(case.scenario, number, call, error)
                    || found_no_room(case.scenario, number, call, error);
                if !is_late {
                    fits(number, error, failed, lacks);
                }
                failed_stream(number, call, error, last.map(|(attempt, _)| attempt));
            }
        }
        assert!(!call.spoke_after_its_end, "call {number} goes on after its end");
    }
}

fn by_its_deadline(scenario: &Scenario, number: usize, call: &Call) {
    let Some(total) = scenario.total(number) else { return };
    // A reader who rests between chunks may find the deadline passed when it comes back; a step on
    // may carry the clock past it in one go.
    if !scenario.calls[number].rests.is_zero() {
        return;
    }
    let took = call.returned - call.asked;
    let most = total + scenario.stepped_on();
    assert!(took <= most, "call {number} took {took:?} of {total:?}");
}

/// The time was up when the call came to begin its next attempt.
pub fn ran_out_of_time(scenario: &Scenario, number: usize, call: &Call, error: &Error) -> bool {
    let is_up = scenario.total(number).is_some_and(|total| call.returned >= call.asked + total);
    error.clock() == Some(Clock::Total) && is_up
}

/// The call has waited for room as long as it may.
pub fn found_no_room(scenario: &Scenario, number: usize, call: &Call, error: &Error) -> bool {
    let patience = scenario.total(number).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    // A key's own limits tell at once that a wait is too long.
    let is_told = scenario.per_key && error.retry_at().is_some();
    let is_up = is_told || call.returned + ROUNDING >= call.asked + patience;
    scenario.is_crowded() && error.kind() == ErrorKind::RateLimited && is_up
}

/// The error's kind is that of the last failure, or says which kind of key is wanting.
fn fits(number: usize, error: &Error, last: Option<&Outcome>, lacks: &[ErrorKind]) {
    match last {
        Some(Outcome::Failed(failed)) => {
            let is_its = error.kind() == failed.kind
                && error.status() == failed.status
                && error.clock() == failed.clock;
            // To be asked without `stream_options` is no failure to speak of.
            let is_new = failed.row == Row::WithoutUsage && error.kind() == ErrorKind::RateLimited;
            assert!(
                is_its || is_new || lacks.contains(&error.kind()),
                "call {number} ends with {error:?} after {failed:?}, where keys lack {lacks:?}"
            );
        }
        Some(outcome) => panic!("call {number} fails with {error:?} after {outcome:?}"),
        // The bucket or the keys take too long.
        None => assert!(
            error.kind() == ErrorKind::RateLimited || lacks.contains(&error.kind()),
            "call {number} ends with {error:?} before its first attempt"
        ),
    }
}

/// A stream that failed says so in its state, and hands over what had arrived, if anything.
fn failed_stream(number: usize, call: &Call, error: &Error, last: Option<&Attempt>) {
    let Some(state) = call.state else { return };
    let expected = match error.kind() {
        ErrorKind::Truncated => StreamState::Truncated,
        _ => StreamState::Failed,
    };
    assert_eq!(state, expected, "the state of call {number}");
    let partial = error.partial().map(|partial| &*partial.text);
    let began = (!call.text.is_empty()).then_some(&*call.text);
    assert_eq!(partial, began, "the partial text of call {number}");
    // Text that was visible is never taken back by another try.
    assert_eq!(call.text, last.map(delivered_text).unwrap_or_default());
    let whole = call.usage.is_none() || call.usage.as_ref() == error.usage();
    assert!(whole, "the usage of call {number}");
}

/// What the provider managed to say.
pub fn delivered_text(attempt: &Attempt) -> String {
    match &attempt.said {
        Said::Whole(Whole::Answer { text, .. }) => text.clone(),
        Said::Stream(events) => {
            let text = |event: &Event| match event {
                Event::Text(text) => text.clone(),
                _ => String::new(),
            };
            events[..attempt.pieces.len()].iter().map(text).collect()
        }
        _ => String::new(),
    }
}

/// The attempts that the client tells of are those that failed, with their keys and times.
fn told_as_it_was(case: &Case, number: usize, call: &Call, attempts: &[usize]) {
    let is_stream = call.state.is_some();
    if !is_stream && !matches!(call.result, Returned::Failed(_)) {
        return; // nobody is told
    }
    let failed: Vec<(&Attempt, &Failed)> = attempts
        .iter()
        .filter_map(|&index| match &case.outcomes[index] {
            Outcome::Failed(failed) => Some((&case.trace.attempts[index], failed)),
            _ => None,
        })
        .collect();
    assert_eq!(call.told.len(), failed.len(), "failed attempts of call {number}");
    for (told, (attempt, failed)) in call.told.iter().zip(failed) {
        let key = Scenario::key(attempt.key);
        assert!(told.key_label.ends_with(&key[key.len() - 4..]), "{told:?}, not {key}");
        assert_eq!((told.kind, told.status), (failed.kind, failed.status), "call {number}");
        let times = (attempt.started - call.asked, attempt.ended - attempt.started);
        let told = (told.started_after, told.took);
        let off = told.0.abs_diff(times.0).max(told.1.abs_diff(times.1));
        assert!(off == Duration::ZERO, "call {number} began and took {told:?}, not {times:?}");
    }
}
