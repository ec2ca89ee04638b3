//! Answers and chunks: what can be read is kept whole, and no chunk upsets the folding of a stream.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::chat::{Assembler, ChatChunk, ChatResponse, SerdeCodec};
use crate::codec::{Codec, Facts};
use crate::core::key::ApiKey;
use crate::core::provider_error::ProviderError;
use crate::core::redaction::Redaction;
use crate::whole_body;

/// Checks a body: as a whole answer, as an error, and line by line as the chunks of a stream.
pub fn chunks(data: &[u8]) {
    super::json::agrees_with_serde(data);
    let redaction = Redaction::new([].into(), ApiKey::new("sk-0123456789abcd"));
    ProviderError::from_body(data, &redaction).kind(400);
    let decoded = whole_body::decode(&SerdeCodec::default(), data, &redaction);
    if let Ok(answer) = SerdeCodec::default().answer(data) {
        let refused = answer.is_error() || answer.choices.is_empty();
        assert_eq!(decoded.is_err(), refused, "{answer:?}");
        is_kept(&answer);
        keeps_what_is_unknown(data, &answer);
        through_a_stream(answer);
    }
    let mut chunks: Vec<ChatChunk> = Vec::new();
    let mut of_stream = SerdeCodec::default();
    for line in data.split(|byte| *byte == b'\n') {
        let chunk = of_stream.chunk(line);
        assert_eq!(chunk, SerdeCodec::default().chunk(line), "it hangs on what came before");
        let Ok(chunk) = chunk else { continue };
        is_kept(&chunk);
        keeps_what_is_unknown(line, &chunk);
        chunks.push(chunk);
    }
    is_kept(&folded(&chunks));
}

/// An answer in one chunk shows the same as the answer itself.
fn through_a_stream(answer: ChatResponse) {
    let usage = answer.estimated_usage(&[]);
    assert!(usage.total_tokens >= usage.completion_tokens, "{usage:?}");
    let chunk = ChatChunk::from(answer.clone());
    let text_of_0 = answer.choices.iter().find(|choice| choice.index == 0);
    let text_of_0 = text_of_0.map(|choice| choice.message.text()).unwrap_or_default();
    assert_eq!(chunk.text(), text_of_0);
    folded(&[chunk]);
}

/// Folds chunks; nothing visible is lost, and no choice is.
fn folded(chunks: &[ChatChunk]) -> ChatResponse {
    let mut assembler = Assembler::default();
    let (mut indexes, mut visible) = (Vec::new(), 0);
    for chunk in chunks {
        visible += chunk.text().len();
        indexes.extend(Facts::choices(chunk).map(|(index, _)| index));
        assembler.push(chunk);
    }
    indexes.sort_unstable();
    indexes.dedup();
    let (so_far, reasoning) = (assembler.text().into_owned(), assembler.reasoning_text().len());
    let whole = assembler.finish();
    let known: Vec<u32> = whole.choices.iter().map(|choice| choice.index).collect();
    assert_eq!(known, indexes, "each choice once, in order");
    assert_eq!((&*whole.text(), whole.reasoning_text().len()), (&*so_far, reasoning));
    if chunks.iter().all(|chunk| chunk.choices.len() <= 1) && indexes == [0] {
        assert_eq!(whole.text().len(), visible, "{whole:?}");
    }
    whole
}

/// What was read is the same after it was written and read again.
fn is_kept<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(value: &T) {
    let json = serde_json::to_value(value).expect("what was read can be written");
    // serde_json reads a fraction with an error in its last digit, so another reading differs.
    if !holds_a_fraction(&json) {
        let text = json.to_string();
        assert_eq!(
            &serde_json::from_str::<T>(&text).expect("what was written can be read"),
            value,
            "{text}"
        );
    }
}

/// The members of a chunk or an answer that have a field of their own.
const KNOWN: [&str; 9] = [
    "id",
    "object",
    "model",
    "created",
    "service_tier",
    "system_fingerprint",
    "choices",
    "usage",
    "obfuscation",
];

/// The same of its choices.
const KNOWN_OF_CHOICE: [&str; 5] = ["index", "delta", "message", "finish_reason", "logprobs"];

/// Members that nobody knows are there again when it is written.
fn keeps_what_is_unknown(source: &[u8], value: &impl Serialize) {
    let (source, written): (Value, _) = (
        serde_json::from_slice(source).expect("what was read is JSON"),
        serde_json::to_value(value).expect("what was read can be written"),
    );
    same_but(&KNOWN, &source, &written);
    let choices = |json: &Value| json["choices"].as_array().cloned().unwrap_or_default();
    for (source, written) in choices(&source).iter().zip(&choices(&written)) {
        same_but(&KNOWN_OF_CHOICE, source, written);
    }
}

fn same_but(known: &[&str], source: &Value, written: &Value) {
    let members = source.as_object().into_iter().flatten();
    for (name, value) in members.filter(|(name, _)| !known.contains(&name.as_str())) {
        assert_eq!(written.get(name), Some(value), "{name}");
    }
}

fn holds_a_fraction(json: &Value) -> bool {
    match json {
        Value::Number(number) => number.is_f64(),
        Value::Array(elements) => elements.iter().any(holds_a_fraction),
        Value::Object(members) => members.values().any(holds_a_fraction),
        _ => false,
    }
}
