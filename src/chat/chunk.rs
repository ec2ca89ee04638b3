//! One chunk of a streamed answer: what each choice gained since the last.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Number, Value, json};

use super::content::Content;
use super::message::{Role, reasoning_text};
use super::open_object::{Few, Field, Text, open_object};
use crate::core::usage::Usage;

open_object! {
    /// One chunk of a streamed answer. What all chunks of an answer say alike, they share.
    pub struct ChatChunk {
        /// The answer's id, the same in every chunk; often empty.
        pub id: String = "id",
        /// What it is: `chat.completion.chunk`; empty where the provider does not say.
        pub object: Arc<str> as Text = "object",
        /// The model that answers.
        pub model: String = "model",
        /// When the answer was begun, in seconds since 1970.
        pub created: Option<Number> = "created",
        /// The class of service that the request was given.
        pub service_tier: Option<Arc<str>> as Text = "service_tier",
        /// The configuration that the model runs in, where the provider tells them apart.
        pub system_fingerprint: Option<Arc<str>> as Text = "system_fingerprint",
        /// What each choice gained; empty in a chunk that only reports usage.
        pub choices: Vec<ChunkChoice> as Few<ChunkChoice> = "choices" [always],
        /// What the answer has cost so far.
        pub usage: Option<Usage> = "usage",
        /// Padding without a meaning, from which onlookers can't tell the length of the text.
        pub obfuscation: Option<String> as Text = "obfuscation",
    }
    settle = ChatChunk::settle;
}

/// What a chunk says with which a stream begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// Who answers from here on, by the name of the target (`openai/gpt-4`).
    pub target: String,
    /// Why the answer so far was given up.
    pub reason: String,
}

const RESTART: &str = "restart";

impl ChatChunk {
    /// The chunk that says that the answer begins anew: what came before it is void.
    #[must_use]
    pub fn of_restart(restart: &Restart) -> Self {
        let Restart { target, reason } = restart;
        let mut chunk = Self { object: "chat.completion.chunk".into(), ..Self::default() };
        chunk.extra.insert(RESTART.into(), json!({"target": target, "reason": reason}));
        chunk
    }

    /// Whether the answer begins anew with this chunk, so that what came before it is void; only where
    /// that was asked for ([`OnInterrupt::Restart`](crate::OnInterrupt::Restart)).
    #[must_use]
    pub fn restart(&self) -> Option<Restart> {
        let restart = if self.choices.is_empty() { self.extra.get(RESTART)? } else { return None };
        let text = |name: &str| Some(restart.get(name)?.as_str()?.to_owned());
        Some(Restart { target: text("target")?, reason: text("reason")? })
    }

    /// A chunk in which the first choice gains `text`.
    pub fn from_text(text: impl Into<String>) -> Self {
        let delta = Delta { content: Some(Content::Text(text.into())), ..Delta::default() };
        Self::of(ChunkChoice { delta, ..ChunkChoice::default() })
    }

    /// The chunk with which the first choice ends: `stop`, `length`, `tool_calls`,
    /// `content_filter`.
    pub fn finish(reason: impl Into<String>) -> Self {
        Self::of(ChunkChoice { finish_reason: Some(reason.into()), ..ChunkChoice::default() })
    }

    fn of(choice: ChunkChoice) -> Self {
        Self { choices: vec![choice], ..Self::default() }
    }

    /// The text that the first choice gained; empty where it gained none.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.first().map(Delta::text).unwrap_or_default()
    }

    /// The thinking that the first choice gained; empty where it gained none.
    #[must_use]
    pub fn reasoning_text(&self) -> Cow<'_, str> {
        self.first().map(Delta::reasoning_text).unwrap_or_default()
    }

    /// Whether there is anything to show: content, reasoning, a refusal or a tool call.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.choices.iter().any(|choice| choice.delta.is_visible())
    }

    /// The delta of choice 0, wherever it stands in the list.
    fn first(&self) -> Option<&Delta> {
        self.choices.iter().find(|choice| choice.index == 0).map(|choice| &choice.delta)
    }

    /// Groq's usage may stand in a field of its own.
    fn settle(&mut self) {
        if self.usage.is_none() {
            let usage = self.extra.get("x_groq").and_then(|groq| groq.get("usage"));
            self.usage = usage.and_then(|usage| Usage::deserialize(usage).ok());
        }
    }
}

open_object! {
    /// What one choice gained.
    pub struct ChunkChoice {
        /// Which choice, from 0.
        pub index: u32 = "index" [always],
        /// What it gained.
        pub delta: Delta = "delta" [always],
        /// Why it ended (`stop`, `length`, `tool_calls`, `content_filter`), in its last chunk.
        pub finish_reason: Option<String> = "finish_reason",
        /// How likely its tokens were, and what could have stood in their place, where that was asked for.
        pub logprobs: Option<Value> = "logprobs",
    }
}

impl ChunkChoice {
    /// Whether this is the choice's end: some providers send an empty reason all along.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finish_reason.as_ref().is_some_and(|reason| !reason.is_empty())
    }
}

open_object! {
    /// What a choice's message gained.
    pub struct Delta {
        /// Who speaks; as a rule in the first chunk only.
        pub role: Option<Role> = "role",
        /// More content.
        pub content: Option<Content> = "content",
        /// More thinking, by the name most providers give it.
        pub reasoning_content: Option<String> = "reasoning_content",
        /// More thinking, by the name Groq and OpenRouter give it.
        pub reasoning: Option<String> = "reasoning",
        /// More of why the model declines to answer.
        pub refusal: Option<String> = "refusal",
        /// More of the tool calls.
        pub tool_calls: Vec<ToolCallDelta> = "tool_calls",
    }
}

