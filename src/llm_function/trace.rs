//! What a function did for its answer: every attempt, and every tool that was called.

use std::time::Duration;

use serde_json::Value;

use super::strategy::Strategy;
use crate::chat::{AnsweredBy, ToolCall, Usage};
use crate::error::Error;

/// What a function did for its answer.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// Every attempt, oldest first.
    pub attempts: Vec<FunctionAttempt>,
}

impl Trace {
    /// What all attempts together have cost; an estimate where one of them is.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for usage in self.attempts.iter().filter_map(|attempt| attempt.usage.as_ref()) {
            sum.prompt_tokens += usage.prompt_tokens;
            sum.completion_tokens += usage.completion_tokens;
            sum.total_tokens += usage.total_tokens;
            sum.estimated |= usage.estimated;
        }
        sum
    }

    /// Every tool that was called, in order.
    pub fn tool_runs(&self) -> impl Iterator<Item = &ToolRun> {
        self.attempts.iter().flat_map(|attempt| &attempt.tool_runs)
    }
}

/// One request to the model, and what came of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FunctionAttempt {
    /// How it was asked for structure.
    pub strategy: Strategy,
    /// The text of its answer.
    pub text: String,
    /// The tools that it called, `answer` included.
    pub tool_calls: Vec<ToolCall>,
    /// What was wrong with the answer, each with its path; none where it was the value.
    pub problems: Vec<String>,
    /// Why no answer came.
    pub error: Option<Error>,
    /// What became of the tools that it called.
    pub tool_runs: Vec<ToolRun>,
    /// What it has cost, where that is known.
    pub usage: Option<Usage>,
    /// How long the answer took.
    pub took: Duration,
    /// Who answered, where a client of this library says so.
    pub answered_by: Option<AnsweredBy>,
}

impl FunctionAttempt {
    pub(super) fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            text: String::new(),
            tool_calls: Vec::new(),
            problems: Vec::new(),
            error: None,
            tool_runs: Vec::new(),
            usage: None,
            took: Duration::ZERO,
            answered_by: None,
        }
    }
}

/// A tool that was called.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ToolRun {
    /// Its name.
    pub name: String,
    /// What it was called with; as text where that was no JSON.
    pub arguments: Value,
    /// What it returned; none where there was no time for it to do so.
    pub outcome: Option<Result<Value, String>>,
    /// How long that took.
    pub took: Duration,
}
