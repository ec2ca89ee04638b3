//! Requests of somebody else's, sent through a client: what goes out, what comes back.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use lockkeeper::codec::ForwardRequest;
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{ErrorKind, HttpResponse, ModelSettings, OpenAiCompatible};

const KEY: &str = "sk-0123456789aaaa";

struct Bench {
    clock: VirtualClock,
    provider: ScriptedTransport,
    llm: OpenAiCompatible,
}

fn bench(replies: Vec<Reply>) -> Bench {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::replies(&clock, replies);
    let mut settings = ModelSettings::new("forwards", "m", [KEY, "sk-0123456789bbbb"]);
    settings.base_url = "https://api.example.com/v1".into();
    settings.headers = vec![("x-team".into(), "canal".into())];
    settings.query = vec![("api-version".into(), "7".into())];
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(provider.clone()));
    let llm = builder.runtime(clock.runtime()).build().unwrap();
    Bench { clock, provider, llm }
}

fn request() -> ForwardRequest {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    ForwardRequest {
        method: "POST".into(),
        url: "https://api.example.com/v1/embeddings?x=1".into(),
        headers: vec![
            header("Authorization", "Bearer managed"),
            header("Content-Type", "application/json"),
            header("X-Team", "theirs"),
            header("Host", "elsewhere.example.com"),
        ],
        body: r#"{"n":12345678901234567890}"#.into(),
        model: None,
        streams: true,
    }
}

async fn body(response: HttpResponse) -> Result<String, String> {
    let mut text = Vec::new();
    let mut body = response.body;
    while let Some(bytes) = body.next().await {
        text.extend_from_slice(&bytes.map_err(|error| error.to_string())?);
    }
    Ok(String::from_utf8(text).unwrap())
}

#[test]
fn a_request_goes_out_as_it_is_but_for_the_key() {
    let bench = bench(vec![Reply::answer("Hi!")]);
    let (response, _) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
    assert_eq!(response.status, 200);
    let sent = &bench.provider.requests()[0].request;
    assert_eq!(*sent.url, *"https://api.example.com/v1/embeddings?x=1&api-version=7");
    assert_eq!(&*sent.body, br#"{"n":12345678901234567890}"#);
    assert_eq!(sent.header("authorization"), Some(&*format!("Bearer {KEY}")));
    assert_eq!((sent.header("x-team"), sent.header("host")), (Some("canal"), None));
    assert_eq!(sent.headers.iter().filter(|header| header.name == "authorization").count(), 1);
}

#[test]
fn the_key_is_held_until_the_body_ends() {
    let bench = bench(vec![Reply::stream(["a", "b"]), Reply::stream(["a", "b"])]);
    let (response, _) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
    assert_eq!(bench.llm.key_pool().in_flight(), 1);
    assert!(bench.clock.block_on(body(response)).unwrap().ends_with("data: [DONE]\n\n"));
    assert_eq!((bench.llm.key_pool().in_flight(), bench.llm.stats().succeeded), (0, 1));
    let (response, _account) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
    drop(response);
    assert_eq!((bench.llm.key_pool().in_flight(), bench.llm.stats().cancelled), (0, 1));
}

#[test]
fn limits_and_outages_are_retried() {
    let replies = vec![Reply::status(429), Reply::status(503), Reply::answer("Hi!")];
    let bench = bench(replies);
    let (response, account) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
    assert!(bench.clock.block_on(body(response)).unwrap().contains("Hi!"));
    assert_eq!(account.attempts().len(), 2);
}

#[test]
fn a_refusal_is_passed_on_and_stops_further_retries() {
    let refusal = Reply::error(400, "bad", &format!("no {KEY} here"));
    let refusal = refusal.header("x-echo", KEY).header(&format!("x-{KEY}"), "1");
    let bench = bench(vec![refusal]);
    let mut refused = request();
    refused.streams = false;
    let (response, _) = bench.clock.block_on(bench.llm.forward(refused)).unwrap();
    assert_eq!((response.status, response.header("x-should-retry")), (400, Some("false")));
    assert_eq!(response.header("x-echo"), Some("...aaaa"), "no header holds a `…`");
    assert!(response.headers.iter().all(|(name, _)| !name.contains(KEY)));
    let text = bench.clock.block_on(body(response)).unwrap();
    assert!(text.contains("bad") && text.contains("no …aaaa here"), "{text}");
}

#[test]
fn an_answer_is_passed_on_without_the_keys_that_it_echoes() {
    // A gateway may answer with what it has said of another key.
    let error = |key: &str| format!(r#"{{"error":{{"message":"bad key {key}"}}}}"#);
    let events = [error(KEY), error("sk-0123456789bbbb")];
    let echo = Reply::events(events.iter().map(String::as_str)).header("x-echo", KEY);
    let bench = bench(vec![echo]);
    let (response, _) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
    assert_eq!(response.header("x-echo"), Some("...aaaa"));
    let text = bench.clock.block_on(body(response)).unwrap();
    assert_eq!(text, format!("data: {}\n\ndata: {}\n\n", error("…aaaa"), error("…bbbb")));
}

#[test]
fn a_request_shows_no_secret_that_came_with_it() {
    let url = "https://api.example.com/v1/embeddings?key=theirs-0123456789".to_owned();
    let headers = vec![("authorization".to_owned(), "Bearer theirs-0123456789".to_owned())];
    let shown = format!("{:?}", ForwardRequest { url, headers, ..request() });
    assert!(!shown.contains("theirs-0"), "{shown}");
    assert!(shown.contains("/v1/embeddings?…") && shown.contains("authorization"), "{shown}");
}

#[test]
fn other_addresses_are_refused() {
    let bench = bench(vec![]);
    let elsewhere = ForwardRequest { url: "https://evil.example.com/v1".into(), ..request() };
    let error = bench.clock.block_on(bench.llm.forward(elsewhere)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(bench.provider.requests().is_empty());
}

#[test]
fn a_body_that_is_silent_or_cut_is_an_error() {
    let silent = Reply::stream(["a", "b"]).stall_after(1);
    let cut = Reply::stream(["a", "b"]).cut_after(1);
    let bench = bench(vec![silent, cut]);
    for _ in 0..2 {
        let (response, _) = bench.clock.block_on(bench.llm.forward(request())).unwrap();
        bench.clock.block_on(body(response)).unwrap_err();
    }
    assert_eq!((bench.llm.key_pool().in_flight(), bench.llm.stats().failed), (0, 2));
    assert!(bench.clock.elapsed() >= Duration::from_secs(60));
}
