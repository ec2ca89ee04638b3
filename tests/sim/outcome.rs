//! How each attempt came out, from what the provider said, what of it was delivered, and when the
//! client let go: DESIGN's rows and clocks once more, without the client's own words for them.

use std::time::Duration;

use lockkeeper::{Clock, ErrorKind};

use super::said::{Event, Meaning, Refusal, Said, Whole};
use super::scenario::{Leaves, Scenario};
use super::trace::{Attempt, BodyEnd, Returned, Trace};

/// So long a client waits for a late usage chunk.
const LATE_USAGE: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Answered,
    /// The caller has left while it was under way.
    Abandoned,
    Failed(Failed),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    pub row: Row,
    pub kind: ErrorKind,
    pub status: Option<u16>,
    pub clock: Option<Clock>,
    /// The wait that the provider asks for.
    pub asks: Option<Duration>,
    pub should_retry: Option<bool>,
    pub after_visible: bool,
}

/// The rows of the decision table that differ in what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// No retry.
    Final,
    /// The same once more without the request for usage.
    WithoutUsage,
    Dead,
    Exhausted,
    Denied,
    Limited,
    /// Backoff.
    Later,
}

impl Row {
    pub fn is_about_the_key(self) -> bool {
        matches!(self, Self::Dead | Self::Exhausted | Self::Denied | Self::Limited)
    }
}

/// The outcome of every attempt.
pub fn outcomes(scenario: &Scenario, trace: &Trace) -> Vec<Outcome> {
    trace.attempts.iter().map(|attempt| Case::of(scenario, trace, attempt).outcome()).collect()
}

struct Case<'a> {
    attempt: &'a Attempt,
    streams: bool,
    rests: bool,
    /// The caller left in the end.
    cancelled: bool,
    /// It left at a moment of its own choice, while this attempt was under way.
    left_meanwhile: bool,
    /// The moment when the call must end.
    deadline: Option<Duration>,
    scenario: &'a Scenario,
}

impl<'a> Case<'a> {
    fn of(scenario: &'a Scenario, trace: &Trace, attempt: &'a Attempt) -> Self {
        let call = &trace.calls[&attempt.call];
        let deadline = scenario.total(attempt.call).map(|total| call.asked + total);
        let cancelled = matches!(call.result, Returned::Cancelled);
        let plan = &scenario.calls[attempt.call];
        let left_meanwhile =
            cancelled && attempt.ended == call.returned && matches!(plan.leaves, Leaves::After(_));
        let (streams, rests) = (plan.streams, !plan.rests.is_zero());
        Self { attempt, streams, rests, cancelled, left_meanwhile, deadline, scenario }
    }

    fn outcome(&self) -> Outcome {
        if self.attempt.was_reset {
            return later(ErrorKind::Connection);
        }
        let Some((headers_at, by_day)) = self.attempt.headers else {
            return self.ran_out(if self.streams { self.silence() } else { None });
        };
        match &self.attempt.said {
            Said::Nothing => unreachable!("nothing has no headers"),
            Said::Refusal(refusal) => {
                let asks = refusal.asks.and_then(|asks| asks.from(by_day));
                // The message is waited for, but the status is enough.
                let late = self.attempt.ended >= headers_at + Duration::from_secs(5)
                    || self.is_past_the_deadline();
                match self.attempt.body_end {
                    None if !late => Outcome::Abandoned,
                    None => Outcome::Failed(refused(&unread(refusal), asks)),
                    _ => Outcome::Failed(refused(refusal, asks)),
                }
            }
            Said::Whole(_) if self.attempt.body_end.is_none() => self.ran_out(None),
            Said::Whole(Whole::Answer { .. }) => Outcome::Answered,
            Said::Whole(Whole::Half) => later(ErrorKind::Truncated),
            Said::Whole(Whole::Error(meaning)) => Outcome::Failed(of_meaning(*meaning, 200)),
            Said::Stream(events) => self.stream(events),
        }
    }

    /// The first of the clocks that limit the wait for headers.
    fn silence(&self) -> Option<(Clock, Duration)> {
        let (clocks, started) = (&self.scenario.clocks, self.attempt.started);
        let headers = (Clock::Headers, started + clocks.headers);
        let first_token = (Clock::FirstToken, started + clocks.first_token);
        Some(if first_token.1 < headers.1 { first_token } else { headers })
    }

