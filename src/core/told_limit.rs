//! A key's limit as its provider's headers tell it: so many requests, so many of them left, and when
//! all are back. Each answer tells of the moment at which its request was admitted, however late it
//! comes; what was sent since is counted here.
//!
//! Providers count in two ways, and do not say which. A *token bucket* fills steadily, a *window*
//! gives all back at once. Requests of which the last `limit` always lie within one `per` are welcome
//! to both; what is known of a bucket's level allows more.

use super::limit_headers::Quota;
use super::send_log::{KEPT, SendLog};

/// Windows are as long as people count.
const NATURAL: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 3_600.0, 86_400.0];

/// What rounding and a network's haste may take from a bound.
const ROUNDING: f64 = 1.05;

/// So many answers agree before a bucket is believed to be one.
const ENOUGH: u32 = 3;

/// A request that went out: its number, and when, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub number: u64,
    pub at: f64,
}

/// A limit that others may have, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub requests: u64,
    /// The seconds in which all of them come back.
    pub per: f64,
    /// Whether they come back at once, rather than one by one.
    pub is_window: bool,
}

/// A limit, and how much of it is left.
#[derive(Debug)]
pub struct ToldLimit {
    pub limit: Limit,
    /// What a bucket's `per` must lie between, by all that was told.
    low: f64,
    high: f64,
    /// What refusals have shown it to be at least.
    raised: f64,
    /// The longest reset that was told.
    longest: f64,
    /// The last request of which something was told, and when it was sent.
    seen: Sent,
    /// How many were left after it.
    left: u64,
    /// When all are back.
    reset_at: f64,
    told: u32,
    /// When all were last thought to be back, before anything was told of it.
    guessed: Option<Sent>,
    /// Whether a reset brings back one only: the last so many seconds are counted, at every moment.
    is_sliding: bool,
}

impl ToldLimit {
    /// By the first that is told. Where that is a refusal, the request granted before it was sent at
    /// `before`.
    pub fn new(sent: Sent, quota: Quota, before: Option<f64>) -> Self {
        let (mut low, high) = bounds(quota);
        if quota.limit == 1 {
            // It will be back when the one refused may come again.
            let shown = before.map_or(0.0, |before| sent.at + quota.reset - before);
            low = low.max(shown.min(natural(quota.reset)));
        }
        let per = whole(low, high).max(quota.reset);
        Self {
            limit: Limit { requests: quota.limit, per, is_window: false },
            low,
            high,
            raised: 0.0,
            longest: quota.reset,
            seen: sent,
            left: quota.remaining,
            reset_at: sent.at + quota.reset,
            told: 1,
            guessed: None,
            is_sliding: false,
        }
    }

    /// By what another key was told.
    pub fn like(limit: Limit) -> Self {
        Self {
            limit,
            low: limit.per,
            high: f64::MAX,
            raised: 0.0,
            longest: if limit.is_window { limit.per } else { 0.0 },
            seen: Sent { number: 0, at: 0.0 },
            left: limit.requests,
            reset_at: 0.0,
            told: ENOUGH,
            guessed: None,
            is_sliding: false,
        }
    }

    /// Learns from an answer. One that tells of an earlier moment than another did is nothing new.
    pub fn learn(&mut self, sent: Sent, quota: Quota) {
        if sent.number <= self.seen.number {
            return;
        }
        let (low, high) = bounds(quota);
        (self.low, self.high) = (self.low.max(low), self.high.min(high));
        self.longest = self.longest.max(quota.reset);
        self.told = self.told.saturating_add(1);
        self.judge_guess(sent, quota);
        if self.low > self.high * ROUNDING || self.is_sliding {
            self.becomes_window();
        }
        self.limit.per = match self.limit.is_window {
            true => natural(self.longest).max(self.raised),
            false => whole(self.low, self.high).max(self.raised),
        };
        (self.seen, self.left) = (sent, quota.remaining);
        self.reset_at = sent.at + quota.reset;
    }

    /// Looks whether all were back when they were thought to be. Where they were not, and some come back
    /// sooner than a window would have them, each comes back by itself.
    fn judge_guess(&mut self, sent: Sent, quota: Quota) {
        let Some(guess) = self.guessed.take_if(|guess| guess.number < sent.number) else { return };
        let were_back = quota.remaining + (sent.number - guess.number);
        let ends_early = sent.at + quota.reset < guess.at + self.limit.per * 0.9;
        self.is_sliding |= ends_early && were_back < self.limit.requests;
    }

    /// Forgets what refusals seemed to show, and what was sent: goes on from this answer.
    pub fn begin_anew(&mut self, sent: Sent, quota: Quota) {
        (self.raised, self.seen.number) = (0.0, 0);
        self.limit.is_window = false;
        self.learn(sent, quota);
    }

    /// Learns from a refusal, whose request has been struck out of the log.
    pub fn refused(&mut self, sent: Sent, quota: Quota, log: &SendLog) {
        if sent.number <= self.seen.number {
            return;
        }
        let Limit { requests, per, is_window } = self.limit;
        let before = log.nth_last(requests.saturating_add(log.since(sent.number)));
        if !is_window && requests > 1 {
            self.raised = per * 1.03;
        } else if let Some(before) = before {
            let shown = sent.at + quota.reset - before;
            let most = if requests == 1 { natural(self.longest) } else { per * 1.25 };
            self.raised = self.raised.max(shown.min(most));
        }
        self.learn(sent, quota);
        self.doubt_bucket(sent, log);
    }

    /// A refusal that no bucket would have given shows that there is a window.
    pub fn doubt_bucket(&mut self, refused: Sent, log: &SendLog) {
        let may_be = !self.limit.is_window && self.limit.requests > 1;
        if may_be && self.no_bucket_refuses(refused, log) {
            self.becomes_window();
            self.limit.per = natural(self.longest).max(self.raised);
        }
    }

