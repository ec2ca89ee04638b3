//! How a chat is to be answered, and how long it may take.

use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::open_object::open_object;
use crate::codec::Route;
use crate::core::time::duration_from_seconds;

open_object! {
    /// How a chat is to be answered, and how long it may take. Everything is optional.
    ///
    /// Read from JSON, its durations are numbers of seconds, and a field that the library does not
    /// know goes to `extra`.
    ///
    /// ```
    /// use lockkeeper::{ChatOptions, Tool};
    /// use serde_json::json;
    /// use std::time::Duration;
    ///
    /// let options = ChatOptions::default()
    ///     .temperature(0.2)
    ///     .max_completion_tokens(500)
    ///     .tool(Tool::function("get_weather", "The weather now", json!({"type": "object"})))
    ///     .timeout(Duration::from_secs(30))
    ///     .extra("safe_prompt", true);
    /// assert_eq!(options.max_completion_tokens, Some(500));
    /// ```
    pub struct ChatOptions {
        /// The model that answers. Default: the client's.
        pub model: Option<String> = "model" [local],
        /// How freely the model picks its words, as a rule from 0 to 2. Default: the provider's.
        pub temperature: Option<f64> = "temperature",
        /// The share of the likeliest words to pick from, up to 1. Default: the provider's.
        pub top_p: Option<f64> = "top_p",
        /// The most LLM tokens to answer with, by its older name. Default: the provider's.
        pub max_tokens: Option<u64> = "max_tokens",
        /// The most LLM tokens to answer with, reasoning included. Default: the provider's.
        pub max_completion_tokens: Option<u64> = "max_completion_tokens",
        /// Where to stop. Default: nowhere.
        pub stop: Option<Stop> = "stop",
        /// Asks for the same answer to the same request. Default: none.
        pub seed: Option<i64> = "seed",
        /// How many answers to choose from. Default: 1.
        pub n: Option<u32> = "n",
        /// The tools that the model may call. Default: none.
        pub tools: Vec<Tool> = "tools",
        /// Whether the model must call a tool, and which. Default: the provider's (`auto`).
        pub tool_choice: Option<ToolChoice> = "tool_choice",
        /// What form the answer must take, as JSON. Default: text.
        pub response_format: Option<Value> = "response_format",
        /// Whether to stream. The method that is called decides; to contradict it is an error.
        pub stream: Option<bool> = "stream" [local],
        /// How long the whole call may take, waits and retries included; in JSON, seconds.
        /// Default: the client's.
        pub timeout: Option<Duration> as Seconds = "timeout" [local],
        /// From sending a request to the response's headers; in JSON, seconds. Default: the
        /// client's for streams, none for a whole answer, whose headers come when it is written.
        pub headers_timeout: Option<Duration> as Seconds = "headers_timeout" [local],
        /// From sending a request to the first visible token; in JSON, seconds. Default: the
        /// client's.
        pub first_token_timeout: Option<Duration> as Seconds = "first_token_timeout" [local],
        /// Between two reads of a stream; in JSON, seconds. Default: the client's.
        pub idle_timeout: Option<Duration> as Seconds = "idle_timeout" [local],
        /// How often to try again after the first time. Default: the client's.
        pub max_retries: Option<u32> = "max_retries" [local],
        /// Which of the calls that wait goes on first: a whole number from −100 to 100, larger is earlier,
        /// each step worth 10 seconds of waiting. It is not sent. Default: 0.
        pub priority: Option<i8> = "priority" [local],
        /// What becomes of a stream that breaks after its first visible token. Default: it fails.
        pub on_interrupt: Option<OnInterrupt> = "on_interrupt" [local],
    }
    beside {
        /// How the call is one of several, where it is a fallback's.
        pub(crate) route: Option<Route>,
    }
}

