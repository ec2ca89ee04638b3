//! Typed functions: how they ask, what they take for an answer, what they do about other answers.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)] // in helpers too, a failure is the test's

mod answers;
mod chats;
#[cfg(feature = "reqwest")]
#[path = "../live/mod.rs"]
mod live;
#[cfg(feature = "reqwest")]
mod over_http;
mod refusals;
#[path = "../scripted/mod.rs"]
mod scripted;
mod streams;
mod tools;

use std::sync::Arc;

use lockkeeper::testing::Reply;
use lockkeeper::{LlmFunction, Message, Trace, schemars};
use schemars::JsonSchema;
use scripted::{Scene, settings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What most of these functions are given.
#[derive(Clone, Debug, Serialize)]
struct Text {
    text: String,
}

fn text() -> Text {
    Text { text: "Two eggs, please.".to_owned() }
}

// What most of these functions return; a doc comment would be shown to the model.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
struct Order {
    items: Vec<Item>,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
struct Item {
    /// What is ordered.
    name: String,
    count: u8,
}

fn eggs() -> Order {
    Order { items: vec![Item { name: "egg".to_owned(), count: 2 }], note: None }
}

const EGGS: &str = r#"{"items": [{"name": "egg", "count": 2}], "note": null}"#;

/// A scene with one key and as many bucket tokens as a test may need.
fn scene(replies: impl IntoIterator<Item = Reply>) -> Scene {
    let mut settings = settings(1);
    settings.rate_limit_capacity = 1000.0;
    Scene::with(settings, replies)
}

fn order(scene: &Scene) -> LlmFunction<Text, Order> {
    LlmFunction::new(scene.llm.clone(), "Read the order.")
}

/// A whole answer that calls tools: name and arguments of each.
fn calls(calls: &[(&str, &str)]) -> Reply {
    let calls: Vec<_> = calls
        .iter()
        .enumerate()
        .map(|(index, (name, arguments))| {
            json!({"id": format!("c{index}"), "type": "function",
                "function": {"name": name, "arguments": arguments}})
        })
        .collect();
    let message = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    Reply::status(200).body(json!({"choices": [choice]}).to_string())
}

/// A whole answer that ends for this reason.
fn ended(text: &str, finish_reason: &str) -> Reply {
    let message = json!({"role": "assistant", "content": text});
    let choice = json!({"index": 0, "message": message, "finish_reason": finish_reason});
    Reply::status(200).body(json!({"choices": [choice]}).to_string())
}

fn bad_request(message: &str) -> Reply {
    Reply::error(400, "invalid_request_error", message)
}

/// The bodies of all requests.
fn bodies(scene: &Scene) -> Vec<Value> {
    scene.provider.requests().iter().map(|sent| sent.json()).collect()
}

/// How each attempt was made.
fn strategies(trace: &Trace) -> Vec<&'static str> {
    trace.attempts.iter().map(|attempt| attempt.strategy.as_str()).collect()
}

/// The role and the text of each message of a request.
fn said(body: &Value) -> Vec<(String, String)> {
    let messages: Vec<Message> = serde_json::from_value(body["messages"].clone()).unwrap();
    messages.iter().map(|it| (it.role.as_str().to_owned(), it.text().into_owned())).collect()
}
