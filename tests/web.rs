//! The client in a JavaScript host, over the global `fetch`, against the embedded provider. Run by
//! `scripts/with-provider.mjs`, which starts that and says where it is; in Node, and in browsers by
//! `web_in_browser.rs`.

#![cfg(target_arch = "wasm32")]

use futures::{FutureExt, StreamExt};
use js_sys::{Function, Promise, Reflect};
use lockkeeper::{
    ChatOptions, ErrorKind, LlmInterface, Message, ModelSettings, OpenAiCompatible, StreamState,
    TokenBucket, parse_provider_json,
};
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

/// Where the embedded provider is.
const BASE_URL: &str = match option_env!("LOCKKEEPER_TEST_BASE_URL") {
    Some(url) => url,
    None => "http://127.0.0.1:9/v1",
};

/// A client of its own name, so that no test shares a pool or bucket with another.
fn client(name: &str) -> OpenAiCompatible {
    let keys = ["sk-web-test-key-0001", "sk-web-test-key-0002", "sk-web-test-key-0003"];
    let mut settings = ModelSettings::new("web", name, keys);
    settings.base_url = BASE_URL.to_owned();
    settings.rate_limit_capacity = 100.0;
    settings.retry_delay = Duration::from_millis(20);
    OpenAiCompatible::new(settings).unwrap()
}

fn hello() -> Vec<Message> {
    vec![Message::user("Hello from a web test!")]
}

#[wasm_bindgen_test]
async fn chats() {
    let llm = client("chats");
    let answer = llm.chat(hello(), ChatOptions::default()).await.unwrap();
    assert!(!answer.text().is_empty());
    assert_eq!(answer.finish_reason(), Some("stop"));
    assert!(llm.output_token_count() > 0);
    assert_eq!(llm.key_pool().in_flight(), 0);
}

#[wasm_bindgen_test]
async fn streams() {
    let llm = client("streams");
    let mut stream = llm.chat_stream(hello(), ChatOptions::default());
    let mut chunks = 0;
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
        chunks += 1;
    }
    assert!(chunks > 3, "{chunks} chunks");
    assert_eq!(stream.state(), StreamState::Finished);
    assert!(!stream.usage().estimated);
}

#[wasm_bindgen_test]
async fn a_dropped_stream_frees_its_key() {
    let llm = client("dropped");
    let mut stream = llm.chat_stream(hello(), ChatOptions::default());
    stream.next().await.unwrap().unwrap();
    assert_eq!(llm.key_pool().in_flight(), 1);
    drop(stream);
    assert_eq!(llm.key_pool().in_flight(), 0);
}

#[wasm_bindgen_test]
async fn a_dropped_stream_closes_its_socket() {
    let llm = client("fault-stall-3");
    let said = format!("to be dropped, {}", js_sys::Math::random());
    let messages = vec![Message::user(&said)];
    let mut stream = llm.chat_stream(messages, ChatOptions::default());
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let clock = TokenBucket::new(1.0, 50.0).unwrap();
    for _ in 0..25 {
        clock.acquire(1, None).await.unwrap(); // 20 ms
        if how_it_ended(&said).await.as_deref() == Some("client_closed") {
            return;
        }
    }
    panic!("the provider saw no closed socket within 500 ms");
}

/// How the provider says that the request with this message ended.
async fn how_it_ended(said: &str) -> Option<String> {
    let url = BASE_URL.replace("/v1", "/_control/log");
    let text = get(&url).await.unwrap();
    let log: serde_json::Value = serde_json::from_str(&text).unwrap();
    let requests = log["requests"].as_array()?;
    let ours = requests.iter().find(|one| one["body"]["messages"][0]["content"] == said)?;
    ours["finished"].as_str().map(str::to_owned)
}

/// What a GET answers.
async fn get(url: &str) -> Result<String, JsValue> {
    let fetch: Function = Reflect::get(&js_sys::global(), &"fetch".into())?.dyn_into()?;
    let response: Promise = fetch.call1(&JsValue::UNDEFINED, &url.into())?.dyn_into()?;
    let response: web_sys::Response = JsFuture::from(response).await?.unchecked_into();
    let text = JsFuture::from(response.text()?).await?;
    Ok(text.as_string().unwrap_or_default())
}

#[wasm_bindgen_test]
async fn goes_on_to_another_key() {
    let llm = client("fault-once-429");
    let answer = llm.chat(hello(), ChatOptions::default()).await.unwrap();
    assert!(!answer.text().is_empty());
    assert_eq!(llm.stats().attempts, 2);
}

#[wasm_bindgen_test]
async fn retries_what_time_heals() {
    let llm = client("fault-once-503");
    llm.chat(hello(), ChatOptions::default()).await.unwrap();
    assert_eq!(llm.stats().attempts, 2);
}

#[wasm_bindgen_test]
async fn errors_are_typed() {
    let refused = client("fault-status-400").chat(hello(), ChatOptions::default()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidRequest);
    let once = ChatOptions::default().max_retries(0);
    let lost = client("fault-reset").chat(hello(), once.clone()).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Connection, "{lost}");
    // A browser drops what it has not handed over yet when a connection breaks: no text is certain.
    let cut = client("fault-cut-3").chat_stream(hello(), once.clone()).text().await.unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Truncated, "{cut}");
    let ended = client("fault-end-early-3").chat_stream(hello(), once).text().await.unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::Truncated, "{ended}");
    assert!(!ended.partial().unwrap().text.is_empty());
}

#[wasm_bindgen_test]
async fn a_redirect_is_not_followed() {
    let error = client("fault-redirect").chat(hello(), ChatOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
}

#[wasm_bindgen_test]
async fn silence_ends_with_the_timeout() {
    let options = ChatOptions::default().timeout(Duration::from_millis(200));
    let llm = client("fault-silence");
    let error = llm.chat(hello(), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert_eq!(llm.key_pool().in_flight(), 0);
}

#[wasm_bindgen_test]
async fn the_bucket_waits_by_the_hosts_timer() {
    let bucket = TokenBucket::new(1.0, 2.0).unwrap(); // half a second: no host is so slow
    bucket.acquire(1, None).await.unwrap();
    assert!(bucket.acquire(1, None).now_or_never().is_none());
    bucket.acquire(1, None).await.unwrap();
    assert_eq!(bucket.waiters(), 0);
}

#[wasm_bindgen_test]
fn numbers_are_read_and_written_by_the_host() {
    let parse = |field: &str| {
        let text = format!(r#"{{"groq": {{"m": {{"api_keys": ["sk-1"], {field}}}}}}}"#);
        parse_provider_json(&text, &|_| None)
    };
    for (text, number) in [("2.5", 2.5), ("1e3", 1000.0), ("1E-1", 0.1), ("7", 7.0)] {
        let models = parse(&format!(r#""rate_limit_refill_rate": {text}"#)).unwrap();
        assert_eq!(models[0].rate_limit_refill_rate, number);
    }
    for (field, message) in [
        (r#""max_retries": 1.5"#, "must be a whole number from 0 to 100, not 1.5"),
        (r#""max_retries": "5""#, "expected a number, found a string; leave out the quotes"),
        (r#""retry_delay": -0.5"#, "must be a number of seconds of at least 0, not -0.5"),
        (r#""rate_limit_capacity": 1e999"#, "is too large a number"),
    ] {
        let error = parse(field).unwrap_err();
        assert_eq!(error.problems()[0].message, message);
    }
}
