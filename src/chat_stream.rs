//! The answer as it arrives, for its one reader.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::FusedStream;
use futures_util::{Stream, StreamExt, future, stream};

use crate::chat::{AnsweredBy, Assembler, ChatChunk, ChatResponse, Message, Usage};
use crate::error::{Attempt, Error, ErrorKind, Partial};
use crate::events::Outcome;
use crate::platform::{BoxStream, MaybeSend, MaybeSync, boxed_stream};

/// Where a stream stands. It ends in exactly one of the last four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamState {
    /// Not at its end.
    Open,
    /// The answer is whole.
    Finished,
    /// The answer was cut: it ended with neither a `finish_reason` nor `[DONE]`.
    Truncated,
    /// The caller aborted it.
    Cancelled,
    /// It ended with any other error.
    Failed,
}

/// A streamed answer: a [`Stream`] of [`ChatChunk`]s.
///
/// Nothing is sent before it is first read. Dropping or [aborting](Self::abort) it ends the request
/// and closes its connection. After an error it yields no more; if an answer had begun, the error holds
/// what had arrived ([`Error::partial`]) and what that cost ([`Error::usage`]).
///
/// ```no_run
/// use futures::StreamExt;
/// use lockkeeper::{ChatOptions, LlmInterface, Message};
///
/// # async fn example(llm: &dyn LlmInterface) -> Result<(), lockkeeper::Error> {
/// let mut stream = llm.chat_stream(vec![Message::user("Hello!")], ChatOptions::default());
/// while let Some(chunk) = stream.next().await {
///     print!("{}", chunk?.text());
/// }
/// println!("\n{:?}", stream.usage());
/// # Ok(())
/// # }
/// ```
pub struct ChatStream {
    source: Option<BoxStream<'static, Result<ChatChunk, Error>>>,
    messages: Arc<Vec<Message>>,
    assembler: Assembler,
    state: StreamState,
    record: Option<Arc<dyn StreamRecord>>,
}

/// What is known of a stream's call besides its chunks.
pub(crate) trait StreamRecord: MaybeSend + MaybeSync {
    /// Who answers, once somebody does.
    fn answered_by(&self) -> Option<AnsweredBy>;

    /// The attempts that failed, oldest first.
    fn attempts(&self) -> Vec<Attempt>;

    /// The stream has ended; what it has cost is worth finding out where somebody has answered.
    fn end(&self, outcome: Outcome, stream: &ChatStream);
}

impl ChatStream {
    /// A stream over chunks of your own making, as an answer to `messages` (from which the usage is
    /// estimated where the chunks report none): for implementors of
    /// [`LlmInterface`](crate::LlmInterface).
    pub fn new(
        messages: Vec<Message>,
        chunks: impl Stream<Item = Result<ChatChunk, Error>> + MaybeSend + 'static,
    ) -> Self {
        Self::of_call(Arc::new(messages), boxed_stream(chunks), None)
    }

    /// A stream that yields nothing but `error`.
    #[must_use]
    pub fn failed(error: Error) -> Self {
        Self::new(Vec::new(), stream::iter([Err(error)]))
    }

    pub(crate) fn of_call(
        messages: Arc<Vec<Message>>,
        source: BoxStream<'static, Result<ChatChunk, Error>>,
        record: Option<Arc<dyn StreamRecord>>,
    ) -> Self {
        let assembler = Assembler::default();
        Self { source: Some(source), messages, assembler, state: StreamState::Open, record }
    }

    /// Where the stream stands.
    #[must_use]
    pub fn state(&self) -> StreamState {
        self.state
    }

    /// What the answer has cost so far: as the provider reported last, or else an estimate, which
    /// says so.
    #[must_use]
    pub fn usage(&self) -> Usage {
        match self.assembler.usage() {
            Some(usage) => usage.clone(),
            None => self.so_far().estimated_usage(&self.messages),
        }
    }

    /// The answer as far as it has come.
    pub(crate) fn so_far(&self) -> ChatResponse {
        self.assembler.clone().finish()
    }

    /// The text of the first choice so far.
    #[must_use]
    pub fn partial(&self) -> Partial {
        Partial {
            text: self.assembler.text().into_owned(),
            reasoning: self.assembler.reasoning_text().into_owned(),
        }
    }

