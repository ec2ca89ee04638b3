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
/// use lockkeeper::{BoxFuture, ChatOptions, ChatResponse, ChatStream, Choice, Error, LlmInterface, Message};
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
///         Box::pin(async move {
///             let mut response = ChatResponse::default();
///             let mut choice = Choice::default();
///             choice.message = messages.into_iter().next_back().unwrap_or_default();
///             response.choices.push(choice);
///             Ok(response)
///         })
///     }
///
///     fn chat_stream(&self, messages: Vec<Message>, _options: ChatOptions) -> ChatStream {
///         ChatStream::new(messages, futures::stream::empty())
///     }
/// }
///
/// let llm: std::sync::Arc<dyn LlmInterface> = std::sync::Arc::new(Parrot);
/// let answer = llm.chat(vec![Message::user("Hello!")], ChatOptions::default());
/// assert_eq!(futures::executor::block_on(answer)?.text(), "Hello!");
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
