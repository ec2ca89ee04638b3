//! Streams and the answers that they make: `cases.json` holds the library to them here, and the npm
//! package in `tests/js/assembled.test.mjs`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use lockkeeper::{ChatChunk, ChatStream, Error, Message};
use serde_json::Value;

#[test]
fn chunks_make_the_answers_of_the_cases() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    for case in &cases {
        let chunks: Vec<ChatChunk> = serde_json::from_value(case["chunks"].clone()).unwrap();
        let messages: Vec<Message> = case
            .get("messages")
            .map(|messages| serde_json::from_value(messages.clone()).unwrap())
            .unwrap_or_default();
        let chunks = chunks.into_iter().map(Ok::<_, Error>);
        let stream = ChatStream::new(messages, futures::stream::iter(chunks));
        let answer = futures::executor::block_on(stream.result()).unwrap();
        let answer = without_nulls(serde_json::to_value(answer).unwrap());
        let mut expected = case["answer"].clone();
        // A kind of object is told only where the provider told one.
        if answer.get("object").is_none() {
            expected.as_object_mut().unwrap().remove("object");
        }
        assert_eq!(answer, expected, "{}", case["name"]);
    }
    assert!(cases.len() >= 10);
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, field)| !field.is_null());
            fields.map(|(name, field)| (name, without_nulls(field))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
