//! The events of a scripted stream.

use futures::StreamExt;
use lockkeeper::testing::Reply;
use lockkeeper::{ChatStream, Error};
use serde_json::{Value, json};

use super::Scene;

pub fn chunk(delta: &Value, finish_reason: Option<&str>) -> String {
    choice(0, delta, finish_reason)
}

pub fn choice(index: u32, delta: &Value, finish_reason: Option<&str>) -> String {
    let choice = json!({"index": index, "delta": delta, "finish_reason": finish_reason});
    json!({ "choices": [choice] }).to_string()
}

pub fn text(text: &str) -> String {
    chunk(&json!({"content": text}), None)
}

pub fn stop() -> String {
    chunk(&json!({}), Some("stop"))
}

pub fn usage(total: u64) -> String {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": total - 5, "total_tokens": total});
    json!({"choices": [], "usage": usage}).to_string()
}

pub fn done() -> String {
    "[DONE]".to_owned()
}

/// Reads to the end; the texts, and the error if there was one.
pub async fn read(stream: &mut ChatStream) -> (String, Option<Error>) {
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => text.push_str(&chunk.text()),
            Err(error) => {
                assert!(stream.next().await.is_none(), "after its error a stream yields no more");
                return (text, Some(error));
            }
        }
    }
    (text, None)
}

/// Reads a stream that has one good answer, given as events, to its end.
pub fn read_events(events: impl IntoIterator<Item = String>) -> (Scene, ChatStream, Option<Error>) {
    let scene = Scene::new(1, [Reply::events(events)]);
    let mut stream = scene.stream();
    let (_, error) = scene.clock.block_on(read(&mut stream));
    (scene, stream, error)
}
