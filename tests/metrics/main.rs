//! What clients count, as Prometheus scrapes it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod exposition;
#[path = "../scripted/mod.rs"]
mod scripted;

use exposition::Exposition;
use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{ModelSettings, OpenAiCompatible, metrics_text};
use scripted::{Scene, Way, label, seconds, settings};

/// A client to which most things have happened.
fn busy() -> Scene {
    let mut settings = settings(3);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (3.0, 0.5);
    let scene = Scene::with(
        settings,
        [
            Reply::status(401),
            Reply::status(429).header("retry-after", "60"),
            Reply::answer("Hi!").after(seconds(0.25)),
            Reply::stream(["Hi!"]).after(seconds(1.0)),
            Reply::silence(),
        ],
    );
    scene.ask(Way::Chat).unwrap();
    let stream = scene.stream();
    scene.clock.block_on(stream.text()).unwrap();
    let mut stopped = scene.stream();
    let sleep = scene.clock.runtime().sleep(seconds(5.0));
    let _ = scene.clock.block_on(futures::future::select(stopped.next(), sleep));
    drop(stopped);
    scene
}

#[test]
fn metrics_are_what_prometheus_reads() {
    let scene = busy();
    let metrics = Exposition::read(&scene.llm.metrics_text());
    let of = |name: &str, own: &str| {
        let client = r#"provider="scripted",model="model-a""#;
        let own = if own.is_empty() { String::new() } else { format!(",{own}") };
        metrics.value(&format!("lockkeeper_{name}"), &format!("{client}{own}"))
    };
    assert_eq!(of("calls_total", r#"outcome="succeeded""#), 2.0);
    assert_eq!(of("calls_total", r#"outcome="cancelled""#), 1.0);
    assert_eq!(of("calls_in_flight", ""), 0.0);
    assert_eq!(of("attempts_total", ""), 5.0);
    assert_eq!(of("waits_total", r#"reason="token""#), 2.0);
    assert!(of("wait_seconds_total", r#"reason="token""#) > 2.0);
    assert_eq!((of("bucket_capacity", ""), of("bucket_refill_rate", "")), (3.0, 0.5));
    let key = |number: usize, more: &str| format!(r#"key="{}"{more}"#, label(number));
    assert_eq!(of("key_state", &key(1, r#",state="dead""#)), 1.0);
    assert_eq!(of("key_state", &key(1, r#",state="ready""#)), 0.0);
    assert_eq!(of("key_failures_total", &key(1, r#",kind="authentication""#)), 1.0);
    assert_eq!(of("key_state", &key(2, r#",state="cooling""#)), 1.0);
    assert!((40.0..60.0).contains(&of("key_rest_seconds", &key(2, ""))));
    assert_eq!(of("key_attempts_total", &key(3, r#",outcome="succeeded""#)), 2.0);
    assert_eq!(of("key_latency_seconds_count", &key(3, "")), 2.0);
    assert_eq!(of("key_latency_seconds_sum", &key(3, "")), 1.25);
    assert_eq!(of("key_first_token_seconds_count", &key(3, "")), 1.0);
    assert!((of("key_latency_seconds", &key(3, r#",quantile="0.99""#)) - 1.0).abs() < 0.1);
    assert_eq!(metrics.kind("lockkeeper_key_latency_seconds"), "summary");
    assert!(metrics.names().all(|name| name.starts_with("lockkeeper_")));
    assert!(!scene.llm.metrics_text().contains("sk-"));
}

#[test]
fn clients_share_a_text_and_are_told_apart() {
    let alike = || Scene::new(2, []).llm;
    let mut settings = ModelSettings::new("a\"b\\c", "m{1,\"2\"}", ["sk-0123456789abcd"]);
    settings.base_url = scripted::BASE_URL.to_owned();
    let odd = OpenAiCompatible::new(settings).unwrap();
    let (one, two) = (alike(), alike());
    let text = metrics_text([&one, &odd, &two]);
    let metrics = Exposition::read(&text);
    assert_eq!(
        metrics.value("lockkeeper_attempts_total", r#"provider="scripted",model="model-a""#),
        0.0
    );
    let second = r#"provider="scripted",model="model-a",client="2""#;
    assert_eq!(metrics.value("lockkeeper_attempts_total", second), 0.0);
    let odd = r#"provider="a\"b\\c",model="m{1,\"2\"}""#;
    assert_eq!(metrics.value("lockkeeper_attempts_total", odd), 0.0);
    assert_eq!(text.matches("# TYPE lockkeeper_attempts_total").count(), 1);
}

/// The npm package writes the same metrics: `tests/js/metrics.test.mjs` compares with this list.
#[test]
fn the_metrics_are_those_that_are_listed() {
    let text = Scene::new(1, []).llm.metrics_text();
    let heads: String =
        text.lines().filter(|it| it.starts_with('#')).map(|it| format!("{it}\n")).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/metrics/heads.txt");
    if std::env::var_os("UPDATE_METRICS").is_some() {
        std::fs::write(path, &heads).unwrap();
    }
    assert_eq!(heads, std::fs::read_to_string(path).unwrap());
}
