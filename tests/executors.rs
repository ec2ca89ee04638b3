//! The native client under several executors, over a real socket.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod live;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, join_all, select};
use live::{at_home, client, provider, question};
use lockkeeper::{ChatOptions, ChatStream, Error, LlmInterface, OpenAiCompatible};
use mock_provider::{Fault, Finished, MockProvider};

const NO_TIME: Duration = Duration::ZERO;

/// Asks in both ways, with trouble on the way, and gives both answers.
async fn converse(llm: &dyn LlmInterface) -> Result<(String, String), Error> {
    let answer = llm.chat(question(), ChatOptions::default()).await?;
    let mut stream = llm.chat_stream(question(), ChatOptions::default());
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        text.push_str(&chunk?.text());
    }
    Ok((answer.text().into_owned(), text))
}

fn converse_by(run: impl FnOnce(OpenAiCompatible) -> Result<(String, String), Error>) {
    let provider = provider(NO_TIME, Duration::from_millis(1));
    let llm = client(&provider);
    provider.script([Fault::Reset, Fault::None, Fault::status(503), Fault::None]);
    let (answer, streamed) = run(llm.clone()).unwrap();
    assert!(!answer.is_empty() && answer == streamed, "{answer} / {streamed}");
    assert_eq!((provider.log().len(), llm.stats().succeeded), (4, 2));
    assert_eq!(llm.key_pool().in_flight(), 0);
}

#[test]
fn under_tokio() {
    converse_by(|llm| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async move { converse(&llm).await })
    });
    converse_by(|llm| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let spawned = runtime.spawn(async move { converse(&llm).await });
        runtime.block_on(spawned).unwrap()
    });
}

#[test]
fn under_smol() {
    converse_by(|llm| {
        smol::block_on(async { smol::spawn(async move { converse(&llm).await }).await })
    });
}

#[test]
fn under_futures() {
    converse_by(|llm| futures::executor::block_on(converse(&llm)));
}

#[test]
fn futures_and_streams_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_send_and_sync<T: Send + Sync + 'static>() {}
    is_send_and_sync::<OpenAiCompatible>();
    is_send_and_sync::<lockkeeper::ApiKeyPool>();
    is_send_and_sync::<lockkeeper::TokenBucket>();
    is_send_and_sync::<Error>();
    let provider = provider(NO_TIME, NO_TIME);
    let llm: Arc<dyn LlmInterface> = Arc::new(client(&provider));
    drop(is_send(llm.chat(question(), ChatOptions::default())));
    let stream: ChatStream = is_send(llm.chat_stream(question(), ChatOptions::default()));
    drop(is_send(stream.text()));
    drop(is_send(llm.chat_stream(question(), ChatOptions::default()).text_stream()));
    let elsewhere = llm.clone();
    let thread = std::thread::spawn(move || futures::executor::block_on(converse(&*elsewhere)));
    thread.join().unwrap().unwrap();
    futures::executor::block_on(converse(&*llm)).unwrap();
}

/// How the request with this index ended, once it has.
fn ending(provider: &MockProvider, index: usize) -> Finished {
    at_home(async {
        let closed = tokio::time::timeout(Duration::from_secs(5), provider.wait_for_close(index));
        closed.await.expect("the socket is closed in time").unwrap().finished
    })
}

#[test]
fn a_stream_that_is_given_up_closes_the_providers_socket() {
    let provider = provider(NO_TIME, Duration::from_millis(50));
    let llm = client(&provider);
    let begin = || {
        let mut stream = llm.chat_stream(question(), ChatOptions::default());
        futures::executor::block_on(stream.next()).unwrap().unwrap();
        stream
    };
    drop(begin());
    assert_eq!(ending(&provider, 0), Finished::ClientClosed);
    let mut aborted = begin();
    aborted.abort();
    assert_eq!(ending(&provider, 1), Finished::ClientClosed);
    assert_eq!(llm.key_pool().in_flight(), 0);
}

#[test]
fn a_call_that_is_given_up_closes_the_providers_socket() {
    let provider = provider(NO_TIME, NO_TIME);
    let llm = client(&provider);
    provider.script([Fault::Silence]);
    at_home(async {
        let call = llm.chat(question(), ChatOptions::default());
        let arrived = Box::pin(provider.wait_for_requests(1));
        let Either::Right(_) = select(call, arrived).await else { panic!("there was no silence") };
    });
    assert_eq!(ending(&provider, 0), Finished::ClientClosed);
    provider.script([Fault::Stall { after_chunks: 2 }]);
    let options = ChatOptions::default().idle_timeout(Duration::from_millis(100));
    let stalled = futures::executor::block_on(llm.chat_stream(question(), options).text());
    assert_eq!(stalled.unwrap_err().clock(), Some(lockkeeper::Clock::Idle));
    assert_eq!(ending(&provider, 1), Finished::ClientClosed);
}

#[test]
fn thirty_at_once_over_three_keys() {
    let provider = provider(Duration::from_millis(150), Duration::from_millis(2));
    let llm = client(&provider);
    let calls = (0..30).map(|n| {
        let llm = llm.clone();
        smol::spawn(async move {
            match n % 2 {
                0 => llm.chat(question(), ChatOptions::default()).await.map(|_| ()),
                _ => llm.chat_stream(question(), ChatOptions::default()).text().await.map(|_| ()),
            }
        })
    });
    let outcomes = smol::block_on(join_all(calls));
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for number in 1..=3 {
        let used = provider.log().iter().filter(|r| r.key_index == Some(number - 1)).count();
        assert!((8..=12).contains(&used), "key {number} was used {used} times");
        assert!(provider.peak_in_flight(&live::key(number)) <= 11);
    }
    assert!(provider.peak_in_flight_overall() >= 20, "they were at once");
}