/// Defines methods that each set the field of their name.
macro_rules! setters {
    ($($(#[$meta:meta])* $field:ident: $ty:ty;)*) => {
        $(
            $(#[$meta])*
            #[must_use]
            pub fn $field(mut self, $field: $ty) -> Self {
                self.$field = Some($field.into());
                self
            }
        )*
    };
}

impl ChatOptions {
    setters! {
        /// Sets the model that answers.
        model: impl Into<String>;
        /// Sets how freely the model picks its words, as a rule from 0 to 2.
        temperature: f64;
        /// Sets the share of the likeliest words to pick from, up to 1.
        top_p: f64;
        /// Sets the most LLM tokens to answer with, by its older name.
        max_tokens: u64;
        /// Sets the most LLM tokens to answer with, reasoning included.
        max_completion_tokens: u64;
        /// Sets the text, or the list of texts, to stop at.
        stop: impl Into<Stop>;
        /// Asks for the same answer to the same request.
        seed: i64;
        /// Sets how many answers to choose from.
        n: u32;
        /// Sets whether the model must call a tool, and which.
        tool_choice: ToolChoice;
        /// Sets what form the answer must take, as the provider documents it.
        response_format: Value;
        /// Says whether to stream, which must agree with the method that is called.
        stream: bool;
        /// Sets how long the whole call may take, waits and retries included.
        timeout: Duration;
        /// Sets how long the response's headers may take.
        headers_timeout: Duration;
        /// Sets how long the first visible token of a stream may take.
        first_token_timeout: Duration;
        /// Sets how long a stream may be silent.
        idle_timeout: Duration;
        /// Sets how often to try again after the first time.
        max_retries: u32;
        /// Sets which of the calls that wait goes on first, from −100 to 100; larger is earlier.
        priority: i8;
        /// Sets what becomes of a stream that breaks after its first visible token.
        on_interrupt: OnInterrupt;
    }

    /// Lets the model call this tool too.
    #[must_use]
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Sets the tools that the model may call, in place of those so far.
    #[must_use]
    pub fn tools(mut self, tools: Vec<Tool>) -> Self {
        self.tools = tools;
        self
    }

    /// Asks for an answer that is a JSON object.
    #[must_use]
    pub fn json_object(self) -> Self {
        self.response_format(json!({"type": "json_object"}))
    }

    /// Asks for an answer that is JSON of this `schema`, kept to strictly, under this name.
    #[must_use]
    pub fn json_schema(self, name: &str, schema: Value) -> Self {
        self.response_format(json!({
            "type": "json_schema",
            "json_schema": {"name": name, "schema": schema, "strict": true},
        }))
    }

    /// Adds a field that goes to the provider as it is.
    #[must_use]
    pub fn extra(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extra.insert(name.into(), value.into());
        self
    }
}

/// What becomes of a stream that breaks after its first visible token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnInterrupt {
    /// It ends with an error that holds the partial text.
    #[default]
    Fail,
    /// It is begun anew, on the next target of a [`Fallback`](crate::Fallback) or on the same: a chunk
    /// says so ([`ChatChunk::restart`](crate::ChatChunk::restart)), and what came before it is void.
    Restart,
}

/// A duration as a JSON number of seconds.
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(from)?;
        match duration_from_seconds(seconds).map_err(de::Error::custom)? {
            Duration::ZERO => Err(de::Error::custom("must be a number of seconds above 0")),
            duration => Ok(Self(duration)),
        }
    }
}

impl From<Seconds> for Option<Duration> {
    fn from(seconds: Seconds) -> Self {
        Some(seconds.0)
    }
}

/// Where an answer stops: before the first of these texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
#[non_exhaustive]
pub enum Stop {
    /// One text.
    One(String),
    /// Several texts.
    Many(Vec<String>),
}

