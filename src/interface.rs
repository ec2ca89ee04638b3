//! The interface that every provider implements.

use crate::chat::{ChatOptions, ChatResponse, Message};
use crate::chat_stream::ChatStream;
use crate::error::Error;
use crate::platform::{BoxFuture, MaybeSend, MaybeSync};

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
}
