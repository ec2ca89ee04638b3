//! Whole calls on a virtual clock: pool, bucket, limits and retries, without a network or a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use lockkeeper::testing::{Executor, Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{ChatOptions, LlmInterface, Message, ModelSettings, OpenAiCompatible};

use super::pool::keys;
use crate::Result;
use crate::bench::{Bench, cost};
use crate::contest::{Contender, Measure, Outcome, interleaved};

const CALLERS: usize = 64;
/// How many calls each of them makes in a round.
const EACH: usize = 150;
const MEASURES: [Measure; 1] = [Measure {
    id: "simulation",
    title: "simulation, virtual calls on one core",
    unit: "calls/CPU s",
}];

/// Lets the library alone call: it has no peer in this.
pub fn run(bench: &Bench) -> Result<Vec<Outcome>> {
    let each = bench.amount(EACH);
    let contender = Contender::new("lockkeeper", || {
        let cost = cost(|| simulate(each))?;
        Ok(vec![(CALLERS * each) as f64 / cost.cpu.as_secs_f64()])
    });
    interleaved(&MEASURES, bench.effort.rounds, vec![contender])
}

/// Of twenty requests one is limited, and one fails.
fn reply(number: usize) -> Reply {
    match number % 20 {
        7 => Reply::status(429).header("retry-after", "2"),
        15 => Reply::error(503, "overloaded", "Try again."),
        _ => Reply::answer("The Erie, the Midi, the Grand.").after(Duration::from_millis(300)),
    }
}

fn simulate(each: usize) -> Result<()> {
    let clock = VirtualClock::new();
    let requests = AtomicUsize::new(0);
    let transport = ScriptedTransport::new(&clock, move |_| reply(requests.fetch_add(1, Relaxed)));
    let mut settings = ModelSettings::new("openai", "gpt-4", keys(8));
    settings.rate_limit_capacity = 50.0;
    settings.rate_limit_refill_rate = 100.0;
    let llm = OpenAiCompatible::builder(settings)
        .transport(Arc::new(transport))
        .runtime(clock.runtime())
        .build()?;
    let mut executor = Executor::new(&clock);
    for _ in 0..CALLERS {
        let llm = llm.clone();
        executor.spawn(async move {
            for _ in 0..each {
                // Whether all have succeeded, its counts tell.
                let _ = llm
                    .chat(vec![Message::user("Name three canals.")], ChatOptions::default())
                    .await;
            }
        });
    }
    executor.run()?;
    let (calls, stats) = ((CALLERS * each) as u64, llm.stats());
    match stats.succeeded == calls && stats.attempts > calls {
        true => Ok(()),
        false => Err(format!("of {calls} calls, {} have succeeded", stats.succeeded).into()),
    }
}
