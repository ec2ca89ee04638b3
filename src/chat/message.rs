//! A message of a conversation: who says it, its content, and the tools it calls.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use super::content::{Content, ContentPart};
use super::open_object::{Field, Text, open_object};

/// Who says a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Instructions to the model.
    System,
    /// Instructions to the model, as OpenAI's reasoning models call them.
    Developer,
    /// The person who asks.
    User,
    /// The model.
    Assistant,
    /// The result of a tool that the model called.
    Tool,
    /// Any other; the empty string where a message came without a role.
    Other(String),
}

impl Role {
    /// The role as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
            Self::Other(role) => role,
        }
    }
}

impl From<&str> for Role {
    fn from(role: &str) -> Self {
        match role {
            "system" => Self::System,
            "developer" => Self::Developer,
            "user" => Self::User,
            "assistant" => Self::Assistant,
            "tool" => Self::Tool,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Default for Role {
    /// No role at all. A request with such a message is refused before it is sent.
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl Field for Role {
    fn is_present(&self) -> bool {
        !self.as_str().is_empty()
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct RoleVisitor;

        impl Visitor<'_> for RoleVisitor {
            type Value = Role;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a role")
            }

            fn visit_str<E: Error>(self, role: &str) -> Result<Role, E> {
                Ok(role.into())
            }
        }

        from.deserialize_str(RoleVisitor)
    }
}

open_object! {
    /// One message, as it is sent and as it comes back.
    ///
    /// ```
    /// use lockkeeper::{ContentPart, Message};
    ///
    /// let messages = [
    ///     Message::system("Answer in one word."),
    ///     Message::user_parts([
    ///         ContentPart::text("What is this?"),
    ///         ContentPart::image_url("https://example.com/cat.png"),
    ///     ]),
    /// ];
    /// assert_eq!(messages[1].text(), "What is this?");
    ///
    /// // Fields that the library does not know survive, for the provider that set them.
    /// let json = r#"{"role":"assistant","content":"A cat","weight":0}"#;
    /// let message: Message = serde_json::from_str(json)?;
    /// assert_eq!(serde_json::to_string(&message)?, json);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Message {
        /// Who says it.
        pub role: Role = "role",
        /// What is said; none for an answer that only calls tools.
        pub content: Option<Content> = "content",
        /// The tools that the model calls.
        pub tool_calls: Vec<ToolCall> = "tool_calls",
        /// For a tool's result: the call that it answers.
        pub tool_call_id: Option<String> = "tool_call_id",
        /// The name of the speaker or of the tool.
        pub name: Option<String> = "name",
        /// The model's thinking, by the name most providers give it.
        pub reasoning_content: Option<String> = "reasoning_content",
        /// The model's thinking, by the name Groq and OpenRouter give it.
        pub reasoning: Option<String> = "reasoning",
        /// Why the model declines to answer.
        pub refusal: Option<String> = "refusal",
    }
}

impl Message {
    /// A message of `role` that says `text`.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, content: Some(Content::Text(text.into())), ..Self::default() }
    }

    /// Instructions to the model.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, text)
    }

    /// What the person says.
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, text)
    }

    /// What the person says and shows, in parts.
    pub fn user_parts(parts: impl IntoIterator<Item = ContentPart>) -> Self {
        let content = Some(Content::Parts(parts.into_iter().collect()));
        Self { role: Role::User, content, ..Self::default() }
    }

    /// What the model said before.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, text)
    }

    /// The result of the tool call `tool_call_id`.
    pub fn tool(tool_call_id: impl Into<String>, text: impl Into<String>) -> Self {
        Self { tool_call_id: Some(tool_call_id.into()), ..Self::new(Role::Tool, text) }
    }

    /// The text of the content, its parts joined; empty where there is none.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.content.as_ref().map(Content::text).unwrap_or_default()
    }

    /// The model's thinking, wherever the provider put it; empty where there is none.
    #[must_use]
    pub fn reasoning_text(&self) -> Cow<'_, str> {
        reasoning_text(&[&self.reasoning_content, &self.reasoning], self.content.as_ref())
    }
}

/// The thinking in the first field that has any, else in the content's own parts (Mistral).
///
/// Providers that fill both fields put the same text in each, so the two are never joined.
pub(super) fn reasoning_text<'a>(
    fields: &[&'a Option<String>],
    content: Option<&'a Content>,
) -> Cow<'a, str> {
    let field = fields.iter().filter_map(|field| field.as_deref()).find(|text| !text.is_empty());
    match field {
        Some(text) => Cow::Borrowed(text),
        None => content.map(Content::thinking).unwrap_or_default(),
    }
}

