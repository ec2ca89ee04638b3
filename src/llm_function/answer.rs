//! What a call of a function returns: its value at once, or piece by piece.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::FusedStream;
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{LlmFunctionError, LlmFunctionErrorKind};
use super::progress::{Step, Steps, Teller};
use super::run::{Outcome, Task, run};
use super::spec::Spec;
use super::trace::{ToolRun, Trace};
use crate::chat::Usage;
use crate::platform::{BoxFuture, boxed};

/// What a function has returned. It stands for its value wherever a reference to that will do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer<Out> {
    /// The value.
    pub value: Out,
    /// What was done for it.
    pub trace: Trace,
    /// What all attempts together have cost.
    pub usage: Usage,
}

impl<Out> Answer<Out> {
    /// The value alone.
    #[must_use]
    pub fn into_value(self) -> Out {
        self.value
    }
}

impl<Out: DeserializeOwned> Answer<Out> {
    pub(super) fn of(outcome: Outcome) -> Result<Self, LlmFunctionError> {
        let Outcome { value, trace, .. } = outcome;
        let usage = trace.usage();
        match serde_json::from_value(value) {
            Ok(value) => Ok(Self { value, trace, usage }),
            Err(error) => {
                let kind = LlmFunctionErrorKind::InvalidAnswer;
                Err(LlmFunctionError::new(kind, error.to_string()).with_trace(trace))
            }
        }
    }
}

impl<Out> Deref for Answer<Out> {
    type Target = Out;

    fn deref(&self) -> &Out {
        &self.value
    }
}

/// What a streamed call tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress<Out> {
    /// The value so far, completed to valid JSON. Texts and lists grow; numbers and words show when they
    /// are whole. It has not been checked.
    Partial(Value),
    /// What was shown is void, since the answer had these errors; it begins anew.
    Again(Vec<String>),
    /// A tool has been called. The answer begins anew behind it.
    Tool(ToolRun),
    /// The whole value, checked: always the last.
    Whole(Answer<Out>),
}

/// A call of a function, told of while it runs.
///
/// ```
/// use futures::StreamExt;
/// use lockkeeper::testing::{Reply, ScriptedTransport, VirtualClock};
/// use lockkeeper::{LlmFunction, ModelSettings, OpenAiCompatible, Progress};
/// use std::sync::Arc;
///
/// let clock = VirtualClock::new();
/// let reply = Reply::stream([r#"{"result": ["Erie", "#, r#""Suez"]}"#]);
/// let llm = OpenAiCompatible::builder(ModelSettings::new("openai", "gpt-4", ["sk-0123456789ab"]))
///     .transport(Arc::new(ScriptedTransport::replies(&clock, [reply])))
///     .runtime(clock.runtime())
///     .build()?;
///
/// let canals = LlmFunction::<(), Vec<String>>::new(llm, "Name two canals.");
/// clock.block_on(async {
///     let mut stream = canals.stream(());
///     while let Some(progress) = stream.next().await {
///         match progress? {
///             Progress::Partial(value) => println!("{value}"), // ["Erie"]
///             Progress::Whole(answer) => assert_eq!(*answer, ["Erie", "Suez"]),
///             _ => {}
///         }
///     }
///     Ok::<(), lockkeeper::LlmFunctionError>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is sent before a stream is read"]
pub struct FunctionStream<Out> {
    call: StreamedCall,
    types: PhantomData<fn() -> Out>,
}

impl<Out: DeserializeOwned> FunctionStream<Out> {
    pub(super) fn new(spec: Arc<Spec>, task: Result<Task, LlmFunctionError>) -> Self {
        Self { call: StreamedCall::new(spec, task), types: PhantomData }
    }

    /// Reads to the end, for the whole value.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn answer(mut self) -> Result<Answer<Out>, LlmFunctionError> {
        while let Some(progress) = self.next().await {
            if let Progress::Whole(answer) = progress? {
                return Ok(answer);
            }
        }
        let kind = LlmFunctionErrorKind::InvalidAnswer;
        Err(LlmFunctionError::new(kind, "the stream has been read to its end already"))
    }
}

impl<Out: DeserializeOwned> Stream for FunctionStream<Out> {
    type Item = Result<Progress<Out>, LlmFunctionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.call.poll(cx).map(|told| {
            Some(match told? {
                Told::Step(Step::Partial(value)) => Ok(Progress::Partial(value)),
                Told::Step(Step::Again(problems)) => Ok(Progress::Again(problems)),
                Told::Step(Step::Tool(run)) => Ok(Progress::Tool(run)),
                Told::End(Ok(outcome)) => Answer::of(outcome).map(Progress::Whole),
                Told::End(Err(error)) => Err(error),
            })
        })
    }
}

impl<Out: DeserializeOwned> FusedStream for FunctionStream<Out> {
    fn is_terminated(&self) -> bool {
        self.call.has_ended()
    }
}

impl<Out> fmt::Debug for FunctionStream<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionStream").finish_non_exhaustive()
    }
}

/// What a call tells: its steps, then its end.
pub(super) enum Told {
    Step(Step),
    End(Result<Outcome, LlmFunctionError>),
}

/// A call that runs while it is read. Dropping it ends its request.
pub(super) struct StreamedCall {
    /// None when it has ended.
    running: Option<BoxFuture<'static, Result<Outcome, LlmFunctionError>>>,
    steps: Steps,
}

impl StreamedCall {
    pub fn new(spec: Arc<Spec>, task: Result<Task, LlmFunctionError>) -> Self {
        let steps = Steps::default();
        let running = boxed(run(spec, task, Teller::to(steps.clone())));
        Self { running: Some(running), steps }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Told>> {
        let Some(running) = &mut self.running else { return Poll::Ready(None) };
        let end = running.as_mut().poll(cx);
        match (self.steps.next(), end) {
            (Some(step), _) => Poll::Ready(Some(Told::Step(step))),
            (None, Poll::Ready(end)) => {
                self.running = None;
                Poll::Ready(Some(Told::End(end)))
            }
            (None, Poll::Pending) => Poll::Pending,
        }
    }

    pub fn end(&mut self) {
        self.running = None;
    }

    pub fn has_ended(&self) -> bool {
        self.running.is_none()
    }
}