impl From<&str> for Stop {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl<T: Into<String>> From<Vec<T>> for Stop {
    fn from(texts: Vec<T>) -> Self {
        Self::Many(texts.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for Stop {
    fn from(texts: [T; N]) -> Self {
        Self::Many(texts.into_iter().map(Into::into).collect())
    }
}

open_object! {
    /// A tool that the model may call.
    pub struct Tool {
        /// What it is: `function`, as a rule.
        pub kind: String = "type",
        /// The function, for a tool that is one.
        pub function: Option<FunctionDefinition> = "function",
    }
}

impl Tool {
    /// The function `name`, whose `parameters` are a JSON schema.
    pub fn function(
        name: impl Into<String>,
        description: impl Into<String>,
        parameters: Value,
    ) -> Self {
        let function = FunctionDefinition {
            name: name.into(),
            description: Some(description.into()),
            parameters: Some(parameters),
            ..FunctionDefinition::default()
        };
        Self { kind: "function".into(), function: Some(function), ..Self::default() }
    }
}

open_object! {
    /// What the model is told of a function.
    pub struct FunctionDefinition {
        /// Its name.
        pub name: String = "name" [always],
        /// What it does. Default: none.
        pub description: Option<String> = "description",
        /// Its parameters, as a JSON schema. Default: none.
        pub parameters: Option<Value> = "parameters",
        /// Whether the arguments must keep to the schema. Default: the provider's.
        pub strict: Option<bool> = "strict",
    }
}

/// Whether the model must call a tool, and which.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// It must call none.
    None,
    /// It must call at least one.
    Required,
    /// It must call the function of this name.
    Function(String),
    /// Anything else a provider takes.
    Other(Value),
}

impl ToolChoice {
    fn to_value(&self) -> Value {
        match self {
            Self::Auto => json!("auto"),
            Self::None => json!("none"),
            Self::Required => json!("required"),
            Self::Function(name) => json!({"type": "function", "function": {"name": name}}),
            Self::Other(choice) => choice.clone(),
        }
    }
}

impl From<Value> for ToolChoice {
    /// Recognises a choice only where writing it gives the same JSON again.
    fn from(choice: Value) -> Self {
        let known = match (choice.as_str(), choice["function"]["name"].as_str()) {
            (Some("auto"), _) => Self::Auto,
            (Some("none"), _) => Self::None,
            (Some("required"), _) => Self::Required,
            (None, Some(name)) => Self::Function(name.to_owned()),
            _ => return Self::Other(choice),
        };
        if known.to_value() == choice { known } else { Self::Other(choice) }
    }
}

impl Serialize for ToolChoice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(to)
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: Value) -> Result<ChatOptions, String> {
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn json_gives_what_the_builder_gives() {
        let parameters = json!({"type": "object"});
        let json = json!({
            "model": "m", "temperature": 0.5, "top_p": 1, "max_tokens": 5, "stop": ["a", "b"],
            "seed": -1, "n": 2, "tool_choice": "required", "stream": true, "timeout": 1.5,
            "idle_timeout": 10_000, "max_retries": 0, "safe_prompt": true,
            "response_format": {"type": "json_object"}, "headers_timeout": null,
            "tools": [{"type": "function",
                "function": {"name": "f", "description": "d", "parameters": parameters}}],
        });
        let built = ChatOptions::default()
            .model("m")
            .temperature(0.5)
            .top_p(1.0)
            .max_tokens(5)
            .stop(["a", "b"])
            .seed(-1)
            .n(2)
            .tool(Tool::function("f", "d", parameters))
            .tool_choice(ToolChoice::Required)
            .json_object()
            .stream(true)
            .timeout(Duration::from_millis(1500))
            .idle_timeout(Duration::from_secs(10_000))
            .max_retries(0)
            .extra("safe_prompt", true);
        assert_eq!(read(json).unwrap(), built);
    }

    #[test]
    fn tools_are_set_or_added() {
        let tool = |name: &str| Tool::function(name, "", json!({}));
        let options = ChatOptions::default().tool(tool("a")).tools(vec![tool("b")]);
        assert_eq!(options.tool(tool("c")).tools, [tool("b"), tool("c")]);
    }

    #[test]
    fn a_wrong_duration_says_what_is_right() {
        for (seconds, says) in [
            (
                json!(30_000),
                "timeout: must be at most 10000 seconds, not 30000; it looks like milliseconds",
            ),
            (json!(0), "timeout: must be a number of seconds above 0"),
            (json!(-1.5), "timeout: must be a number of seconds of at least 0, not -1.5"),
            (json!("30"), "timeout: invalid type"),
        ] {
            let error = read(json!({ "timeout": seconds })).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn wrong_types_name_their_field() {
        assert!(read(json!({"temperature": "hot"})).unwrap_err().starts_with("temperature: "));
        assert!(read(json!({"stop": 3})).unwrap_err().starts_with("stop: expected a text"));
        assert!(read(json!({"max_retries": -1})).unwrap_err().starts_with("max_retries: "));
    }

    #[test]
    fn tool_choices_keep_their_form() {
        for choice in [
            json!("auto"),
            json!("none"),
            json!("required"),
            json!("any"),
            json!({"type": "function", "function": {"name": "f"}}),
            json!({"type": "function", "function": {"name": "f"}, "x": 1}),
        ] {
            assert_eq!(ToolChoice::from(choice.clone()).to_value(), choice);
        }
        assert_eq!(ToolChoice::from(json!("any")), ToolChoice::Other(json!("any")));
    }

    #[test]
    fn tools_that_are_no_functions_pass() {
        let search = json!({"type": "web_search", "max_uses": 3});
        let tool: Tool = serde_json::from_value(search.clone()).unwrap();
        assert_eq!(serde_json::to_value(tool).unwrap(), search);
    }

    #[test]
    fn a_schema_is_wrapped_as_openai_wants_it() {
        let options = ChatOptions::default().json_schema("city", json!({"type": "string"}));
        assert_eq!(
            options.response_format.unwrap(),
            json!({"type": "json_schema",
                "json_schema": {"name": "city", "schema": {"type": "string"}, "strict": true}})
        );
    }
}
