//! The client for any OpenAI-compatible API: turns a call into an exchange, and its outcome into an
//! answer or a stream.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use futures_util::stream;

use crate::accounting::{CallRecord, Counters};
use crate::call::{Call, Course};
use crate::call_span::{CallSpan, IS_BUILT_IN, operation_of};
use crate::chat::{
    AnsweredBy, ChatBody, ChatOptions, ChatResponse, Message, OnInterrupt, SerdeCodec,
};
use crate::chat_stream::{ChatStream, StreamRecord};
use crate::client_builder::ClientBuilder;
use crate::clocks::Clocks;
use crate::codec::{Account, CallRequest, ChunkStream, Codec};
use crate::core::retry::Retries;
use crate::error::{Attempt, Error};
use crate::events::Outcome;
use crate::exchange::Engine;
use crate::fallback::Fallback;
use crate::forward::{ForwardRequest, forward};
use crate::interface::{LlmInterface, ModelInfo};
use crate::key_pool::ApiKeyPool;
use crate::model_buckets::ModelBuckets;
use crate::platform::{BoxFuture, HttpResponse, MaybeSend, boxed, boxed_stream};
use crate::provider_config::{DEFAULT_CHAT_TIMEOUT, ModelSettings};
use crate::token_bucket::TokenBucket;
use crate::token_budget::{Asked, MeanOutput};
use crate::whole_body::WholeBody;
use crate::wire::Target;

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
    pub(crate) inner: Arc<Inner>,
    /// Who answers where it does not, itself at the head.
    fallback: Option<Fallback>,
}

pub(crate) struct Inner {
    #[cfg(feature = "functions")]
    pub learned: Arc<crate::llm_function::Learned>,
    pub settings: ModelSettings,
    /// The settings' model, which every call shares.
    pub model: Arc<str>,
    pub engine: Engine,
    pub buckets: ModelBuckets,
    /// The budgets of LLM tokens, where there are any.
    pub budgets: Option<ModelBuckets>,
    pub mean_output: MeanOutput,
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
        Self { inner: Arc::new(inner), fallback: None }
    }

    /// The same client, with others that answer where it does not.
    pub(crate) fn with_fallbacks(&self, others: Vec<Self>) -> Self {
        let targets = std::iter::once(self.clone()).chain(others);
        Self { inner: self.inner.clone(), fallback: Some(Fallback::new(targets)) }
    }

    /// The pool that its keys come from.
    #[must_use]
    pub fn key_pool(&self) -> &ApiKeyPool {
        &self.inner.engine.pool
    }

    /// The bucket that meters its requests.
    #[must_use]
    pub fn token_bucket(&self) -> &TokenBucket {
        &self.inner.buckets.own
    }

    /// The budget that meters its LLM tokens, where
    /// [`rate_limit_tokens_per_minute`](ModelSettings::rate_limit_tokens_per_minute) is set: its tokens
    /// are LLM tokens, less those that requests under way have set aside.
    #[must_use]
    pub fn token_budget(&self) -> Option<&TokenBucket> {
        self.inner.budgets.as_ref().map(|budgets| &budgets.own)
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &ModelSettings {
        &self.inner.settings
    }
}

impl OpenAiCompatible {
    /// A whole answer, read by a codec of your own, and the call's account.
    ///
    /// # Errors
    /// As [`LlmInterface::chat`].
    pub fn chat_with<C: Codec>(
        &self,
        codec: C,
        request: CallRequest,
    ) -> impl Future<Output = Result<(C::Answer, Account), Error>> + MaybeSend + use<C> {
        let inner = self.inner.clone();
        async move {
            let (answer, account) = inner.answer(codec, request).await?;
            account.end(Outcome::Succeeded);
            Ok((answer, account))
        }
    }

    /// A streamed answer, read by a codec of your own.
    pub fn stream_with<C: Codec>(&self, codec: C, request: CallRequest) -> ChunkStream<C> {
        let record = self.inner.begin("chat", request.model.as_deref());
        if let Some(span) = record.span() {
            span.asks(request.body.parameters(), true);
        }
        ChunkStream::new(self.inner.clone(), codec, request, record)
    }

    /// Sends somebody else's request through the pool, the bucket, the retries and the clocks, with a
    /// key of the pool in place of theirs, and passes on the answer as it is; if the provider refuses
    /// it for good, what it says, with `x-should-retry: false`. The key is held until the body ends.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for a URL that is not under the client's base
    /// URL, and whatever kept any answer from coming.
    pub fn forward(
        &self,
        request: ForwardRequest,
    ) -> impl Future<Output = Result<(HttpResponse, Account), Error>> + MaybeSend + use<> {
        let inner = self.inner.clone();
        async move {
            let record = inner.begin(operation_of(&request.url), request.model.as_deref());
            let account = Account(record.clone());
            if IS_BUILT_IN && let Some(span) = record.span() {
                let forwarded = Box::pin(forward(inner, request, account.clone()));
                return Ok((span.around(forwarded).await?, account));
            }
            Ok((forward(inner, request, account.clone()).await?, account))
        }
    }
}

