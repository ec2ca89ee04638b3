//! Every fault of the mock provider over a real socket: what the native transport makes of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod live;

use std::time::{Duration, Instant};

use futures::executor::block_on;
use lockkeeper::{ChatOptions, Error, ErrorKind, LlmInterface, OpenAiCompatible};
use mock_provider::{Fault, MockProvider};

const ALMOST_AT_ONCE: Duration = Duration::from_millis(300);

fn ask(llm: &OpenAiCompatible, streams: bool, options: ChatOptions) -> Result<String, Error> {
    if streams {
        return block_on(llm.chat_stream(live::question(), options).text());
    }
    block_on(llm.chat(live::question(), options)).map(|answer| answer.text().into_owned())
}

/// Asks `model` once, with clocks that are short.
fn once(provider: &MockProvider, model: &str, streams: bool) -> Result<String, ErrorKind> {
    let llm = live::client(provider);
    let clocks = ChatOptions::default()
        .model(model)
        .max_retries(0)
        .timeout(ALMOST_AT_ONCE * 3)
        .headers_timeout(ALMOST_AT_ONCE)
        .first_token_timeout(ALMOST_AT_ONCE)
        .idle_timeout(ALMOST_AT_ONCE);
    #[allow(clippy::disallowed_methods)] // the time that a user waits
    let began = Instant::now();
    let outcome = ask(&llm, streams, clocks);
    assert!(began.elapsed() < ALMOST_AT_ONCE * 6, "{model}: {:?}", began.elapsed());
    assert_eq!(llm.key_pool().in_flight(), 0, "{model}");
    outcome.map_err(|error| {
        assert!(error.attempts().iter().all(|attempt| attempt.key_label.starts_with('…')));
        error.kind()
    })
}

#[test]
fn every_fault_is_an_error_of_its_kind() {
    use ErrorKind::*;
    let provider = live::provider(Duration::ZERO, Duration::ZERO);
    for (model, chat, stream) in [
        ("fault-reset", Connection, Connection),
        ("fault-close", Connection, Connection),
        ("fault-silence", Timeout, Timeout),
        ("fault-slow-headers", Timeout, Timeout),
        ("fault-slow-first-token", Timeout, Timeout),
        ("fault-cut", Truncated, Truncated),
        ("fault-cut-0", Truncated, Truncated),
        ("fault-end-early", Truncated, Truncated),
        ("fault-stall", Timeout, Timeout),
        ("fault-malformed", Decode, Decode),
        ("fault-error-in-stream", Server, Server),
        ("fault-empty-body", Truncated, Truncated),
        ("fault-html", Decode, Decode),
        ("fault-html-502", Server, Server),
        ("fault-redirect", Redirect, Redirect),
        ("fault-echo-key", Authentication, Authentication),
        ("fault-comments-for-ever", Timeout, Timeout),
        ("fault-huge-body", Server, Server),
        ("fault-quota", QuotaExhausted, QuotaExhausted),
        ("fault-429", RateLimited, RateLimited),
        ("fault-status-418", InvalidRequest, InvalidRequest),
        ("fault-503", Server, Server),
    ] {
        assert_eq!(once(&provider, model, false).unwrap_err(), chat, "{model}");
        assert_eq!(once(&provider, model, true).unwrap_err(), stream, "{model}");
    }
}

#[test]
fn what_is_only_odd_is_an_answer() {
    let provider = live::provider(Duration::ZERO, Duration::ZERO);
    let usual = once(&provider, "model-a", true).unwrap();
    for model in ["fault-no-done", "fault-gzip", "fault-refuse-stream-options", "fault-comments-50"]
    {
        for streams in [false, true] {
            assert_eq!(once(&provider, model, streams).unwrap(), usual, "{model} {streams}");
        }
    }
}

#[test]
fn trouble_that_passes_is_overcome() {
    for fault in [
        Fault::Reset,
        Fault::Close,
        Fault::status(503),
        Fault::Cut { after_chunks: 1 },
        Fault::EndEarly { after_chunks: 1 },
        Fault::EmptyBody,
        Fault::quota_exhausted(),
        Fault::status(401),
        Fault::rate_limited(60),
    ] {
        for streams in [false, true] {
            let provider = live::provider(Duration::ZERO, Duration::ZERO);
            let llm = live::client(&provider);
            provider.script([fault.clone(), fault.clone()]);
            let answer = ask(&llm, streams, ChatOptions::default());
            assert!(answer.is_ok_and(|text| !text.is_empty()), "{fault:?}");
            assert_eq!(provider.log().len(), 3, "{fault:?}");
        }
    }
}

#[test]
fn an_answer_whose_end_only_the_connection_shows() {
    let provider = live::provider(Duration::ZERO, Duration::ZERO);
    let llm = live::client(&provider);
    let raw = |body: &str| Fault::Raw {
        bytes: format!("HTTP/1.0 200 OK\r\n\r\n{body}"),
        then_close: true,
    };
    provider.script([
        raw(r#"{"choices":[{"message":{"content":"mlx"}}]}"#),
        raw("data:{\"choices\":[{\"delta\":{\"content\":\"mlx\"},\"finish_reason\":\"stop\"}]}\r\n\r\n"),
    ]);
    for streams in [false, true] {
        assert_eq!(ask(&llm, streams, ChatOptions::default()).unwrap(), "mlx");
    }
}
