//! One request to the model, whole or streamed, and what its answer means.

use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::Value;

use super::answer_text::{Misfit, partial, plain_text, read};
use super::progress::{Step, Teller};
use super::prompt::ANSWER;
use super::spec::Spec;
use super::strategy::Strategy;
use crate::chat::{ChatChunk, ChatOptions, ChatResponse, Choice, Message, ToolCall};
use crate::error::Error;

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is the value.
    Value(Value),
    /// It calls tools first.
    Calls(Vec<ToolCall>),
    /// It is no value.
    Misfit(Misfit),
    /// It was cut by a limit on its length; with what there is of the value.
    Truncated(Option<Value>),
    /// The model declines, in these words.
    Refused(String),
}

/// Sends a request and resolves to its whole answer, telling of it on the way where somebody listens.
pub(super) async fn ask(
    spec: &Arc<Spec>,
    teller: &Teller,
    messages: Vec<Message>,
    options: ChatOptions,
    strategy: Strategy,
) -> Result<ChatResponse, Error> {
    if !teller.has_listener() {
        return spec.llm.chat(messages, options).await;
    }
    let mut stream = spec.llm.chat_stream(messages, options);
    let mut answer = AnswerSoFar::new(strategy);
    let mut shown = None;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        if let Some(restart) = chunk.restart() {
            answer = AnswerSoFar::new(strategy);
            if shown.take().is_some() {
                teller.tell(Step::Again(vec![restart.reason])).await;
            }
            continue;
        }
        if !answer.push(&chunk) {
            continue;
        }
        let value = answer.value(spec);
        if value.is_some() && value != shown {
            shown.clone_from(&value);
            if let Some(value) = value {
                teller.tell(Step::Partial(value)).await;
            }
        }
    }
    stream.result().await
}

/// The part of a streamed answer that holds the value.
struct AnswerSoFar {
    strategy: Strategy,
    text: String,
    arguments: String,
    /// The first tool that it calls.
    tool: Option<(Option<u32>, String)>,
}

impl AnswerSoFar {
    fn new(strategy: Strategy) -> Self {
        Self { strategy, text: String::new(), arguments: String::new(), tool: None }
    }

    /// Adds a chunk; whether it says more of the value.
    fn push(&mut self, chunk: &ChatChunk) -> bool {
        let text = chunk.text();
        self.text.push_str(&text);
        let before = self.arguments.len();
        let choices = chunk.choices.iter().filter(|choice| choice.index == 0);
        for delta in choices.flat_map(|choice| &choice.delta.tool_calls) {
            let name = || (delta.index, delta.function.name.clone());
            let (index, name) = self.tool.get_or_insert_with(name);
            if *index == delta.index && name == ANSWER {
                self.arguments.push_str(&delta.function.arguments);
            }
        }
        !text.is_empty() || self.arguments.len() > before
    }

    fn value(&self, spec: &Spec) -> Option<Value> {
        if self.strategy == Strategy::Text {
            let text = plain_text(&self.text);
            return (!text.is_empty()).then(|| text.into());
        }
        let text = if self.arguments.is_empty() { &self.text } else { &self.arguments };
        partial(text, &spec.contract)
    }
}

/// The text of an answer that is to hold the value: what it says, or calls the tool `answer` with.
pub(super) fn text_of(spec: &Spec, response: &ChatResponse, strategy: Strategy) -> String {
    let calls = response.tool_calls();
    let answers = |call: &&ToolCall| call.function.name == ANSWER;
    // Where there is nothing else to call, a wrong name means no other.
    let only = calls.first().filter(|_| strategy == Strategy::Tool && spec.tools.is_empty());
    match calls.iter().find(answers).or(only) {
        Some(call) if strategy != Strategy::Text => call.function.arguments.clone(),
        _ => response.text().into_owned(),
    }
}

/// What an answer means, to a request that has shown the model an example, or none.
pub(super) fn judge(
    spec: &Spec,
    response: &ChatResponse,
    strategy: Strategy,
    example_shown: bool,
) -> Verdict {
    let text = text_of(spec, response, strategy);
    if let Some(words) = refusal(response.choices.first(), &text) {
        return Verdict::Refused(words);
    }
    let is_cut = response.finish_reason() == Some("length");
    let calls = response.tool_calls();
    let answers = |call: &ToolCall| call.function.name == ANSWER && strategy == Strategy::Tool;
    // An answer beside other calls can't know their results yet.
    if !calls.is_empty() && !spec.tools.is_empty() && !calls.iter().all(answers) {
        return if is_cut { Verdict::Truncated(None) } else { Verdict::Calls(calls.to_vec()) };
    }
    let value = match strategy {
        Strategy::Text => return judge_text(&text, is_cut),
        _ => read(&text, &spec.contract),
    };
    let value = value.and_then(|value| match accepted(spec, &value, example_shown) {
        Ok(()) => Ok(value),
        Err(problem) => Err(Misfit { problems: vec![format!("$: {problem}")], is_prose: false }),
    });
    match value {
        Ok(value) => Verdict::Value(value),
        Err(_) if is_cut => Verdict::Truncated(partial(&text, &spec.contract)),
        Err(misfit) => Verdict::Misfit(misfit),
    }
}

/// Why a value that fits the schema is no answer, if it is none.
fn accepted(spec: &Spec, value: &Value, example_shown: bool) -> Result<(), String> {
    // Small models copy: that must not pass for an answer.
    if example_shown && spec.contract.is_example(value) {
        return Err("that is the example: put your own values in place of its".to_owned());
    }
    (spec.accepts)(value)
}

fn judge_text(text: &str, is_cut: bool) -> Verdict {
    let text = plain_text(text);
    if is_cut {
        return Verdict::Truncated(Some(text.into()));
    }
    if text.is_empty() {
        let problems = vec!["$: the answer is empty".to_owned()];
        return Verdict::Misfit(Misfit { problems, is_prose: true });
    }
    Verdict::Value(text.into())
}

/// The words with which the model declines, or had to.
fn refusal(choice: Option<&Choice>, text: &str) -> Option<String> {
    let choice = choice?;
    let words = choice.message.refusal.as_ref().filter(|words| !words.is_empty());
    let filtered = choice.finish_reason.as_deref() == Some("content_filter");
    words.cloned().or_else(|| filtered.then(|| text.to_owned()))
}
