//! A chat request, checked as OpenAI checks it.

use serde_json::Value;

use crate::api_error::ApiError;
use crate::fault_names::fault_for_model;
use crate::settings::Settings;
use crate::tokens::count;

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
/// What one image costs in tokens, as at OpenAI with low detail.
const IMAGE_TOKENS: usize = 85;
/// What a message costs beside its text.
const MESSAGE_TOKENS: usize = 4;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    pub(crate) max_tokens: Option<usize>,
    pub(crate) stop: Vec<String>,
    pub(crate) choices: usize,
    pub(crate) seed: Option<i64>,
    pub(crate) tools: Vec<Tool>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) format: Format,
    pub(crate) prompt_tokens: usize,
}

/// One message, its content parts put together.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) text: String,
    images: usize,
}

/// A function that the model may call.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments.
    pub(crate) parameters: Value,
}

/// Whether the model may or must call a tool.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ToolChoice {
    Auto,
    Never,
    Required,
    Named(String),
}

/// What the text must be.
#[derive(Clone, Debug)]
pub(crate) enum Format {
    Text,
    JsonObject,
    JsonSchema(Value),
}

impl ChatRequest {
    /// Reads a request's body.
    pub(crate) fn read(body: &Value, settings: &Settings) -> Result<Self, ApiError> {
        if !body.is_object() {
            let message = "We could not parse the JSON body of your request.";
            return Err(ApiError::invalid("", message));
        }
        let model = read_model(body, settings)?;
        let messages = read_messages(body)?;
        let stream = body["stream"] == true;
        if !stream && !body["stream_options"].is_null() {
            let message =
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
            return Err(ApiError::invalid("stream_options", message));
        }
        let tools = read_tools(body)?;
        let request = Self {
            prompt_tokens: prompt_tokens(&messages, body),
            tool_choice: read_tool_choice(body, &tools)?,
            max_tokens: read_count(body, "max_completion_tokens", usize::MAX)?.or(read_count(
                body,
                "max_tokens",
                usize::MAX,
            )?),
            stop: read_stop(body)?,
            choices: read_count(body, "n", 128)?.unwrap_or(1),
            seed: body["seed"].as_i64(),
            include_usage: body["stream_options"]["include_usage"] == true,
            format: read_format(body)?,
            model,
            messages,
            stream,
            tools,
        };
        request.fits(settings.context_window).map(|()| request)
    }

    /// The text of the last message from the user.
    pub(crate) fn prompt(&self) -> &str {
        let mut newest_first = self.messages.iter().rev();
        newest_first.find(|message| message.role == "user").map_or("", |message| &message.text)
    }

    /// The result of a tool, if the conversation stands at one.
    pub(crate) fn tool_result(&self) -> Option<&str> {
        self.messages.last().filter(|message| message.role == "tool").map(|m| m.text.as_str())
    }

    fn fits(&self, window: Option<u32>) -> Result<(), ApiError> {
        let Some(window) = window.filter(|window| self.prompt_tokens > *window as usize) else {
            return Ok(());
        };
        let message = format!(
            "This model's maximum context length is {window} tokens. However, your messages \
             resulted in {} tokens. Please reduce the length of the messages.",
            self.prompt_tokens
        );
        Err(ApiError::invalid("messages", message).coded(Some("context_length_exceeded")))
    }
}

fn read_model(body: &Value, settings: &Settings) -> Result<String, ApiError> {
    let Some(model) = body["model"].as_str().filter(|model| !model.is_empty()) else {
        return Err(ApiError::invalid("model", "You must provide a model parameter."));
    };
    let exists = if model.starts_with("fault-") {
        // A misspelt fault must not pass for a good answer.
        fault_for_model(model, 1).is_some()
    } else {
        settings.models.is_empty() || settings.models.iter().any(|known| known == model)
    };
    if exists {
        return Ok(model.to_owned());
    }
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    Err(ApiError::of_status(404).saying(message))
}

fn read_messages(body: &Value) -> Result<Vec<Message>, ApiError> {
    let missing = || ApiError::invalid("messages", "Missing required parameter: 'messages'.");
    let messages = body["messages"].as_array().ok_or_else(missing)?;
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1.";
        return Err(ApiError::invalid("messages", message));
    }
    messages.iter().enumerate().map(|(index, message)| read_message(index, message)).collect()
}

