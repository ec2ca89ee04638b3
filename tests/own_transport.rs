//! Without reqwest: a user's own transport, on the platform's clock, driven by any executor.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use futures::{FutureExt, StreamExt, stream};
use lockkeeper::{
    BoxFuture, ChatOptions, Headers, HttpRequest, HttpResponse, LlmInterface, Message,
    ModelSettings, OpenAiCompatible, Transport, TransportError,
};

/// Answers every other request; the rest it fails.
#[derive(Default)]
struct Own {
    requests: Mutex<Vec<HttpRequest>>,
}

impl Transport for Own {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let streams = String::from_utf8_lossy(&request.body).contains("\"stream\":true");
        let mut requests = self.requests.lock().unwrap();
        requests.push(request);
        let fails = requests.len() % 2 == 1;
        async move {
            if fails {
                return Err(TransportError::connection("the cable is out"));
            }
            let pieces: &[&'static str] = if streams {
                &[
                    "data: {\"choices\":[{\"delta\":{\"content\":\"Hel",
                    "lo\"}}]}\n\ndata: [DONE]\n\n",
                ]
            } else {
                &["{\"choices\":[{\"message\":{\"con", "tent\":\"Hello\"}}]}"]
            };
            let pieces: Vec<_> = pieces.iter().map(|piece| Ok((*piece).into())).collect();
            Ok(HttpResponse::new(200, Headers::new(), stream::iter(pieces).boxed()))
        }
        .boxed()
    }
}

fn settings() -> ModelSettings {
    let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-own-transport-0001"]);
    settings.retry_delay = std::time::Duration::from_millis(20);
    settings
}

#[test]
fn a_transport_of_ones_own_is_all_it_takes() {
    let own = Arc::new(Own::default());
    let llm = OpenAiCompatible::builder(settings()).transport(own.clone()).build().unwrap();
    let ask = || vec![Message::user("Hello?")];
    let answer = block_on(llm.chat(ask(), ChatOptions::default())).unwrap();
    assert_eq!(answer.text(), "Hello");
    assert!(answer.usage.is_some_and(|usage| usage.estimated));
    let text = block_on(llm.chat_stream(ask(), ChatOptions::default()).text()).unwrap();
    assert_eq!(text, "Hello");
    assert_eq!(own.requests.lock().unwrap().len(), 4, "the platform's clock backed off twice");
    assert!(llm.stats().waits >= 2);
}

#[test]
fn a_request_that_no_transport_can_send_is_not_tried_again() {
    struct Refuses;
    impl Transport for Refuses {
        fn send(&self, _: HttpRequest) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
            async { Err(TransportError::fatal("no such scheme")) }.boxed()
        }
    }
    let mut settings = settings();
    settings.model = "another".to_owned();
    let llm = OpenAiCompatible::builder(settings).transport(Arc::new(Refuses)).build().unwrap();
    let asked = llm.chat(vec![Message::user("Hello?")], ChatOptions::default());
    let error = block_on(asked).unwrap_err();
    assert_eq!((error.attempts().len(), error.message()), (1, "no such scheme"));
}

#[cfg(not(feature = "reqwest"))]
#[test]
fn without_reqwest_a_client_needs_a_transport() {
    let error = OpenAiCompatible::new(settings()).unwrap_err();
    assert!(error.message().contains("reqwest"), "{error}");
}
