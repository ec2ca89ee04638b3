//! A key's limit as its refusals let it be felt, where no header tells of it: the gap between two
//! requests that just about pass.
//!
//! Between two refusals a provider has granted as much as its limit gives in that time, to within one
//! request: that is the measure. The gap narrows a little with each request, until the next refusal.

use super::send_log::SendLog;
use super::slow_start::FIRST_GAP;
use super::told_limit::Sent;

/// Limits are per second at the finest: what was granted at once is first taken for a second's worth.
const SHORTEST_WINDOW: f64 = 1.0;

/// By how much the gap narrows with each request, at first and at last…
const NARROWS: f64 = 0.04;
const NARROWS_AT_LAST: f64 = 0.002;
/// …and where the provider says when to come back, so that the gap is known well.
const NARROWS_AS_ASKED: f64 = 0.003;

/// A rate is measured over so many requests, if there were as many since the last refusal.
const MEASURED: u64 = 20;

/// The first measure is without the rest before it, where it is of so few.
const FIRST_MEASURED: u64 = 8;

/// No gap is wider, whatever is refused.
const WIDEST: f64 = 60.0;

/// After so many idle seconds counting begins anew: what was not asked for tells nothing.
const IDLE: f64 = 1.0;

/// So few grants measure nothing, where nothing else is known.
const TOO_FEW: u64 = 3;

/// A key is no longer held to what it has not been refused for in so many seconds.
const FORGOTTEN_AFTER: f64 = 600.0;

/// The gap between requests.
#[derive(Debug)]
pub struct FeltLimit {
    gap: f64,
    narrows: f64,
    /// Grants are counted from then on.
    since: f64,
    granted: u64,
    /// When the last refusal is over: what was sent before and is refused is one more of its burst.
    over: f64,
    refused: u32,
    in_a_row: u32,
    last: f64,
    free_at: f64,
    /// Whether it was felt on this very key.
    is_own: bool,
    /// Whether all of the key's requests were watched.
    is_watched: bool,
}

impl FeltLimit {
    /// By the first refusal of a key whose requests were all watched.
    pub fn new(log: &SendLog, now: f64, asked: Option<f64>) -> Self {
        let began = log.times().next().unwrap_or(now);
        let granted = log.len().max(1) as f64;
        let gap = match asked {
            Some(rest) => (now - began + rest) / granted,
            None => ((now - began).max(SHORTEST_WINDOW) / granted).min(FIRST_GAP),
        };
        let window_ends = if granted > 1.0 { began + SHORTEST_WINDOW * 1.01 } else { 0.0 };
        Self {
            gap: gap.min(WIDEST),
            narrows: if asked.is_some() { NARROWS / 2.0 } else { NARROWS },
            since: now + asked.unwrap_or(0.0),
            over: now + asked.unwrap_or(0.0),
            granted: 0,
            refused: 1,
            in_a_row: 1,
            last: now,
            free_at: asked.map_or((now + gap.min(WIDEST)).max(window_ends), |rest| now + rest),
            is_own: true,
            is_watched: true,
        }
    }

    /// By the first refusal of a key of whose requests nothing is known: there is no gap as yet.
    pub fn unmeasured(now: f64, asked: Option<f64>) -> Self {
        let over = now + asked.unwrap_or(0.0);
        Self {
            gap: 0.0,
            narrows: 0.0,
            since: over,
            over,
            granted: 0,
            refused: 1,
            in_a_row: 1,
            last: now,
            free_at: 0.0,
            is_own: true,
            is_watched: false,
        }
    }

    /// By the gap of another key.
    pub fn like(gap: f64, log: &SendLog) -> Self {
        let began = log.times().next().unwrap_or_default();
        let mut limit =
            Self { is_own: false, is_watched: true, since: began, ..Self::unmeasured(0.0, None) };
        (limit.granted, limit.refused, limit.in_a_row) = (log.count(), 0, 0);
        limit.follow(gap, log);
        limit
    }

