//! Limits that each key has for itself: so many requests, and so many LLM tokens, of each model.

use std::time::Duration;

use super::fill::{EmptySince, Pace};
use super::names::Names;
use super::time::{Timestamp, from_seconds};

/// Models whose buckets are kept at a key while they are full: a full one is as good as a new one.
const FULL_KEPT: usize = 64;

/// How much later than reckoned one looks again: a moment in seconds is less exact than in nanoseconds.
const ROUNDING: Duration = Duration::from_micros(2);

/// The buckets that each key has, and what one request takes of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerKey {
    pub requests: Pace,
    /// Of LLM tokens, where they are limited, and how many.
    pub llm_tokens: Option<(Pace, f64)>,
}

/// How full the buckets of one key are, by model.
#[derive(Debug, Default)]
pub struct KeyFills(Names<Fills>);

#[derive(Clone, Copy, Debug, Default)]
struct Fills {
    requests: Option<EmptySince>,
    llm_tokens: Option<EmptySince>,
}

impl KeyFills {
    /// Whether there is enough for a request of a model; if not, when there will be.
    pub fn has(&self, model: &str, limits: PerKey, now: Timestamp) -> Result<(), Timestamp> {
        let fills = self.0.get(model).copied().unwrap_or_default();
        let at = seconds(now);
        let requests = free_at(fills.requests, 1.0, at, limits.requests);
        let llm_tokens = limits
            .llm_tokens
            .map_or(at, |(pace, amount)| free_at(fills.llm_tokens, amount, at, pace));
        let free_at = requests.max(llm_tokens);
        if free_at <= at {
            return Ok(());
        }
        Err(now + from_seconds(free_at - at).unwrap_or(Duration::MAX) + ROUNDING)
    }

    /// Takes what a request needs, for which there is enough.
    pub fn take(&mut self, model: &str, limits: PerKey, now: Timestamp) {
        self.change(model, |fills| {
            let at = seconds(now);
            fills.requests = Some(taken(fills.requests, 1.0, at, limits.requests));
            if let Some((pace, amount)) = limits.llm_tokens {
                fills.llm_tokens = Some(taken(fills.llm_tokens, amount, at, pace));
            }
        });
        if self.0.len() > FULL_KEPT {
            let at = seconds(now);
            let is_full = |fill: Option<EmptySince>, pace: Pace| {
                fill.is_none_or(|fill| fill.is_full(at, pace))
            };
            let llm_tokens = limits.llm_tokens;
            self.0.retain(|fills| {
                !is_full(fills.requests, limits.requests)
                    || !llm_tokens.is_none_or(|(pace, _)| is_full(fills.llm_tokens, pace))
            });
        }
    }

    /// Puts so many LLM tokens back, or takes them where it is less than none, even if that leaves a debt.
    pub fn settle(&mut self, model: &str, amount: f64, pace: Pace) {
        self.change(model, |fills| {
            fills.llm_tokens = fills.llm_tokens.map(|fill| fill.give_back(amount, pace));
        });
    }

    fn change(&mut self, model: &str, change: impl FnOnce(&mut Fills)) {
        let mut fills = self.0.get(model).copied().unwrap_or_default();
        change(&mut fills);
        self.0.insert(model.into(), fills);
    }
}

fn seconds(moment: Timestamp) -> f64 {
    moment.nanoseconds() as f64 * 1e-9
}

/// When there are so many tokens, no earlier than `now`. What nobody has taken from is full.
fn free_at(fill: Option<EmptySince>, amount: f64, now: f64, pace: Pace) -> f64 {
    fill.map_or(now, |fill| fill.holds_at(amount, now, pace).max(now))
}

fn taken(fill: Option<EmptySince>, amount: f64, now: f64, pace: Pace) -> EmptySince {
    let fill = fill.unwrap_or(EmptySince::of(pace.whole / pace.each, now, pace));
    fill.owe(amount, now, pace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PerKey = PerKey {
        requests: Pace { each: 1.0, whole: 2.0 },
        llm_tokens: Some((Pace { each: 0.01, whole: 10.0 }, 400.0)),
    };

    fn at(milliseconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(1_000_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn each_model_has_its_own_and_a_refusal_says_when() {
        let mut fills = KeyFills::default();
        for _ in 0..2 {
            assert_eq!(fills.has("a", LIMITS, at(0)), Ok(()));
            fills.take("a", LIMITS, at(0));
        }
        // Requests are there again after a second, LLM tokens after two.
        let when = fills.has("a", LIMITS, at(0)).unwrap_err();
        assert!(when >= at(2_000) && when <= at(2_001), "{when:?}");
        assert_eq!(fills.has("a", LIMITS, when), Ok(()));
        assert_eq!(fills.has("b", LIMITS, at(0)), Ok(()));
        let requests_only = PerKey { llm_tokens: None, ..LIMITS };
        assert!(fills.has("a", requests_only, at(0)).unwrap_err() <= at(1_001));
    }

    #[test]
    fn what_is_settled_comes_back_or_is_owed() {
        let mut fills = KeyFills::default();
        let (pace, amount) = (Pace { each: 0.01, whole: 10.0 }, 1_000.0);
        let limits =
            PerKey { requests: Pace { each: 1e-6, whole: 1.0 }, llm_tokens: Some((pace, amount)) };
        fills.take("a", limits, at(0));
        assert!(fills.has("a", limits, at(0)).is_err());
        fills.settle("a", 1_000.0, pace);
        assert_eq!(fills.has("a", limits, at(1)), Ok(()));
        fills.settle("a", -2_000.0, pace);
        let when = fills.has("a", limits, at(0)).unwrap_err();
        assert!(when >= at(20_000) && when <= at(20_001), "{when:?}");
        fills.settle("b", -5.0, pace);
        assert_eq!(fills.has("b", limits, at(0)), Ok(()), "what never took settles nothing");
    }

    #[test]
    fn full_ones_are_forgotten() {
        let mut fills = KeyFills::default();
        for model in 0..200u64 {
            fills.take(&model.to_string(), LIMITS, at(model * 20_000));
        }
        assert!(fills.0.len() <= FULL_KEPT + 1);
    }
}
