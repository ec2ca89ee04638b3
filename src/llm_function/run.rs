//! The one loop of a call: ask, look at the answer, and ask again where that helps.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Map, Value};

use super::answer_text::{Misfit, read_arguments};
use super::ask::{Verdict, ask, judge, text_of};
use super::deadline::Deadline;
use super::error::{LlmFunctionError, LlmFunctionErrorKind as Kind};
use super::progress::{Step, Teller};
use super::prompt::{ANSWER, as_text, fill, form, repair, system, user};
use super::spec::Spec;
use super::strategy::{Strategy, is_refusal};
use super::trace::{FunctionAttempt, ToolRun, Trace};
use crate::chat::{ChatResponse, Message, ToolCall};
use crate::error::{Error, ErrorKind};

/// What a call is to do.
pub(super) struct Task {
    /// What is said behind the system message.
    pub talk: Vec<Message>,
    /// What the instruction may name.
    pub arguments: Map<String, Value>,
}

impl Task {
    /// The task that is said in a message of its own.
    pub fn of(arguments: Map<String, Value>) -> Self {
        Self { talk: vec![user(&arguments)], arguments }
    }
}

/// What a call has come to.
pub(super) struct Outcome {
    pub value: Value,
    pub trace: Trace,
    /// The conversation: what came before, the input, the tools that were called, the answer.
    pub history: Vec<Message>,
}

/// Calls a function.
///
/// # Errors
/// Why there is no value, with the trace of all that was tried.
pub(super) async fn run(
    spec: Arc<Spec>,
    task: Result<Task, LlmFunctionError>,
    teller: Teller,
) -> Result<Outcome, LlmFunctionError> {
    let mut run = Run::new(spec, task?, teller)?;
    match run.finish().await {
        Ok(value) => {
            let Run { trace, talk, .. } = run;
            Ok(Outcome { value, trace, history: talk })
        }
        Err(error) => Err(error.with_trace(run.trace)),
    }
}

struct Run {
    spec: Arc<Spec>,
    instruction: String,
    /// What is said behind the system message.
    talk: Vec<Message>,
    /// An answer and its errors, where the model is asked to correct it.
    correction: Vec<Message>,
    teller: Teller,
    deadline: Deadline,
    trace: Trace,
    repairs: u32,
    steps: u32,
}

impl Run {
    fn new(spec: Arc<Spec>, task: Task, teller: Teller) -> Result<Self, LlmFunctionError> {
        let Task { talk, arguments } = task;
        if let Some(name) = spec.ambiguous_tool() {
            let says = "is another tool's name already: each needs one of its own";
            return Err(LlmFunctionError::config(format!("`{name}` {says}")));
        }
        let instruction = fill(&spec.instruction, &arguments).map_err(|name| {
            let says = "is no argument; write `{{` and `}}` for braces";
            LlmFunctionError::config(format!(
                "the instruction has `{{{name}}}`, but `{name}` {says}"
            ))
        })?;
        let timeout = spec.timeout.or(spec.options.timeout);
        let deadline = Deadline::after(timeout, spec.llm.model_info())
            .map_err(|error| LlmFunctionError::of_llm(Kind::Config, error))?;
        let trace = Trace::default();
        let correction = Vec::new();
        Ok(Self {
            spec,
            instruction,
            talk,
            correction,
            teller,
            deadline,
            trace,
            repairs: 0,
            steps: 0,
        })
    }

    async fn finish(&mut self) -> Result<Value, LlmFunctionError> {
        loop {
            let strategy = self.spec.strategy();
            let response = match self.attempt(strategy).await? {
                Ok(response) => response,
                Err(error) => {
                    self.go_on_after(error, strategy)?;
                    continue;
                }
            };
            let corrected = !self.correction.is_empty();
            let example_shown = corrected || self.has_tools() || strategy.shows_example();
            match judge(&self.spec, &response, strategy, example_shown) {
                Verdict::Value(value) => {
                    self.spec.learned.answered(&self.spec.model(), strategy);
                    self.talk.push(Message::assistant(as_text(&value)));
                    return Ok(value);
                }
                Verdict::Calls(calls) => self.call_tools(&response, calls).await?,
                Verdict::Misfit(misfit) => self.repair(&response, misfit, strategy).await?,
                Verdict::Truncated(partial) => {
                    let says = "the answer reached the most tokens that it may have";
                    return Err(LlmFunctionError::new(Kind::Truncated, says).with_partial(partial));
                }
                Verdict::Refused(words) => return Err(LlmFunctionError::new(Kind::Refused, words)),
            }
        }
    }

