//! The circuit breaker of one target: after too many failures nothing is sent for a while, then one
//! call at a time tries whether it works again.
//!
//! The states are those of Michael Nygard's "Release It!": closed, open, half-open.

use std::time::Duration;

use super::time::Timestamp;

/// So many failures in a row open it…
const FAILURES_IN_A_ROW: u32 = 5;
/// …or half of the last…
const WINDOW: u32 = 20;
/// …if there were so many.
const FEWEST: u32 = 10;
/// What is older than this silence says nothing of how often it fails. Failures in a row stay so.
const STALE: Duration = Duration::from_secs(60);
/// So long it stays open at first, then twice as long after each probe that fails…
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// …up to this, so that traffic is back soon after an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A probe that has not been answered for so long makes way for another.
const PROBE_TIME: Duration = Duration::from_secs(20);

/// How a call was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// With all others.
    Free,
    /// Alone, as the probe of this number.
    Probe(u32),
}

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circuit {
    state: State,
    probes: u32,
    in_a_row: u32,
    /// The last outcomes, the latest in the lowest bit; 1 is a failure.
    outcomes: u32,
    /// How many of them there are.
    seen: u32,
    last: Timestamp,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    /// Nothing is sent before `until`, unless a probe is: then no other is before that.
    Open { probe: Option<u32>, until: Timestamp, pause: Duration },
}

impl Circuit {
    /// Lets a call in.
    ///
    /// # Errors
    /// When to ask again.
    pub fn enter(&mut self, now: Timestamp) -> Result<Entry, Timestamp> {
        match &mut self.state {
            State::Closed => Ok(Entry::Free),
            State::Open { until, .. } if now < *until => Err(*until),
            State::Open { probe, until, .. } => {
                self.probes = self.probes.wrapping_add(1);
                (*probe, *until) = (Some(self.probes), now + PROBE_TIME);
                Ok(Entry::Probe(self.probes))
            }
        }
    }

    /// Whether a call that was let in so may send (again).
    pub fn may_send(&self, entry: Entry) -> bool {
        matches!(self.state, State::Closed) || self.is_the_probe(entry)
    }

    /// An attempt has failed in a way that is the target's fault.
    pub fn failed(&mut self, entry: Entry, now: Timestamp) {
        match self.state {
            State::Open { pause, .. } if self.is_the_probe(entry) => {
                self.open((pause * 2).min(LONGEST_PAUSE), now);
            }
            State::Open { .. } => {} // it was under way when the circuit was opened
            State::Closed => {
                self.note(true, now);
                let failures = self.outcomes.count_ones();
                let half = self.seen >= FEWEST && failures * 2 >= self.seen;
                if half || self.in_a_row >= FAILURES_IN_A_ROW {
                    self.open(FIRST_PAUSE, now);
                }
            }
        }
    }

    /// The target has begun to answer: a probe has shown that it works again.
    pub fn answered(&mut self, entry: Entry) {
        if let Entry::Probe(_) = entry {
            *self = Self { probes: self.probes, ..Self::default() };
        }
    }

    /// A call was answered to its end. If the circuit has opened meanwhile, that is old news.
    pub fn succeeded(&mut self, now: Timestamp) {
        if let State::Closed = self.state {
            self.note(false, now);
        }
    }

    /// A call has left without a word on the target: a probe makes way for the next.
    pub fn left(&mut self, entry: Entry, now: Timestamp) {
        if self.is_the_probe(entry)
            && let State::Open { probe, until, .. } = &mut self.state
        {
            (*probe, *until) = (None, now);
        }
    }

    /// Until when nothing is sent, where it is not closed.
    pub fn open_until(&self) -> Option<Timestamp> {
        match self.state {
            State::Closed => None,
            State::Open { until, .. } => Some(until),
        }
    }

    /// Whether a probe is under way.
    pub fn is_probed(&self) -> bool {
        matches!(self.state, State::Open { probe: Some(_), .. })
    }

    fn is_the_probe(&self, entry: Entry) -> bool {
        match (self.state, entry) {
            (State::Open { probe, .. }, Entry::Probe(number)) => probe == Some(number),
            _ => false,
        }
    }

    fn open(&mut self, pause: Duration, now: Timestamp) {
        self.state = State::Open { probe: None, until: now + pause, pause };
    }

