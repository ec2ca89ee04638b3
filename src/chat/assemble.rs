//! The chunks of a stream, folded into one answer.

use std::borrow::Cow;

use serde_json::Value;

use super::chunk::{ChatChunk, ChunkChoice, Delta};
use super::content::{Content, ContentPart};
use super::message::Message;
use super::response::{ChatResponse, Choice};
use super::tool_calls::ToolCalls;
use crate::core::usage::Usage;

/// Folds the chunks of a stream into one answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    /// The answer so far, its choices apart.
    response: ChatResponse,
    /// The last padding.
    obfuscation: Option<String>,
    /// The choices so far, by their index.
    choices: Vec<OpenChoice>,
}

/// A choice that may still grow. Its tool calls stay apart until it is done.
#[derive(Clone, Debug, Default)]
struct OpenChoice {
    choice: Choice,
    tool_calls: ToolCalls,
}

impl Assembler {
    /// Adds what a chunk brings.
    pub(crate) fn push(&mut self, chunk: &ChatChunk) {
        if chunk.restart().is_some() {
            return *self = Self::default(); // what came before is void
        }
        let response = &mut self.response;
        keep(&mut response.id, &chunk.id);
        if !chunk.object.is_empty() {
            response.object.clone_from(&chunk.object);
        }
        keep(&mut response.model, &chunk.model);
        keep_some(&mut response.service_tier, &chunk.service_tier);
        keep_some(&mut response.system_fingerprint, &chunk.system_fingerprint);
        keep_some(&mut self.obfuscation, &chunk.obfuscation);
        if chunk.created.is_some() && response.created != chunk.created {
            response.created.clone_from(&chunk.created);
        }
        Usage::update(&mut response.usage, chunk.usage.as_ref());
        response.extra.merge(&chunk.extra);
        for choice in &chunk.choices {
            self.choice(choice.index).push(choice);
        }
    }

    /// The text of the first choice so far.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        self.first().map(Message::text).unwrap_or_default()
    }

    /// The reasoning of the first choice so far.
    pub(crate) fn reasoning_text(&self) -> Cow<'_, str> {
        self.first().map(Message::reasoning_text).unwrap_or_default()
    }

    /// The last usage reported.
    pub(crate) fn usage(&self) -> Option<&Usage> {
        self.response.usage.as_ref()
    }

    /// The answer, as far as it came.
    pub(crate) fn finish(self) -> ChatResponse {
        let mut response = self.response;
        response.choices = self.choices.into_iter().map(OpenChoice::finish).collect();
        if let Some(padding) = self.obfuscation {
            response.extra.insert("obfuscation".into(), padding.into());
        }
        if !response.object.is_empty() {
            response.object = "chat.completion".into();
        }
        response
    }

    fn first(&self) -> Option<&Message> {
        self.choices.first().map(|open| &open.choice.message)
    }

    /// The choice with this index, opened where it is new.
    fn choice(&mut self, index: u32) -> &mut OpenChoice {
        let position = self.choices.binary_search_by_key(&index, |open| open.choice.index);
        let position = position.unwrap_or_else(|position| {
            let mut open = OpenChoice::default();
            open.choice.index = index;
            self.choices.reserve_exact(1); // nearly always there is one
            self.choices.insert(position, open);
            position
        });
        &mut self.choices[position]
    }
}

impl OpenChoice {
    fn push(&mut self, chunk: &ChunkChoice) {
        if chunk.is_finished() {
            self.choice.finish_reason.clone_from(&chunk.finish_reason);
        }
        merge_logprobs(&mut self.choice.logprobs, &chunk.logprobs);
        self.choice.extra.merge(&chunk.extra);
        self.push_delta(&chunk.delta);
    }

    fn push_delta(&mut self, delta: &Delta) {
        let message = &mut self.choice.message;
        if let Some(role) = &delta.role
            && !role.as_str().is_empty()
        {
            message.role = role.clone();
        }
        if let Some(content) = &delta.content {
            append_content(&mut message.content, content);
        }
        append(&mut message.reasoning_content, &delta.reasoning_content);
        append(&mut message.reasoning, &delta.reasoning);
        append(&mut message.refusal, &delta.refusal);
        message.extra.merge(&delta.extra);
        for piece in &delta.tool_calls {
            self.tool_calls.push(piece);
        }
    }

