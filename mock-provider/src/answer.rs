//! The answer to a chat request, whole or as the events of a stream: both have the same text and usage.

use serde_json::{Value, json};

use crate::chat::{ChatRequest, Format};
use crate::clock::unix_millis;
use crate::schema::sample;
use crate::text::{name_or_topic, prose, topic};
use crate::tokens::{count, first, tokens};
use crate::tools::{ToolCall, calls};

/// A complete answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    id: String,
    model: String,
    created: u64,
    choices: Vec<Choice>,
    usage: Value,
    include_usage: bool,
}

#[derive(Clone, Debug)]
struct Choice {
    content: Content,
    finish_reason: &'static str,
}

#[derive(Clone, Debug)]
enum Content {
    Text(String),
    Calls(Vec<ToolCall>),
}

/// One event of the stream, before it is written out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    Role(usize),
    Text(usize, &'a str),
    Call(usize, usize, &'a ToolCall),
    Arguments(usize, usize, &'a str),
    Finish(usize, &'static str),
    Usage,
}

impl Answer {
    /// Thinks of an answer. Equal `id`s and requests get equal answers.
    pub(crate) fn compose(request: &ChatRequest, id: u64) -> Self {
        let choices: Vec<_> =
            (0..request.choices).map(|n| Choice::compose(request, n, id)).collect();
        let completion: usize = choices.iter().map(Choice::tokens).sum();
        Self {
            id: format!("chatcmpl-{id:016x}"),
            model: request.model.clone(),
            created: unix_millis() / 1000,
            choices,
            usage: json!({
                "prompt_tokens": request.prompt_tokens,
                "completion_tokens": completion,
                "total_tokens": request.prompt_tokens + completion,
            }),
            include_usage: request.include_usage,
        }
    }

    /// The same answer, but with nothing in its first choice except this text.
    pub(crate) fn with_text(mut self, text: &str) -> Self {
        self.choices = vec![Choice { content: Content::Text(text.into()), finish_reason: "stop" }];
        self
    }

    /// The body of an answer that is not streamed.
    pub(crate) fn whole(&self) -> Value {
        let choice = |(index, choice): (usize, &Choice)| {
            json!({
                "index": index,
                "message": choice.message(),
                "logprobs": null,
                "finish_reason": choice.finish_reason,
            })
        };
        let choices = self.choices.iter().enumerate().map(choice).collect();
        let mut body = self.envelope("chat.completion", choices);
        body["usage"] = self.usage.clone();
        body
    }

    /// The stream's events: the choices take turns, token by token.
    pub(crate) fn events(&self) -> Vec<Event<'_>> {
        let mut columns: Vec<_> = self.choices.iter().enumerate().map(choice_events).collect();
        let longest = columns.iter().map(Vec::len).max().unwrap_or(0);
        let mut events = Vec::new();
        for row in 0..longest {
            events.extend(columns.iter_mut().filter_map(|column| column.get(row).copied()));
        }
        if self.include_usage {
            events.push(Event::Usage);
        }
        events
    }

    /// An event's JSON.
    pub(crate) fn event_body(&self, event: Event<'_>) -> Value {
        let call = |index: usize, mut call: Value| {
            call["index"] = json!(index);
            json!({"tool_calls": [call]})
        };
        let (choice, delta, finish) = match event {
            Event::Usage => {
                let mut body = self.envelope("chat.completion.chunk", Vec::new());
                body["usage"] = self.usage.clone();
                return body;
            }
            Event::Role(choice) => (choice, self.choices[choice].opening(), None),
            Event::Text(choice, text) => (choice, json!({"content": text}), None),
            Event::Call(choice, index, tool_call) => {
                let bare = ToolCall { arguments: String::new(), ..tool_call.clone() };
                (choice, call(index, bare.as_value()), None)
            }
            Event::Arguments(choice, index, piece) => {
                (choice, call(index, json!({"function": {"arguments": piece}})), None)
            }
            Event::Finish(choice, reason) => (choice, json!({}), Some(reason)),
        };
        let choice =
            json!({"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish});
        let mut body = self.envelope("chat.completion.chunk", vec![choice]);
        if self.include_usage {
            body["usage"] = Value::Null;
        }
        body
    }

    fn envelope(&self, object: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": "fp_mock",
            "choices": choices,
        })
    }
}

impl Choice {
    fn compose(request: &ChatRequest, index: usize, id: u64) -> Self {
        let calls = calls(request, id.wrapping_add(index as u64));
        if !calls.is_empty() {
            return Self::of_calls(calls, request.max_tokens.unwrap_or(usize::MAX));
        }
        let text = match &request.format {
            Format::Text => prose(request, index),
            Format::JsonObject => {
                let topic = topic(request.prompt());
                json!({"topic": topic, "answer": prose(request, index)}).to_string()
            }
            Format::JsonSchema(schema) => {
                sample(schema, &name_or_topic(request.prompt())).to_string()
            }
        };
        let end = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min();
        let text = &text[..end.unwrap_or(text.len())];
        let kept = first(text, request.max_tokens.unwrap_or(usize::MAX));
        let finish_reason = if kept.len() < text.len() { "length" } else { "stop" };
        Self { content: Content::Text(kept.to_owned()), finish_reason }
    }

    fn of_calls(mut calls: Vec<ToolCall>, mut budget: usize) -> Self {
        let mut finish_reason = "tool_calls";
        for call in &mut calls {
            let kept = first(&call.arguments, budget).len();
            if kept < call.arguments.len() {
                finish_reason = "length";
            }
            call.arguments.truncate(kept);
            budget -= count(&call.arguments);
        }
        Self { content: Content::Calls(calls), finish_reason }
    }

    fn tokens(&self) -> usize {
        match &self.content {
            Content::Text(text) => count(text),
            Content::Calls(calls) => calls.iter().map(|call| count(&call.arguments)).sum(),
        }
    }

    fn message(&self) -> Value {
        match &self.content {
            Content::Text(text) => json!({"role": "assistant", "content": text, "refusal": null}),
            Content::Calls(calls) => {
                let calls: Vec<_> = calls.iter().map(ToolCall::as_value).collect();
                json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
            }
        }
    }

    fn opening(&self) -> Value {
        let content = match self.content {
            Content::Text(_) => json!(""),
            Content::Calls(_) => Value::Null,
        };
        json!({"role": "assistant", "content": content, "refusal": null})
    }
}

fn choice_events((index, choice): (usize, &Choice)) -> Vec<Event<'_>> {
    let mut events = vec![Event::Role(index)];
    match &choice.content {
        Content::Text(text) => events.extend(tokens(text).map(|token| Event::Text(index, token))),
        Content::Calls(calls) => {
            for (place, call) in calls.iter().enumerate() {
                events.push(Event::Call(index, place, call));
                let pieces = tokens(&call.arguments);
                events.extend(pieces.map(|piece| Event::Arguments(index, place, piece)));
            }
        }
    }
    events.push(Event::Finish(index, choice.finish_reason));
    events
}
