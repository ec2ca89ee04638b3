//! What an answer cost in LLM tokens: as the provider reports it, or estimated and labelled so.

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use crate::chat::open_object::{Field, open_object};
use crate::chat::{Content, ContentPart, Message};

/// LLM tokens that a message costs beside its text: its role and the marks around it (OpenAI
/// counts 3 for its chat models).
pub const MESSAGE_OVERHEAD: u64 = 3;

/// LLM tokens that open the answer, once a request.
pub const ANSWER_OVERHEAD: u64 = 3;

/// LLM tokens of an image: what OpenAI's GPT-4o counts for 1024 × 1024 pixels in high detail.
pub const IMAGE_TOKENS: u64 = 765;

open_object! {
    /// What an answer cost in LLM tokens.
    ///
    /// ```
    /// use lockkeeper::{Message, Usage};
    ///
    /// let usage = Usage::estimated(&[Message::user("How are you?")], "Fine, thanks.");
    /// assert!(usage.estimated);
    /// assert_eq!(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
    /// ```
    pub struct Usage {
        /// LLM tokens of the request.
        pub prompt_tokens: u64 as Count = "prompt_tokens",
        /// LLM tokens of the answer, its reasoning and tool calls included.
        pub completion_tokens: u64 as Count = "completion_tokens",
        /// Both together; the sum where the provider does not say.
        pub total_tokens: u64 as Count = "total_tokens",
        /// True where the provider reported nothing and these numbers are our estimate.
        pub estimated: bool = "estimated",
    }
    settle = Usage::settle;
}

impl Usage {
    /// An estimate of what `messages` and the answer `answer_text` cost.
    ///
    /// See [`estimate_tokens`] for how near it comes. Tool definitions, audio and files are not
    /// counted; every image counts a flat 765 LLM tokens.
    #[must_use]
    pub fn estimated(messages: &[Message], answer_text: &str) -> Self {
        Self::estimate(messages, estimate_tokens(answer_text))
    }

    /// An estimate of what `messages` and the `answers` to them cost.
    pub(crate) fn estimated_for<'a>(
        messages: &[Message],
        answers: impl IntoIterator<Item = &'a Message>,
    ) -> Self {
        Self::estimate(messages, answers.into_iter().map(message_tokens).sum())
    }

    fn estimate(messages: &[Message], completion_tokens: u64) -> Self {
        let said: u64 =
            messages.iter().map(|message| message_tokens(message) + MESSAGE_OVERHEAD).sum();
        let prompt_tokens = said + ANSWER_OVERHEAD;
        let total_tokens = prompt_tokens + completion_tokens;
        let estimated = true;
        Self { prompt_tokens, completion_tokens, total_tokens, estimated, ..Self::default() }
    }

    /// Takes over a later report: usage is cumulative, so the last wins.
    ///
    /// A report of nothing at all tells nothing, and leaves what was known.
    pub(crate) fn update(known: &mut Option<Self>, later: Option<&Self>) {
        if let Some(later) = later
            && (known.is_none() || later.total_tokens > 0)
        {
            *known = Some(later.clone());
        }
    }

    fn settle(&mut self) {
        if self.total_tokens == 0 {
            self.total_tokens = self.prompt_tokens.saturating_add(self.completion_tokens);
        }
    }
}

/// A rough estimate of how many LLM tokens `text` is.
///
/// Four characters make a token in Latin script, after OpenAI's help article "What are tokens and
/// how to count them?"; in Chinese, Japanese and Korean, and for emoji, one; in other scripts two.
/// English prose comes out within about a quarter; code, digits and rare scripts can be off by a
/// factor of two either way, and every model cuts its text differently.
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    text.chars().map(quarter_tokens).sum::<u64>().div_ceil(4)
}

/// What one character costs, in quarters of a token.
fn quarter_tokens(char: char) -> u64 {
    match u32::from(char) {
        0..0x0250 => 1,      // ASCII and accented Latin
        0x0250..0x1100 => 2, // Greek, Cyrillic, Arabic, Hebrew, Indic, Thai
        0x1100..0x1200 => 4, // Hangul letters
        0x1200..0x2600 => 2, // other scripts, punctuation, symbols
        0x2600.. => 4,       // symbols, CJK, Hangul, emoji
    }
}

