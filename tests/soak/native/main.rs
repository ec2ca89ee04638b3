//! The native client of the soak: thousands of streams at once, as a plan says, against a provider
//! that misbehaves. `npm run soak` makes the plan, starts the provider and judges the result.
//!
//! `soak PLAN RESULT` reads the one file, and writes the other.

#![allow(clippy::disallowed_methods, reason = "a load test tells how long things took")]

mod gauges;
mod observer;
mod plan;
mod tally;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use lockkeeper::{ChatOptions, ChatStream, LlmInterface, Message, OpenAiCompatible, StreamState};
use tokio::sync::oneshot;
use tokio::time::timeout;

use gauges::Gauges;
use observer::Watch;
use plan::{Plan, PlannedCall};
use tally::{End, Tally};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let [plan, result] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(
            |_| "usage: soak PLAN RESULT, both files of JSON; `npm run soak` sees to them",
        )?;
    let plan: Plan = serde_json::from_str(&std::fs::read_to_string(plan)?)?;
    let soak = Arc::new(Soak::new(plan)?);
    let report = soak.run().await?;
    std::fs::write(result, serde_json::to_vec(&report)?)?;
    Ok(())
}

/// The client under test, and what is known about it.
struct Soak {
    plan: Plan,
    llm: OpenAiCompatible,
    watch: Arc<Watch>,
    tally: Tally,
    begun: AtomicU64,
    started: Instant,
}

impl Soak {
    fn new(plan: Plan) -> Result<Self, lockkeeper::Error> {
        let watch = Arc::new(Watch::new(plan.expected_calls()));
        let llm =
            OpenAiCompatible::builder(plan.model_settings()).observer(watch.clone()).build()?;
        let tally = Tally::new(plan.expected_calls());
        let (begun, started) = (AtomicU64::new(0), Instant::now());
        Ok(Self { plan, llm, watch, tally, begun, started })
    }

    /// Keeps all callers busy for the planned time, and looks at the memory meanwhile.
    async fn run(self: Arc<Self>) -> Result<serde_json::Value, Box<dyn Error>> {
        let callers = (0..self.plan.callers).map(|_| tokio::spawn(self.clone().caller()));
        let callers: Vec<_> = callers.collect();
        let (stop, stopped) = oneshot::channel();
        let gauges = tokio::spawn(self.clone().sample(stopped));
        join_all(callers).await;
        let took = self.started.elapsed();
        drop(stop);
        let samples = gauges.await?;
        let provider = self.provider_at_rest().await?;
        let settled = Gauges::read(&self.llm, took);
        let (stats, seen) = (self.llm.stats(), self.watch.seen());
        Ok(serde_json::json!({
            "begun": self.begun.load(Relaxed),
            "ends": self.tally.report(),
            "stats": {
                "calls": stats.calls,
                "succeeded": stats.succeeded,
                "failed": stats.failed,
                "cancelled": stats.cancelled,
                "attempts": stats.attempts,
                "waits": stats.waits,
            },
            "sent": seen.sent,
            "firstToken": seen.first_token,
            "seconds": took.as_secs_f64(),
            "samples": samples,
            "settled": settled,
            "provider": provider,
        }))
    }

    /// What the provider says of itself once no request is under way, or when that takes too long. It is
    /// asked from here because all sockets close when this process ends.
    async fn provider_at_rest(&self) -> Result<serde_json::Value, Box<dyn Error>> {
        let asked_until = Instant::now() + self.plan.closing;
        loop {
            let said = reqwest::get(&self.plan.control_url).await?.text().await?;
            let overview: serde_json::Value = serde_json::from_str(&said)?;
            if overview["open"] == 0 || Instant::now() > asked_until {
                return Ok(overview);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// One of many: asks again as soon as its last call has ended.
    async fn caller(self: Arc<Self>) {
        while self.is_on() {
            let number = self.plan.first_number + self.begun.fetch_add(1, Relaxed);
            let began = Instant::now();
            let end = self.call(number).await;
            self.tally.note(number, end, began.elapsed());
        }
    }

    fn is_on(&self) -> bool {
        self.started.elapsed() < self.plan.seconds
    }

    /// One call, which its caller may lose interest in.
    async fn call(&self, number: u64) -> End {
        let PlannedCall { question, cancel_after } = self.plan.call(number);
        let prompt = Message::user(self.plan.questions[question].prompt(number));
        let mut stream = self.llm.chat_stream(vec![prompt], ChatOptions::default());
        let reading = timeout(self.plan.longest_call(), self.read(&mut stream, number, question));
        let Some(cancel_after) = cancel_after else {
            return reading.await.unwrap_or(End::Hung("past its timeout"));
        };
        match timeout(cancel_after, reading).await {
            Ok(ended) => ended.unwrap_or(End::Hung("past its timeout")),
            // One half says so, the other just drops it.
            Err(_) if number.is_multiple_of(2) => {
                stream.abort();
                End::Cancelled
            }
            Err(_) => End::Cancelled,
        }
    }

    /// Reads a stream to its end, and compares what it says with what the provider has to say.
    async fn read(&self, stream: &mut ChatStream, number: u64, question: usize) -> End {
        let question = &self.plan.questions[question];
        let mut text = String::new();
        let mut patience = self.plan.longest_call();
        loop {
            let Ok(next) = timeout(patience, stream.next()).await else {
                return End::Hung("silent past its idle_timeout");
            };
            patience = self.plan.longest_silence();
            match next {
                Some(Ok(chunk)) => {
                    text += &chunk.text();
                    self.tally.chunk();
                }
                Some(Err(error)) => {
                    let partial = error.partial().map_or("", |partial| &partial.text);
                    return match partial == text && question.begins(&text, number) {
                        true => End::Failed(error.kind()),
                        false => End::Lost(format!("failed with a text that was not sent: {text}")),
                    };
                }
                None if stream.state() != StreamState::Finished => {
                    return End::Lost(format!("ended as {:?}, without an error", stream.state()));
                }
                None if question.is_answered_by(&text, number) => return End::Answered,
                None => return End::Lost(format!("a text that was not sent: {text}")),
            }
        }
    }

    /// Looks at memory and work, as long as calls are under way.
    async fn sample(self: Arc<Self>, mut stopped: oneshot::Receiver<()>) -> Vec<Gauges> {
        let mut samples = Vec::with_capacity(256);
        let mut pause =
            tokio::time::interval(self.plan.sample_every.max(Duration::from_millis(50)));
        loop {
            samples.push(Gauges::read(&self.llm, self.started.elapsed()));
            tokio::select! { _ = &mut stopped => return samples, _ = pause.tick() => {} }
        }
    }
}
