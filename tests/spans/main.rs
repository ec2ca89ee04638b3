//! Each call has a span, with what OpenTelemetry's conventions for generative AI ask for, as long as the call
//! lasts.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod collector;
#[path = "../scripted/mod.rs"]
mod scripted;

use collector::{Collector, Seen};
use futures::StreamExt;
use lockkeeper::codec::ForwardRequest;
use lockkeeper::testing::Reply;
use lockkeeper::{ChatOptions, Fallback, LlmInterface, ModelSettings, OpenAiCompatible};
use scripted::{Scene, Way, question, seconds, settings};

const CHUNKS: [&str; 3] = [
    r#"{"id":"chatcmpl-7","model":"model-a-0613","choices":[{"index":0,"delta":{"content":"Hi"}}]}"#,
    r#"{"id":"chatcmpl-7","choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}"#,
];

const ANSWER: &str = r#"{"id":"chatcmpl-5","object":"chat.completion","model":"model-a-0613","choices":[
    {"index":0,"message":{"role":"assistant","content":"Hi!"},"finish_reason":"stop"},
    {"index":1,"message":{"role":"assistant","content":"Ho!"},"finish_reason":"length"}],
    "usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#;

/// These fields have these texts.
fn tells(span: &Seen, fields: &[(&str, &str)]) {
    for (field, text) in fields {
        assert_eq!(span.get(field), *text, "{field} of {span:#?}");
    }
}

fn has_event(span: &Seen, start: &str) -> bool {
    span.events.iter().any(|event| event.starts_with(start))
}

