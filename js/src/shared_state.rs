//! A state that processes share, by an object of the user's: `../api/shared-state.js` calls it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lockkeeper::{BoxFuture, OnFailure, SharedState, SharedStateError, SharedStateOptions};
use wasm_bindgen::prelude::*;

use crate::task::Task;

#[wasm_bindgen(module = "/api/shared-state.js")]
extern "C" {
    type Asked;

    /// Asks the user's object.
    #[wasm_bindgen(constructor)]
    fn new(state: &JsValue, place: &str, request: &str) -> Asked;

    /// Whether it has answered (true) or failed; while neither, whoever polls is woken.
    #[wasm_bindgen(method)]
    fn settled(this: &Asked) -> Option<bool>;

    /// The answer, or what is wrong.
    #[wasm_bindgen(method, getter)]
    fn text(this: &Asked) -> String;

    /// Runs a task of which nobody waits for the end.
    fn background(task: Task);
}

/// A shared state, and how it is used.
#[wasm_bindgen]
#[derive(Clone)]
pub struct Sharing {
    state: JsValue,
    options: SharedStateOptions,
}

#[wasm_bindgen]
impl Sharing {
    /// An object of the user's, whether calls fail with it, and two durations in seconds.
    #[wasm_bindgen(constructor)]
    pub fn new(state: JsValue, fails: bool, timeout: f64, lease_ttl: f64) -> Self {
        let on_failure = if fails { OnFailure::Error } else { OnFailure::LocalShare };
        let options = SharedStateOptions::default()
            .on_failure(on_failure)
            .timeout(Duration::from_secs_f64(timeout))
            .lease_ttl(Duration::from_secs_f64(lease_ttl));
        Self { state, options }
    }
}

impl Sharing {
    /// What a client is given.
    pub fn into_parts(self) -> (Arc<dyn SharedState>, SharedStateOptions) {
        (Arc::new(Shared(self.state)), self.options)
    }
}

struct Shared(JsValue);

impl SharedState for Shared {
    fn call(
        &self,
        place: &str,
        request: String,
    ) -> BoxFuture<'static, Result<String, SharedStateError>> {
        let asked = Asked::new(&self.0, place, &request);
        Box::pin(async move {
            // The task is woken by `../api/task.js`: its waker has nothing to do.
            let answered = poll_fn(|_| asked.settled().map_or(Poll::Pending, Poll::Ready)).await;
            let text = asked.text();
            if answered { Ok(text) } else { Err(SharedStateError::new(text)) }
        })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        background(Task::new(async move {
            task.await;
            Ok(JsValue::UNDEFINED)
        }));
    }
}
