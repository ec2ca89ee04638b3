//! One of the native processes that share their limits in `processes.test.mjs`: it says that it is ready,
//! and works when it is told to. `worker.mjs` is the same in Node.
//!
//! `shared-worker PLAN`, with the plan as JSON.

use std::io::{BufRead, stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use futures::future::join_all;
use lockkeeper::{
    ChatOptions, LlmInterface, Message, ModelSettings, OnFailure, OpenAiCompatible, RedisState,
    SharedStateOptions,
};
use serde::Deserialize;

/// What to do.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plan {
    name: String,
    /// One server, or several of one cluster.
    redis: Vec<String>,
    base_url: String,
    model: String,
    keys: Vec<String>,
    capacity: f64,
    refill_rate: f64,
    /// How many calls are under way at once, and how many there are in all.
    callers: u32,
    calls: u32,
    on_failure: String,
    lease_ttl: f64,
    timeout: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = std::env::args().nth(1).ok_or("usage: shared-worker PLAN")?;
    let plan: Plan = serde_json::from_str(&plan)?;
    let llm = client(&plan)?;
    println!("ready");
    tokio::task::spawn_blocking(|| stdin().lock().lines().next()).await?;
    let left = Arc::new(AtomicU32::new(plan.calls));
    join_all((0..plan.callers).map(|_| caller(&llm, &plan.name, &left))).await;
    println!("done");
    tokio::time::sleep(Duration::from_millis(100)).await; // what is given back is on its way
    Ok(())
}

fn client(plan: &Plan) -> Result<OpenAiCompatible, Box<dyn std::error::Error>> {
    let mut settings = ModelSettings::new("shared", &plan.model, &plan.keys);
    settings.base_url = plan.base_url.clone();
    settings.rate_limit_capacity = plan.capacity;
    settings.rate_limit_refill_rate = plan.refill_rate;
    let on_failure =
        if plan.on_failure == "error" { OnFailure::Error } else { OnFailure::LocalShare };
    let options = SharedStateOptions::default()
        .on_failure(on_failure)
        .lease_ttl(Duration::from_secs_f64(plan.lease_ttl))
        .timeout(Duration::from_secs_f64(plan.timeout));
    let state = match &plan.redis[..] {
        [url] => RedisState::connect(url)?,
        urls => RedisState::connect_cluster(urls.iter().map(String::as_str))?,
    };
    Ok(OpenAiCompatible::builder(settings).shared_state(Arc::new(state), options).build()?)
}

/// Makes one call after the other while there are any left, and tells how each went.
async fn caller(llm: &OpenAiCompatible, name: &str, left: &AtomicU32) {
    while left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
        match llm.chat(vec![Message::user(name)], ChatOptions::default()).await {
            Ok(_) => println!("ok"),
            Err(error) => {
                println!("{}", error.kind());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