    /// Who answers, once somebody does.
    #[must_use]
    pub fn answered_by(&self) -> Option<AnsweredBy> {
        self.record.as_ref()?.answered_by()
    }

    /// The label of the key that answers (`…abcd`), once one does.
    #[must_use]
    pub fn key_label(&self) -> Option<String> {
        self.answered_by().map(|by| by.key_label)
    }

    /// The attempts of this call that failed, oldest first.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.record.as_ref().map(|record| record.attempts()).unwrap_or_default()
    }

    /// Ends the request. The stream yields no more.
    pub fn abort(&mut self) {
        self.end(StreamState::Cancelled);
    }

    /// Reads to the end and returns the first choice's text.
    ///
    /// # Errors
    /// The stream's error.
    pub async fn text(mut self) -> Result<String, Error> {
        self.read_to_end().await?;
        Ok(self.assembler.text().into_owned())
    }

    /// Reads to the end and returns the answer as [`chat`](crate::LlmInterface::chat) would have.
    ///
    /// # Errors
    /// The stream's error.
    pub async fn result(mut self) -> Result<ChatResponse, Error> {
        self.read_to_end().await?;
        let (usage, answered_by) = (self.usage(), self.answered_by());
        let mut response = std::mem::take(&mut self.assembler).finish();
        (response.usage, response.answered_by) = (Some(usage), answered_by);
        Ok(response)
    }

    /// The first choice's text alone, piece by piece. It can't say that the answer begins anew: where
    /// that happens it ends with [`ErrorKind::Truncated`].
    pub fn text_stream(self) -> impl Stream<Item = Result<String, Error>> {
        let texts = stream::unfold(Some(self), |reading| async move {
            let mut reading = reading?;
            let chunk = match reading.next().await? {
                Ok(chunk) => chunk,
                Err(error) => return Some((Err(error), None)),
            };
            if let Some(restart) = chunk.restart() {
                let message = format!("the answer has begun anew: {}", restart.reason);
                return Some((Err(Error::new(ErrorKind::Truncated, message)), None));
            }
            Some((Ok(chunk.text().into_owned()), Some(reading)))
        });
        texts.filter(|text| future::ready(!matches!(text, Ok(text) if text.is_empty())))
    }

    async fn read_to_end(&mut self) -> Result<(), Error> {
        while let Some(chunk) = self.next().await {
            chunk?;
        }
        Ok(())
    }

    /// Ends in `state`, if it has not ended: counts the cost, then lets go of the connection.
    fn end(&mut self, state: StreamState) {
        if self.state != StreamState::Open {
            return;
        }
        self.state = state;
        if let Some(record) = &self.record {
            let outcome = match state {
                StreamState::Finished => Outcome::Succeeded,
                StreamState::Truncated | StreamState::Failed => Outcome::Failed,
                StreamState::Cancelled | StreamState::Open => Outcome::Cancelled,
            };
            record.end(outcome, self);
        }
        self.source = None;
    }

    fn fail(&mut self, error: Error) -> Error {
        // What no key has begun to answer has cost nothing.
        let answered = self.record.as_ref().is_none_or(|record| record.answered_by().is_some());
        let error = match error.partial() {
            None if answered => error.with_partial(self.partial(), self.usage()),
            _ => error,
        };
        self.end(match error.kind() {
            ErrorKind::Truncated => StreamState::Truncated,
            _ => StreamState::Failed,
        });
        error
    }
}

impl Stream for ChatStream {
    type Item = Result<ChatChunk, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        Poll::Ready(match std::task::ready!(source.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => {
                self.assembler.push(&chunk);
                Some(Ok(chunk))
            }
            Some(Err(error)) => Some(Err(self.fail(error))),
            None => {
                self.end(StreamState::Finished);
                None
            }
        })
    }
}

impl FusedStream for ChatStream {
    fn is_terminated(&self) -> bool {
        self.source.is_none()
    }
}

impl Drop for ChatStream {
    fn drop(&mut self) {
        self.end(StreamState::Cancelled);
    }
}

impl fmt::Debug for ChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatStream").field("state", &self.state).finish_non_exhaustive()
    }
}
