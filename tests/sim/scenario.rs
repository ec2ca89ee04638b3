//! One scenario, made from its seed alone: the settings, the callers, the provider's temper, and
//! what happens to the machine's clock.

use std::time::Duration;

use super::random::Random;

/// The client's own model, and one that some calls name instead.
pub const MODELS: [&str; 2] = ["large", "small"];

#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    /// Nothing fails, nobody leaves and nothing hurries: the makespan can be computed beforehand.
    pub is_ideal: bool,
    /// Capacity and refill rate, by model.
    pub limits: [(f64, f64); 2],
    /// The most requests at once: in all, and on each key.
    pub most: (Option<u32>, Option<u32>),
    /// LLM tokens a minute.
    pub budget: Option<f64>,
    /// The limits are each key's own.
    pub per_key: bool,
    pub retry_delay: Duration,
    pub max_retries: u32,
    pub clocks: Clocks,
    pub calls: Vec<CallPlan>,
    pub keys: Vec<KeyTemper>,
    pub temper: Temper,
    /// Steps of the machine's clock, and when.
    pub steps: Vec<(Duration, Step)>,
    /// When to look at the client from outside.
    pub samples: Vec<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    pub total: Option<Duration>,
    pub headers: Duration,
    pub first_token: Duration,
    pub idle: Duration,
}

#[derive(Clone, Debug)]
pub struct CallPlan {
    pub at: Duration,
    pub streams: bool,
    /// The model that the call names, by its number.
    pub model: Option<usize>,
    pub timeout: Option<Duration>,
    pub max_retries: Option<u32>,
    pub priority: i8,
    /// The most LLM tokens that it asks for.
    pub most_output: u64,
    pub leaves: Leaves,
    /// How often the call is polled although nothing has changed, as beside others in a `select!`.
    pub fidgets: Option<Duration>,
    /// How long the reader of a stream rests between two chunks.
    pub rests: Duration,
}

/// When a caller loses interest.
#[derive(Clone, Copy, Debug)]
pub enum Leaves {
    Never,
    /// When the call has said so often that it must wait.
    AfterPolls(usize),
    After(Duration),
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    On(Duration),
    Back(Duration),
}

/// What is wrong with a key.
#[derive(Clone, Debug, Default)]
pub struct KeyTemper {
    /// Refused from then until then.
    pub revoked: Option<(Duration, Duration)>,
    /// A limit of its own, which the client does not know: capacity and rate.
    pub limit: Option<(f64, f64)>,
    /// Out of credit after so many answers.
    pub quota: Option<u32>,
    /// Not for this model, by its number.
    pub denied: Option<usize>,
}

/// How the provider behaves.
#[derive(Clone, Debug)]
pub struct Temper {
    pub latency: (f64, f64),
    pub pace: (f64, f64),
    /// How many requests fail for no reason.
    pub faults: f64,
    /// How many answers that begin well end badly.
    pub bad_ends: f64,
    /// Every fault is a 429, whatever the key: the limit is the account's.
    pub storms: bool,
    pub refuses_usage: bool,
}