impl LlmInterface for OpenAiCompatible {
    fn chat(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        if let Some(fallback) = &self.fallback {
            return fallback.chat(messages, options);
        }
        let named = options.model.clone();
        let messages = Arc::new(messages);
        let request = self.request(&messages, options, false);
        let client = self.inner.clone();
        boxed(async move {
            let (mut response, account) = client.answer(SerdeCodec::default(), request).await?;
            response.answered_by = client.answered_by(&account.0, named);
            let usage = match response.usage.take() {
                Some(usage) => usage,
                None => response.estimated_usage(&messages),
            };
            account.count(usage.prompt_tokens, usage.completion_tokens);
            response.usage = Some(usage);
            if let Some(span) = account.0.span() {
                span.answered(&response);
            }
            account.end(Outcome::Succeeded);
            Ok(response)
        })
    }

    fn chat_stream(&self, messages: Vec<Message>, options: ChatOptions) -> ChatStream {
        // What begins anew is a fallback's; it asks the client itself.
        let restarts = options.on_interrupt == Some(OnInterrupt::Restart);
        match &self.fallback {
            Some(fallback) => return fallback.chat_stream(messages, options),
            None if restarts && options.route.is_none() => {
                return Fallback::new([self.clone()]).chat_stream(messages, options);
            }
            None => {}
        }
        let named = options.model.clone();
        let messages = Arc::new(messages);
        let chunks =
            self.stream_with(SerdeCodec::default(), self.request(&messages, options, true));
        let account = chunks.account();
        let chunks = stream::unfold(chunks, |mut chunks| async move {
            let chunk = chunks.next().await?;
            Some((chunk, chunks))
        });
        let record = ClientRecord { client: self.inner.clone(), call: account.0, named };
        ChatStream::of_call(messages, boxed_stream(chunks), Some(Arc::new(record)))
    }

    fn model_info(&self) -> ModelInfo {
        let settings = &self.inner.settings;
        ModelInfo {
            provider: Some(settings.provider.clone()),
            model: Some(settings.name.clone()),
            context_window: settings.context_window,
            timeout: settings.timeout,
            retry_delay: Some(settings.retry_delay),
            #[cfg(feature = "functions")]
            learned: Some(self.inner.learned.clone()),
            runtime: Some(self.inner.engine.pool.runtime().clone()),
        }
    }
}

/// The record of a streamed call of a client.
struct ClientRecord {
    client: Arc<Inner>,
    call: Arc<CallRecord>,
    /// The model that the call has named.
    named: Option<String>,
}

impl StreamRecord for ClientRecord {
    fn answered_by(&self) -> Option<AnsweredBy> {
        self.client.answered_by(&self.call, self.named.clone())
    }

    fn attempts(&self) -> Vec<Attempt> {
        self.call.attempts()
    }

    fn end(&self, outcome: Outcome, stream: &ChatStream) {
        if self.call.has_answer() {
            let usage = stream.usage();
            self.call.count(usage.prompt_tokens, usage.completion_tokens);
        }
        if let Some(span) = self.call.span() {
            span.answered(&stream.so_far());
        }
        self.call.end(outcome);
    }
}

impl OpenAiCompatible {
    fn request(
        &self,
        messages: &Arc<Vec<Message>>,
        options: ChatOptions,
        stream: bool,
    ) -> CallRequest {
        let default_model = self.inner.model.clone();
        ChatBody { messages: messages.clone(), options, default_model, stream }.into_request()
    }
}

impl Inner {
    /// The record of a call, which counts it from now on.
    fn begin(&self, operation: &str, model: Option<&str>) -> Arc<CallRecord> {
        let span = CallSpan::begin(&self.settings, operation, model);
        Arc::new(CallRecord::begin(&self.counters, &self.engine.pool, span))
    }

    /// Who answers a call, once a key does.
    fn answered_by(&self, call: &CallRecord, named: Option<String>) -> Option<AnsweredBy> {
        let ModelSettings { provider, name, .. } = &self.settings;
        let (provider, model) = (provider.clone(), named.unwrap_or_else(|| name.clone()));
        call.key_label().map(|key_label| AnsweredBy { provider, model, key_label })
    }