    fn has_tools(&self) -> bool {
        !self.spec.tools.is_empty()
    }

    /// Asks once. The outer error ends the call.
    async fn attempt(
        &mut self,
        strategy: Strategy,
    ) -> Result<Result<ChatResponse, Error>, LlmFunctionError> {
        let began = self.deadline.now();
        let mut messages =
            vec![system(&self.instruction, &self.spec.contract, strategy, self.has_tools())];
        messages.extend_from_slice(&self.talk);
        if let Some(form) = form(&self.spec.contract, strategy) {
            let question = &mut messages[1]; // what is typed has no history before it
            *question = Message::user(question.text().into_owned() + &form);
        }
        messages.extend_from_slice(&self.correction);
        let options =
            self.spec.options(strategy, self.deadline.left().filter(|left| !left.is_zero()));
        let asking = ask(&self.spec, &self.teller, messages, options, strategy);
        let response = self.deadline.within(asking).await;
        let mut attempt = FunctionAttempt::new(strategy);
        attempt.took = self.deadline.now() - began;
        match &response {
            Some(Ok(response)) => {
                attempt.text = text_of(&self.spec, response, strategy);
                attempt.tool_calls = response.tool_calls().to_vec();
                attempt.usage.clone_from(&response.usage);
                attempt.answered_by.clone_from(&response.answered_by);
            }
            Some(Err(error)) => {
                attempt.usage = error.usage().cloned();
                attempt.error = Some(error.clone());
            }
            None => attempt.problems.push("there was no time left for an answer".to_owned()),
        }
        self.trace.attempts.push(attempt);
        response.ok_or_else(out_of_time)
    }

    /// A provider that refuses to be asked so is asked otherwise; any other error ends the call.
    fn go_on_after(&self, error: Error, strategy: Strategy) -> Result<(), LlmFunctionError> {
        let learned = &self.spec.learned;
        if self.spec.has_choice()
            && is_refusal(&error)
            && learned.refused(&self.spec.model(), strategy).is_some()
        {
            return Ok(());
        }
        let is_over = self.deadline.left().is_some_and(|left| left.is_zero());
        Err(LlmFunctionError::of_llm(
            match error.kind() {
                ErrorKind::Timeout if is_over => Kind::Timeout,
                ErrorKind::ContentPolicy => Kind::Refused,
                _ => Kind::Llm,
            },
            error,
        ))
    }

    /// Shows the model what is wrong with its answer.
    async fn repair(
        &mut self,
        response: &ChatResponse,
        misfit: Misfit,
        strategy: Strategy,
    ) -> Result<(), LlmFunctionError> {
        let Misfit { problems, is_prose } = misfit;
        if is_prose {
            self.spec.learned.prose(&self.spec.model(), strategy);
        } else {
            self.spec.learned.answered(&self.spec.model(), strategy);
        }
        if let Some(attempt) = self.trace.attempts.last_mut() {
            attempt.problems.clone_from(&problems);
        }
        if self.repairs == self.spec.max_repairs {
            let answers = match self.repairs {
                0 => "the answer is".to_owned(),
                repairs => format!("after {repairs} repairs, the answer is still"),
            };
            let says = format!("{answers} no value of the return type");
            return Err(LlmFunctionError::new(Kind::InvalidAnswer, says).with_problems(problems));
        }
        self.repairs += 1;
        let text = text_of(&self.spec, response, strategy);
        // Some servers take no empty message, and no two of the user in a row.
        let said = if text.trim().is_empty() { "(no answer)".to_owned() } else { text };
        // Earlier answers are not shown: small models copy what they have said. One that has said the same
        // twice is shown neither.
        let asked = [Message::assistant(said), repair(&problems, &self.spec.contract)];
        let is_stuck = self.correction.first() == asked.first();
        self.correction = if is_stuck { Vec::new() } else { asked.into() };
        self.teller.tell(Step::Again(problems)).await;
        Ok(())
    }

