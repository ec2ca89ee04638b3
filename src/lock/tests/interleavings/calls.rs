//! Whole calls: each ends, and gives back what it took, whoever else comes, goes or gives up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use shuttle::thread;

use super::{in_many_orders, stopped_clock, waits};
use crate::platform::{BoxFuture, boxed, boxed_stream};
use crate::{
    ChatOptions, Error, ErrorKind, Headers, HttpRequest, HttpResponse, LlmInterface, Message,
    ModelSettings, OpenAiCompatible, RateLimitScope, Transport, TransportError,
};

/// Answers everything at once.
struct Answers;

impl Transport for Answers {
    fn send(
        &self,
        _request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let body = r#"{"choices":[{"message":{"content":"Hi!"},"finish_reason":"stop"}]}"#;
        let body = boxed_stream(stream::iter([Ok(Bytes::from_static(body.as_bytes()))]));
        boxed(async { Ok(HttpResponse::new(200, Headers::new(), body)) })
    }
}

/// A client with so many tokens, whose only key rests for a minute.
fn client(tokens: u32) -> OpenAiCompatible {
    let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789aaaa"]);
    settings.rate_limit_capacity = tokens.into();
    let builder = OpenAiCompatible::builder(settings).transport(Arc::new(Answers));
    let client = builder.runtime(stopped_clock()).build().unwrap();
    let lease = client.key_pool().lease().unwrap();
    lease.failed(ErrorKind::RateLimited, Some(Duration::from_secs(60)));
    client
}

async fn text(client: OpenAiCompatible) -> Result<String, Error> {
    let answer = client.chat(vec![Message::user("Hi?")], ChatOptions::default()).await?;
    Ok(answer.text().into_owned())
}

#[test]
fn calls_that_wait_for_a_key_end_when_one_comes() {
    in_many_orders(|| {
        let client = client(3);
        let calls = [waits(text(client.clone())), waits(text(client.clone()))];
        let gives_up = {
            let client = client.clone();
            thread::spawn(move || text(client).now_or_never())
        };
        client.key_pool().add_key("sk-0123456789bbbb").unwrap();
        for call in calls {
            assert_eq!(call.join().unwrap().unwrap(), "Hi!");
        }
        // The third looks once: it is answered at once, or takes nothing with it.
        let left = if gives_up.join().unwrap().is_some() { 0.0 } else { 1.0 };
        assert_eq!((client.key_pool().in_flight(), client.token_bucket().waiters()), (0, 0));
        assert_eq!(client.token_bucket().tokens(), left);
    });
}

/// Two calls that are answered, whatever a third does that is dropped where it would wait.
fn two_wait_and_one_gives_up(client: &OpenAiCompatible) {
    let calls = [waits(text(client.clone())), waits(text(client.clone()))];
    let gives_up = {
        let client = client.clone();
        thread::spawn(move || text(client).now_or_never())
    };
    for call in calls {
        assert_eq!(call.join().unwrap().unwrap(), "Hi!");
    }
    gives_up.join().unwrap();
}

#[test]
fn calls_that_wait_for_room_end_when_there_is_some() {
    for (in_all, on_each) in [(Some(1), None), (None, Some(1))] {
        in_many_orders(move || {
            let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789aaaa"]);
            (settings.max_concurrency, settings.max_concurrency_per_key) = (in_all, on_each);
            let builder = OpenAiCompatible::builder(settings).transport(Arc::new(Answers));
            let client = builder.runtime(stopped_clock()).build().unwrap();
            two_wait_and_one_gives_up(&client);
            assert_eq!(client.key_pool().in_flight(), 0);
        });
    }
}

#[test]
fn calls_that_wait_for_the_budget_end_when_others_settle() {
    for scope in [RateLimitScope::Client, RateLimitScope::Key] {
        in_many_orders(move || {
            let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789aaaa"]);
            settings.rate_limit_tokens_per_minute = Some(900.0);
            settings.rate_limit_scope = scope;
            let builder = OpenAiCompatible::builder(settings).transport(Arc::new(Answers));
            let client = builder.runtime(stopped_clock()).build().unwrap();
            // Each sets more than half of it aside, and gives nearly all of that back.
            two_wait_and_one_gives_up(&client);
            let budget = client.token_budget().unwrap();
            assert_eq!((client.key_pool().in_flight(), budget.waiters()), (0, 0));
            assert!(budget.tokens() > 800.0, "{}", budget.tokens());
        });
    }
}