    /// Asks for an answer in one piece. The call ends for whoever has it.
    async fn answer<C: Codec>(
        self: &Arc<Self>,
        codec: C,
        request: CallRequest,
    ) -> Result<(C::Answer, Account), Error> {
        let record = self.begin("chat", request.model.as_deref());
        let mut call = self.call(record.clone(), &request, Target::Answer, false)?;
        let reader = WholeBody(codec);
        // In a block of its own, since blocks of more than 1 KiB are shared by the threads of glibc's allocator.
        let exchange = Box::pin(self.engine.exchange(&mut call, &reader));
        let outcome = if IS_BUILT_IN && let Some(span) = record.span() {
            span.asks(request.body.parameters(), false);
            span.around(exchange).await
        } else {
            exchange.await
        };
        let (answer, mut lease) = outcome.inspect_err(|error| record.fail(error))?;
        record.answered_by(&mut lease);
        self.engine.works(&call.course, lease);
        Ok((answer, Account(record)))
    }

    /// A call that is ready to be exchanged.
    pub fn call(
        &self,
        record: Arc<CallRecord>,
        request: &CallRequest,
        target: Target,
        asks_usage: bool,
    ) -> Result<Box<Call>, Error> {
        let body = request.body.json(asks_usage);
        let body = body.inspect_err(|error| record.fail(error))?;
        let clocks = self.clocks(request, matches!(target, Target::Stream));
        let retries = request.max_retries.unwrap_or(self.settings.max_retries);
        let mut call =
            self.call_of(record, request.model.as_deref(), target, body, (clocks, retries))?;
        call.course.route.clone_from(&request.route);
        call.priority = request.priority;
        call.retries = Retries::new(retries).leaving_silence(call.has_next());
        Ok(call)
    }

    /// A call that passes on a request.
    pub fn forwarded(
        &self,
        record: Arc<CallRecord>,
        request: ForwardRequest,
    ) -> Result<Box<Call>, Error> {
        let as_settings_say = CallRequest::new(Arc::new(crate::codec::NoBody));
        let clocks = self.clocks(&as_settings_say, request.streams);
        // Nobody looks for a token in it: its body's silence is what is limited.
        let clocks = Clocks { first_token: None, ..clocks };
        let (body, model) = (request.body.clone(), request.model.clone());
        let target = Target::Forward(Arc::new(request));
        let retries = self.settings.max_retries;
        self.call_of(record, model.as_deref(), target, body, (clocks, retries))
    }

    fn call_of(
        &self,
        record: Arc<CallRecord>,
        model: Option<&str>,
        target: Target,
        body: Bytes,
        (clocks, retries): (Clocks, u32),
    ) -> Result<Box<Call>, Error> {
        let started = self.engine.runtime().now();
        let (model, model_origin) = match model {
            Some(model) => (model.into(), "the call's `model` option"),
            None if self.settings.model == self.settings.name => {
                (self.model.clone(), "the entry's name in the configuration")
            }
            None => (self.model.clone(), "`model` in the configuration"),
        };
        let asked = self.asked(&model, &body).inspect_err(|error| record.fail(error))?;
        let bucket = self.buckets.of(&model, &self.settings, self.engine.pool.runtime())?;
        Ok(Box::new(Call {
            course: Course { record, model, route: None, started, sent: started },
            bucket,
            asked,
            model_origin,
            target,
            body,
            clocks,
            priority: 0,
            without_usage: None,
            retries: Retries::new(retries),
            tried: Vec::new(),
            place: None,
            failures: Vec::new(),
            refusal: None,
            waited: false,
        }))
    }

    fn clocks(&self, request: &CallRequest, streaming: bool) -> Clocks {
        let settings = &self.settings;
        let total = request.timeout.or(settings.timeout);
        // A whole answer's headers come when it is written, which the total limits.
        let headers = streaming.then_some(settings.headers_timeout);
        let first_token = request.first_token_timeout.unwrap_or(settings.first_token_timeout);
        Clocks {
            total: if streaming { total } else { total.or(Some(DEFAULT_CHAT_TIMEOUT)) },
            headers: request.headers_timeout.or(headers),
            first_token: streaming.then_some(first_token),
            idle: request.idle_timeout.unwrap_or(settings.idle_timeout),
        }
    }

    /// What a request asks of the budget, if there is one.
    fn asked(&self, model: &str, body: &[u8]) -> Result<Option<Asked>, Error> {
        let Some(budgets) = &self.budgets else { return Ok(None) };
        let bucket = budgets.of(model, &self.settings, self.engine.pool.runtime())?;
        Asked::of(bucket, &self.mean_output, body).map(Some)
    }
}

impl fmt::Debug for OpenAiCompatible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiCompatible")
            .field("settings", &self.inner.settings)
            .field("stats", &self.stats())
            .finish()
    }
}
