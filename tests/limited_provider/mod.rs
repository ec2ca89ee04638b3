//! A provider's limit of one key, in each of the ways in which they are counted, and what its headers
//! say of it.

use std::collections::VecDeque;

/// How a provider counts.
#[derive(Clone, Copy, Debug)]
pub enum Counting {
    /// A token bucket: capacity, and refill a second.
    Bucket(f64, f64),
    /// So many in each window of so many seconds, of which the first began so long ago.
    Window(usize, f64, f64),
    /// The same, where a window begins with its first request.
    OwnWindow(usize, f64),
    /// So many in any so many seconds.
    Sliding(usize, f64),
}

/// What a provider says with its answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speaks {
    /// Its limits, and with a refusal when to come back.
    All,
    /// Its limits.
    Headers,
    /// When to come back.
    RetryAfter,
    Nothing,
}

/// The state of a key.
pub struct Key {
    counting: Counting,
    level: f64,
    updated: f64,
    window: f64,
    in_window: VecDeque<f64>,
}

/// What becomes of a request.
pub struct Verdict {
    pub is_granted: bool,
    limit: usize,
    left: usize,
    reset: f64,
    retry_after: f64,
}

impl Counting {
    pub const EACH: [Self; 8] = [
        Self::Bucket(5.0, 5.0),
        Self::Bucket(1.0, 5.0),
        Self::Bucket(10.0, 5.0),
        Self::Window(5, 1.0, 0.0),
        Self::Window(5, 1.0, 0.3),
        Self::OwnWindow(5, 1.0),
        Self::Sliding(5, 1.0),
        Self::Window(300, 60.0, 3.0),
    ];

    /// The seconds after which the last of so many requests can be sent.
    pub fn least_time_for(self, requests: usize) -> f64 {
        match self {
            Self::Bucket(capacity, rate) => ((requests as f64 - capacity) / rate).max(0.0),
            Self::Window(limit, _, _) if requests <= limit => 0.0,
            Self::Window(limit, length, age) => {
                let full = requests.div_ceil(limit) - 2;
                length - age.rem_euclid(length) + full as f64 * length
            }
            Self::OwnWindow(limit, length) | Self::Sliding(limit, length) => {
                (requests.div_ceil(limit) - 1) as f64 * length
            }
        }
    }
}

pub fn counted_by(counting: Counting) -> Key {
    let level = if let Counting::Bucket(capacity, _) = counting { capacity } else { 0.0 };
    let window = f64::NEG_INFINITY;
    Key { counting, level, updated: 0.0, window, in_window: VecDeque::new() }
}

impl Key {
    /// Judges a request that arrives `now`.
    pub fn takes(&mut self, now: f64) -> Verdict {
        match self.counting {
            Counting::Bucket(capacity, rate) => self.takes_token(capacity, rate, now),
            Counting::Window(limit, length, age) => {
                let begun = ((now + age) / length).floor() * length - age;
                if begun > self.window {
                    self.window = begun;
                    self.in_window.clear();
                }
                self.takes_place(limit, begun + length, now)
            }
            Counting::OwnWindow(limit, length) => {
                if now >= self.window + length {
                    self.window = now;
                    self.in_window.clear();
                }
                self.takes_place(limit, self.window + length, now)
            }
            Counting::Sliding(limit, length) => {
                self.in_window.retain(|&at| at > now - length);
                let first = self.in_window.front().copied().unwrap_or(now);
                self.takes_place(limit, first + length, now)
            }
        }
    }

    fn takes_token(&mut self, capacity: f64, rate: f64, now: f64) -> Verdict {
        self.level = (self.level + (now - self.updated) * rate).min(capacity);
        self.updated = now;
        let is_granted = self.level + 1e-6 >= 1.0;
        if is_granted {
            self.level = (self.level - 1.0).max(0.0);
        }
        Verdict {
            is_granted,
            limit: capacity as usize,
            left: self.level as usize,
            reset: (capacity - self.level) / rate,
            retry_after: (1.0 - self.level) / rate,
        }
    }

    fn takes_place(&mut self, limit: usize, ends: f64, now: f64) -> Verdict {
        let is_granted = self.in_window.len() < limit;
        if is_granted {
            self.in_window.push_back(now);
        }
        let (left, reset) = (limit - self.in_window.len(), ends - now);
        Verdict { is_granted, limit, left, reset, retry_after: reset }
    }
}

impl Verdict {
    /// As headers, in milliseconds that are never too few.
    pub fn headers(&self, speaks: Speaks) -> Vec<(&'static str, String)> {
        let milliseconds = |seconds: f64| (seconds * 1e3 - 1e-6).ceil();
        let mut headers = Vec::new();
        if matches!(speaks, Speaks::All | Speaks::Headers) {
            headers.push(("x-ratelimit-limit-requests", self.limit.to_string()));
            headers.push(("x-ratelimit-remaining-requests", self.left.to_string()));
            let reset = format!("{}ms", milliseconds(self.reset));
            headers.push(("x-ratelimit-reset-requests", reset));
        }
        if !self.is_granted && matches!(speaks, Speaks::All | Speaks::RetryAfter) {
            headers.push(("retry-after-ms", milliseconds(self.retry_after).to_string()));
        }
        headers
    }
}
