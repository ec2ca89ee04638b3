//! The budget of LLM tokens: nothing starts for which there is not enough left.
//!
//! Beside the client a naive count is kept of what may be left at the most: an attempt sets aside its
//! input, as it is estimated, and its most output, and all of that is taken to come back when it ends,
//! but for what its answer is known to have cost.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Case;
use crate::outcome::Outcome;
use crate::said::{Said, Whole};
use crate::trace::Event;

/// What rounding may take.
const SLIGHT: f64 = 1e-2;

pub fn judge(case: &Case) {
    let Some(budget) = case.scenario.budget else { return };
    let mut left: BTreeMap<(&str, usize), (f64, Duration)> = BTreeMap::new();
    for event in &case.trace.events {
        let (index, starts) = match *event {
            Event::Started(index) => (index, true),
            Event::Ended(index) => (index, false),
            _ => continue,
        };
        let attempt = &case.trace.attempts[index];
        let now = if starts { attempt.started } else { attempt.ended };
        let key = if case.scenario.per_key { attempt.key } else { 0 };
        let (level, updated) =
            left.entry((&attempt.model, key)).or_insert((budget, Duration::ZERO));
        let gained = now.saturating_sub(*updated).as_secs_f64() * budget / 60.0;
        *level = (*level + gained).min(budget);
        *updated = now;
        let asked = asked(case, attempt.call);
        if starts {
            assert!(*level + SLIGHT >= asked, "{asked} LLM tokens are taken of {level} at {now:?}");
            *level -= asked;
        } else {
            *level = (*level + asked - cost(case, index)).min(budget);
        }
    }
}

/// What a call sets aside: its messages say `call` and its number, its role and the answer's are 3 each.
fn asked(case: &Case, call: usize) -> f64 {
    let text = format!("call {call}").len().div_ceil(4);
    text as f64 + 6.0 + case.scenario.calls[call].most_output as f64
}

/// What an attempt is known to have cost.
fn cost(case: &Case, index: usize) -> f64 {
    match (&case.outcomes[index], &case.trace.attempts[index].said) {
        (Outcome::Answered, Said::Whole(Whole::Answer { usage: Some((input, output)), .. })) => {
            (input + output) as f64
        }
        _ => 0.0,
    }
}