impl Scenario {
    pub fn of(seed: u64) -> Self {
        let mut random = Random::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ 0x10c4_4ee9);
        let r = &mut random;
        let is_ideal = r.chance(0.15);
        let limits = [limits(r), limits(r)];
        let mut calls = calls(r, is_ideal, limits[0].1);
        let storms = !is_ideal && r.chance(0.05);
        if storms {
            calls.truncate(3); // so few that each finds many keys which it has not tried
        }
        let last = calls.iter().map(|call| call.at).max().unwrap_or_default();
        let key_count = if storms { 12 } else { r.whole(1, 12) };
        let trouble = if is_ideal || r.chance(0.3) { 0.0 } else { r.between(0.0, 0.8) };
        let steps = if is_ideal || r.chance(0.7) { Vec::new() } else { steps(r, last) };
        let span = last.as_secs_f64() + 30.0;
        Self {
            seed,
            is_ideal,
            limits,
            budget: (!is_ideal && r.chance(0.2)).then(|| r.of_any_magnitude(500.0, 20_000.0)),
            per_key: !is_ideal && r.chance(0.15),
            most: if is_ideal || r.chance(0.7) { (None, None) } else { most(r) },
            retry_delay: Duration::from_secs_f64(r.of_any_magnitude(0.01, 5.0)),
            max_retries: r.whole(0, 6) as u32,
            clocks: if is_ideal { Clocks::LONG } else { clocks(r) },
            keys: (0..key_count).map(|_| key_temper(r, trouble, span)).collect(),
            temper: temper(r, is_ideal, storms),
            steps,
            samples: (0..12).map(|_| r.seconds(0.0, span)).collect(),
            calls,
        }
    }

    /// Whether a call may have to wait for more than tokens of its bucket.
    pub fn is_crowded(&self) -> bool {
        self.most != (None, None) || self.budget.is_some() || self.per_key
    }

    pub fn steps_on(&self) -> bool {
        self.steps.iter().any(|(_, step)| matches!(step, Step::On(_)))
    }

    /// How far the clock is set on, over all.
    pub fn stepped_on(&self) -> Duration {
        let on = |step: &Step| if let Step::On(by) = step { *by } else { Duration::ZERO };
        self.steps.iter().map(|(_, step)| on(step)).sum()
    }

    /// The limit of a call as a whole: a chat that has none is given ten minutes.
    pub fn total(&self, call: usize) -> Option<Duration> {
        let plan = &self.calls[call];
        let chats = (!plan.streams).then_some(Duration::from_secs(600));
        plan.timeout.or(self.clocks.total).or(chats)
    }

    pub fn retries(&self, call: usize) -> u32 {
        self.calls[call].max_retries.unwrap_or(self.max_retries)
    }

    /// The key as a provider knows it.
    pub fn key(index: usize) -> String {
        format!("sk-simulated-{index:04}")
    }
}

impl Clocks {
    const LONG: Self = Self {
        total: None,
        headers: Duration::from_secs(60),
        first_token: Duration::from_secs(120),
        idle: Duration::from_secs(60),
    };
}

fn limits(r: &mut Random) -> (f64, f64) {
    let capacity = if r.chance(0.2) { r.between(1.0, 20.0) } else { r.whole(1, 20) as f64 };
    (capacity, r.of_any_magnitude(0.2, 50.0))
}

fn most(r: &mut Random) -> (Option<u32>, Option<u32>) {
    let mut some = |most| r.chance(0.7).then(|| r.whole(1, most) as u32);
    (some(8), some(3))
}

fn clocks(r: &mut Random) -> Clocks {
    if r.chance(0.4) {
        return Clocks::LONG;
    }
    Clocks {
        total: r.chance(0.3).then(|| Duration::from_secs_f64(r.of_any_magnitude(0.5, 200.0))),
        headers: r.seconds(0.5, 20.0),
        first_token: r.seconds(0.5, 30.0),
        idle: r.seconds(0.5, 20.0),
    }
}

