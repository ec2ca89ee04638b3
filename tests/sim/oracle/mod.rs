//! The oracles: each judges a trace by one contract of DESIGN §4, with as little as possible of the
//! library's own reasoning.

mod accounts;
mod bucket;
mod budget;
mod crowd;
mod endings;
mod pool;
mod table;

use super::outcome::{Outcome, outcomes};
use super::scenario::Scenario;
use super::trace::Trace;

/// What every oracle looks at.
pub struct Case<'a> {
    pub scenario: &'a Scenario,
    pub trace: &'a Trace,
    /// By attempt.
    pub outcomes: Vec<Outcome>,
}

/// Panics, saying what is wrong, if a contract is broken.
pub fn judge(scenario: &Scenario, trace: &Trace) {
    let end = trace.end.as_ref().unwrap();
    assert_eq!(end.hung, 0, "tasks hang");
    let case = Case { scenario, trace, outcomes: outcomes(scenario, trace) };
    accounts::judge(&case);
    bucket::judge(&case);
    budget::judge(&case);
    crowd::judge(&case);
    let looks = pool::judge(&case);
    endings::judge(&case, &looks);
    table::judge(&case, &looks);
}