fn read_message(index: usize, message: &Value) -> Result<Message, ApiError> {
    let role = message["role"].as_str().unwrap_or_default();
    if !ROLES.contains(&role) {
        let param = format!("messages[{index}].role");
        let message = format!("Invalid value: '{role}'. Supported values are: {ROLES:?}.");
        return Err(ApiError::invalid(&param, message));
    }
    let (text, images) = match &message["content"] {
        Value::String(text) => (text.clone(), 0),
        Value::Null => (String::new(), 0),
        Value::Array(parts) => {
            let texts: Vec<_> = parts.iter().filter_map(|part| part["text"].as_str()).collect();
            (texts.join("\n"), parts.len() - texts.len())
        }
        _ => {
            let param = format!("messages[{index}].content");
            let message = "Invalid type: expected a string or an array of content parts.";
            return Err(ApiError::invalid(&param, message));
        }
    };
    Ok(Message { role: role.to_owned(), text, images })
}

fn read_count(body: &Value, field: &str, most: usize) -> Result<Option<usize>, ApiError> {
    let value = &body[field];
    if value.is_null() {
        return Ok(None);
    }
    match value.as_u64().and_then(|number| usize::try_from(number).ok()) {
        Some(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let message = format!("Invalid value for '{field}': expected a positive integer.");
            Err(ApiError::invalid(field, message))
        }
    }
}

fn read_stop(body: &Value) -> Result<Vec<String>, ApiError> {
    let refused = || ApiError::invalid("stop", "'stop' must be a string or up to 4 strings.");
    let stops = match &body["stop"] {
        Value::Null => Vec::new(),
        Value::String(stop) => vec![stop.clone()],
        Value::Array(stops) if stops.len() <= 4 => {
            let text = |stop: &Value| stop.as_str().map(str::to_owned).ok_or_else(refused);
            stops.iter().map(text).collect::<Result<_, _>>()?
        }
        _ => return Err(refused()),
    };
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

fn read_tools(body: &Value) -> Result<Vec<Tool>, ApiError> {
    let tools = body["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |(index, tool): (usize, &Value)| match tool["function"]["name"].as_str() {
        Some(name) if !name.is_empty() => {
            let parameters = tool["function"]["parameters"].clone();
            Ok(Tool { name: name.to_owned(), parameters })
        }
        _ => {
            let param = format!("tools[{index}].function.name");
            let message = format!("Missing required parameter: '{param}'.");
            Err(ApiError::invalid(&param, message))
        }
    };
    tools.iter().enumerate().map(read).collect()
}

fn read_tool_choice(body: &Value, tools: &[Tool]) -> Result<ToolChoice, ApiError> {
    let refused = |message: String| Err(ApiError::invalid("tool_choice", message));
    match &body["tool_choice"] {
        Value::Null => Ok(ToolChoice::Auto),
        _ if tools.is_empty() => {
            refused("'tool_choice' is only allowed when 'tools' are specified.".into())
        }
        Value::String(choice) => match choice.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::Never),
            "required" | "any" => Ok(ToolChoice::Required),
            other => refused(format!("Invalid value: '{other}'.")),
        },
        choice => match choice["function"]["name"].as_str() {
            Some(name) if tools.iter().any(|tool| tool.name == name) => {
                Ok(ToolChoice::Named(name.to_owned()))
            }
            name => refused(format!("Tool choice '{}' not found in 'tools'.", name.unwrap_or(""))),
        },
    }
}

fn read_format(body: &Value) -> Result<Format, ApiError> {
    let format = &body["response_format"];
    match format["type"].as_str() {
        None if format.is_null() => Ok(Format::Text),
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::JsonObject),
        Some("json_schema") => Ok(Format::JsonSchema(format["json_schema"]["schema"].clone())),
        _ => Err(ApiError::invalid("response_format", "Invalid value for 'response_format.type'.")),
    }
}

fn prompt_tokens(messages: &[Message], body: &Value) -> usize {
    let message_tokens =
        |message: &Message| MESSAGE_TOKENS + count(&message.text) + IMAGE_TOKENS * message.images;
    let tools = if body["tools"].is_null() { 0 } else { count(&body["tools"].to_string()) };
    messages.iter().map(message_tokens).sum::<usize>() + tools
}
