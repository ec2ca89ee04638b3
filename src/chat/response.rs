//! The whole answer to a chat.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Number, Value};

use super::message::{Message, Role, ToolCall};
use super::open_object::{Few, Text, open_object};
use crate::core::usage::Usage;

open_object! {
    /// The whole answer to a chat.
    ///
    /// ```
    /// use lockkeeper::ChatResponse;
    ///
    /// let answer: ChatResponse = serde_json::from_str(
    ///     r#"{"choices": [{"message": {"content": "Paris."}, "finish_reason": "stop"}]}"#,
    /// )?;
    /// assert_eq!(answer.text(), "Paris.");
    /// assert_eq!(answer.finish_reason(), Some("stop"));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct ChatResponse {
        /// The answer's id; empty where the provider gave none.
        pub id: String = "id",
        /// What it is: `chat.completion`; empty where the provider does not say.
        pub object: Arc<str> as Text = "object",
        /// The model that answered, by the provider's name for it.
        pub model: String = "model",
        /// When the answer was begun, in seconds since 1970.
        pub created: Option<Number> = "created",
        /// The class of service that the request was given.
        pub service_tier: Option<Arc<str>> as Text = "service_tier",
        /// The configuration that the model runs in, where the provider tells them apart.
        pub system_fingerprint: Option<Arc<str>> as Text = "system_fingerprint",
        /// The choices: one, unless `n` asked for more.
        pub choices: Vec<Choice> as Few<Choice> = "choices" [always],
        /// What the answer cost.
        pub usage: Option<Usage> = "usage",
    }
    beside {
        /// Who answered; none where the answer comes from no client of this library.
        pub answered_by: Option<AnsweredBy>,
    }
}

/// Who answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnsweredBy {
    /// The provider, by its name in `provider.json`.
    pub provider: String,
    /// The model, by its name in `provider.json`, or as the call has named it.
    pub model: String,
    /// The label of the key (`…abcd`), never the key.
    pub key_label: String,
}

impl ChatResponse {
    /// A whole answer of one choice that says `text`.
    ///
    /// ```
    /// let answer = lockkeeper::ChatResponse::from_text("Paris.");
    /// assert_eq!(answer.text(), "Paris.");
    /// assert_eq!(answer.finish_reason(), Some("stop"));
    /// ```
    pub fn from_text(text: impl Into<String>) -> Self {
        let message = Message::assistant(text.into());
        let finish_reason = Some("stop".to_owned());
        let choice = Choice { message, finish_reason, ..Choice::default() };
        Self { choices: vec![choice], ..Self::default() }
    }

    /// The text of the first choice; empty where there is none.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.first().map(|choice| choice.message.text()).unwrap_or_default()
    }

    /// The thinking of the first choice; empty where there is none.
    #[must_use]
    pub fn reasoning_text(&self) -> Cow<'_, str> {
        self.first().map(|choice| choice.message.reasoning_text()).unwrap_or_default()
    }

    /// The tools that the first choice calls. They count, whatever the `finish_reason` says.
    #[must_use]
    pub fn tool_calls(&self) -> &[ToolCall] {
        self.first().map_or(&[], |choice| &choice.message.tool_calls)
    }

    /// Why the first choice ended.
    #[must_use]
    pub fn finish_reason(&self) -> Option<&str> {
        self.first()?.finish_reason.as_deref()
    }

    /// An estimate of what this answer to `messages` cost, for where the provider reports nothing.
    #[must_use]
    pub fn estimated_usage(&self, messages: &[Message]) -> Usage {
        Usage::estimated_for(messages, self.choices.iter().map(|choice| &choice.message))
    }

    fn first(&self) -> Option<&Choice> {
        self.choices.first()
    }
}

open_object! {
    /// One of the answers to choose from.
    pub struct Choice {
        /// Which choice, from 0.
        pub index: u32 = "index" [always],
        /// What the model says.
        pub message: Message = "message" [always],
        /// Why it ended: `stop`, `length`, `tool_calls`, `content_filter` or the provider's own.
        pub finish_reason: Option<String> = "finish_reason",
        /// How likely its tokens were, and what could have stood in their place, where that was asked for.
        pub logprobs: Option<Value> = "logprobs",
    }
    settle = Choice::settle;
}

impl Choice {
    /// Whether the choice came to its end: an empty reason is none.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.finish_reason.as_ref().is_some_and(|reason| !reason.is_empty())
    }

    /// An answer that does not say whose it is, is the model's.
    pub(super) fn settle(&mut self) {
        if self.message.role == Role::default() {
            self.message.role = Role::Assistant;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ChatResponse {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_answer_as_llama_server_sends_it() {
        let json = r#"{"choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Paris."}}],"created":1795397719,"model":"m","system_fingerprint":"b1","object":"chat.completion","usage":{"completion_tokens":8,"prompt_tokens":39,"total_tokens":47,"prompt_tokens_details":{"cached_tokens":21}},"id":"chatcmpl-1","timings":{"prompt_ms":111.967}}"#;
        let answer = read(json);
        assert_eq!((&*answer.text(), answer.finish_reason()), ("Paris.", Some("stop")));
        assert_eq!(answer.usage.as_ref().unwrap().total_tokens, 47);
        let before: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_value(&answer).unwrap(), before);
    }

    #[test]
    fn blank_lines_may_come_first() {
        assert_eq!(
            read("\n\r\n  \n{\"choices\":[{\"message\":{\"content\":\"a\"}}]}\n").text(),
            "a"
        );
    }

    #[test]
    fn fields_may_be_null_or_missing() {
        let answer =
            read(r#"{"id":null,"choices":[{"message":{"content":null},"logprobs":null}]}"#);
        assert_eq!((&*answer.text(), answer.tool_calls().len()), ("", 0));
        assert_eq!(answer.choices[0].message.role, Role::Assistant);
        assert_eq!((answer.finish_reason(), answer.choices[0].is_finished()), (None, false));
        assert_eq!(read("{}").text(), "");
        assert_eq!(read(r#"{"choices":null,"usage":null}"#).finish_reason(), None);
    }

    #[test]
    fn tool_calls_count_whatever_the_finish_reason() {
        let answer = read(
            r#"{"choices":[{"finish_reason":"stop","message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]}}]}"#,
        );
        assert_eq!(answer.tool_calls()[0].function.arguments, r#"{"a":1}"#);
        assert!(answer.estimated_usage(&[]).completion_tokens > 0);
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_place() {
        for (body, says) in [
            ("<html>", "expected value"),
            (r#""just a string""#, "expected an object"),
            (r#"{"choices":[{"message":{"content":3}}]}"#, "choices: message: content: "),
            (r#"{"choices":[{"mess"#, "EOF"),
        ] {
            let error = serde_json::from_str::<ChatResponse>(body).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
