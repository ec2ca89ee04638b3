//! Keys show nowhere: not in the most verbose log of any crate, not in an error, not in a `Debug`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod live;

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use lockkeeper::codec::ForwardRequest;
use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
use lockkeeper::{
    ApiKey, ChatOptions, ConfigLoader, Event, LlmInterface, ModelSettings, Observer,
    OpenAiCompatible,
};
use mock_provider::{Fault, MockProvider};
use tracing_subscriber::filter::LevelFilter;

/// All that is logged in this process, by us and by what we use.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The log of this process, at its most verbose, from now on; one test at a time.
    fn begin() -> (Self, MutexGuard<'static, ()>) {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        static LOG: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let writer = log.clone();
            tracing_subscriber::fmt()
                .with_max_level(LevelFilter::TRACE)
                .with_ansi(false)
                .with_writer(move || writer.clone())
                .init();
            log
        });
        LOG.0.lock().unwrap().clear();
        (LOG.clone(), alone)
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Panics where a key of these tests shows, and says where.
fn shows_no_key(what: &str) {
    if let Some(at) = what.find("-live-secret") {
        let line = what[..at].rfind('\n').map_or(0, |end| end + 1);
        panic!("{}", what[line..].lines().next().unwrap_or_default());
    }
}

/// A whole answer of the provider that repeats the key where no mock has thought of.
fn raw(head: &str, body: &str) -> Fault {
    let length = body.len();
    let bytes = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
    Fault::Raw { bytes, then_close: true }
}

/// What the settings send besides the key.
const GATEWAY: &str = "gw-live-secret-of-test-0009";

