//! The client for any OpenAI-compatible API: turns a call into an exchange, and its outcome into an
//! answer or a stream.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tracing::debug;

use crate::accounting::{CallRecord, ClientStats, Counters, Ending};
use crate::chat::{ChatOptions, ChatResponse, Message, request_body};
use crate::chat_stream::ChatStream;
use crate::client_builder::ClientBuilder;
use crate::clocks::Clocks;
use crate::core::health::KeyFate;
use crate::error::Error;
use crate::exchange::{Call, Engine};
use crate::interface::LlmInterface;
use crate::key_pool::{ApiKeyPool, KeyLease};
use crate::lock::lock;
use crate::platform::{BoxFuture, boxed};
use crate::provider_config::{DEFAULT_CHAT_TIMEOUT, ModelSettings};
use crate::registry;
use crate::streamed_call;
use crate::token_bucket::TokenBucket;
use crate::whole_body::WholeBody;

/// Buckets of models other than the client's own that are kept while idle.
const IDLE_BUCKETS_KEPT: usize = 64;

/// A client for one model of one OpenAI-compatible API, with its key pool and token bucket.
///
/// Clones share everything. See [`LlmInterface`] for `chat` and `chat_stream`.
///
/// ```no_run
/// use lockkeeper::{ChatOptions, LlmInterface, Message, OpenAiCompatible};
///
/// # async fn example() -> Result<(), lockkeeper::Error> {
/// let providers = OpenAiCompatible::load_from_json_file("provider.json")?;
/// let llm = &providers["openai"]["gpt-4"];
///
/// let messages = vec![Message::user("Name three canals.")];
/// let answer = llm.chat(messages, ChatOptions::default().temperature(0.2)).await?;
/// println!("{}", answer.text());
/// println!("{} + {} LLM tokens so far", llm.input_token_count(), llm.output_token_count());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OpenAiCompatible {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub settings: ModelSettings,
    pub engine: Engine,
    pub bucket: TokenBucket,
    /// Buckets of models that calls have named.
    pub other_buckets: Mutex<HashMap<String, TokenBucket>>,
    pub counters: Arc<Counters>,
    /// The provider has refused `stream_options`: it is not asked again.
    pub refuses_usage: AtomicBool,
}

impl OpenAiCompatible {
    /// A client with these settings.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with every problem of the settings.
    pub fn new(settings: ModelSettings) -> Result<Self, Error> {
        Self::builder(settings).build()
    }

    /// A client with these settings, and a transport, clock or pool of your own.
    pub fn builder(settings: ModelSettings) -> ClientBuilder {
        ClientBuilder::new(settings)
    }

    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// LLM tokens sent so far, as reported or estimated.
    #[must_use]
    pub fn input_token_count(&self) -> u64 {
        self.stats().input_tokens
    }

    /// LLM tokens received so far, as reported or estimated.
    #[must_use]
    pub fn output_token_count(&self) -> u64 {
        self.stats().output_tokens
    }

    /// The pool that its keys come from.
    #[must_use]
    pub fn key_pool(&self) -> &ApiKeyPool {
        &self.inner.engine.pool
    }

    /// The bucket that meters its requests.
    #[must_use]
    pub fn token_bucket(&self) -> &TokenBucket {
        &self.inner.bucket
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &ModelSettings {
        &self.inner.settings
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        self.inner.counters.snapshot()
    }
}

impl LlmInterface for OpenAiCompatible {
    fn chat(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        let inner = self.inner.clone();
        boxed(async move {
            let (mut call, _) = inner.begin(&messages, &options, false)?;
            let outcome = inner.engine.exchange(&mut call, &WholeBody).await;
            let (mut response, lease) = outcome.inspect_err(|_| call.record.end(Ending::Failed))?;
            call.record.answered_by(lease.id(), lease.key_label());
            inner.engine.works(&call, lease);
            let usage = match response.usage.take() {
                Some(usage) => usage,
                None => response.estimated_usage(&messages),
            };
            call.record.count(&usage);
            response.usage = Some(usage);
            call.record.end(Ending::Succeeded);
            Ok(response)
        })
    }

