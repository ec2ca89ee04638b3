//! Whether the mock calls a tool, which one, and with what.

use serde_json::{Value, json};

use crate::chat::{ChatRequest, Tool, ToolChoice};
use crate::schema::sample;
use crate::text::name_or_topic;

/// One call of a function.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON, or the beginning of it if `max_tokens` cut it.
    pub(crate) arguments: String,
}

impl ToolCall {
    /// The call as a message carries it.
    pub(crate) fn as_value(&self) -> Value {
        let function = json!({"name": self.name, "arguments": self.arguments});
        json!({"id": self.id, "type": "function", "function": function})
    }
}

/// The calls that answer this request; none: it is answered with text.
///
/// A tool is called if `tool_choice` wants it, or if the prompt mentions it by name (or its name's
/// words) and its result is not there yet.
pub(crate) fn calls(request: &ChatRequest, answer_id: u64) -> Vec<ToolCall> {
    let mentioned: Vec<_> =
        request.tools.iter().filter(|tool| mentions(request.prompt(), tool)).collect();
    let chosen = match &request.tool_choice {
        ToolChoice::Never => Vec::new(),
        ToolChoice::Named(name) => request.tools.iter().filter(|tool| tool.name == *name).collect(),
        ToolChoice::Required if mentioned.is_empty() => request.tools.iter().take(1).collect(),
        ToolChoice::Auto if request.tool_result().is_some() => Vec::new(),
        ToolChoice::Required | ToolChoice::Auto => mentioned,
    };
    let text = name_or_topic(request.prompt());
    let call = |(index, tool): (usize, &Tool)| ToolCall {
        id: format!("call_{answer_id:016x}{index:02}"),
        name: tool.name.clone(),
        arguments: sample(&as_object(&tool.parameters), &text).to_string(),
    };
    chosen.into_iter().enumerate().map(call).collect()
}

fn mentions(prompt: &str, tool: &Tool) -> bool {
    let (prompt, name) = (prompt.to_lowercase(), tool.name.to_lowercase());
    prompt.contains(&name) || prompt.contains(&name.replace(['_', '-'], " "))
}

/// Arguments are an object even where no schema says so.
fn as_object(parameters: &Value) -> Value {
    if parameters.is_object() { parameters.clone() } else { json!({"type": "object"}) }
}