open_object! {
    /// A tool that the model calls.
    pub struct ToolCall {
        /// The call's id, which its result has to name.
        pub id: String = "id",
        /// What is called: `function`, as a rule.
        pub kind: String = "type",
        /// The function and its arguments.
        pub function: FunctionCall = "function",
    }
    settle = ToolCall::settle;
}

impl ToolCall {
    /// The call `id` of the function `name`, with `arguments` as JSON text.
    pub fn function(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        let (name, arguments) = (name.into(), arguments.into());
        let function = FunctionCall { name, arguments, ..FunctionCall::default() };
        Self { id: id.into(), kind: "function".into(), function, ..Self::default() }
    }

    fn settle(&mut self) {
        if self.kind.is_empty() {
            self.kind = "function".into();
        }
    }
}

open_object! {
    /// The function that a tool call names, and its arguments.
    pub struct FunctionCall {
        /// The function's name.
        pub name: String = "name" [always],
        /// The arguments as JSON text, as the model wrote it: it need not be valid, and is empty
        /// where the provider sent none.
        pub arguments: String as Text = "arguments" [always],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(json: &str) -> Message {
        serde_json::from_str(json).unwrap()
    }

    fn round_trip(json: Value) {
        let message: Message = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&message).unwrap(), json);
    }

    #[test]
    fn constructors_write_what_openai_documents() {
        let written = |message| serde_json::to_value::<Message>(message).unwrap();
        assert_eq!(written(Message::system("a")), json!({"role": "system", "content": "a"}));
        assert_eq!(written(Message::user("a")), json!({"role": "user", "content": "a"}));
        assert_eq!(
            written(Message::tool("call_1", "4 °C")),
            json!({"role": "tool", "content": "4 °C", "tool_call_id": "call_1"})
        );
        assert_eq!(
            written(Message::user_parts([ContentPart::text("a"), ContentPart::image_url("u")])),
            json!({"role": "user", "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "u"}},
            ]})
        );
    }

    #[test]
    fn whatever_comes_goes_back_as_it_came() {
        round_trip(json!({"role": "critic", "content": "no", "name": "ann", "mood": {"x": 1}}));
        round_trip(json!({"role": "user", "content": [
            {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
            {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "u", "detail": null}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ]}));
        round_trip(json!({"role": "assistant", "tool_calls": [{
            "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "abc"}},
        }, {
            "id": "d", "type": "custom", "custom": {"name": "sh", "input": "ls"},
        }]}));
        round_trip(json!({"role": "assistant", "reasoning_content": "a", "reasoning": "b"}));
    }

    #[test]
    fn arguments_are_text_whatever_they_come_as() {
        let arguments = |function: &str| {
            let json = format!(r#"{{"tool_calls":[{{"function":{function}}}]}}"#);
            let call = read(&json).tool_calls.remove(0);
            assert_eq!(call.kind, "function");
            call.function.arguments
        };
        assert_eq!(arguments(r#"{"name":"f","arguments":{"a":1}}"#), r#"{"a":1}"#);
        assert_eq!(arguments(r#"{"name":"f","arguments":"{\"a\":1}"}"#), r#"{"a":1}"#);
        assert_eq!(arguments(r#"{"name":"f","arguments":null}"#), "");
        assert_eq!(arguments(r#"{"name":"f"}"#), "");
    }

    #[test]
    fn text_joins_the_text_parts() {
        let message = read(
            r#"{"content":[
                {"type":"thinking","thinking":[{"type":"text","text":"hm"},{"type":"text","text":"m"}]},
                {"type":"text","text":"a"},{"type":"text","text":"b","x":1}]}"#,
        );
        assert_eq!((&*message.text(), &*message.reasoning_text()), ("ab", "hmm"));
        assert_eq!(read(r#"{"content":null}"#).text(), "");
    }

    #[test]
    fn reasoning_has_several_names_and_is_never_doubled() {
        assert_eq!(read(r#"{"reasoning_content":"a","reasoning":"a"}"#).reasoning_text(), "a");
        assert_eq!(read(r#"{"reasoning_content":"","reasoning":"b"}"#).reasoning_text(), "b");
        assert_eq!(read(r#"{"content":"x"}"#).reasoning_text(), "");
    }
}