fn calls(r: &mut Random, is_ideal: bool, rate: f64) -> Vec<CallPlan> {
    let count = r.of_any_magnitude(2.0, 61.0) as usize;
    let (streaming, leaving) = (r.unit(), if r.chance(0.5) { 0.0 } else { r.between(0.0, 0.5) });
    let (hurried, elsewhere) = (r.between(0.0, 0.4), if r.chance(0.5) { 0.0 } else { 0.4 });
    let (patience, slow) = (r.of_any_magnitude(0.05, 60.0), r.between(0.0, 0.2));
    let ranked = if is_ideal || r.chance(0.6) { 0.0 } else { r.unit() };
    let arrivals = arrivals(r, count, rate);
    let plan = |at| {
        let streams = r.chance(streaming);
        let leaves = match r.unit() {
            share if is_ideal || share >= leaving => Leaves::Never,
            share if share < leaving / 2.0 => Leaves::AfterPolls(r.whole(1, 12)),
            _ => Leaves::After(Duration::from_secs_f64(r.of_any_magnitude(0.01, 60.0))),
        };
        // Who counts its polls is not to count those that are for no reason.
        let fidgets = !matches!(leaves, Leaves::AfterPolls(_)) && r.chance(0.2);
        CallPlan {
            at,
            streams,
            model: r.chance(elsewhere).then(|| r.below(MODELS.len())),
            timeout: (!is_ideal && r.chance(hurried))
                .then(|| Duration::from_secs_f64(patience * r.between(0.2, 2.0))),
            max_retries: r.chance(0.1).then(|| r.whole(0, 4) as u32),
            most_output: r.whole(1, 400) as u64,
            priority: if r.chance(ranked) { r.whole(0, 6) as i8 - 3 } else { 0 },
            leaves,
            fidgets: fidgets.then(|| Duration::from_secs_f64(r.of_any_magnitude(0.02, 2.0))),
            rests: if streams && r.chance(slow) { r.seconds(0.1, 3.0) } else { Duration::ZERO },
        }
    };
    arrivals.into_iter().map(plan).collect()
}

/// All at once, in bursts, or one after the other at some multiple of what the bucket lets through;
/// now and then over hours, so that refused keys are tried again.
fn arrivals(r: &mut Random, count: usize, rate: f64) -> Vec<Duration> {
    let bursts = r.whole(1, 5);
    let gap = match r.unit() {
        share if share < 0.3 => 0.0,
        share if share < 0.9 => r.of_any_magnitude(0.2, 4.0) / rate,
        _ => r.between(10.0, 300.0),
    };
    let mut at = 0.0;
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(Duration::from_secs_f64(at));
        if gap > 0.0 && r.chance(1.0 / bursts as f64) {
            at += -(1.0 - r.unit()).ln() * gap * bursts as f64;
        }
    }
    all
}

fn key_temper(r: &mut Random, trouble: f64, span: f64) -> KeyTemper {
    if !r.chance(trouble) {
        return KeyTemper::default();
    }
    let mut key = KeyTemper::default();
    match r.below(5) {
        0 => {
            let from = if r.chance(0.5) { 0.0 } else { r.between(0.0, span) };
            let length = r.of_any_magnitude(1.0, 2.0 * span);
            let moment = Duration::from_secs_f64;
            key.revoked = Some((moment(from), moment(from + length)));
        }
        1 | 2 => key.limit = Some((r.whole(1, 5) as f64, r.of_any_magnitude(0.05, 5.0))),
        3 => key.quota = Some(r.whole(0, 8) as u32),
        _ => key.denied = Some(r.below(MODELS.len())),
    }
    key
}

fn temper(r: &mut Random, is_ideal: bool, storms: bool) -> Temper {
    let some = |r: &mut Random, most| {
        if is_ideal || r.chance(0.4) { 0.0 } else { r.between(0.0, most) }
    };
    let latency = r.of_any_magnitude(0.01, 8.0);
    let pace = if r.chance(0.3) { 0.0 } else { r.of_any_magnitude(0.005, 2.0) };
    Temper {
        latency: (latency / 2.0, latency * 1.5),
        pace: (pace / 2.0, pace * 1.5),
        faults: if storms { 0.98 } else { some(r, 0.9) },
        bad_ends: some(r, 0.8),
        storms,
        refuses_usage: !is_ideal && r.chance(0.1),
    }
}

fn steps(r: &mut Random, last: Duration) -> Vec<(Duration, Step)> {
    let forward = r.chance(0.5);
    let longest = r.pick(&[0.3, 0.99]);
    let step = |_| {
        let at = r.seconds(0.0, last.as_secs_f64() + 10.0);
        let step = if forward && r.chance(0.7) {
            Step::On(r.seconds(0.0, longest))
        } else {
            Step::Back(Duration::from_secs_f64(r.of_any_magnitude(0.001, 10_000.0)))
        };
        (at, step)
    };
    (0..3).map(step).collect()
}
