//! The native client and its callers' tokio runtimes: which of them its connections live on, and what
//! becomes of a call when that one stands still or ends.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod live;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use futures::future::{Either, join_all, select};
use live::{client, provider, question, settings};
use lockkeeper::codec::ForwardRequest;
use lockkeeper::{
    ChatOptions, ChatStream, ErrorKind, LlmInterface, OpenAiCompatible, ReqwestTransport,
};
use mock_provider::{Fault, MockProvider};
use tokio::runtime::{Builder, Runtime};

const NO_TIME: Duration = Duration::ZERO;

/// A runtime with so many threads.
fn threads(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().unwrap()
}

/// Asks once; it must succeed at the first attempt.
async fn ask(llm: OpenAiCompatible) {
    let attempts = llm.stats().attempts;
    // One that hangs is a failure, too.
    let options = ChatOptions::default().timeout(Duration::from_secs(20));
    let answer = llm.chat(question(), options).await.unwrap();
    assert!(!answer.text().is_empty());
    assert_eq!(llm.stats().attempts, attempts + 1);
}

/// A stream whose first chunk has been read on that runtime.
fn begun(llm: &OpenAiCompatible, runtime: &Runtime) -> (ChatStream, String) {
    let options = ChatOptions::default().idle_timeout(Duration::from_secs(20));
    let mut stream = llm.chat_stream(question(), options);
    let first = runtime.block_on(stream.next()).unwrap().unwrap();
    (stream, first.text().into_owned())
}

/// How many of the library's tasks live on a runtime that has no others.
fn tasks(runtime: &Runtime) -> usize {
    runtime.metrics().num_alive_tasks()
}

#[test]
fn connections_live_on_the_callers_threads_where_it_has_some() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    let runtime = threads(2);
    runtime.block_on(ask(llm.clone()));
    assert!(tasks(&runtime) > 0, "of a call from outside its threads");
    let other = threads(1);
    other.block_on(other.spawn(ask(llm.clone()))).unwrap();
    assert!(tasks(&other) > 0, "of a call from a task");
}

#[test]
fn connections_live_apart_where_the_callers_runtime_may_stand_still() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    let one_thread = Builder::new_current_thread().enable_all().build().unwrap();
    one_thread.block_on(ask(llm.clone()));
    assert_eq!(tasks(&one_thread), 0);
    block_on(ask(llm.clone())); // while that one stands still
    smol::block_on(ask(llm));
}

#[test]
fn a_client_of_the_callers_own_is_used_on_one_runtime() {
    let provider = provider(NO_TIME, NO_TIME);
    let transport = ReqwestTransport::with_client(reqwest::Client::new());
    let builder = OpenAiCompatible::builder(settings(&provider)).transport(Arc::new(transport));
    let llm = builder.build().unwrap();
    let runtime = threads(2);
    runtime.block_on(ask(llm.clone()));
    assert_eq!(tasks(&runtime), 0);
    drop(runtime);
    threads(2).block_on(ask(llm));
}

#[test]
fn a_task_may_block_on_a_call() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    let runtime = threads(1);
    let blocking = |llm: OpenAiCompatible| async { block_on(ask(llm)) };
    runtime.block_on(runtime.spawn(blocking(llm.clone()))).unwrap();
    // Nor do connections that are there already keep it from an answer.
    runtime.block_on(runtime.spawn(ask(llm.clone()))).unwrap();
    runtime.block_on(runtime.spawn(blocking(llm.clone()))).unwrap();
    let many = async move {
        block_on(join_all((0..40).map(|_| llm.chat(question(), ChatOptions::default()))))
    };
    let answers = runtime.block_on(runtime.spawn(many)).unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[test]
fn a_runtime_without_sockets_or_timers_is_none_to_live_on() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    for builder in [&mut Builder::new_multi_thread(), Builder::new_multi_thread().enable_io()] {
        let runtime = builder.build().unwrap();
        runtime.block_on(ask(llm.clone()));
        runtime.block_on(runtime.spawn(ask(llm.clone()))).unwrap();
    }
}

#[test]
fn the_next_call_does_not_miss_a_runtime_that_has_ended() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    for _ in 0..40 {
        let runtime = threads(1);
        runtime.block_on(ask(llm.clone()));
        assert!(tasks(&runtime) > 0, "those that have ended are forgotten");
    }
    let ended = threads(2);
    ended.block_on(ask(llm.clone()));
    let handle = ended.handle().clone();
    drop(ended);
    let _still_entered = handle.enter();
    block_on(ask(llm));
}

#[test]
fn a_stream_may_be_read_on_elsewhere() {
    let provider = provider(NO_TIME, Duration::from_millis(2));
    let llm = client(&provider);
    let home = threads(1);
    let readers: [fn(ChatStream) -> Result<String, lockkeeper::Error>; 3] = [
        |stream| block_on(stream.text()),
        |stream| smol::block_on(stream.text()),
        |stream| threads(1).block_on(stream.text()),
    ];
    for read in readers {
        let (stream, first) = begun(&llm, &home);
        let rest = read(stream).unwrap();
        assert!(rest.starts_with(&first) && rest.len() > first.len(), "{rest}");
    }
    assert_eq!(llm.stats().attempts, 3);
}

/// A provider that falls silent after two chunks.
fn stalling() -> MockProvider {
    let provider = provider(NO_TIME, NO_TIME);
    provider.script([Fault::Stall { after_chunks: 2 }]);
    provider
}

#[test]
fn a_stream_whose_runtime_ends_has_failed() {
    let provider = stalling();
    let llm = client(&provider);
    let home = threads(2);
    let (stream, first) = begun(&llm, &home);
    let reader = std::thread::spawn(move || block_on(stream.text()));
    drop(home);
    let error = reader.join().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.clock()), (ErrorKind::Truncated, None), "{error}");
    assert!(error.partial().is_some_and(|partial| partial.text.starts_with(&first)), "{error}");
    assert_eq!(llm.key_pool().in_flight(), 0);
    block_on(ask(llm));
}

#[test]
fn what_is_passed_on_of_a_runtime_that_ends_is_cut_not_complete() {
    let provider = stalling();
    let llm = client(&provider);
    let home = threads(2);
    let request = ForwardRequest {
        method: "POST".to_owned(),
        url: format!("{}/chat/completions", provider.base_url()),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"model":"model-a","stream":true,"messages":[{"role":"user","content":"?"}]}"#
            .into(),
        model: None,
        streams: true,
    };
    let (mut response, _account) = home.block_on(llm.forward(request)).unwrap();
    home.block_on(response.body.next()).unwrap().unwrap();
    drop(home);
    let rest: Vec<_> = block_on(response.body.take(100).collect());
    let cut = rest.iter().find_map(|piece| piece.as_ref().err());
    assert!(cut.is_some_and(|error| error.message.contains("was cut")), "{rest:?}");
}

#[test]
fn a_call_whose_runtime_ends_is_made_again() {
    let provider = provider(NO_TIME, NO_TIME);
    provider.script([Fault::Silence]);
    let llm = client(&provider);
    let home = threads(2);
    let call = llm.chat(question(), ChatOptions::default());
    let arrived = Box::pin(provider.wait_for_requests(1));
    let Either::Right((_, call)) = home.block_on(select(call, arrived)) else {
        panic!("there was no silence")
    };
    drop(home);
    assert!(!block_on(call).unwrap().text().is_empty());
    assert_eq!(llm.stats().attempts, 2);
}