    /// Takes over the gap of another key, unless it knows its own.
    pub fn follow(&mut self, gap: f64, log: &SendLog) {
        if !self.is_own {
            self.gap = gap;
            self.free_at = log.nth_last(1).map_or(0.0, |last| last + gap);
        }
    }

    /// Whether it goes by the gap of another key.
    pub fn follows(&self) -> bool {
        !self.is_own
    }

    /// The gap, once others may go by it.
    pub fn proven_gap(&self) -> Option<f64> {
        let is_proven = self.refused >= 2 || self.granted >= 4;
        (self.is_own && is_proven && self.gap > 0.0).then_some(self.gap)
    }

    /// When the next may go out.
    pub fn free_at(&self) -> f64 {
        self.free_at
    }

    /// Whether it says itself how long a refused key rests. Several refusals in a row it does not understand.
    pub fn says_rest(&self) -> bool {
        self.is_watched && self.in_a_row < 3
    }

    /// Whether it has been too long since the last refusal.
    pub fn is_forgotten(&self, now: f64) -> bool {
        now > self.since + FORGOTTEN_AFTER
    }

    /// A request goes out.
    pub fn sends(&mut self, now: f64) {
        if now > self.over.max(self.last).max(self.free_at) + IDLE {
            (self.since, self.granted) = (now, 0);
        }
        self.last = now;
        self.granted += 1;
        self.gap /= 1.0 + self.narrows;
        self.free_at = if self.gap > 0.0 { now + self.gap } else { 0.0 };
    }

    /// A request has been granted.
    pub fn answered(&mut self) {
        self.in_a_row = 0;
    }

    /// A request has been refused, and struck out of the log. False if it is one more of a burst.
    pub fn refused(&mut self, sent: Sent, log: &SendLog, now: f64, asked: Option<f64>) -> bool {
        let over = now + asked.unwrap_or(0.0);
        if sent.at >= self.since {
            self.granted = self.granted.saturating_sub(1);
        }
        if sent.at < self.over {
            self.free_at =
                self.free_at.max(if asked.is_some() && self.gap > 0.0 { over } else { 0.0 });
            return false;
        }
        self.in_a_row += 1;
        self.refused += 1;
        self.is_own = true;
        self.over = over;
        if self.is_watched && asked.is_none() {
            self.measure(sent, log, now);
        } else if self.granted >= if self.is_watched { 1 } else { TOO_FEW } {
            // From one such moment to the next so many were granted.
            self.gap = ((over - self.since) / self.granted as f64 * 1.02).min(WIDEST);
            (self.since, self.granted) = (over, 0);
            self.narrows = NARROWS_AS_ASKED;
        }
        if asked.is_some() && self.gap > 0.0 {
            self.free_at = over;
        }
        true
    }

    /// Nobody says when to come back: what was granted of late is the measure, and the gap that was
    /// too narrow.
    fn measure(&mut self, sent: Sent, log: &SendLog, now: f64) {
        let least = (now - self.since) / (self.granted as f64 + 1.0);
        // The first refusal may have come in the middle of a window, of which the rest was no grant's.
        let is_first = self.refused == 2 && self.granted <= FIRST_MEASURED;
        let counted = if is_first { self.granted } else { MEASURED };
        let began = log.nth_last(counted).filter(|_| self.granted >= counted);
        let granted = self.granted.clamp(1, MEASURED) as f64;
        let measured = (now - began.unwrap_or(self.since)) / granted;
        let refused = log.nth_last(1).map_or(0.0, |last| sent.at - last);
        let gap = match self.granted {
            0 => self.gap * 1.1,
            1 | 2 => (self.gap * 1.1).max(least),
            _ => (refused * 1.02).max(measured * 1.02),
        };
        self.gap = gap.min(WIDEST);
        self.narrows = (self.narrows / 2.0).max(NARROWS_AT_LAST);
        if self.granted > 0 {
            (self.since, self.granted, self.in_a_row) = (now, 0, 1);
        }
        self.free_at = now + self.gap * f64::from(1u32 << (self.in_a_row - 1).min(5));
    }
}