#[test]
fn a_chat_tells_what_was_asked_and_what_it_cost() {
    let ((), seen) = Collector::watch(|seen| {
        let scene = Scene::new(1, [Reply::status(503), Reply::status(200).body(ANSWER)]);
        let options = ChatOptions::default().temperature(0.25).top_p(0.5).n(2).seed(42);
        let options = options.max_completion_tokens(50).extra("frequency_penalty", 0.75);
        scene.ask_with(Way::Chat, options).unwrap();
        assert!(seen.calls()[0].is_closed, "not when the client is dropped");
    });
    let calls = seen.calls();
    tells(
        &calls[0],
        &[
            ("otel.name", "chat model-a"),
            ("otel.kind", "client"),
            ("otel.status_code", ""),
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.provider.name", "scripted"),
            ("gen_ai.request.model", "model-a"),
            ("gen_ai.request.stream", ""),
            ("gen_ai.request.choice.count", "2"),
            ("gen_ai.request.seed", "42"),
            ("gen_ai.request.max_tokens", "50"),
            ("gen_ai.request.temperature", "0.25"),
            ("gen_ai.request.top_p", "0.5"),
            ("gen_ai.request.frequency_penalty", "0.75"),
            ("gen_ai.request.presence_penalty", ""),
            ("gen_ai.response.id", "chatcmpl-5"),
            ("gen_ai.response.model", "model-a-0613"),
            ("gen_ai.response.finish_reasons", r#"["stop","length"]"#),
            ("gen_ai.usage.input_tokens", "7"),
            ("gen_ai.usage.output_tokens", "2"),
            ("server.address", "api.scripted.test"),
            ("server.port", "443"),
            ("error.type", ""),
            ("lockkeeper.provider", "scripted"),
            ("lockkeeper.key", "…0001"),
            ("lockkeeper.failed_attempts", "1"),
            ("lockkeeper.outcome", "succeeded"),
        ],
    );
    assert_eq!(calls.len(), 1);
    for event in ["sends an attempt", "attempt failed", "waits", "call ended"] {
        assert!(has_event(&calls[0], event), "{event} in {calls:#?}");
    }
    assert_eq!(seen.outside(), [""; 0]);
}

#[test]
fn a_stream_keeps_its_span_until_its_end_and_no_longer() {
    let ((), seen) = Collector::watch(|seen| {
        let chunks = Reply::events(CHUNKS.into_iter().chain(["[DONE]"])).after(seconds(2.0));
        let scene = Scene::new(1, [chunks]);
        let mut stream = scene.stream();
        scene.clock.block_on(async {
            assert!(stream.next().await.unwrap().is_ok());
            assert!(!seen.calls()[0].is_closed);
            tracing::info!("between two chunks, nothing of the caller's is in it");
            while stream.next().await.is_some() {}
        });
        assert!(seen.calls()[0].is_closed, "though somebody still holds the stream");
        assert_eq!(stream.key_label().as_deref(), Some("…0001"));
    });
    let calls = seen.calls();
    tells(
        &calls[0],
        &[
            ("otel.name", "chat model-a"),
            ("gen_ai.request.stream", "true"),
            ("gen_ai.response.id", "chatcmpl-7"),
            ("gen_ai.response.model", "model-a-0613"),
            ("gen_ai.response.finish_reasons", r#"["length"]"#),
            ("gen_ai.response.time_to_first_chunk", "2.0"),
            ("gen_ai.usage.input_tokens", "9"),
            ("gen_ai.usage.output_tokens", "4"),
            ("lockkeeper.failed_attempts", "0"),
            ("lockkeeper.outcome", "succeeded"),
        ],
    );
    assert!(has_event(&calls[0], "has its first token") && has_event(&calls[0], "call ended"));
    assert!(!has_event(&calls[0], "between two chunks"), "{calls:#?}");
}

#[test]
fn a_failure_is_told_by_its_kind() {
    for way in scripted::BOTH {
        let (_, seen) = Collector::watch(|_| {
            let said = "no key sk-scripted-0001 here";
            let scene = Scene::new(1, [Reply::error(401, "invalid_api_key", said)]);
            scene.ask(way).unwrap_err()
        });
        let calls = seen.calls();
        tells(
            &calls[0],
            &[
                ("otel.status_code", "ERROR"),
                ("error.type", "authentication"),
                ("http.response.status_code", "401"),
                ("lockkeeper.outcome", "failed"),
                ("lockkeeper.failed_attempts", "1"),
                ("gen_ai.usage.input_tokens", ""),
            ],
        );
        assert!(calls[0].is_closed && has_event(&calls[0], "attempt failed"));
        assert!(!format!("{calls:?}").contains("sk-scripted"), "{calls:#?}");
    }
}

#[test]
fn a_stream_that_breaks_is_a_failure_with_what_it_cost() {
    let (_, seen) = Collector::watch(|_| {
        let scene = Scene::new(1, [Reply::events([CHUNKS[0]]).cut_after(1)]);
        scene.ask(Way::Stream).unwrap_err()
    });
    let call = &seen.calls()[0];
    tells(call, &[("error.type", "truncated"), ("lockkeeper.outcome", "failed")]);
    assert!(!call.get("gen_ai.usage.output_tokens").is_empty() && call.is_closed);
}

#[test]
fn what_is_cancelled_is_no_error() {
    for way in scripted::BOTH {
        let ((), seen) = Collector::watch(|_| {
            let scene = Scene::new(1, [Reply::silence()]);
            let asked = Box::pin(scene.llm.chat(question(), ChatOptions::default()));
            let streamed = Box::pin(scene.stream().text());
            let call: futures::future::BoxFuture<'_, ()> = match way {
                Way::Chat => Box::pin(async { drop(asked.await) }),
                Way::Stream => Box::pin(async { drop(streamed.await) }),
            };
            let sleep = scene.clock.runtime().sleep(seconds(1.0));
            drop(scene.clock.block_on(futures::future::select(call, sleep)));
        });
        let calls = seen.calls();
        let call = calls.iter().find(|call| !call.events.is_empty()).unwrap();
        tells(call, &[("lockkeeper.outcome", "cancelled"), ("otel.status_code", "")]);
        tells(call, &[("error.type", "")]);
        assert!(call.is_closed && has_event(call, "call ended"), "{call:#?}");
    }
}

#[test]
fn each_target_of_a_fallback_has_a_span_within_the_callers() {
    let (caller, seen) = Collector::watch(|_| {
        let scene = Scene::by(settings(1), |request| match request.url.contains("primary") {
            true => Reply::status(500),
            false => Reply::answer("Hi!"),
        });
        let client = |name: &str| {
            let mut settings = ModelSettings::new(name, "m", ["sk-0123456789abcd"]);
            settings.base_url = format!("https://{name}.test/v1");
            settings.max_retries = 0;
            let builder = OpenAiCompatible::builder(settings).runtime(scene.clock.runtime());
            builder.transport(std::sync::Arc::new(scene.provider.clone())).build().unwrap()
        };
        let fallback = Fallback::new([client("primary"), client("mistral")]);
        let caller = tracing::info_span!("caller");
        caller.in_scope(|| {
            let call = fallback.chat(question(), ChatOptions::default());
            scene.clock.block_on(call).unwrap();
        });
        caller.id().unwrap().into_u64()
    });
    let calls = seen.calls();
    assert_eq!(calls.iter().map(|call| call.parent).collect::<Vec<_>>(), [Some(caller); 2]);
    tells(&calls[0], &[("error.type", "server"), ("server.address", "primary.test")]);
    tells(
        &calls[1],
        &[("lockkeeper.outcome", "succeeded"), ("gen_ai.provider.name", "mistral_ai")],
    );
    tells(&calls[1], &[("lockkeeper.provider", "mistral")]);
}

#[test]
fn a_forwarded_request_has_its_span_until_its_body_ends() {
    let ((), seen) = Collector::watch(|seen| {
        let scene = Scene::new(1, [Reply::answer("Hi!")]);
        let request = ForwardRequest {
            method: "POST".into(),
            url: format!("{}/embeddings", scripted::BASE_URL),
            headers: Vec::new(),
            body: "{}".into(),
            model: Some("embedder".into()),
            streams: false,
        };
        scene.clock.block_on(async {
            let (mut response, _) = scene.llm.forward(request).await.unwrap();
            assert!(!seen.calls()[0].is_closed);
            while response.body.next().await.is_some() {}
        });
    });
    let call = &seen.calls()[0];
    tells(call, &[("otel.name", "embeddings embedder"), ("gen_ai.operation.name", "embeddings")]);
    tells(call, &[("lockkeeper.outcome", "succeeded"), ("lockkeeper.key", "…0001")]);
    assert!(call.is_closed);
}
