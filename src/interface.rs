//! The interface that every provider implements.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::{ChatOptions, ChatResponse, Message};
use crate::chat_stream::ChatStream;
use crate::error::Error;
use crate::platform::{BoxFuture, MaybeSend, MaybeSync, Runtime};

/// An LLM that can be talked to. Use it as `Arc<dyn LlmInterface>` wherever any provider will do.
///
/// Implementors promise that
/// * a call ends exactly once, within its timeout, with the answer or with one [`Error`];
/// * dropping a future or a stream ends its request and gives up everything that it holds;
/// * an answer that was cut is an error, never a success;
/// * nothing is sent before the future, or the stream, is first polled.
///
/// ```
/// use futures::stream;
/// use lockkeeper::{
///     BoxFuture, ChatChunk, ChatOptions, ChatResponse, ChatStream, Error, LlmInterface, Message,
/// };
///
/// /// Says everything back.
/// struct Parrot;
///
/// impl LlmInterface for Parrot {
///     fn chat(
///         &self,
///         messages: Vec<Message>,
///         _options: ChatOptions,
///     ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
///         let text = messages.last().map(|last| last.text().into_owned()).unwrap_or_default();
///         Box::pin(async move { Ok(ChatResponse::from_text(text)) })
///     }
///
///     fn chat_stream(&self, messages: Vec<Message>, _options: ChatOptions) -> ChatStream {
///         let words = messages.iter().map(|message| ChatChunk::from_text(message.text()));
///         let chunks: Vec<_> = words.chain([ChatChunk::finish("stop")]).map(Ok).collect();
///         ChatStream::new(messages, stream::iter(chunks))
///     }
/// }
///
/// let llm: std::sync::Arc<dyn LlmInterface> = std::sync::Arc::new(Parrot);
/// # futures::executor::block_on(async {
/// let ask = || vec![Message::user("Hello!")];
/// assert_eq!(llm.chat(ask(), ChatOptions::default()).await?.text(), "Hello!");
/// assert_eq!(llm.chat_stream(ask(), ChatOptions::default()).text().await?, "Hello!");
/// # Ok::<(), Error>(())
/// # })?;
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    note = "a client is given by value, or in an `Arc`: clones of a client share everything"
)]
pub trait LlmInterface: MaybeSend + MaybeSync {
    /// Sends `messages` and resolves to the whole answer.
    ///
    /// # Errors
    /// Whatever kept an answer from coming; see [`ErrorKind`](crate::ErrorKind).
    fn chat(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>>;

    /// Sends `messages`, when the stream is first read, and yields the answer as it arrives.
    fn chat_stream(&self, messages: Vec<Message>, options: ChatOptions) -> ChatStream;

    /// What is known of the model behind it, for a [`Fallback`](crate::Fallback) to go by. Default:
    /// nothing.
    fn model_info(&self) -> ModelInfo {
        ModelInfo::default()
    }
}

/// What is shared is talked to alike.
impl<L: LlmInterface + ?Sized> LlmInterface for Arc<L> {
    fn chat(
        &self,
        messages: Vec<Message>,
        options: ChatOptions,
    ) -> BoxFuture<'static, Result<ChatResponse, Error>> {
        (**self).chat(messages, options)
    }

    fn chat_stream(&self, messages: Vec<Message>, options: ChatOptions) -> ChatStream {
        (**self).chat_stream(messages, options)
    }

    fn model_info(&self) -> ModelInfo {
        (**self).model_info()
    }
}

/// What is known of a model.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ModelInfo {
    /// Its provider's name.
    pub provider: Option<String>,
    /// Its name.
    pub model: Option<String>,
    /// Its context window in LLM tokens.
    pub context_window: Option<u64>,
    /// How long a call of it may take where the call does not say.
    pub timeout: Option<Duration>,
    /// The wait before it is asked the same once more. Default: 1 s; it doubles each time.
    pub retry_delay: Option<Duration>,
    /// What typed functions have learned of the ways in which it can be asked. Give the same each time, or
    /// each function learns it anew.
    #[cfg(feature = "functions")]
    pub learned: Option<Arc<crate::llm_function::Learned>>,
    /// The clock that its calls run by.
    pub(crate) runtime: Option<Arc<dyn Runtime>>,
}

impl ModelInfo {
    /// How it is called in errors and in `fallbacks`: `provider/model`, as far as that is known.
    pub(crate) fn name(&self) -> Option<String> {
        match (&self.provider, &self.model) {
            (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
            (Some(name), None) | (None, Some(name)) => Some(name.clone()),
            (None, None) => None,
        }
    }
}

impl fmt::Debug for ModelInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelInfo")
            .field("provider", &self.provider)
            .field("model", &self.model)
            .field("context_window", &self.context_window)
            .field("timeout", &self.timeout)
            .finish()
    }
}
