//! The key pool's contract: every lease goes to a ready key with the fewest requests in flight at
//! that instant, of those to the one used longest ago.
//!
//! A naive pool, a list of keys that is searched, is told what the provider saw. How long a key
//! cools without a `Retry-After` is jittered, which nobody outside can know: such a key is
//! certainly resting until half of the backoff, certainly ready after all of it, and may be either
//! in between.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lockkeeper::ErrorKind;

use super::Case;
use crate::outcome::{Failed, Outcome, Row};
use crate::scenario::Scenario;
use crate::trace::{Event, Returned};

const MINUTE: Duration = Duration::from_secs(60);

/// What a call can find in the pool.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// The next key may be one that the call has not tried…
    pub untried: bool,
    /// …or one that it has…
    pub tried: bool,
    /// …or there may be none.
    pub none: bool,
    /// When the first of the cooling keys is ready, at the earliest and the latest.
    pub cooling: Option<(Duration, Duration)>,
    /// What to call it if there is none.
    pub lacks: Vec<ErrorKind>,
    /// Whether a key is kept to a pace: then whoever uses it takes it from others for a while.
    pub paced: bool,
}

/// Looks at the pool just after an attempt ended, and when a call returned.
pub struct Looks {
    pub after_attempt: Vec<Look>,
    pub at_return: BTreeMap<usize, Look>,
}

pub fn judge(case: &Case) -> Looks {
    let mut pool = Pool::new(case.scenario);
    let attempts = &case.trace.attempts;
    let mut tried: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut after_attempt = vec![Look::default(); attempts.len()];
    let mut at_return = BTreeMap::new();
    let mut samples = case.trace.samples.iter().peekable();
    for (count, event) in case.trace.events.iter().enumerate() {
        while let Some(sample) = samples.next_if(|sample| sample.events == count) {
            let in_flight: Vec<u32> = pool.keys.iter().map(|key| key.in_flight).collect();
            assert_eq!(sample.in_flight, in_flight, "in flight at {:?}", sample.at);
            assert!(sample.open_requests as u32 <= in_flight.iter().sum(), "requests stay open");
        }
        match *event {
            Event::Asked(_) => {}
            Event::Answers(index) => {
                let attempt = &attempts[index];
                let now = *attempt.pieces.last().unwrap();
                pool.keys[attempt.key].works(&attempt.model, now);
            }
            Event::Started(index) => {
                let attempt = &attempts[index];
                pool.lease(attempt.key, &attempt.model, attempt.started);
                tried.entry(attempt.call).or_default().insert(attempt.key);
            }
            Event::Ended(index) => {
                let (attempt, now) = (&attempts[index], attempts[index].ended);
                pool.learn(attempt.key, &attempt.model, &fate(case, index), now);
                after_attempt[index] = pool.look(&attempt.model, &tried[&attempt.call], now);
            }
            Event::Returned(call) => {
                let model = case.scenario.calls[call].model.unwrap_or(0);
                let now = case.trace.calls[&call].returned;
                let tried = tried.get(&call).cloned().unwrap_or_default();
                at_return.insert(call, pool.look(crate::scenario::MODELS[model], &tried, now));
            }
        }
    }
    Looks { after_attempt, at_return }
}

/// What an attempt showed of its key.
enum Fate {
    Works,
    Unchanged,
    Failed(Failed),
}

