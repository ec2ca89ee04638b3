//! What a client tells of itself: its calls, its waits, its bucket and its keys.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::time::Duration;

use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{ChatOptions, ErrorKind, LlmInterface, Quantiles, Waits};
use scripted::{Scene, Way, question, seconds, settings};

/// Told within a tenth.
fn is_about(told: Duration, truth: f64) -> bool {
    (told.as_secs_f64() / truth - 1.0).abs() < 0.1
}

fn latency(quantiles: Option<Quantiles>) -> (u64, f64) {
    quantiles.map_or((0, 0.0), |it| (it.count, it.sum.as_secs_f64()))
}

#[test]
fn a_key_tells_how_long_it_took_and_how_it_failed() {
    let answers = (1..=20).map(|n| Reply::answer("Hi!").after(seconds(f64::from(n) * 0.1)));
    let failures = [Reply::status(500), Reply::status(503), Reply::status(400)];
    let scene = Scene::new(1, failures.into_iter().chain(answers));
    scene.ask(Way::Chat).unwrap_err();
    for _ in 0..20 {
        scene.ask(Way::Chat).unwrap();
    }
    let stats = scene.llm.stats();
    let key = &stats.keys[0];
    assert_eq!((stats.provider.as_str(), stats.model.as_str()), ("scripted", "model-a"));
    assert_eq!(key.failures, [(ErrorKind::Server, 2), (ErrorKind::InvalidRequest, 1)]);
    let took = key.latency.unwrap();
    assert_eq!((took.count, took.sum), (20, seconds(21.0)));
    assert!(is_about(took.p50, 1.0) && is_about(took.p95, 1.9), "{took:?}");
    assert!(is_about(took.p99, 2.0), "{took:?}");
    assert_eq!(key.first_token, None);
}

#[test]
fn a_stream_tells_its_first_token_apart_from_its_end() {
    let stream = || Reply::stream(["a", "b", "c"]).after(seconds(0.5)).pace(seconds(1.0));
    let scene = Scene::new(1, [stream(), stream()]);
    let ask = || scene.stream();
    scene.clock.block_on(ask().text()).unwrap();
    let whole = scene.clock.elapsed().as_secs_f64();
    let mut left = ask();
    scene.clock.block_on(left.next()).unwrap().unwrap();
    drop(left);
    let key = &scene.llm.stats().keys[0];
    assert_eq!(latency(key.latency), (1, whole));
    let first = key.first_token.unwrap();
    assert_eq!(first.count, 2);
    assert!(first.p99 < seconds(2.0) && first.sum < seconds(4.0), "{first:?}");
}

#[test]
fn waits_are_told_by_reason_with_their_time() {
    let mut settings = settings(1);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1.0, 0.5);
    let limited = Reply::status(429).header("retry-after", "7");
    let failed = Reply::status(503).header("retry-after", "11");
    let scene = Scene::with(settings, [limited, failed, Reply::answer("Hi!")]);
    scene.ask(Way::Chat).unwrap();
    let stats = scene.llm.stats();
    let (key, retry) = (stats.waits_for.key, stats.waits_for.retry);
    assert_eq!((key.count, key.time), (1, seconds(7.0)));
    assert_eq!((retry.count, retry.time), (1, seconds(11.0)));
    assert_eq!(stats.waits_for.token, Waits::default());
    assert_eq!(stats.waits, 2);
    scene.llm.token_bucket().try_acquire(1).unwrap_err();
    assert_eq!(stats.bucket.waits, 0);
}

#[test]
fn a_wait_that_is_given_up_counts_until_then() {
    let mut settings = settings(1);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1.0, 0.1);
    let scene = Scene::with(settings, [Reply::answer("Hi!")]);
    scene.ask(Way::Chat).unwrap();
    let sleep = scene.clock.runtime().sleep(seconds(3.0));
    let call = scene.llm.chat(question(), ChatOptions::default());
    let raced = scene.clock.block_on(futures::future::select(call, sleep));
    assert_eq!(scene.llm.stats().bucket.waiters, 1);
    drop(raced);
    let stats = scene.llm.stats();
    let token = stats.waits_for.token;
    assert_eq!((token.count, token.time, stats.cancelled), (1, seconds(3.0), 1));
    assert_eq!((stats.bucket.waits, stats.bucket.waiters), (1, 0));
    assert_eq!((stats.bucket.capacity, stats.bucket.refill_rate), (1.0, 0.1));
    assert!((stats.bucket.tokens - 0.3).abs() < 1e-6, "{:?}", stats.bucket);
}
