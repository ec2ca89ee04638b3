//! An answer that came in one piece where a stream was asked for, as the one chunk of it.

use super::chunk::{ChatChunk, ChunkChoice, Delta, FunctionCallDelta, ToolCallDelta};
use super::message::{Message, ToolCall};
use super::response::{ChatResponse, Choice};

impl From<ChatResponse> for ChatChunk {
    fn from(answer: ChatResponse) -> Self {
        let ChatResponse { id, object, model, created, choices, usage, extra, .. } = answer;
        let (service_tier, system_fingerprint) = (answer.service_tier, answer.system_fingerprint);
        let choices = choices.into_iter().map(ChunkChoice::from).collect();
        Self {
            id,
            object,
            model,
            created,
            service_tier,
            system_fingerprint,
            choices,
            usage,
            obfuscation: None,
            extra,
        }
    }
}

impl From<Choice> for ChunkChoice {
    fn from(choice: Choice) -> Self {
        let Choice { index, message, finish_reason, logprobs, extra } = choice;
        Self { index, delta: message.into(), finish_reason, logprobs, extra }
    }
}

impl From<Message> for Delta {
    fn from(message: Message) -> Self {
        let numbered = (0..).zip(message.tool_calls);
        Self {
            role: Some(message.role),
            content: message.content,
            reasoning_content: message.reasoning_content,
            reasoning: message.reasoning,
            refusal: message.refusal,
            tool_calls: numbered.map(|(index, call)| whole_call(index, call)).collect(),
            extra: message.extra,
        }
    }
}

fn whole_call(index: u32, call: ToolCall) -> ToolCallDelta {
    let function = FunctionCallDelta {
        name: call.function.name,
        arguments: call.function.arguments,
        extra: call.function.extra,
    };
    ToolCallDelta { index: Some(index), id: call.id, kind: call.kind, function, extra: call.extra }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Assembler;
    use serde_json::{Value, json};

    #[test]
    fn nothing_is_lost_on_the_way_through_a_stream() {
        let answer: Value = json!({
            "id": "a", "object": "chat.completion", "model": "m", "created": 1,
            "choices": [{
                "index": 0,
                "message": {
                    "role": "assistant", "content": "Hello", "reasoning_content": "Hm",
                    "tool_calls": [
                        { "id": "x", "type": "function", "function": { "name": "f", "arguments": "{}" } },
                        { "id": "y", "type": "function", "function": { "name": "g", "arguments": "1" } },
                    ],
                },
                "finish_reason": "stop",
            }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3 },
        });
        let whole: ChatResponse = serde_json::from_value(answer).unwrap();
        let mut assembler = Assembler::default();
        assembler.push(&whole.clone().into());
        assert_eq!(assembler.finish(), whole);
    }
}