    fn chat_stream(&self, messages: Vec<Message>, options: ChatOptions) -> ChatStream {
        let record = Arc::new(CallRecord::begin(&self.inner.counters, &self.inner.engine.pool));
        streamed_call::stream(self.inner.clone(), Arc::new(messages), options, record)
    }
}

impl Inner {
    /// A call with its record, which counts it from now on.
    fn begin(
        &self,
        messages: &[Message],
        options: &ChatOptions,
        streaming: bool,
    ) -> Result<(Call, bool), Error> {
        let record = Arc::new(CallRecord::begin(&self.counters, &self.engine.pool));
        self.call(record, messages, options, streaming)
    }

    /// A call that is ready to be exchanged, and whether it asks for usage.
    pub fn call(
        &self,
        record: Arc<CallRecord>,
        messages: &[Message],
        options: &ChatOptions,
        streaming: bool,
    ) -> Result<(Call, bool), Error> {
        let started = self.engine.runtime().now();
        let asks_usage = streaming
            && !self.refuses_usage.load(Relaxed)
            && !options.extra.contains_key("stream_options");
        let body = request_body(messages, options, &self.settings.model, streaming, asks_usage);
        let body = body.inspect_err(|_| record.end(Ending::Failed))?;
        let (model, origin) = match &options.model {
            Some(model) => (model.clone(), "the call's `model` option"),
            None if self.settings.model == self.settings.name => {
                (self.settings.model.clone(), "the entry's name in the configuration")
            }
            None => (self.settings.model.clone(), "`model` in the configuration"),
        };
        let bucket = self.bucket_of(&model)?;
        let clocks = self.clocks(options, streaming);
        let retries = options.max_retries.unwrap_or(self.settings.max_retries);
        let body = Bytes::from(body);
        Ok((Call::new(record, bucket, (model, origin), body, clocks, started, retries), asks_usage))
    }

    fn clocks(&self, options: &ChatOptions, streaming: bool) -> Clocks {
        let settings = &self.settings;
        let total = options.timeout.or(settings.timeout);
        let headers = options.headers_timeout.unwrap_or(settings.headers_timeout);
        let first_token = options.first_token_timeout.unwrap_or(settings.first_token_timeout);
        Clocks {
            // A whole answer's headers come when it is written, which the total limits.
            total: if streaming { total } else { total.or(Some(DEFAULT_CHAT_TIMEOUT)) },
            headers: streaming.then_some(headers),
            first_token: streaming.then_some(first_token),
            idle: options.idle_timeout.unwrap_or(settings.idle_timeout),
        }
    }

    /// The bucket of `model`, which a call may have named.
    fn bucket_of(&self, model: &str) -> Result<TokenBucket, Error> {
        if model == self.settings.model {
            return Ok(self.bucket.clone());
        }
        let mut others = lock(&self.other_buckets);
        if let Some(bucket) = others.get(model) {
            return Ok(bucket.clone());
        }
        if others.len() >= IDLE_BUCKETS_KEPT {
            // A full bucket that nobody waits at is as good as a new one.
            others.retain(|_, b| b.waiters() > 0 || b.tokens() < b.capacity());
        }
        let runtime = self.engine.pool.runtime();
        // A client made for that model has set its limits; until then they are this one's.
        let limits = (self.bucket.capacity(), self.bucket.refill_rate());
        let bucket = registry::bucket_by_guess(runtime, &self.settings.base_url, model, limits)?;
        others.insert(model.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

impl Engine {
    /// Ends a lease whose key has answered.
    pub fn works(&self, call: &Call, lease: KeyLease) {
        let took = self.runtime().now() - call.sent;
        debug!(call = call.record.id, key = lease.key_label(), ?took, "attempt answered");
        lease.end(KeyFate::Works, |_| std::time::Duration::ZERO);
    }
}

impl fmt::Debug for OpenAiCompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiCompatible")
            .field("settings", &self.inner.settings)
            .field("stats", &self.stats())
            .field("key_pool", self.key_pool())
            .field("token_bucket", self.token_bucket())
            .finish()
    }
}