fn every_echo() -> Vec<Fault> {
    let key = live::key(1);
    let event = |data: &str| format!("data: {data}\n\n");
    let text = event(&format!(r#"{{"choices":[{{"delta":{{"content":"{key}"}}}}]}}"#));
    let error = format!(r#"{{"error":{{"message":"bad {key}, {GATEWAY}","code":"{key}"}}}}"#);
    let named = format!("event: error\n{}", event(&error));
    let escaped: String = key.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    let cut = format!("{}{key}", "x".repeat(1_990));
    vec![
        Fault::EchoKey { status: 401 },
        Fault::EchoKey { status: 400 },
        Fault::EchoKey { status: 503 },
        Fault::EchoKey { status: 429 },
        raw("200 OK", &error),
        raw("200 OK", &event(&error)),
        raw("200 OK", &named),
        raw("200 OK", &(text + &event(&error))),
        raw("200 OK", &event(&key)),
        raw("200 OK", &format!("<p>{key}</p>")),
        raw(&format!("401 no {key}"), &format!(r#"{{"error":"{escaped}"}}"#)),
        raw("500 Oh", &format!("<title>{key}</title>")),
        raw("400 Bad", &format!("no {}... here", &key[..20])),
        raw("502 Bad", &cut),
        raw(&format!("403 no\r\nwww-authenticate: Bearer {GATEWAY}\r\nx-{key}: 1"), ""),
        raw(&format!("400 Bad Request\r\nx-request-id: {key}"), &format!("no {key}")),
        raw(&format!("307 Moved\r\nlocation: https://{key}@evil.test/{key}?k={key}"), ""),
        raw(&format!("200 OK\r\nx-echo {key}: {key}"), &key),
    ]
}

/// Everything that an observer is told, as it shows.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<String>>);

impl Observer for Told {
    fn on_event(&self, call: u64, event: &Event<'_>) {
        self.0.lock().unwrap().push_str(&format!("{call} {event:?}\n"));
    }
}

/// A client with secrets everywhere, of a provider that answers with this from now on.
fn client_of(provider: &MockProvider, fault: &Fault, told: &Told) -> OpenAiCompatible {
    let mut settings = live::settings(provider);
    settings.api_keys.truncate(1);
    settings.max_retries = 0;
    settings.headers = vec![("X-Gateway".to_owned(), format!("Basic {GATEWAY}"))];
    settings.query = vec![("gateway-key".to_owned(), GATEWAY.to_owned())];
    provider.script([fault.clone()]);
    let builder = OpenAiCompatible::builder(settings).observer(Arc::new(told.clone()));
    builder.build().unwrap()
}

/// How a call fails, if the model itself is left out: what that said is the caller's.
fn failure_of(llm: &OpenAiCompatible, streams: bool) -> lockkeeper::Error {
    let options = ChatOptions::default();
    if !streams {
        return block_on(llm.chat(live::question(), options)).unwrap_err();
    }
    let mut stream = llm.chat_stream(live::question(), options);
    let error = loop {
        match block_on(stream.next()).expect("it fails") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    match error.partial() {
        Some(partial) if !partial.text.is_empty() => {
            assert_eq!(partial.text, live::key(1));
            error.with_partial(Default::default(), Default::default())
        }
        _ => error,
    }
}

/// All that whoever has a request forwarded gets to see.
fn forwarded(llm: &OpenAiCompatible) -> String {
    let request = ForwardRequest {
        method: "POST".to_owned(),
        url: format!("{}/chat/completions", llm.settings().base_url),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"model":"model-a","messages":[{"role":"user","content":"Hi!"}]}"#.into(),
        model: None,
        streams: false,
    };
    block_on(async {
        match llm.forward(request).await {
            Ok((response, account)) => {
                let seen = format!("{response:?} {account:?}");
                let pieces: Vec<_> = response.body.collect().await;
                format!("{seen} {pieces:?} {:?}", account.attempts())
            }
            Err(error) => format!("{error} {error:?}"),
        }
    })
}

#[test]
fn in_nothing_that_can_be_seen_of_a_call() {
    let (log, _alone) = Log::begin();
    let told = Told::default();
    let provider = live::provider(Duration::ZERO, Duration::ZERO);
    for fault in every_echo() {
        for streams in [false, true] {
            let llm = client_of(&provider, &fault, &told);
            let error = failure_of(&llm, streams);
            shows_no_key(&format!("{error} {error:?} {llm:?}"));
            let attempts = format!("{:?}", error.attempts());
            assert!(attempts.contains("…0001"), "{attempts}");
        }
        shows_no_key(&forwarded(&client_of(&provider, &fault, &told)));
    }
    let told = told.0.lock().unwrap();
    assert!(told.contains("Fails") && told.contains("…0001"));
    shows_no_key(&told);
    let text = log.text();
    assert!(text.contains("hyper"), "the log has what our dependencies say too");
    assert!(text.contains("…0001") && text.contains("TRACE lockkeeper"));
    shows_no_key(&text);
}

/// Compiles only for types without this trait: with it, the `_` could be either.
macro_rules! lacks {
    ($type:ty, $trait:path) => {{
        trait Lacks<T> {
            fn known() {}
        }
        impl<T: ?Sized> Lacks<()> for T {}
        struct Has;
        impl<T: ?Sized + $trait> Lacks<Has> for T {}
        <$type as Lacks<_>>::known();
    }};
}

#[test]
fn in_no_text_or_file_that_somebody_writes_by_mistake() {
    lacks!(ApiKey, std::fmt::Display);
    lacks!(ApiKey, serde::Serialize);
    lacks!(ModelSettings, serde::Serialize);
    lacks!(lockkeeper::ApiKeyPool, serde::Serialize);
    lacks!(lockkeeper::HttpRequest, serde::Serialize);
    let (_log, _alone) = Log::begin();
    let lost = || Err::<(), _>(vec![ModelSettings::new("openai", "m", [live::key(1)])]);
    let panic = std::panic::catch_unwind(|| lost().unwrap()).unwrap_err();
    shows_no_key(panic.downcast_ref::<String>().unwrap());
}

/// The error of a client with this key, `X-Gateway` and `gateway-key`, to this answer.
fn error_of(key: &str, gateway: &str, reply: Reply) -> lockkeeper::Error {
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::replies(&clock, [reply]);
    let mut settings = ModelSettings::new("openai", "gpt-secrets", [key]);
    settings.headers = vec![("X-Gateway".to_owned(), gateway.to_owned())];
    settings.query = vec![("gateway-key".to_owned(), format!("{gateway}?"))];
    let builder = OpenAiCompatible::builder(settings).runtime(clock.runtime());
    let llm = builder.transport(Arc::new(provider)).build().unwrap();
    let options = ChatOptions::default().max_retries(0);
    clock.block_on(llm.chat(live::question(), options)).unwrap_err()
}

#[test]
fn in_no_spelling() {
    let (log, _alone) = Log::begin();
    let key = "sk-live-secret/+\"of\"=0001";
    let (escaped, json) = ("sk-live-secret%2f%2B%22of%22%3D0001", serde_json::json!(key));
    for body in [escaped.to_owned(), json.to_string(), format!("{{\"error\":{{\"why\":{json}}}}}")]
    {
        let error = error_of(key, "", Reply::status(400).body(body));
        shows_no_key(&format!("{error:?}"));
        assert!(error.message().contains("…0001"), "{error}");
    }
    let gateway = live::key(2);
    let echoes = format!("no {gateway}, {gateway}%3F");
    for reply in [Reply::status(502).body(echoes.clone()), Reply::error(400, &gateway, &echoes)] {
        let error = error_of("sk-1", &gateway, reply);
        shows_no_key(&format!("{error:?}"));
        assert_eq!(error.message(), "no …0002, …002?");
    }
    shows_no_key(&log.text());
}

#[test]
fn in_no_part_where_an_error_is_cut() {
    let (_log, _alone) = Log::begin();
    let key = live::key(1);
    // Only 64 KiB are read; what stands behind so many blanks is shown.
    for before in 65_536 - key.len()..=65_536 - "sk-l".len() {
        let text = format!("{}{key}", " ".repeat(before));
        let message = error_of(&key, "", Reply::status(502).body(text)).message().to_owned();
        assert_eq!(message, "…0001", "{before}");
    }
    for before in 1_970..2_000 {
        let text = format!("{}{key}", "x".repeat(before));
        let error = error_of(&key, "", Reply::status(502).body(text));
        assert!(!error.message().contains("sk-l"), "{before}");
    }
}

#[test]
fn a_redirect_shows_its_target_without_what_may_be_secret() {
    let (_log, _alone) = Log::begin();
    for end in ["?sig=abc#d", "#sig=abc", ""] {
        let target = format!("https://elsewhere.test/v1{end}");
        let error = error_of("sk-1", "", Reply::status(307).header("location", &target));
        assert!(error.message().contains(" to https://elsewhere.test/v1, which"), "{error}");
    }
}

#[test]
fn in_no_debug_output() {
    let (_log, _alone) = Log::begin();
    let clock = VirtualClock::new();
    let provider = ScriptedTransport::new(&clock, |_| Reply::stream(["a", "b"]));
    let key = live::key(1);
    let text = format!(
        r#"{{"openai": {{"gpt-4": {{"api_keys": ["{key}"], "auth_header": "api-key"}},
            "gpt-5": {{"api_keys": ["{key}"], "headers": {{"X-Gateway": "{key}"}},
                "query": {{"gateway-key": "{key}"}}}}}}}}"#
    );
    let loader = ConfigLoader::new().env(|_| Some(live::key(1)));
    let loader = loader.runtime(clock.runtime()).transport(Arc::new(provider.clone()));
    let builder = OpenAiCompatible::builder(ModelSettings::new("openai", "gpt-4", [&key]));
    shows_no_key(&format!("{loader:?} {builder:?}"));
    let providers = loader.load_str(&text).unwrap();
    for llm in providers["openai"].values() {
        let mut stream = llm.chat_stream(live::question(), ChatOptions::default());
        clock.block_on(stream.next()).unwrap().unwrap();
        let lease = llm.key_pool().lease().unwrap();
        shows_no_key(&format!("{stream:?} {lease:?} {:?}", llm.key_pool().statuses()));
        shows_no_key(&format!(
            "{:?} {:?} {:?}",
            llm.key_pool(),
            llm.token_bucket(),
            llm.settings()
        ));
        assert!(format!("{lease:?}").contains("…0001"));
    }
    let requests = provider.requests();
    assert_eq!(requests[0].request.header("api-key"), Some(&*key));
    shows_no_key(&format!("{providers:?} {provider:?} {requests:?} {:?}", ApiKey::new(&key)));
    let unfit = format!(
        r#"{{"openai": {{"m": {{"api_keys": ["{key}\n", "{key} x", 7, {{"k": "{key}"}}]}}}}}}"#
    );
    let error = OpenAiCompatible::load_from_json_str(&unfit).unwrap_err();
    shows_no_key(&format!("{error} {error:?}"));
}

#[test]
fn the_debug_log_tells_the_story_of_a_call() {
    let (log, _alone) = Log::begin();
    let provider = live::provider(Duration::ZERO, Duration::ZERO);
    let mut settings = live::settings(&provider);
    (settings.rate_limit_capacity, settings.rate_limit_refill_rate) = (1.0, 20.0);
    let llm = OpenAiCompatible::new(settings).unwrap();
    provider.script([Fault::status(401), Fault::status(503), Fault::rate_limited(1), Fault::None]);
    block_on(llm.chat_stream(live::question(), ChatOptions::default()).text()).unwrap();
    let text = log.text();
    for (event, says) in [
        ("waits", "reason=Token planned=Some("),
        ("sends an attempt", "key=\"…"),
        ("has response headers", "took="),
        ("attempt failed", "kind=authentication"),
        ("attempt failed", "kind=server"),
        ("attempt failed", "kind=rate_limited"),
        ("waits", "reason=Retry planned=Some("),
        ("has its first token", "took="),
        ("call ended", "outcome=Succeeded key=\"…"),
    ] {
        let told = text.lines().any(|line| {
            let ours = line.contains("DEBUG lockkeeper") && line.contains("call=0");
            ours && line.contains(event) && line.contains(says)
        });
        assert!(told, "{event} {says}");
    }
}
