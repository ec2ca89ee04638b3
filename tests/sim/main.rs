//! The deterministic simulation: thousands of scenarios, each made from a seed, in which the real
//! client meets a provider with every trouble of the decision table; and the oracles, which judge
//! what came of it by the contracts alone.
//!
//! `LOCKKEEPER_SIM_SCENARIOS=20000` runs more of them; `LOCKKEEPER_SIM_SEED=17` runs that one and
//! prints its trace.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // what is missing here is a test's failure

mod observe;
mod oracle;
mod outcome;
mod provider;
mod random;
mod run;
mod said;
mod scenario;
mod streams;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use scenario::Scenario;
use trace::Trace;

const SCENARIOS: u64 = 2_000;
/// Every so many scenarios one is run twice, to see whether its trace is the same.
const RERUN_EVERY: u64 = 20;

#[test]
fn every_scenario_keeps_every_contract() {
    if let Some(seed) = number("LOCKKEEPER_SIM_SEED") {
        let scenario = Scenario::of(seed);
        println!("{scenario:#?}");
        let trace = run::run(&scenario);
        println!("{trace:#?}");
        oracle::judge(&scenario, &trace);
        return;
    }
    let started = wall_clock();
    let mut sum = Sum::default();
    let failed: Vec<u64> = (0..number("LOCKKEEPER_SIM_SCENARIOS").unwrap_or(SCENARIOS))
        .filter(|&seed| !holds(seed, &mut sum))
        .collect();
    println!("{sum}, {:.1} wall seconds", started.elapsed().as_secs_f64());
    for seed in failed.iter().take(10) {
        let again = format!("LOCKKEEPER_SIM_SEED={seed} cargo test --test sim -- --nocapture");
        eprintln!("seed {seed} fails; to run it again: {again}");
    }
    assert!(
        failed.is_empty(),
        "{} scenarios fail, the first with seed {}",
        failed.len(),
        failed[0]
    );
}

/// Runs one scenario; false, after printing why, if something is wrong with it.
fn holds(seed: u64, sum: &mut Sum) -> bool {
    let judged = catch_unwind(AssertUnwindSafe(|| {
        let scenario = Scenario::of(seed);
        let trace = run::run(&scenario);
        oracle::judge(&scenario, &trace);
        if seed.is_multiple_of(RERUN_EVERY) {
            let again = run::run(&scenario);
            assert!(format!("{trace:?}") == format!("{again:?}"), "another run is not the same");
        }
        trace
    }));
    let judged = judged.inspect(|trace| sum.add(trace));
    judged.inspect_err(|_| eprintln!("in the scenario with seed {seed}\n")).is_ok()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// The real clock, for the summary's sake alone.
#[allow(clippy::disallowed_methods)]
fn wall_clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// What was simulated.
#[derive(Default)]
struct Sum {
    scenarios: usize,
    calls: usize,
    attempts: usize,
    time: Duration,
}

impl Sum {
    fn add(&mut self, trace: &Trace) {
        self.scenarios += 1;
        self.calls += trace.calls.len();
        self.attempts += trace.attempts.len();
        self.time += trace.end.as_ref().map_or(Duration::ZERO, |end| end.elapsed);
    }
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scenarios, calls, attempts, time } = self;
        let hours = time.as_secs_f64() / 3_600.0;
        write!(
            f,
            "{scenarios} scenarios, {calls} calls, {attempts} attempts, {hours:.0} virtual hours"
        )
    }
}