    /// It is no bucket: how slowly one would have filled says nothing.
    fn becomes_window(&mut self) {
        if !self.limit.is_window {
            (self.limit.is_window, self.raised) = (true, 0.0);
        }
    }

    /// Whether a bucket with this limit would have had something left.
    fn no_bucket_refuses(&self, sent: Sent, log: &SendLog) -> bool {
        let before = log.times().take_while(|&at| at < sent.at);
        let level = self.limit.level(self.requests(), 0.0, before.chain([sent.at]), self.high);
        log.is_whole() && level.0 > 0.7
    }

    fn requests(&self) -> f64 {
        self.limit.requests as f64
    }

    /// The seconds in which one comes back, where they do so one by one by all that was told, whoever
    /// used them up.
    pub fn each(&self) -> Option<f64> {
        let may_be_bucket = self.low <= self.high * ROUNDING;
        may_be_bucket.then(|| whole(self.low, self.high) / self.requests())
    }

    /// A request goes out.
    pub fn sends(&mut self, now: f64, log: &SendLog) {
        let is_used_up = log.since(self.seen.number) >= self.left;
        if is_used_up
            && now >= self.reset_at
            && (self.is_out_of_step(log) || self.first(log).is_none())
        {
            // A new window has begun, or so it should: whatever is told of it will say.
            let within = log.times().filter(|at| *at >= self.reset_at).count() as u64;
            self.seen = Sent { number: log.count() - within, at: self.reset_at };
            self.left = if self.is_sliding { within + 1 } else { self.limit.requests };
            self.guessed = Some(self.seen);
            self.reset_at = (self.reset_at + self.limit.per).max(now);
        }
    }

    /// When the next may go out; 0 where that is now.
    pub fn free_at(&self, log: &SendLog) -> f64 {
        if log.since(self.seen.number) < self.left {
            return 0.0;
        }
        let slack = slack(self.limit.per);
        let reset_at = self.reset_at + slack;
        let by_log = self.first(log).map(|first| first + self.limit.per + slack);
        match (by_log, self.by_level(log)) {
            (by_log, Some(by_level)) => by_log.unwrap_or(f64::MAX).min(by_level),
            (None, None) => reset_at,
            // Others may have used what the log takes for free.
            (Some(at), None) if self.is_sliding && log.since(self.seen.number) == 0 => {
                at.max(reset_at)
            }
            (Some(at), None) if self.is_out_of_step(log) => at.min(reset_at),
            (Some(at), None) if self.limit.is_window || self.told >= ENOUGH => at,
            (Some(at), None) => at.max(reset_at),
        }
    }

    /// When the first of the last `limit` requests was sent.
    fn first(&self, log: &SendLog) -> Option<f64> {
        log.nth_last(self.limit.requests)
    }

    /// Whether a window ends earlier than one that began with the requests that were sent.
    fn is_out_of_step(&self, log: &SendLog) -> bool {
        let Some((first, last)) = self.first(log).zip(log.nth_last(1)) else { return false };
        let ends_early = self.reset_at < first + self.limit.per * 0.95;
        self.limit.is_window && !self.is_sliding && self.reset_at > last && ends_early
    }

    /// When a bucket of which enough is known has filled up to one request.
    fn by_level(&self, log: &SendLog) -> Option<f64> {
        if self.limit.is_window || self.told < ENOUGH || self.high == f64::MAX {
            return None;
        }
        let since = log.since(self.seen.number);
        let each = self.limit.per / self.requests();
        let (level, at) = match usize::try_from(since) {
            Ok(since) if since <= log.len() && since < KEPT => {
                let after = log.times().skip(log.len() - since);
                self.limit.level(self.left as f64, self.seen.at, after, self.limit.per)
            }
            _ => (self.left as f64 - since as f64, self.seen.at),
        };
        Some(if level >= 1.0 { 0.0 } else { at + (1.0 - level) * each + slack(each) })
    }
}

impl Limit {
    /// What a bucket that held `level` holds after these requests, and when.
    fn level(self, level: f64, at: f64, sends: impl Iterator<Item = f64>, per: f64) -> (f64, f64) {
        let most = self.requests as f64;
        let rate = most / per.max(self.per).min(1e9);
        sends.fold((level, at), |(level, at), now| {
            ((level + (now - at).max(0.0) * rate).min(most) - 1.0, now)
        })
    }
}

/// What lies between two computations of one moment, the provider's and ours.
fn slack(per: f64) -> f64 {
    (per / 128.0 + 0.003).min(0.02)
}

/// Between which seconds a bucket's `per` lies: what is left is told in whole requests.
fn bounds(quota: Quota) -> (f64, f64) {
    let used = quota.limit.saturating_sub(quota.remaining) as f64;
    let all = quota.reset * quota.limit as f64;
    let low = if used > 0.0 { all / used } else { 0.0 };
    (low, if used > 1.0 { all / (used - 1.0) } else { f64::MAX })
}

/// A natural length between two narrow bounds, or else the lower.
fn whole(low: f64, high: f64) -> f64 {
    let is_narrow = high < low * 2.1;
    let fits = |length: f64| low <= length * 1.01 && length < high && length < low * 1.6;
    let natural = NATURAL.into_iter().find(|&length| is_narrow && fits(length));
    natural.map_or(low, |length| length.max(low))
}

/// The shortest natural length that a reset fits into.
fn natural(reset: f64) -> f64 {
    let fits = |length: &f64| reset <= length * 1.02 && *length <= 60.0;
    NATURAL.into_iter().find(fits).unwrap_or(reset)
}
