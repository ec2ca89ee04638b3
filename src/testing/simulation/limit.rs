//! A limit of the provider, in each of the ways in which they are counted.

use super::scenario::{Counting, Limits, Tells};

/// Below this share, what floating point has left over is nothing.
const NOTHING: f64 = 1e-6;

/// How much of something is granted, by seconds since the start.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    name: &'static str,
    most: f64,
    /// What is left.
    level: f64,
    refill: Refill,
}

/// The limits of a key, or of all: of requests, of LLM tokens.
pub(super) type LimitPair = [Option<Limit>; 2];

#[derive(Clone, Copy, Debug)]
enum Refill {
    Bucket { rate: f64, updated: f64 },
    Window { length: f64, begun: f64 },
}

impl Limit {
    /// Both limits of one holder.
    pub(super) fn both(limits: &Limits) -> LimitPair {
        [Self::of_requests(limits), Self::of_llm_tokens(limits)]
    }

    /// The limit of so many holders together.
    pub(super) fn times(mut self, holders: f64) -> Self {
        self.most *= holders;
        self.level *= holders;
        if let Refill::Bucket { rate, .. } = &mut self.refill {
            *rate *= holders;
        }
        self
    }

    fn of_requests(limits: &Limits) -> Option<Self> {
        let requests = limits.requests?;
        let (most, refill) = match limits.counting {
            Counting::Bucket => {
                let rate = requests / limits.per;
                (limits.capacity.unwrap_or(requests), Refill::Bucket { rate, updated: 0.0 })
            }
            Counting::Window => (requests, Refill::Window { length: limits.per, begun: 0.0 }),
        };
        Some(Self { name: "requests", most, level: most, refill })
    }

    fn of_llm_tokens(limits: &Limits) -> Option<Self> {
        let most = limits.tokens_per_minute?;
        let refill = Refill::Bucket { rate: most / 60.0, updated: 0.0 };
        Some(Self { name: "tokens", most, level: most, refill })
    }

    /// Whether so much is granted `now`; nothing is taken yet.
    pub(super) fn grants(&mut self, amount: f64, now: f64) -> bool {
        match &mut self.refill {
            Refill::Bucket { rate, updated } => {
                self.level = (self.level + (now - *updated) * *rate).min(self.most);
                *updated = now;
            }
            Refill::Window { length, begun } => {
                let window = (now / *length).floor() * *length;
                if window > *begun {
                    (*begun, self.level) = (window, self.most);
                }
            }
        }
        self.level + NOTHING * amount.max(1.0) >= amount
    }

    pub(super) fn take(&mut self, amount: f64) {
        self.level = (self.level - amount).max(0.0);
    }

    /// How long after `now` so much will be granted.
    pub(super) fn wait(&self, amount: f64, now: f64) -> f64 {
        let missing = (amount - self.level).max(0.0);
        match self.refill {
            _ if missing == 0.0 => 0.0,
            Refill::Bucket { rate, .. } => missing / rate,
            Refill::Window { length, begun } => begun + length - now,
        }
    }

    /// What the headers of an answer say of it.
    pub(super) fn headers(&self, now: f64) -> [(String, String); 3] {
        let header =
            |what: &str, value: String| (format!("x-ratelimit-{what}-{}", self.name), value);
        [
            header("limit", (self.most as u64).to_string()),
            header("remaining", (self.level as u64).to_string()),
            header("reset", format!("{}ms", milliseconds(self.wait(self.most, now)))),
        ]
    }
}

/// In whole milliseconds, never too few.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1e3 - NOTHING).ceil() as u64
}

impl Tells {
    pub(super) fn limits(self) -> bool {
        matches!(self, Self::All | Self::Headers)
    }

    pub(super) fn when_to_come_back(self) -> bool {
        matches!(self, Self::All | Self::RetryAfter)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn granted(limit: &mut Limit, now: f64) -> usize {
        let mut count = 0;
        while limit.grants(1.0, now) {
            limit.take(1.0);
            count += 1;
        }
        count
    }

    #[test]
    fn a_bucket_refills_steadily_and_a_window_at_once() {
        let mut limits = Limits { requests: Some(10.0), per: 2.0, ..Limits::default() };
        limits.capacity = Some(3.0);
        let bucket = &mut Limit::of_requests(&limits).unwrap();
        assert_eq!([0.0, 0.2, 10.0].map(|now| granted(bucket, now)), [3, 1, 3]);
        assert!((bucket.wait(1.0, 10.0) - 0.2).abs() < 1e-9);

        limits.counting = Counting::Window;
        let window = &mut Limit::of_requests(&limits).unwrap();
        assert_eq!([0.0, 1.9, 2.0, 9.0].map(|now| granted(window, now)), [10, 0, 10, 10]);
        assert!((window.wait(1.0, 9.0) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn headers_round_so_that_nobody_comes_too_early() {
        let limits = Limits { tokens_per_minute: Some(6000.0), ..Limits::default() };
        let mut limit = Limit::of_llm_tokens(&limits).unwrap();
        assert!(limit.grants(50.5, 0.0));
        limit.take(50.5);
        let expected = [("limit", "6000"), ("remaining", "5949"), ("reset", "505ms")];
        let expected =
            expected.map(|(what, value)| (format!("x-ratelimit-{what}-tokens"), value.to_owned()));
        assert_eq!(limit.headers(0.0), expected);
    }
}
