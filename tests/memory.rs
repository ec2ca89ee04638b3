//! Memory does not grow with the number of calls, however they end.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod scripted;

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use futures::future::{join_all, select};
use futures::{FutureExt, StreamExt, stream};
use lockkeeper::testing::VirtualClock;
use lockkeeper::{
    BoxFuture, ChatOptions, HttpRequest, HttpResponse, LlmInterface, OpenAiCompatible, Transport,
    TransportError,
};
use scripted::{question, seconds, settings};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes in use now.
fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

const ANSWER: &str = r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}]}"#;
const CHUNK: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"yes\"}}]}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// A provider in whose days good and bad answers follow each other; it remembers nothing.
#[derive(Default)]
struct Moody(AtomicUsize);

impl Transport for Moody {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let streams = String::from_utf8_lossy(&request.body).contains("\"stream\":true");
        let (status, headers, pieces): (_, &[(&str, &str)], &'static [&'static str]) =
            match (self.0.fetch_add(1, Relaxed) % 11, streams) {
                (0, _) => return async { Err(TransportError::connection("reset")) }.boxed(),
                (1, _) => return futures::future::pending().boxed(),
                (2 | 3, _) => (429, &[("retry-after", "3")], &["slow down"]),
                (4, _) => (503, &[("x-request-id", "r")], &["{\"error\":{\"message\":\"busy\"}}"]),
                (5, _) => (400, &[], &["{\"error\":{\"message\":\"no stream_options\"}}"]),
                (6, true) => (200, &[], &[CHUNK]), // cut
                (7, true) => (200, &[], &[CHUNK, "data: {\"choices\":[\n\n"]),
                (8, _) => (403, &[], &[]),
                (_, true) => (200, &[], &[CHUNK, CHUNK, DONE]),
                (_, false) => (200, &[], &[ANSWER]),
            };
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let headers = headers.collect();
        async move {
            let body = stream::iter(pieces.iter().map(|piece| Ok((*piece).into()))).boxed();
            Ok(HttpResponse::new(status, headers, body))
        }
        .boxed()
    }
}

/// One call of the mix: whole, streamed, dropped early or late, or of a model of its own.
async fn call(n: usize, llm: OpenAiCompatible, clock: VirtualClock) {
    let options = ChatOptions::default().model(format!("model-{}", n % 1_000)).max_retries(2);
    match n % 5 {
        0 | 1 => drop(llm.chat(question(), options.timeout(seconds(9.0))).await),
        2 => drop(llm.chat_stream(question(), options.headers_timeout(seconds(4.0))).text().await),
        3 => drop(llm.chat_stream(question(), options).next().now_or_never()),
        _ => {
            let gives_up = clock.runtime().sleep(seconds(0.3));
            drop(select(llm.chat(question(), options), gives_up).await);
        }
    }
}

/// Makes so many calls, forty at once.
fn calls(count: usize, llm: &OpenAiCompatible, clock: &VirtualClock) {
    for batch in 0..count / 40 {
        let batch = (0..40).map(|n| call(40 * batch + n, llm.clone(), clock.clone()));
        clock.block_on(join_all(batch));
        clock.advance(seconds(1.0));
    }
}

#[test]
fn fifty_thousand_calls_leave_nothing_behind() {
    let clock = VirtualClock::new();
    let mut metered = settings(3);
    (metered.rate_limit_capacity, metered.rate_limit_refill_rate) = (50.0, 50.0);
    let llm = OpenAiCompatible::builder(metered)
        .runtime(clock.runtime())
        .transport(Arc::new(Moody::default()))
        .build()
        .unwrap();
    calls(5_000, &llm, &clock);
    let before = live_bytes();
    calls(45_000, &llm, &clock);
    let after = live_bytes();

    let stats = llm.stats();
    assert_eq!(stats.calls, 50_000);
    assert_eq!(stats.succeeded + stats.failed + stats.cancelled, 50_000);
    let least = stats.succeeded.min(stats.failed).min(stats.cancelled);
    assert!(least > 2_000, "a mix: {stats:?}");
    assert_eq!((llm.key_pool().in_flight(), llm.token_bucket().waiters()), (0, 0));
    // Room for tables that grow in steps; a leak of one pointer per call would be 360,000 bytes.
    assert!(after < before + 60_000, "{before} bytes were in use, now {after}: {stats:?}");
}
