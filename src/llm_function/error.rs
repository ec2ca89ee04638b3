//! Why a function has no value to return.

use std::fmt;

use serde_json::Value;

use super::trace::Trace;
use crate::error::Error;

/// Why a function has no value to return, for a `match`. More kinds may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LlmFunctionErrorKind {
    /// The function or its arguments are wrong; nothing was sent.
    Config,
    /// The call of the model failed, after the retries and fallbacks of the layers below; see
    /// [`LlmFunctionError::llm_error`].
    Llm,
    /// No answer was a value of the return type, after all repairs; see [`LlmFunctionError::problems`].
    InvalidAnswer,
    /// The answer reached the most LLM tokens that it may have; see [`LlmFunctionError::partial`].
    Truncated,
    /// The model, or the provider's content policy, declines to answer.
    Refused,
    /// The model went on calling tools.
    StepLimit,
    /// The time for all attempts and tools together is up.
    Timeout,
}

impl LlmFunctionErrorKind {
    /// The kind as one lower-case word, the same in every language binding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Llm => "llm",
            Self::InvalidAnswer => "invalid_answer",
            Self::Truncated => "truncated",
            Self::Refused => "refused",
            Self::StepLimit => "step_limit",
            Self::Timeout => "timeout",
        }
    }
}

impl fmt::Display for LlmFunctionErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of a function: its kind, what was wrong, and everything that was tried.
#[derive(Clone, PartialEq)]
pub struct LlmFunctionError(Box<Details>);

#[derive(Clone, Debug, PartialEq)]
struct Details {
    kind: LlmFunctionErrorKind,
    message: String,
    problems: Vec<String>,
    partial: Option<Value>,
    llm_error: Option<Error>,
    trace: Trace,
}

impl LlmFunctionError {
    pub(super) fn new(kind: LlmFunctionErrorKind, message: impl Into<String>) -> Self {
        let (message, problems, trace) = (message.into(), Vec::new(), Trace::default());
        Self(Box::new(Details { kind, message, problems, partial: None, llm_error: None, trace }))
    }

    pub(super) fn config(message: impl Into<String>) -> Self {
        Self::new(LlmFunctionErrorKind::Config, message)
    }

    pub(super) fn of_llm(kind: LlmFunctionErrorKind, error: Error) -> Self {
        let mut this = Self::new(kind, error.to_string());
        this.0.llm_error = Some(error);
        this
    }

    pub(super) fn with_problems(mut self, problems: Vec<String>) -> Self {
        self.0.problems = problems;
        self
    }

    pub(super) fn with_partial(mut self, partial: Option<Value>) -> Self {
        self.0.partial = partial;
        self
    }

    pub(super) fn with_trace(mut self, trace: Trace) -> Self {
        self.0.trace = trace;
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> LlmFunctionErrorKind {
        self.0.kind
    }

    /// What happened, in a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What was wrong with the last answer, each with its path (`$.items[2].price: expected a number,
    /// found "abc"`), for [`LlmFunctionErrorKind::InvalidAnswer`].
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.0.problems
    }

    /// As much of the value as there was, for [`LlmFunctionErrorKind::Truncated`]. It has not been
    /// checked.
    #[must_use]
    pub fn partial(&self) -> Option<&Value> {
        self.0.partial.as_ref()
    }

    /// The error of the call of the model, where that failed.
    #[must_use]
    pub fn llm_error(&self) -> Option<&Error> {
        self.0.llm_error.as_ref()
    }

    /// Everything that was tried.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }
}

impl fmt::Display for LlmFunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())?;
        self.problems().iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl fmt::Debug for LlmFunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for LlmFunctionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.llm_error().map(|error| error as _)
    }
}