/// The tokens of everything that a message says, without its overhead.
fn message_tokens(message: &Message) -> u64 {
    let content = match &message.content {
        None => 0,
        Some(Content::Text(text)) => estimate_tokens(text),
        Some(Content::Parts(parts)) => parts.iter().map(part_tokens).sum(),
    };
    let calls: u64 = message
        .tool_calls
        .iter()
        .map(|call| {
            estimate_tokens(&call.function.name) + estimate_tokens(&call.function.arguments)
        })
        .sum();
    let reasoning = estimate_tokens(&message.reasoning_text());
    let others = [&message.name, &message.refusal].into_iter().flatten();
    content + calls + reasoning + others.map(|text| estimate_tokens(text)).sum::<u64>()
}

fn part_tokens(part: &ContentPart) -> u64 {
    match part {
        ContentPart::ImageUrl { .. } => IMAGE_TOKENS,
        part => part.as_text().map_or(0, estimate_tokens),
    }
}

/// A count as providers write it: a whole number, one with a point, or one in quotes.
///
/// What is no count (negative, not a number) reads as 0: a bad report must not fail an answer.
struct Count(u64);

impl From<Count> for u64 {
    fn from(count: Count) -> Self {
        count.0
    }
}

impl Field for u64 {
    fn is_present(&self) -> bool {
        true
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E: Error>(self, count: u64) -> Result<Count, E> {
                Ok(Count(count))
            }

            fn visit_i64<E: Error>(self, count: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(count).unwrap_or(0)))
            }

            fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
                Ok(Count(count as u64)) // saturates; NaN is 0
            }

            fn visit_str<E: Error>(self, count: &str) -> Result<Count, E> {
                Ok(Count(count.trim().parse::<f64>().unwrap_or(0.0) as u64))
            }
        }

        from.deserialize_any(CountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ToolCall;

    fn read(json: &str) -> Usage {
        serde_json::from_str(json).unwrap()
    }

    fn counts(usage: &Usage) -> (u64, u64, u64) {
        (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    }

    #[test]
    fn details_are_kept() {
        let json = r#"{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"cost":0.5,"prompt_tokens_details":{"cached_tokens":2}}"#;
        assert_eq!(serde_json::to_string(&read(json)).unwrap(), json);
    }

    #[test]
    fn numbers_are_read_leniently() {
        assert_eq!(counts(&read(r#"{"prompt_tokens":3.0,"completion_tokens":"4"}"#)), (3, 4, 7));
        assert_eq!(counts(&read(r#"{"prompt_tokens":-3,"completion_tokens":null}"#)), (0, 0, 0));
        assert_eq!(counts(&read(r#"{"prompt_tokens":5,"total_tokens":9}"#)), (5, 0, 9));
        assert_eq!(read(r#"{"prompt_tokens":1e300}"#).total_tokens, u64::MAX);
    }

    #[test]
    fn the_last_report_wins_unless_it_is_empty() {
        let mut known = None;
        for json in [r#"{"total_tokens":3}"#, r#"{"total_tokens":5}"#, r#"{"total_tokens":0}"#] {
            Usage::update(&mut known, Some(&read(json)));
        }
        Usage::update(&mut known, None);
        assert_eq!(known.unwrap().total_tokens, 5);
    }

    #[test]
    fn the_label_stays_with_an_estimate() {
        let usage = Usage::estimated(&[], "four");
        let json = serde_json::to_string(&usage).unwrap();
        assert!(json.contains(r#""estimated":true"#));
        assert_eq!(read(&json), usage);
        assert!(!serde_json::to_string(&Usage::default()).unwrap().contains("estimated"));
    }

    #[test]
    fn scripts_weigh_differently() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("a"), 1);
        assert_eq!(estimate_tokens("The capital of France is Paris."), 8);
        assert_eq!(estimate_tokens("你好世界"), 4);
        assert_eq!(estimate_tokens("Привет"), 3);
    }

    #[test]
    fn images_and_tool_calls_count_too() {
        let image = Message::user_parts([ContentPart::text("four"), ContentPart::image_url("u")]);
        assert_eq!(Usage::estimated(&[image], "").prompt_tokens, 1 + 765 + 3 + 3);
        let mut answer = Message::assistant("four");
        answer.reasoning = Some("four".into());
        answer.tool_calls.push(ToolCall::function("id", "four", "12345678"));
        assert_eq!(Usage::estimated_for(&[], [&answer]).completion_tokens, 5);
    }
}
