//! Chunks and answers as OpenAI has them, every field typed, for clients written by hand.

#![allow(dead_code, reason = "to be typed is their cost, whether or not somebody reads them")]

use serde::Deserialize;

/// One event of a stream.
#[derive(Deserialize)]
pub struct Chunk {
    id: String,
    object: String,
    created: u64,
    model: String,
    system_fingerprint: Option<String>,
    service_tier: Option<String>,
    choices: Vec<ChunkChoice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct ChunkChoice {
    index: u32,
    delta: Delta,
    logprobs: Option<Logprobs>,
    finish_reason: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Delta {
    role: Option<Role>,
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

/// A whole answer.
#[derive(Deserialize)]
pub struct Answer {
    id: String,
    object: String,
    created: u64,
    model: String,
    system_fingerprint: Option<String>,
    service_tier: Option<String>,
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    index: u32,
    message: Message,
    logprobs: Option<Logprobs>,
    finish_reason: Option<FinishReason>,
}

#[derive(Deserialize)]
struct Message {
    role: Role,
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    index: Option<u32>,
    id: Option<String>,
    r#type: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Deserialize)]
struct Logprobs {
    content: Option<Vec<Logprob>>,
    refusal: Option<Vec<Logprob>>,
}

#[derive(Deserialize)]
struct Logprob {
    token: String,
    logprob: f32,
    bytes: Option<Vec<u8>>,
    top_logprobs: Vec<Logprob>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
    FunctionCall,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Role {
    System,
    User,
    Assistant,
    Tool,
    Function,
}

impl Chunk {
    /// The text of the first choice.
    pub fn text(&self) -> &str {
        self.choices.first().and_then(|choice| choice.delta.content.as_deref()).unwrap_or_default()
    }
}

impl Answer {
    /// The text of the first choice.
    pub fn text(&self) -> &str {
        self.choices
            .first()
            .and_then(|choice| choice.message.content.as_deref())
            .unwrap_or_default()
    }
}
