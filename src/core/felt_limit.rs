//! A key's limit as its refusals let it be felt, where no header tells of it: the gap between two
//! requests that just about pass.
//!
//! Between two refusals a provider has granted as much as its limit gives in that time, to within one
//! request: that is the measure. A while it is kept to, to see whether it explains the refusals; then the
//! gap narrows a little with each request, until the next one.

use super::limit_doubt::{Doubt, Run, STEADY, STEADY_UNASKED, Verdict};
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

/// Measures agree that differ by no more than this factor.
const AGREE: f64 = 1.3;

/// By how much wider a gap is than measured: a steady pace is to meet no limit.
const SLOWER: f64 = 1.008;
const SLOWER_AS_ASKED: f64 = 1.02;

/// So many measure well…
const ENOUGH: u64 = 8;
/// …from so many refusals on, where nobody says when to come back.
const SURE_AFTER: u32 = 3;

/// No gap of this width lets so many more pass: it narrows faster then.
const NOT_BY_THIS_GAP: f64 = 3.0;
const NARROWS_IF_WIDE: f64 = 0.05;

/// A key is no longer held to what it has not been refused for in so many seconds.
const FORGOTTEN_AFTER: f64 = 600.0;

/// The gap between requests.
#[derive(Debug)]
pub struct FeltLimit {
    gap: f64,
    /// The gap as it was measured last…
    measured: f64,
    /// …or would have been, had it been relied on.
    shown: f64,
    narrows: f64,
    /// So many requests go out before it narrows.
    steady: u32,
    /// What was granted and refused since it was measured.
    run: Run,
    doubt: Doubt,
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
            measured: gap.min(WIDEST),
            shown: 0.0,
            steady: 0,
            doubt: Doubt::new(),
            narrows: if asked.is_some() { NARROWS / 2.0 } else { NARROWS },
            run: Run::from(now + asked.unwrap_or(0.0)),
            over: now + asked.unwrap_or(0.0),
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
            measured: 0.0,
            shown: 0.0,
            narrows: 0.0,
            steady: 0,
            run: Run::from(over),
            doubt: Doubt::new(),
            over,
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
        let mut limit = Self { is_own: false, is_watched: true, ..Self::unmeasured(0.0, None) };
        limit.run = Run { granted: log.count(), ..Run::from(began) };
        (limit.refused, limit.in_a_row) = (0, 0);
        limit.follow(gap, log);
        limit
    }

    /// Takes over the gap of another key, unless it knows its own.
    pub fn follow(&mut self, gap: f64, log: &SendLog) {
        if !self.is_own {
            (self.gap, self.measured) = (gap, gap);
            self.free_at = log.nth_last(1).map_or(0.0, |last| last + gap);
        }
    }

    /// Whether it goes by the gap of another key.
    pub fn follows(&self) -> bool {
        !self.is_own
    }

    /// The gap, once others may go by it.
    pub fn proven_gap(&self) -> Option<f64> {
        let is_proven = self.refused >= 2 || self.run.granted >= 4;
        (self.is_own && is_proven && self.gap > 0.0).then_some(self.gap)
    }

    /// When the next may go out.
    pub fn free_at(&self) -> f64 {
        self.free_at
    }

    /// Whether it says itself how long a refused key rests. Several refusals in a row it does not understand.
    pub fn says_rest(&self) -> bool {
        self.is_watched && self.in_a_row < 3 && !self.doubt.is_chance()
    }

    /// Whether it has been too long since the last refusal.
    pub fn is_forgotten(&self, now: f64) -> bool {
        now > self.run.since + FORGOTTEN_AFTER
    }

    /// A request goes out.
    pub fn sends(&mut self, now: f64) {
        if now > self.over.max(self.last).max(self.free_at) + IDLE {
            self.run = Run::from(now);
        }
        self.last = now;
        self.run.granted += 1;
        if self.steady > 0 {
            self.steady -= 1;
        } else if !self.doubt.is_on_trial() {
            let is_wide = self.beyond(now) > NOT_BY_THIS_GAP;
            self.gap /= 1.0 + if is_wide { NARROWS_IF_WIDE } else { self.narrows };
        }
        self.free_at = if self.gap > 0.0 { now + self.gap } else { 0.0 };
    }

    /// How many more were granted than the gap, as it was measured, lets expect.
    fn beyond(&self, now: f64) -> f64 {
        match self.measured > 0.0 {
            true => self.run.granted as f64 - (now - self.run.since).max(0.0) / self.measured,
            false => 0.0,
        }
    }

    /// A request has been granted.
    pub fn answered(&mut self) {
        self.in_a_row = 0;
    }

    /// A request has been refused, and struck out of the log. False if it is one more of a burst.
    pub fn refused(&mut self, sent: Sent, log: &SendLog, now: f64, asked: Option<f64>) -> bool {
        let over = now + asked.unwrap_or(0.0);
        if sent.at >= self.run.since {
            self.run.granted = self.run.granted.saturating_sub(1);
        }
        if sent.at < self.over {
            // By chance each is refused on its own.
            self.run.refused += u32::from(self.doubt.is_chance());
            self.free_at =
                self.free_at.max(if asked.is_some() && self.gap > 0.0 { over } else { 0.0 });
            return false;
        }
        self.in_a_row += 1;
        self.refused += 1;
        self.run.refused += 1;
        self.is_own = true;
        self.over = over;
        match self.doubt.judge(&mut self.run, over, self.gap, self.steady > 0) {
            Verdict::Measure => self.learn(sent, log, now, asked),
            Verdict::Is(gap) => self.set(gap, 0, over),
            Verdict::Wait => {}
        }
        let backs_off = f64::from(1u32 << (self.in_a_row - 1).min(5));
        self.free_at = match asked {
            _ if self.gap == 0.0 => 0.0,
            Some(_) => over,
            None => now + self.gap * backs_off,
        };
        true
    }

    /// Takes from a refusal how wide the gap is.
    fn learn(&mut self, sent: Sent, log: &SendLog, now: f64, asked: Option<f64>) {
        if self.gap > 0.0 && self.beyond(now) > NOT_BY_THIS_GAP {
            let began = log.nth_last(MEASURED).unwrap_or(0.0).max(self.run.since);
            let granted = self.run.granted.clamp(1, MEASURED) as f64;
            self.set((now - began) / granted, 0, self.over);
        } else if self.is_watched && asked.is_none() {
            self.measure(sent, log, now);
        } else {
            // From one such moment to the next so many were granted.
            self.take(self.run.each(self.over) * SLOWER_AS_ASKED);
        }
    }

    /// A gap as it was measured, as far as that can be relied on.
    fn take(&mut self, gap: f64) {
        let is_sure = self.run.granted >= ENOUGH;
        if !self.is_watched && self.gap == 0.0 {
            // Whoever has set a limit is not to be slowed down for a chance refusal: two measures agree.
            let agrees = (self.shown / AGREE..self.shown * AGREE).contains(&gap);
            if !is_sure {
                return;
            }
            if !agrees {
                self.shown = gap;
                self.run = Run::from(self.over);
                return;
            }
        }
        if is_sure {
            self.narrows = NARROWS_AS_ASKED;
            self.set(gap, STEADY, self.over);
        } else if self.run.granted > 0 {
            (self.gap, self.measured) = (gap.min(WIDEST), gap.min(WIDEST));
        }
    }

    /// A new gap, which so many keep to before it narrows; what follows is counted from then on.
    fn set(&mut self, gap: f64, steady: u32, since: f64) {
        self.gap = gap.min(WIDEST);
        self.measured = self.gap;
        self.steady = steady;
        self.run = Run::from(since);
    }

    /// Nobody says when to come back: what was granted of late is the measure, and the gap that was
    /// too narrow.
    fn measure(&mut self, sent: Sent, log: &SendLog, now: f64) {
        let Run { granted, since, .. } = self.run;
        let least = (now - since) / (granted as f64 + 1.0);
        // The first refusal may have come in the middle of a window, of which the rest was no grant's.
        let is_first = self.refused == 2 && granted <= FIRST_MEASURED;
        let counted = if is_first { granted } else { MEASURED };
        let began = log.nth_last(counted).filter(|_| granted >= counted);
        let measured = (now - began.unwrap_or(since)) / granted.clamp(1, MEASURED) as f64;
        let refused = log.nth_last(1).map_or(0.0, |last| sent.at - last);
        let gap = match granted {
            0 => self.gap * 1.1,
            1 | 2 => (self.gap * 1.1).max(least),
            _ => refused.max(measured) * SLOWER,
        };
        self.narrows = (self.narrows / 2.0).max(NARROWS_AT_LAST);
        if granted == 0 {
            (self.gap, self.measured) = (gap.min(WIDEST), gap.min(WIDEST));
            return;
        }
        let is_sure = granted >= ENOUGH && self.refused >= SURE_AFTER;
        self.set(gap, if is_sure { STEADY_UNASKED } else { 0 }, now);
        self.in_a_row = 1;
    }
}