    fn note(&mut self, failed: bool, now: Timestamp) {
        if now - self.last > STALE {
            (self.outcomes, self.seen) = (0, 0);
        }
        self.last = now;
        self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
        self.outcomes = (self.outcomes << 1 | u32::from(failed)) & ((1 << WINDOW) - 1);
        self.seen = (self.seen + 1).min(WINDOW);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    /// A circuit that has opened at second 0.
    fn open() -> Circuit {
        let mut circuit = Circuit::default();
        (0..5).for_each(|_| circuit.failed(Entry::Free, at(0)));
        assert_eq!(circuit.enter(at(0)), Err(at(5)));
        circuit
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let mut circuit = Circuit::default();
        (0..4).for_each(|_| circuit.failed(Entry::Free, at(0)));
        circuit.succeeded(at(0));
        (0..4).for_each(|_| circuit.failed(Entry::Free, at(0)));
        assert_eq!(circuit.enter(at(0)), Ok(Entry::Free));
        circuit.failed(Entry::Free, at(0));
        assert!(circuit.enter(at(0)).is_err() && !circuit.may_send(Entry::Free));
    }

    #[test]
    fn so_do_failures_of_every_other_attempt() {
        let mut circuit = Circuit::default();
        for _ in 0..5 {
            assert!(circuit.may_send(Entry::Free));
            circuit.succeeded(at(0));
            circuit.failed(Entry::Free, at(0));
        }
        assert!(!circuit.may_send(Entry::Free));
        let mut circuit = Circuit::default();
        for _ in 0..100 {
            (0..2).for_each(|_| circuit.succeeded(at(0)));
            circuit.failed(Entry::Free, at(0));
        }
        assert!(circuit.may_send(Entry::Free), "one of three is borne");
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let mut circuit = Circuit::default();
        for second in 0..4 {
            circuit.failed(Entry::Free, at(second));
            circuit.succeeded(at(second));
        }
        circuit.failed(Entry::Free, at(70));
        circuit.succeeded(at(70));
        assert!(circuit.may_send(Entry::Free));
        (0..5).for_each(|minutes| circuit.failed(Entry::Free, at(100 + 120 * minutes)));
        assert!(!circuit.may_send(Entry::Free), "but five in a row are five in a row");
    }

    #[test]
    fn one_probe_at_a_time_closes_it_or_opens_it_again() {
        let mut circuit = open();
        let probe = circuit.enter(at(5)).unwrap();
        assert_eq!(circuit.enter(at(5)), Err(at(25)), "one at a time");
        assert!(circuit.may_send(probe) && !circuit.may_send(Entry::Free));
        circuit.failed(probe, at(6));
        assert!(!circuit.may_send(probe), "a probe is one attempt");
        assert_eq!(circuit.enter(at(15)), Err(at(16)));
        let probe = circuit.enter(at(16)).unwrap();
        circuit.failed(probe, at(16));
        assert_eq!(circuit.enter(at(16)), Err(at(26)), "no pause is longer");
        let probe = circuit.enter(at(26)).unwrap();
        circuit.answered(probe);
        assert_eq!(circuit.enter(at(26)), Ok(Entry::Free));
    }

    #[test]
    fn a_cancelled_probe_frees_its_place_and_a_silent_one_makes_way() {
        let mut circuit = open();
        let first = circuit.enter(at(5)).unwrap();
        circuit.left(first, at(6));
        let second = circuit.enter(at(6)).unwrap();
        assert_ne!(first, second);
        circuit.left(first, at(6));
        assert!(circuit.enter(at(25)).is_err(), "whoever has left has left once");
        let third = circuit.enter(at(26)).unwrap();
        assert!(circuit.may_send(third) && !circuit.may_send(second));
        circuit.failed(second, at(27));
        assert!(circuit.may_send(third), "its failure is old news");
        circuit.answered(second);
        assert!(circuit.may_send(Entry::Free), "its answer is good news");
    }

    #[test]
    fn calls_that_were_under_way_change_nothing() {
        let mut circuit = open();
        circuit.failed(Entry::Free, at(4));
        circuit.succeeded(at(4));
        circuit.left(Entry::Free, at(4));
        assert_eq!(circuit.enter(at(4)), Err(at(5)));
    }

    #[test]
    fn half_a_minute_after_an_outage_traffic_is_back() {
        for down_for in 1..120 {
            let mut circuit = Circuit::default();
            let back = (0..).find(|&now| match circuit.enter(at(now)) {
                Ok(entry) if now < down_for => {
                    circuit.failed(entry, at(now));
                    false
                }
                Ok(_) => true,
                Err(_) => false,
            });
            assert!(back.unwrap() <= down_for + 10);
        }
    }
}
