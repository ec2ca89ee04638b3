//! A function that holds a conversation: it takes the history and gives it back with the new turn.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::FusedStream;
use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::answer::{StreamedCall, Told};
use super::arguments::by_name;
use super::error::{LlmFunctionError, LlmFunctionErrorKind};
use super::function::settings;
use super::progress::Step;
use super::prompt::{as_text, user};
use super::run::{Outcome, Task};
use super::schema::Contract;
use super::schema_of;
use super::spec::Spec;
use super::tool::LlmTool;
use super::trace::{ToolRun, Trace};
use crate::chat::{ChatOptions, Message, Usage};
use crate::interface::LlmInterface;

/// A conversation that a model holds by an instruction, with tools if need be.
///
/// It keeps nothing between turns: each takes the history so far and gives back the new one, without the
/// instruction, tool calls and their results included.
///
/// ```
/// use futures::StreamExt;
/// use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
/// use lockkeeper::{ChatProgress, LlmChat, ModelSettings, OpenAiCompatible};
/// use std::sync::Arc;
///
/// let clock = VirtualClock::new();
/// let replies = [Reply::stream(["Hello, ", "Ada."]), Reply::stream(["You are Ada."])];
/// let llm = OpenAiCompatible::builder(ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]))
///     .transport(Arc::new(ScriptedTransport::replies(&clock, replies)))
///     .runtime(clock.runtime())
///     .build()?;
///
/// let host = LlmChat::new(llm, "You are the host of a canal museum.");
/// clock.block_on(async {
///     let mut turn = host.send(Vec::new(), "I am Ada.");
///     while let Some(progress) = turn.next().await {
///         if let ChatProgress::Text(piece) = progress? {
///             print!("{piece}");
///         }
///     }
///     let first = host.send(Vec::new(), "I am Ada.").reply().await?;
///     assert_eq!((&*first.text, first.history.len()), ("You are Ada.", 2));
///     Ok::<(), lockkeeper::LlmFunctionError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LlmChat {
    spec: Arc<Spec>,
}

impl LlmChat {
    /// A conversation with `llm` by this instruction.
    pub fn new(llm: impl LlmInterface + 'static, instruction: impl Into<String>) -> Self {
        let contract = Contract::new(&schema_of::<String>());
        Self { spec: Arc::new(Spec::new(llm, instruction.into(), contract)) }
    }

    settings!();

    /// Says `input` after `history`, and tells of the answer while it arrives. A text is said as it is;
    /// what has fields is said as JSON, and the instruction may name them (`{name}`). Nothing is sent before
    /// the stream is first read; dropping or [aborting](LlmChatStream::abort) it ends the request.
    pub fn send(&self, history: Vec<Message>, input: impl Serialize) -> LlmChatStream {
        let task = by_name(&input).map(|arguments| {
            let only = arguments.values().next().filter(|_| arguments.len() == 1);
            let said = only.map_or_else(|| user(&arguments), |only| Message::user(as_text(only)));
            Task { talk: history.into_iter().chain([said]).collect(), arguments }
        });
        LlmChatStream { call: StreamedCall::new(self.spec.clone(), task), shown: String::new() }
    }
}

impl fmt::Debug for LlmChat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LlmChat").field(&self.spec).finish()
    }
}

/// What a turn of a conversation tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ChatProgress {
    /// The next piece of the answer's text.
    Text(String),
    /// What was said is void, for this reason; the answer begins anew.
    Again(String),
    /// A tool has been called. What follows is said with its result in hand.
    Tool(ToolRun),
    /// The turn is whole: always the last.
    Whole(ChatReply),
}

/// A turn of a conversation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChatReply {
    /// The answer.
    pub text: String,
    /// The history, with the turn: for the next one.
    pub history: Vec<Message>,
    /// What was done for it.
    pub trace: Trace,
    /// What all requests together have cost.
    pub usage: Usage,
}

impl ChatReply {
    fn of(outcome: Outcome) -> Self {
        let Outcome { value, trace, history } = outcome;
        Self { text: as_text(&value), history, usage: trace.usage(), trace }
    }
}

/// A turn of a conversation, told of while it arrives.
#[must_use = "nothing is sent before a stream is read"]
pub struct LlmChatStream {
    call: StreamedCall,
    /// The text told so far.
    shown: String,
}

impl LlmChatStream {
    /// Ends the request. The stream yields no more.
    pub fn abort(&mut self) {
        self.call.end();
    }

    /// Reads to the end, for the whole turn.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn reply(mut self) -> Result<ChatReply, LlmFunctionError> {
        while let Some(progress) = self.next().await {
            if let ChatProgress::Whole(reply) = progress? {
                return Ok(reply);
            }
        }
        let kind = LlmFunctionErrorKind::InvalidAnswer;
        Err(LlmFunctionError::new(kind, "the stream has been read to its end, or aborted, already"))
    }

    fn progress(&mut self, step: Step) -> ChatProgress {
        match step {
            Step::Partial(value) => {
                let text = as_text(&value);
                let piece = text.strip_prefix(self.shown.as_str()).unwrap_or(&text).to_owned();
                self.shown = text;
                ChatProgress::Text(piece)
            }
            Step::Again(reasons) => {
                self.shown.clear();
                ChatProgress::Again(reasons.join("\n"))
            }
            Step::Tool(run) => {
                self.shown.clear();
                ChatProgress::Tool(run)
            }
        }
    }
}

impl Stream for LlmChatStream {
    type Item = Result<ChatProgress, LlmFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.call.poll(cx).map(|told| {
            Some(match told? {
                Told::Step(step) => Ok(self.progress(step)),
                Told::End(end) => end.map(|outcome| ChatProgress::Whole(ChatReply::of(outcome))),
            })
        })
    }
}

impl FusedStream for LlmChatStream {
    fn is_terminated(&self) -> bool {
        self.call.has_ended()
    }
}

impl fmt::Debug for LlmChatStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmChatStream").finish_non_exhaustive()
    }
}