fn fate(case: &Case, index: usize) -> Fate {
    let call = &case.trace.calls[&case.trace.attempts[index].call];
    match &case.outcomes[index] {
        // Whoever leaves before the end has not seen that it works.
        Outcome::Answered if matches!(call.result, Returned::Answer) => Fate::Works,
        Outcome::Answered | Outcome::Abandoned => Fate::Unchanged,
        Outcome::Failed(failed) => Fate::Failed(failed.clone()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Health {
    Ready,
    /// Until a moment between these.
    Cooling(Duration, Duration),
    /// Out of quota until the provider's reset.
    Reset(Duration),
    /// Refused, or out of quota nobody knows for how long.
    Refused(Refusal, ErrorKind),
}

/// Not to be tried until then; if it is refused again, not for twice as long.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Refusal {
    until: Duration,
    pause: Duration,
}

impl Refusal {
    fn after(before: Option<Self>, now: Duration) -> Self {
        match before {
            Some(before) if now < before.until => before,
            Some(before) => {
                let pause = (before.pause * 2).min(60 * MINUTE);
                Self { until: now + pause, pause }
            }
            None => Self { until: now + 5 * MINUTE, pause: 5 * MINUTE },
        }
    }
}

#[derive(Clone, Debug)]
struct Key {
    in_flight: u32,
    last_used: usize,
    health: Health,
    /// The last refusal that no answer has lifted since.
    refused: Option<Refusal>,
    denied: BTreeMap<String, Refusal>,
    /// How many 429s in a row, at least and at most.
    limited: (u32, u32),
    pace: Pace,
}

/// A key that was limited twice within some time may be kept to a pace: no gap between two requests is
/// longer than that time, or a minute. How long it is nobody outside can know.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    gap: Duration,
    /// When the last request was sent or limited.
    last: Duration,
    limited: Option<Duration>,
}

impl Pace {
    fn limited(&mut self, now: Duration, asks: Option<Duration>) {
        let over = now + asks.unwrap_or_default();
        if let Some(before) = self.limited.replace(now) {
            let since = over.saturating_sub(before).mul_f64(1.2);
            self.gap = self.gap.mul_f64(1.2).max(since).min(MINUTE);
        }
        self.last = over;
    }

    /// When the key is certainly ready again.
    fn over(&self) -> Duration {
        self.last + self.gap
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Readiness {
    Yes,
    Maybe,
    No,
}

struct Pool {
    keys: Vec<Key>,
    uses: usize,
    retry_delay: Duration,
    /// A key that is less busy may have no permit of its own.
    per_key: bool,
}

impl Pool {
    fn new(scenario: &Scenario) -> Self {
        let key = Key {
            in_flight: 0,
            last_used: 0,
            health: Health::Ready,
            refused: None,
            denied: BTreeMap::new(),
            limited: (0, 0),
            pace: Pace::default(),
        };
        let keys = vec![key; scenario.keys.len()];
        Self { keys, uses: 0, retry_delay: scenario.retry_delay, per_key: scenario.per_key }
    }

    /// Judges the choice of a key, and counts it.
    fn lease(&mut self, chosen: usize, model: &str, now: Duration) {
        let key = &self.keys[chosen];
        assert!(
            key.readiness(model, now) != Readiness::No,
            "at {now:?} key {chosen} is used for `{model}`, which is not ready: {key:?}"
        );
        for (index, other) in self.keys.iter().enumerate() {
            assert!(
                self.per_key
                    || other.readiness(model, now) != Readiness::Yes
                    || key.rank() <= other.rank(),
                "at {now:?} key {chosen} is used ({:?}) rather than {index} ({:?}), in flight and \
                 last used",
                key.rank(),
                other.rank()
            );
        }
        self.uses += 1;
        self.keys[chosen].last_used = self.uses;
        self.keys[chosen].in_flight += 1;
        self.keys[chosen].pace.last = now;
    }

    fn learn(&mut self, index: usize, model: &str, fate: &Fate, now: Duration) {
        let delay = self.retry_delay;
        let key = &mut self.keys[index];
        key.in_flight -= 1;
        match fate {
            Fate::Works => key.works(model, now),
            Fate::Unchanged => {}
            Fate::Failed(failed) => key.fails(failed, model, now, delay),
        }
    }

    fn look(&self, model: &str, tried: &BTreeSet<usize>, now: Duration) -> Look {
        let ready = |index: usize| self.keys[index].readiness(model, now);
        let all = || 0..self.keys.len();
        let best = all().filter(|&k| ready(k) == Readiness::Yes).map(|k| self.keys[k].rank()).min();
        let next = |&k: &usize| {
            ready(k) != Readiness::No && best.is_none_or(|best| self.keys[k].rank() <= best)
        };
        let next: Vec<usize> = all().filter(next).collect();
        let allowed = || self.keys.iter().filter(|key| key.is_allowed(model, now));
        let cools = |key: &Key| match key.health {
            Health::Cooling(_, to) => now < to.max(key.pace.over()),
            Health::Ready => now < key.pace.over(),
            _ => false,
        };
        // If any is cooling it is worth a wait, which is for whichever is ready first.
        let rests = || allowed().filter_map(|key| key.rests(now));
        let first = rests().map(|(from, _)| from).min().zip(rests().map(|(_, to)| to).min());
        let first = first.filter(|_| allowed().any(cools));
        Look {
            untried: next.iter().any(|key| !tried.contains(key)),
            tried: next.iter().any(|key| tried.contains(key)),
            none: best.is_none(),
            cooling: first,
            lacks: self.lacks(model, now, first),
            paced: self.keys.iter().any(|key| !key.pace.gap.is_zero()),
        }
    }

    /// "If any is cooling, wait for the earliest; else the error is `QuotaExhausted`,
    /// `PermissionDenied` or `Authentication`, in that order."
    fn lacks(
        &self,
        model: &str,
        now: Duration,
        cooling: Option<(Duration, Duration)>,
    ) -> Vec<ErrorKind> {
        let is_out_of_quota = |key: &Key| {
            matches!(key.health, Health::Reset(until) if now < until)
                || matches!(key.health, Health::Refused(_, ErrorKind::QuotaExhausted))
        };
        let without_cooling = if self.keys.iter().any(is_out_of_quota) {
            ErrorKind::QuotaExhausted
        } else if self.keys.iter().any(|key| key.denied.contains_key(model)) {
            ErrorKind::PermissionDenied
        } else {
            ErrorKind::Authentication
        };
        match cooling {
            None => vec![without_cooling],
            Some(_) if self.keys.iter().any(|key| key.certainly_cools(model, now)) => {
                vec![ErrorKind::RateLimited]
            }
            Some(_) => vec![ErrorKind::RateLimited, without_cooling],
        }
    }
}

impl Key {
    fn rank(&self) -> (u32, usize) {
        (self.in_flight, self.last_used)
    }

    fn is_allowed(&self, model: &str, now: Duration) -> bool {
        self.denied.get(model).is_none_or(|denial| denial.until <= now && self.in_flight == 0)
    }

    fn certainly_cools(&self, model: &str, now: Duration) -> bool {
        matches!(self.health, Health::Cooling(from, _) if now < from) && self.is_allowed(model, now)
    }

    /// When its rest is over, at the earliest and the latest.
    fn rests(&self, now: Duration) -> Option<(Duration, Duration)> {
        let paced = self.pace.over();
        let (from, to) = match self.health {
            Health::Ready => (now, paced),
            Health::Cooling(from, to) => (from, to.max(paced)),
            Health::Reset(until) => (until, until.max(paced)),
            Health::Refused(Refusal { until, .. }, _) => (until, until),
        };
        (now < to).then_some((from.max(now), to))
    }

    fn readiness(&self, model: &str, now: Duration) -> Readiness {
        let rested = match self.health {
            Health::Ready => Readiness::Yes,
            Health::Cooling(from, _) if now < from => Readiness::No,
            Health::Cooling(_, to) if now < to => Readiness::Maybe,
            Health::Cooling(..) => Readiness::Yes,
            Health::Reset(until) if now < until => Readiness::No,
            Health::Reset(_) => Readiness::Yes,
            // One call at a time tries it again.
            Health::Refused(refusal, _) if now < refusal.until || self.in_flight > 0 => {
                Readiness::No
            }
            Health::Refused(..) => Readiness::Yes,
        };
        let is_paced = rested == Readiness::Yes && now < self.pace.over();
        let rested = if is_paced { Readiness::Maybe } else { rested };
        if self.is_allowed(model, now) { rested } else { Readiness::No }
    }

    /// An answer lifts a refusal only if it was asked for after that.
    fn works(&mut self, model: &str, now: Duration) {
        self.limited = (0, 0);
        if self.denied.get(model).is_some_and(|denial| denial.until <= now) {
            self.denied.remove(model);
        }
        if self.refused.is_some_and(|refusal| refusal.until <= now) {
            self.refused = None;
            if matches!(self.health, Health::Refused(..)) {
                self.health = Health::Ready;
            }
        }
    }

    fn fails(&mut self, failed: &Failed, model: &str, now: Duration, delay: Duration) {
        let mut refused = |kind| {
            let refusal = Refusal::after(self.refused, now);
            self.refused = Some(refusal);
            Health::Refused(refusal, kind)
        };
        if failed.row == Row::Exhausted {
            self.pace = Pace::default();
            self.limited = (0, 0);
        }
        match (failed.row, failed.asks) {
            (Row::Limited, asks) => {
                self.limited(asks, now, delay);
                self.pace.limited(now, asks);
            }
            (Row::Exhausted, Some(reset)) => self.health = Health::Reset(now + reset),
            (Row::Exhausted, None) => self.health = refused(ErrorKind::QuotaExhausted),
            (Row::Dead, _) => self.health = refused(ErrorKind::Authentication),
            (Row::Denied, _) => {
                let denial = Refusal::after(self.denied.get(model).copied(), now);
                self.denied.insert(model.to_owned(), denial);
            }
            (Row::Final | Row::WithoutUsage | Row::Later, _) => {}
        }
    }

    /// A 429: a key that cools already cools at least as long as it is told now; one that is
    /// refused or out of quota stays so.
    fn limited(&mut self, asks: Option<Duration>, now: Duration, delay: Duration) {
        let (least, most) = self.limited;
        let (half, full) = match asks {
            Some(asks) => (asks, asks),
            None => (backoff(delay, least) / 2, backoff(delay, most)),
        };
        let anew = (now + half, now + full);
        let asked = now + asks.unwrap_or_default();
        match self.health {
            Health::Reset(until) | Health::Refused(Refusal { until, .. }, _) if now < until => {}
            Health::Cooling(from, to) if now < from => {
                self.health = Health::Cooling(from.max(asked), to.max(asked));
            }
            Health::Cooling(_, to) if now < to => {
                self.health = Health::Cooling(anew.0.min(asked), anew.1.max(to).max(asked));
                self.limited = (least, most + 1);
            }
            _ => {
                self.health = Health::Cooling(anew.0, anew.1);
                self.limited = (least + 1, most + 1);
            }
        }
    }
}

/// `retry_delay · 2ⁿ`, capped at 60 s.
pub fn backoff(retry_delay: Duration, n: u32) -> Duration {
    Duration::from_secs_f64((retry_delay.as_secs_f64() * 2f64.powi(n.min(30) as i32)).min(60.0))
}
