//! A client.

use js_sys::{Array, Function, Uint8Array};
use lockkeeper::codec::{Account, CallRequest, ForwardRequest};
use lockkeeper::{BucketStats, OpenAiCompatible, Snapshot, WaitsFor};
use wasm_bindgen::prelude::*;

use crate::bucket::Bucket;
use crate::codec::{JsonParse, Terms, request};
use crate::lists;
use crate::observer::Listener;
use crate::pool::{self, Pool};
use crate::stream::{self, Chunks};
use crate::task::Task;

/// A client of one model.
#[wasm_bindgen]
pub struct Client {
    llm: OpenAiCompatible,
    listener: Listener,
}

impl Client {
    /// A client, and whom it tells.
    pub fn new(llm: OpenAiCompatible, listener: Listener) -> Self {
        Self { llm, listener }
    }

    /// The names of its provider and its model in `provider.json`.
    pub fn name(&self) -> (&str, &str) {
        (&self.llm.settings().provider, &self.llm.settings().name)
    }

    /// The entries that answer where it does not.
    pub fn fallbacks(&self) -> &[String] {
        &self.llm.settings().fallbacks
    }
}

#[wasm_bindgen]
impl Client {
    /// Asks for a whole answer to this body: `[item, account]`. Its model, where that is not the client's.
    pub fn chat(&self, body: String, model: Option<String>, n: u32, terms: Option<Terms>) -> Task {
        let call = self.llm.chat_with(JsonParse::default(), request(body, model, n, terms));
        Task::new(async move {
            let (answer, account) = call.await.map_err(|error| lists::error(&error))?;
            Ok(lists::list([answer.value(), Cost(account).into()]))
        })
    }

    /// A stream, which asks when it is first read.
    pub fn stream(
        &self,
        body: String,
        model: Option<String>,
        n: u32,
        may_ask_usage: bool,
        terms: Option<Terms>,
    ) -> Chunks {
        let request = CallRequest { may_ask_usage, ..request(body, model, n, terms) };
        Chunks::new(self.llm.stream_with(JsonParse::default(), request))
    }

    /// Passes a request on: `[status, names and values of headers, body, account]`.
    pub fn forward(
        &self,
        method: String,
        url: String,
        headers: Vec<String>,
        body: Option<Uint8Array>,
        model: Option<String>,
        streams: bool,
    ) -> Task {
        let mut texts = headers.into_iter();
        let mut headers = Vec::new();
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            headers.push((name, value));
        }
        let body = body.map(|body| body.to_vec()).unwrap_or_default().into();
        let request = ForwardRequest { method, url, headers, body, model, streams };
        let call = self.llm.forward(request);
        Task::new(async move {
            let (response, account) = call.await.map_err(|error| lists::error(&error))?;
            let headers = Array::new();
            for (name, value) in response.headers.iter() {
                headers.push(&name.into());
                headers.push(&value.into());
            }
            Ok(lists::list([
                response.status.into(),
                headers.into(),
                stream::body(response.body).into(),
                Cost(account).into(),
            ]))
        })
    }

    /// What is known of its model, in the order of `ModelInfo`.
    pub fn info(&self) -> JsValue {
        let settings = self.llm.settings();
        let window = settings.context_window.map(|tokens| tokens as f64);
        lists::list([
            settings.provider.as_str().into(),
            settings.name.as_str().into(),
            window.into(),
            settings.timeout.map(|it| it.as_secs_f64()).into(),
            lists::seconds(settings.retry_delay),
        ])
    }

    /// The model that it asks by default.
    #[wasm_bindgen(getter)]
    pub fn model(&self) -> String {
        self.llm.settings().model.clone()
    }

    /// The address that it asks.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.llm.settings().base_url.clone()
    }

    /// Its pool.
    #[wasm_bindgen(getter)]
    pub fn pool(&self) -> Pool {
        Pool::from(self.llm.key_pool().clone())
    }

    /// Its bucket.
    #[wasm_bindgen(getter)]
    pub fn bucket(&self) -> Bucket {
        Bucket::from(self.llm.token_bucket().clone())
    }

    /// Its budget of LLM tokens, if it has one.
    #[wasm_bindgen(getter)]
    pub fn budget(&self) -> Option<Bucket> {
        self.llm.token_budget().cloned().map(Bucket::from)
    }

    /// What it has done so far, in the order of `ClientStats`, then its waits, its bucket and its keys.
    pub fn stats(&self) -> JsValue {
        let stats = self.llm.stats();
        let WaitsFor { token, key, retry, concurrency, budget, .. } = stats.waits_for;
        let waits = [token, key, retry, concurrency, budget];
        let waits = waits.map(|it| [it.count as f64, it.time.as_secs_f64()]);
        let counts = [
            stats.calls,
            stats.succeeded,
            stats.failed,
            stats.cancelled,
            stats.attempts,
            stats.waits,
            stats.input_tokens,
            stats.output_tokens,
        ];
        let counts = counts.iter().map(|&count| JsValue::from(count as f64));
        let waits = waits.into_iter().flatten().map(JsValue::from);
        let BucketStats { capacity, refill_rate, tokens, waiters, waits: waited, .. } =
            stats.bucket;
        let bucket = [capacity, refill_rate, tokens, waiters as f64, waited as f64];
        lists::list([
            counts.collect::<Array>().into(),
            waits.collect::<Array>().into(),
            bucket.map(JsValue::from).into_iter().collect::<Array>().into(),
            pool::statuses(&stats.keys).into(),
        ])
    }

    /// What it knows, as JSON.
    pub fn snapshot(&self) -> String {
        self.llm.snapshot().to_json()
    }

    /// Takes up what the JSON of a snapshot tells.
    pub fn restore(&self, text: &str) -> Result<(), JsValue> {
        let restored = Snapshot::from_json(text).and_then(|snapshot| self.llm.restore(&snapshot));
        restored.map_err(|error| lists::error(&error))
    }

    /// Tells this function of every event, or no longer.
    pub fn listen(&self, listener: Option<Function>) {
        self.listener.set(listener);
    }
}

/// Where the cost of an answer is counted.
#[wasm_bindgen]
pub struct Cost(Account);

#[wasm_bindgen]
impl Cost {
    /// Counts it, once, and gives the key that answered.
    pub fn count(self, input_tokens: f64, output_tokens: f64) -> Option<String> {
        self.0.count(input_tokens as u64, output_tokens as u64);
        self.0.key_label()
    }
}