impl Delta {
    /// The text gained; empty where there is none.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.content.as_ref().map(Content::text).unwrap_or_default()
    }

    /// The thinking gained, wherever the provider put it; empty where there is none.
    #[must_use]
    pub fn reasoning_text(&self) -> Cow<'_, str> {
        reasoning_text(&[&self.reasoning_content, &self.reasoning], self.content.as_ref())
    }

    fn is_visible(&self) -> bool {
        let filled = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        self.content.as_ref().is_some_and(|content| !content.is_empty())
            || filled(&self.reasoning_content)
            || filled(&self.reasoning)
            || filled(&self.refusal)
            || !self.tool_calls.is_empty()
            || self.has_reasoning_details()
    }

    /// OpenRouter's thinking may come in its details alone, where the model hides its text.
    fn has_reasoning_details(&self) -> bool {
        let details = self.extra.get("reasoning_details").and_then(Value::as_array);
        details.is_some_and(|details| !details.is_empty())
    }
}

open_object! {
    /// A piece of a tool call.
    pub struct ToolCallDelta {
        /// Which call this belongs to; not to be relied on, as some providers send none, or
        /// always 0.
        pub index: Option<u32> = "index",
        /// The call's id, as a rule in its first piece only.
        pub id: String = "id",
        /// What is called; see [`ToolCall::kind`](crate::ToolCall::kind).
        pub kind: String = "type",
        /// A piece of the function's name and arguments.
        pub function: FunctionCallDelta = "function",
    }
}

open_object! {
    /// A piece of a function call.
    pub struct FunctionCallDelta {
        /// The function's name, as a rule in the call's first piece only.
        pub name: String = "name",
        /// The next piece of the arguments' JSON text.
        pub arguments: String as Text = "arguments",
    }
}

impl Field for u32 {
    fn is_present(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ChatChunk {
        serde_json::from_str(json).unwrap()
    }

    fn delta(delta: &str) -> ChatChunk {
        read(&format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#))
    }

    #[test]
    fn only_what_can_be_shown_is_visible() {
        for visible in [
            r#"{"content":"a"}"#,
            r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}"#,
            r#"{"content":null,"reasoning_content":"a"}"#,
            r#"{"reasoning":"a"}"#,
            r#"{"content":"","reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}"#,
            r#"{"refusal":"no"}"#,
            r#"{"tool_calls":[{"index":0,"function":{"arguments":""}}]}"#,
        ] {
            assert!(delta(visible).is_visible(), "{visible}");
        }
        for hidden in [
            r#"{"role":"assistant","content":null}"#,
            r#"{"content":"","reasoning_content":"","refusal":null,"tool_calls":[]}"#,
            r#"{"content":[]}"#,
            r#"{"channel":"analysis"}"#,
            "null",
        ] {
            assert!(!delta(hidden).is_visible(), "{hidden}");
        }
        assert!(!read(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#).is_visible());
    }

    #[test]
    fn azure_and_usage_chunks_have_no_choices() {
        let azure = read(r#"{"id":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#);
        assert_eq!((&*azure.text(), &azure.usage), ("", &None));
        let usage = r#"{"object":"chat.completion","choices":null,"usage":{"prompt_tokens":2,"completion_tokens":3}}"#;
        assert_eq!(read(usage).usage.unwrap().total_tokens, 5);
    }

    #[test]
    fn groq_reports_usage_in_a_corner() {
        let chunk = read(r#"{"usage":null,"x_groq":{"id":"r","usage":{"prompt_tokens":2}}}"#);
        assert_eq!(chunk.usage.unwrap().prompt_tokens, 2);
        let both = r#"{"x_groq":{"usage":{"prompt_tokens":2}},"usage":{"prompt_tokens":9}}"#;
        assert_eq!(read(both).usage.unwrap().prompt_tokens, 9);
        assert_eq!(read(r#"{"x_groq":{"usage":"none"}}"#).usage, None);
    }

    #[test]
    fn an_empty_finish_reason_is_no_end() {
        let finished = |reason: &str| {
            read(&format!(r#"{{"choices":[{{"finish_reason":{reason}}}]}}"#)).choices[0]
                .is_finished()
        };
        assert!(finished(r#""stop""#));
        assert!(!finished(r#""""#));
        assert!(!finished("null"));
        assert!(!delta("{}").choices[0].is_finished());
    }

    #[test]
    fn unknown_fields_and_big_integers_survive() {
        let json = serde_json::json!({
            "id": "c", "choices": [{
                "index": 1,
                "delta": {"content": "a\u{2028}b", "channel": "final"},
                "message": {"role": "assistant", "content": "all so far"},
                "token_id": 7,
            }],
            "created": 1_795_397_659_u64, "seed": u64::MAX, "obfuscation": "x9",
        });
        let chunk: ChatChunk = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&chunk).unwrap(), json);
    }

    #[test]
    fn chunks_of_ones_own_are_as_if_read() {
        assert_eq!(ChatChunk::from_text("a"), delta(r#"{"content":"a"}"#));
        let end = read(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
        assert_eq!(ChatChunk::finish("stop"), end);
        assert!(ChatChunk::from_text("a").is_visible() && end.choices[0].is_finished());
    }

    #[test]
    fn text_is_that_of_choice_0() {
        let chunk = read(r#"{"choices":[{"index":1,"delta":{"content":"b"}}]}"#);
        assert_eq!(chunk.text(), "");
        let chunk = delta(r#"{"content":"a","reasoning":"r"}"#);
        assert_eq!((&*chunk.text(), &*chunk.reasoning_text()), ("a", "r"));
    }
}
