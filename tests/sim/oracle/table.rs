//! The decision table of DESIGN §4, once more and on its own: every call's attempts are replayed
//! through it, and must be what it allows, with the waits that it asks for.
//!
//! Where it hangs on a key whose jittered rest nobody outside can know, each of the possible ways
//! is followed: the call must have gone one of them.

use std::time::Duration;

use super::bucket::{is_trouble, levels, waited_for_its_token};
use super::endings::{found_no_room, ran_out_of_time};
use super::pool::{Look, Looks};
use super::{Case, pool};
use crate::outcome::{Failed, Outcome, Row};
use crate::trace::{Attempt, Call, Event, Returned};

/// Moves in a row from one limited key to the next.
const MOST_MOVES: u32 = 8;
/// No wait is longer than this, whatever the provider asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// How far a call has got.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    /// Rounds that had to wait.
    rounds: u32,
    moves: u32,
    asks_usage: bool,
}

/// What may follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Next {
    End,
    /// Another attempt after a wait between these, and the bucket's.
    Go(State, Duration, Duration),
}

/// What the table needs to know besides the failure.
struct Rules {
    max_retries: u32,
    retry_delay: Duration,
}

pub fn judge(case: &Case, looks: &Looks) {
    let levels = levels(case);
    for (number, attempts) in case.trace.attempts_of() {
        let replay = Replay { case, looks, number, levels: &levels, attempts: &attempts };
        replay.judge();
    }
}

struct Replay<'a> {
    case: &'a Case<'a>,
    looks: &'a Looks,
    number: usize,
    levels: &'a [f64],
    attempts: &'a [usize],
}

impl Replay<'_> {
    fn judge(&self) {
        let first = &self.case.trace.attempts[self.attempts[0]];
        self.starts_in_time(first, self.call().asked, self.attempts[0]);
        let asks_usage = first.asks_usage;
        let mut states = vec![State { rounds: 0, moves: 0, asks_usage }];
        for (n, &index) in self.attempts.iter().enumerate() {
            let Outcome::Failed(failed) = &self.case.outcomes[index] else {
                assert_eq!(n + 1, self.attempts.len(), "call {}: no more tries", self.number);
                return;
            };
            let look = &self.looks.after_attempt[index];
            let (rules, now) = (self.rules(), self.now(index));
            let after = |state: &State| rules.after(*state, failed, look, now);
            let nexts: Vec<Next> = states.iter().flat_map(after).collect();
            states = match self.attempts.get(n + 1) {
                Some(&next) => self.goes_on(index, next, &nexts, &states, failed, look),
                None => return self.ends(index, &nexts, failed),
            };
        }
    }

    fn rules(&self) -> Rules {
        let scenario = self.case.scenario;
        Rules { max_retries: scenario.retries(self.number), retry_delay: scenario.retry_delay }
    }

    fn call(&self) -> &Call {
        &self.case.trace.calls[&self.number]
    }

    fn now(&self, attempt: usize) -> Duration {
        self.case.trace.attempts[attempt].ended
    }

    /// The states that the next attempt leaves possible; there must be one.
    fn goes_on(
        &self,
        index: usize,
        next: usize,
        nexts: &[Next],
        states: &[State],
        failed: &Failed,
        look: &Look,
    ) -> Vec<State> {
        let attempt = &self.case.trace.attempts[next];
        let waited = attempt.started - self.now(index);
        let is_free = self.finds_a_key(index, next);
        // A backoff may end before the first key has rested.
        let rested = match look.cooling {
            Some((_, to)) if look.none => to.saturating_sub(self.now(index)),
            None if look.none => Duration::MAX,
            _ => Duration::ZERO,
        };
        let fits = |next_step: &Next| match *next_step {
            Next::Go(state, least, most) => {
                let in_time = waited <= most.max(rested).saturating_add(Duration::from_micros(2))
                    || !is_free
                    || self.case.scenario.steps_on()
                    || self.case.scenario.is_crowded()
                    || waited_for_its_token(self.levels[next]);
                // A test that lifts a refusal ends the wait for another key, one that is under way makes it
                // longer, and a key whose quota comes back soon may be ready before the one that was
                // waited for.
                let in_time = in_time || (look.none && self.on_probation(index));
                let may_end = self.on_probation(index) || !is_free;
                let in_place = waited >= least || (look.none && may_end);
                let fits = in_place && in_time && state.asks_usage == attempt.asks_usage;
                fits.then_some(state)
            }
            Next::End => None,
        };
        let mut possible: Vec<State> = Vec::new();
        for state in nexts.iter().filter_map(fits) {
            if !possible.contains(&state) {
                possible.push(state);
            }
        }
        assert!(
            !possible.is_empty(),
            "call {}: attempt {next} came {waited:?} after attempt {index}, which is none of \
             {nexts:?}\nafter {failed:?}\nin {states:?}\nwith {look:?}",
            self.number
        );
        possible
    }

    /// Whether some key has been refused by the time that an attempt ended.
    fn on_probation(&self, index: usize) -> bool {
        let events = self.case.trace.events.iter();
        let mut before = events.take_while(|event| **event != Event::Ended(index));
        before.any(|event| match event {
            Event::Ended(other) => is_refusal(&self.case.outcomes[*other]),
            _ => false,
        }) || is_refusal(&self.case.outcomes[index])
    }

    /// Whether nothing happened between two attempts that could have taken the next one's key away.
    fn finds_a_key(&self, index: usize, next: usize) -> bool {
        let events = &self.case.trace.events;
        let from = events.iter().position(|event| *event == Event::Ended(index)).unwrap();
        let on_probation = self.on_probation(index);
        let between = events[from + 1..].iter().take_while(|event| **event != Event::Started(next));
        let takes = |event: &Event| match *event {
            Event::Ended(other) => is_trouble(&self.case.outcomes[other]),
            // A test of a refused key takes it from everybody else, and so does any use of a paced one.
            Event::Started(_) => on_probation || self.looks.after_attempt[index].paced,
            _ => false,
        };
        !between.into_iter().any(takes)
    }

    /// The last attempt failed: was that to be the end?
    fn ends(&self, index: usize, nexts: &[Next], failed: &Failed) {
        let (call, now) = (self.call(), self.now(index));
        let goes = |next: &Next| matches!(next, Next::Go(..));
        match &call.result {
            Returned::Cancelled => assert!(
                nexts.iter().any(goes),
                "call {} goes on after {failed:?}, which ends it",
                self.number
            ),
            Returned::Failed(error) => {
                let deadline = self.case.scenario.total(self.number);
                let deadline = deadline.map(|total| call.asked + total);
                let retry_at = error.retry_at().map(|moment| {
                    let left = moment.duration_since(call.returned_by_day);
                    call.returned + left.unwrap_or_default()
                });
                let is_too_late = retry_at.is_some_and(|at| {
                    deadline.is_some_and(|deadline| at + Duration::from_micros(1) > deadline)
                        || at + Duration::from_micros(1) > call.returned + LONGEST_WAIT
                });
                // A backoff that cannot fit is not begun either, and has no moment to name.
                let wait_is_too_late = nexts.iter().any(|next| match *next {
                    Next::Go(_, _, most) => {
                        most > LONGEST_WAIT || deadline.is_some_and(|at| now + most > at)
                    }
                    Next::End => false,
                });
                let look = &self.looks.at_return[&self.number];
                let at_once = failed.row == Row::WithoutUsage;
                let lacks_a_key = look.none && (at_once || call.returned > now);
                let (scenario, number) = (self.case.scenario, self.number);
                let time_is_up = ran_out_of_time(scenario, number, call, error)
                    || found_no_room(scenario, number, call, error);
                assert!(
                    nexts.contains(&Next::End)
                        || time_is_up
                        || is_too_late
                        || wait_is_too_late
                        || lacks_a_key,
                    "call {} ends with {error:?}\nafter {failed:?}, where {nexts:?} may come",
                    self.number
                );
            }
            result => panic!("call {}: {result:?} after {failed:?}", self.number),
        }
    }

    /// A first attempt starts when it is asked for, or has waited for a token, or for a key.
    fn starts_in_time(&self, attempt: &Attempt, asked: Duration, index: usize) {
        let trace = self.case.trace;
        let mut ended = trace.attempts.iter().zip(&self.case.outcomes);
        let trouble = ended.any(|(other, came)| other.ended <= attempt.started && is_trouble(came));
        assert!(
            trouble
                || self.case.scenario.steps_on()
                || self.case.scenario.is_crowded()
                || attempt.started <= asked + Duration::from_micros(2)
                || waited_for_its_token(self.levels[index]),
            "call {} starts {:?} after it was asked, with {} tokens there",
            self.number,
            attempt.started - asked,
            self.levels[index]
        );
    }
}

