//! How a key begins of whose limit nothing is known: with one request, and two for each that is
//! answered, until it is refused or has shown that there is no limit to be seen.

use super::told_limit::Sent;

/// The gap between requests while none is answered: a little under five a second, which nearly every
/// limit bears.
pub const FIRST_GAP: f64 = 0.21;

/// The leader's gap halves each half second…
const HALVES_EACH: f64 = 0.5;
/// …but not more often than this.
const MOST_HALVINGS: u32 = 16;

/// After so many answers without a word of a limit there is none to be seen.
const NO_LIMIT_AFTER: u32 = 64;

/// The beginning of a key.
#[derive(Debug)]
pub struct SlowStart {
    /// Whether it tries out how much there is while answers are long in coming; others wait for what
    /// it finds.
    leads: bool,
    began: f64,
    last: f64,
    sent: u32,
    answered: u32,
    /// The quickest answer, in seconds.
    quickest: f64,
    /// So many may go out at once, as there are no more.
    let_go: u32,
}

impl SlowStart {
    pub fn new(leads: bool) -> Self {
        Self { leads, began: 0.0, last: 0.0, sent: 0, answered: 0, quickest: 0.0, let_go: 0 }
    }

    /// When the next may go out, while so many are under way.
    pub fn free_at(&self, in_flight: u32) -> f64 {
        let unanswered = in_flight.min(self.sent.saturating_sub(self.answered));
        match unanswered {
            0 => 0.0,
            _ if self.let_go > 0 => 0.0,
            // In the time that one answer takes, evenly.
            _ if unanswered <= self.answered => {
                self.last + self.quickest / f64::from(2 * self.answered)
            }
            _ => self.last + self.gap(),
        }
    }

    /// A request goes out.
    pub fn sends(&mut self, now: f64) {
        if self.sent == 0 {
            self.began = now;
        }
        self.sent += 1;
        self.last = now;
        self.let_go = self.let_go.saturating_sub(1);
    }

    /// So few wait that they may all go.
    pub fn lets_go(&mut self, requests: u32) {
        self.let_go = requests;
    }

    /// A request has begun to be answered.
    pub fn answered(&mut self, sent: Sent, now: f64) {
        let took = (now - sent.at).max(0.0);
        self.quickest = if self.answered == 0 { took } else { self.quickest.min(took) };
        self.answered += 1;
    }

    /// The gap while no answer comes.
    fn gap(&self) -> f64 {
        if !self.leads {
            return FIRST_GAP;
        }
        // Not narrower than if it had been in use all the time.
        let most = (self.sent / 2).max(1).ilog2().min(MOST_HALVINGS);
        let halvings = ((self.last - self.began) / HALVES_EACH - 1.0).max(0.0) as u32;
        FIRST_GAP / f64::from(1u32 << halvings.min(most))
    }

    /// Whether so much has been answered that there seems to be no limit.
    pub fn shows_no_limit(&self) -> bool {
        self.answered >= NO_LIMIT_AFTER
    }
}