    /// Reads the events that were delivered as the caller's client must have.
    fn stream(&self, events: &[Event]) -> Outcome {
        let (mut begun, mut visible, mut finished_at) = (false, false, None);
        for (event, &at) in events.iter().zip(&self.attempt.pieces) {
            // Every other event has a choice in it.
            begun |= !matches!(event, Event::Usage(..) | Event::Done);
            match event {
                Event::Text(_) => visible = true,
                Event::Finish => finished_at = finished_at.or(Some(at)),
                Event::Done if begun => return Outcome::Answered,
                Event::Done => return later(ErrorKind::Truncated),
                Event::Malformed => return broken(later(ErrorKind::Decode), visible),
                Event::Error(meaning) => {
                    return broken(Outcome::Failed(of_meaning(*meaning, 200)), visible);
                }
                Event::Invisible | Event::Usage(..) => {}
            }
        }
        match self.attempt.body_end {
            Some(_) if finished_at.is_some() => Outcome::Answered,
            Some(BodyEnd::Whole | BodyEnd::Cut) => broken(later(ErrorKind::Truncated), visible),
            None => self.let_go(visible, finished_at),
        }
    }

    /// The client let go of a stream that had not ended.
    fn let_go(&self, visible: bool, finished_at: Option<Duration>) -> Outcome {
        let started = self.attempt.started;
        let last = self.attempt.pieces.last().copied().unwrap_or(started);
        let clocks = &self.scenario.clocks;
        // A failure after visible text would have been the call's own end.
        if visible && self.cancelled {
            return Outcome::Abandoned;
        }
        let limit = if !visible {
            Some((Clock::FirstToken, started + clocks.first_token))
        } else if self.rests && self.is_past_the_deadline() {
            None // while the reader rests no idle clock runs, but the total does
        } else {
            Some((Clock::Idle, last + clocks.idle))
        };
        match self.ran_out(limit) {
            _ if finished_at.is_some_and(|at| self.attempt.ended >= at + LATE_USAGE) => {
                Outcome::Answered
            }
            Outcome::Failed(_) if finished_at.is_some() => Outcome::Answered,
            outcome => broken(outcome, visible),
        }
    }

    /// The first of the clocks that could have run out; if none could, the caller has left.
    fn ran_out(&self, limit: Option<(Clock, Duration)>) -> Outcome {
        // Who leaves at a moment of its own choice may do so when the machine's clock has been set
        // on past a limit, and the timer is yet to ring.
        if self.left_meanwhile {
            return Outcome::Abandoned;
        }
        let total = self.deadline.map(|deadline| (Clock::Total, deadline));
        let first = [total, limit].into_iter().flatten().min_by_key(|(_, at)| *at);
        match first {
            Some((clock, at)) if self.attempt.ended >= at => {
                let row = if clock == Clock::Total { Row::Final } else { Row::Later };
                let failed = Failed::new(row, ErrorKind::Timeout);
                Outcome::Failed(Failed { clock: Some(clock), ..failed })
            }
            _ => Outcome::Abandoned,
        }
    }

    fn is_past_the_deadline(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.attempt.ended >= deadline)
    }
}

impl Failed {
    fn new(row: Row, kind: ErrorKind) -> Self {
        Self {
            row,
            kind,
            status: None,
            clock: None,
            asks: None,
            should_retry: None,
            after_visible: false,
        }
    }
}

fn later(kind: ErrorKind) -> Outcome {
    Outcome::Failed(Failed::new(Row::Later, kind))
}

fn broken(outcome: Outcome, after_visible: bool) -> Outcome {
    match outcome {
        Outcome::Failed(failed) => Outcome::Failed(Failed { after_visible, ..failed }),
        outcome => outcome,
    }
}

fn refused(refusal: &Refusal, asks: Option<Duration>) -> Failed {
    let failed = of_meaning(refusal.meaning, refusal.status);
    Failed { asks, should_retry: refusal.should_retry, ..failed }
}

/// A refusal of which only the status was read, not what it says.
fn unread(refusal: &Refusal) -> Refusal {
    let meaning = match (refusal.meaning, refusal.status) {
        (Meaning::Quota, 429) => Meaning::Limited,
        (Meaning::KeyRefused | Meaning::NoUsage, 400 | 422) => Meaning::BadRequest,
        (meaning, _) => meaning,
    };
    Refusal { meaning, ..refusal.clone() }
}

fn of_meaning(meaning: Meaning, status: u16) -> Failed {
    let (row, kind) = match meaning {
        Meaning::BadRequest => (Row::Final, ErrorKind::InvalidRequest),
        Meaning::NotFound => (Row::Final, ErrorKind::NotFound),
        Meaning::Redirect => (Row::Final, ErrorKind::Redirect),
        Meaning::NoUsage => (Row::WithoutUsage, ErrorKind::InvalidRequest),
        Meaning::KeyRefused => (Row::Dead, ErrorKind::Authentication),
        Meaning::Quota => (Row::Exhausted, ErrorKind::QuotaExhausted),
        Meaning::Denied => (Row::Denied, ErrorKind::PermissionDenied),
        Meaning::Limited => (Row::Limited, ErrorKind::RateLimited),
        Meaning::Busy => (Row::Later, ErrorKind::Server),
    };
    Failed { status: Some(status), ..Failed::new(row, kind) }
}