impl Rules {
    /// All that the table allows after a failure.
    fn after(&self, state: State, failed: &Failed, look: &Look, now: Duration) -> Vec<Next> {
        if failed.after_visible {
            return vec![Next::End];
        }
        match (failed.row, failed.should_retry) {
            (Row::WithoutUsage, _) if state.asks_usage => {
                let state = State { asks_usage: false, ..state };
                vec![Next::Go(state, Duration::ZERO, Duration::ZERO)]
            }
            (Row::Final, Some(true)) | (Row::Later, None | Some(true)) => {
                vec![self.backs_off(state, failed.asks)]
            }
            (Row::Final | Row::WithoutUsage, _) | (Row::Later, Some(false)) => vec![Next::End],
            _ => self.other_key(state, failed, look, now),
        }
    }

    fn other_key(&self, state: State, failed: &Failed, look: &Look, now: Duration) -> Vec<Next> {
        let at_once = |state| Next::Go(state, Duration::ZERO, Duration::ZERO);
        let mut nexts = Vec::new();
        if look.untried {
            let moves = state.moves + u32::from(failed.row == Row::Limited);
            nexts.push(match moves {
                0..=MOST_MOVES => at_once(State { moves, ..state }),
                _ => self.backs_off(state, None),
            });
        }
        if !look.tried && !look.none {
            return nexts;
        }
        let Some(round) = self.round(state).filter(|_| failed.should_retry != Some(false)) else {
            nexts.push(Next::End);
            return nexts;
        };
        if look.tried {
            nexts.push(at_once(round));
        }
        if look.none {
            nexts.push(match look.cooling {
                Some((from, to)) => Next::Go(round, from - now, to - now),
                None => Next::End,
            });
        }
        nexts
    }

    fn backs_off(&self, state: State, asks: Option<Duration>) -> Next {
        let full = pool::backoff(self.retry_delay, state.rounds);
        let (least, most) = asks.map_or((full / 2, full), |asks| (asks, asks));
        self.round(state).map_or(Next::End, |state| Next::Go(state, least, most))
    }

    fn round(&self, state: State) -> Option<State> {
        (state.rounds < self.max_retries).then_some(State {
            rounds: state.rounds + 1,
            moves: 0,
            ..state
        })
    }
}

/// Whether a key is refused for a long time by this.
fn is_refusal(outcome: &Outcome) -> bool {
    is_trouble(outcome) && !matches!(outcome, Outcome::Failed(failed) if failed.row == Row::Limited)
}