    /// Runs the tools that an answer calls, all at once, and says what came of them.
    async fn call_tools(
        &mut self,
        response: &ChatResponse,
        mut calls: Vec<ToolCall>,
    ) -> Result<(), LlmFunctionError> {
        if self.steps == self.spec.max_steps {
            let names: Vec<_> = self.trace.tool_runs().map(|run| run.name.as_str()).collect();
            let says = "rounds of tool calls were not enough; called were";
            let says = format!("{} {says}: {}", self.steps, names.join(", "));
            return Err(LlmFunctionError::new(Kind::StepLimit, says));
        }
        self.steps += 1;
        for (index, call) in calls.iter_mut().enumerate().filter(|(_, call)| call.id.is_empty()) {
            call.id = format!("call_{}_{index}", self.steps);
        }
        let runs = self.run_tools(&calls).await;
        let in_time = runs.iter().all(|run| run.outcome.is_some());
        let mut said =
            response.choices.first().map(|choice| choice.message.clone()).unwrap_or_default();
        let results: Vec<_> =
            calls.iter().zip(&runs).map(|(call, run)| result_of(call, run)).collect();
        said.tool_calls = calls;
        self.correction.clear();
        self.talk.push(said);
        self.talk.extend(results);
        if let Some(attempt) = self.trace.attempts.last_mut() {
            attempt.tool_runs = runs;
        }
        if in_time { Ok(()) } else { Err(out_of_time()) }
    }

    async fn run_tools(&self, calls: &[ToolCall]) -> Vec<ToolRun> {
        let mut runs: Vec<_> = calls.iter().map(not_run).collect();
        let start = |(index, run): (usize, &ToolRun)| {
            let outcome = call_tool(self.spec.clone(), run.name.clone(), &calls[index]);
            async move { (index, outcome.await) }
        };
        let began = self.deadline.now();
        let mut running: FuturesUnordered<_> = runs.iter().enumerate().map(start).collect();
        while let Some(Some((index, outcome))) = self.deadline.within(running.next()).await {
            runs[index].outcome = Some(outcome);
            runs[index].took = self.deadline.now() - began;
            self.teller.tell(Step::Tool(runs[index].clone())).await;
        }
        runs
    }
}

fn out_of_time() -> LlmFunctionError {
    LlmFunctionError::new(Kind::Timeout, "the time for all attempts and tools together is up")
}

fn not_run(call: &ToolCall) -> ToolRun {
    let text = &call.function.arguments;
    let arguments = serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into());
    ToolRun { name: call.function.name.clone(), arguments, outcome: None, took: Duration::ZERO }
}

/// Calls a tool, if there is one of this name and its arguments fit.
fn call_tool(
    spec: Arc<Spec>,
    name: String,
    call: &ToolCall,
) -> impl Future<Output = Result<Value, String>> + use<> {
    let text = call.function.arguments.clone();
    async move {
        let Some(tool) = spec.tool(&name) else {
            if name == ANSWER && !spec.contract.is_text {
                return Err("give the answer when the tools have answered".to_owned());
            }
            let names: Vec<_> = spec.tools.iter().map(|tool| tool.name()).collect();
            return Err(format!("there is no tool `{name}`; there are: {}", names.join(", ")));
        };
        let arguments = read_arguments(&text, &tool.parameters())
            .map_err(|problems| format!("the arguments have errors:\n{}", problems.join("\n")))?;
        tool.call(arguments).await
    }
}

/// What the model is told of a call.
fn result_of(call: &ToolCall, run: &ToolRun) -> Message {
    let text = match &run.outcome {
        Some(Ok(value)) => as_text(value),
        Some(Err(error)) => format!("error: {error}"),
        None => String::new(),
    };
    Message::tool(call.id.as_str(), text)
}