    fn finish(self) -> Choice {
        let mut choice = self.choice;
        choice.message.tool_calls = self.tool_calls.into_calls();
        // Perplexity repeats the message so far beside each delta: we have built our own.
        choice.extra.remove("message");
        choice.settle();
        choice
    }
}

/// Keeps the last value that is not empty.
fn keep(known: &mut String, later: &str) {
    if !later.is_empty() && known != later {
        later.clone_into(known);
    }
}

fn keep_some<T: Clone>(known: &mut Option<T>, later: &Option<T>) {
    if later.is_some() {
        known.clone_from(later);
    }
}

/// The probabilities of the tokens of `content` and `refusal` come a few at a time.
fn merge_logprobs(known: &mut Option<Value>, later: &Option<Value>) {
    let (Some(Value::Object(known)), Some(Value::Object(later))) = (&mut *known, later) else {
        if later.is_some() {
            known.clone_from(later);
        }
        return;
    };
    for (key, value) in later {
        match (known.get_mut(key), value) {
            (Some(Value::Array(known)), Value::Array(later)) => known.extend_from_slice(later),
            (Some(_), Value::Null) => {}
            _ => {
                known.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Appends a piece; an empty one does not make a field appear.
fn append(known: &mut Option<String>, piece: &Option<String>) {
    if let Some(piece) = piece.as_deref().filter(|piece| !piece.is_empty()) {
        known.get_or_insert_default().push_str(piece);
    }
}

/// Appends content: text to text, and to a list of parts as soon as there is one.
fn append_content(known: &mut Option<Content>, piece: &Content) {
    match (&mut *known, piece) {
        (None, piece) => *known = Some(piece.clone()),
        (Some(Content::Text(text)), Content::Text(piece)) => text.push_str(piece),
        (Some(Content::Parts(parts)), Content::Text(text)) => append_text_part(parts, text),
        (Some(Content::Parts(parts)), Content::Parts(pieces)) => append_parts(parts, pieces),
        (Some(Content::Text(text)), Content::Parts(pieces)) => {
            let mut parts = Vec::new();
            append_text_part(&mut parts, text);
            append_parts(&mut parts, pieces);
            *known = Some(Content::Parts(parts));
        }
    }
}

fn append_parts(parts: &mut Vec<ContentPart>, pieces: &[ContentPart]) {
    for piece in pieces {
        match piece {
            ContentPart::Text(text) => append_text_part(parts, text),
            other => parts.push(other.clone()),
        }
    }
}

/// A text that follows a text is one text with it.
fn append_text_part(parts: &mut Vec<ContentPart>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(ContentPart::Text(last)) => last.push_str(text),
        _ => parts.push(ContentPart::text(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;
    use serde_json::json;

    fn assembler(chunks: &[Value]) -> Assembler {
        let mut assembler = Assembler::default();
        for chunk in chunks {
            assembler.push(&serde_json::from_value(chunk.clone()).unwrap());
        }
        assembler
    }

    fn choice(index: u32, delta: Value, finish_reason: Value) -> Value {
        json!({"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]})
    }

    fn delta(delta: Value) -> Value {
        choice(0, delta, Value::Null)
    }

    #[test]
    fn a_stream_as_openai_sends_it() {
        let head = json!({"id": "c1", "object": "chat.completion.chunk", "created": 5,
            "model": "m", "system_fingerprint": "fp", "obfuscation": "ab"});
        let mut chunks = vec![
            delta(json!({"role": "assistant", "content": "", "refusal": null})),
            delta(json!({"content": "Par"})),
            delta(json!({"content": "is."})),
            choice(0, json!({}), json!("stop")),
            json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}),
            json!({"choices": [], "usage": null}),
        ];
        for chunk in &mut chunks {
            chunk.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
        }
        let assembler = assembler(&chunks);
        assert_eq!(assembler.text(), "Paris.");
        assert_eq!(
            serde_json::to_value(assembler.finish()).unwrap(),
            json!({"id": "c1", "object": "chat.completion", "created": 5, "model": "m",
                "system_fingerprint": "fp", "obfuscation": "ab",
                "choices": [{"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Paris."}}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
        );
    }

    #[test]
    fn choices_are_kept_apart_and_in_order() {
        let mut open = assembler(&[
            choice(1, json!({"content": "b"}), Value::Null),
            choice(0, json!({"content": "a"}), Value::Null),
            choice(1, json!({"content": "B"}), json!("stop")),
        ]);
        assert_eq!(open.text(), "a");
        open.push(&serde_json::from_value(choice(0, json!({}), json!("length"))).unwrap());
        let answer = open.finish();
        let ends: Vec<_> = answer
            .choices
            .iter()
            .map(|choice| (choice.index, choice.message.text(), choice.finish_reason.as_deref()))
            .collect();
        assert_eq!(ends, [(0, "a".into(), Some("length")), (1, "bB".into(), Some("stop"))]);
    }

    #[test]
    fn an_empty_finish_reason_ends_nothing() {
        let snowflake = [choice(0, json!({"content": "a"}), json!(""))];
        assert!(!assembler(&snowflake).finish().choices[0].is_finished());
        let finished_then_empty =
            [choice(0, json!({}), json!("stop")), choice(0, json!({}), json!(""))];
        assert!(assembler(&finished_then_empty).finish().choices[0].is_finished());
    }

    #[test]
    fn reasoning_grows_under_its_own_name() {
        let deepseek = assembler(&[
            delta(json!({"content": null, "reasoning_content": "h"})),
            delta(json!({"content": null, "reasoning_content": "m"})),
            delta(json!({"content": "a", "reasoning_content": null})),
        ]);
        assert_eq!((&*deepseek.reasoning_text(), &*deepseek.text()), ("hm", "a"));
        let message = &deepseek.finish().choices[0].message;
        assert_eq!((message.reasoning_content.as_deref(), &message.reasoning), (Some("hm"), &None));
    }

    #[test]
    fn lists_of_parts_are_appended() {
        let thinking =
            |text| json!({"type": "thinking", "thinking": [{"type": "text", "text": text}]});
        let mistral = assembler(&[
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({"content": [thinking("h")]})),
            delta(json!({"content": [thinking("m"), {"type": "text", "text": "a"}]})),
            delta(json!({"content": "b"})),
        ]);
        assert_eq!((&*mistral.reasoning_text(), &*mistral.text()), ("hm", "ab"));
        assert_eq!(
            serde_json::to_value(&mistral.finish().choices[0].message.content).unwrap(),
            json!([thinking("h"), thinking("m"), {"type": "text", "text": "ab"}])
        );
    }

    #[test]
    fn a_cumulative_message_beside_the_delta_is_not_doubled() {
        let perplexity = [json!({"choices": [{
            "delta": {"content": "a"}, "message": {"role": "assistant", "content": "a"},
        }], "citations": ["u"]})];
        let answer = assembler(&perplexity).finish();
        assert_eq!((&*answer.text(), &answer.extra["citations"]), ("a", &json!(["u"])));
        assert_eq!(answer.choices[0].extra.get("message"), None);
        assert_eq!(answer.choices[0].message.role, Role::Assistant);
    }

    #[test]
    fn the_last_usage_wins() {
        let growing = |n: u64| json!({"choices": [], "usage": {"completion_tokens": n}});
        let assembler = assembler(&[growing(1), growing(5), json!({"choices": []})]);
        assert_eq!(assembler.usage().unwrap().total_tokens, 5);
    }

    #[test]
    fn a_whole_tool_call_in_the_last_chunk() {
        let call = json!([{"id": "c", "function": {"name": "f", "arguments": "{}"}}]);
        let answer = assembler(&[choice(0, json!({"tool_calls": call}), json!("stop"))]).finish();
        assert_eq!(answer.tool_calls(), [crate::chat::ToolCall::function("c", "f", "{}")]);
        assert!(answer.estimated_usage(&[]).completion_tokens > 0);
    }

    #[test]
    fn fields_we_do_not_know_are_folded_too() {
        let chunk = |token| {
            json!({"choices": [{"delta": {"reasoning_details": [token]},
                "logprobs": {"content": [token]}, "token_id": token}]})
        };
        let answer = assembler(&[chunk(1), chunk(2)]).finish();
        let choice = &answer.choices[0];
        assert_eq!(choice.logprobs, Some(json!({"content": [1, 2]})));
        assert_eq!(choice.extra["token_id"], 2);
        assert_eq!(choice.message.extra["reasoning_details"], json!([1, 2]));
    }
}
