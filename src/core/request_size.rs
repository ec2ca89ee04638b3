//! How many LLM tokens a request asks for, by its JSON: what a budget sets aside before anybody knows.

use super::json::{Json, Value};
use super::usage::{ANSWER_OVERHEAD, IMAGE_TOKENS, MESSAGE_OVERHEAD, estimate_tokens};

/// What a request asks for, in LLM tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestSize {
    /// Its input, estimated.
    pub input: u64,
    /// The most that each answer may have, where it says so.
    pub most_output: Option<u64>,
    /// How many answers it asks for.
    pub answers: u64,
}

impl RequestSize {
    /// Of a request with this body.
    pub fn of(body: &[u8]) -> Self {
        let Ok(json) = Json::read(body) else {
            return Self { input: (body.len() as u64).div_ceil(4), most_output: None, answers: 1 };
        };
        let number = |name| json.get(name).and_then(whole);
        let messages = match json.get("messages").map(|messages| &messages.value) {
            Some(Value::List(messages)) => messages.len() as u64,
            _ => 0,
        };
        Self {
            input: tokens(&json) + messages * MESSAGE_OVERHEAD + ANSWER_OVERHEAD,
            most_output: number("max_completion_tokens").or_else(|| number("max_tokens")),
            answers: number("n").filter(|&n| n > 0).unwrap_or(1),
        }
    }
}

/// A number, if it is a whole one.
fn whole(json: &Json<'_>) -> Option<u64> {
    let Value::Number(number) = json.value else { return None };
    number.parse().ok()
}

/// The tokens of all texts in it. What is not text, but written as such, does not cost by its length.
fn tokens(json: &Json<'_>) -> u64 {
    match &json.value {
        Value::Text(text) if text.starts_with("data:") => IMAGE_TOKENS,
        Value::Text(text) => estimate_tokens(text),
        Value::List(elements) => elements.iter().map(tokens).sum(),
        Value::Object(members) => members.iter().map(member_tokens).sum(),
        _ => 0,
    }
}

fn member_tokens((name, value): &(std::borrow::Cow<'_, str>, Json<'_>)) -> u64 {
    match &**name {
        // Audio comes without a `data:` before it. Names of roles and kinds are in the overhead.
        "data" => value.text().map_or_else(|| tokens(value), |_| IMAGE_TOKENS),
        "role" | "type" | "model" => 0,
        _ => tokens(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> (u64, Option<u64>, u64) {
        let RequestSize { input, most_output, answers } = RequestSize::of(body.as_bytes());
        (input, most_output, answers)
    }

    #[test]
    fn texts_count_and_so_do_tools() {
        let message = r#"{"role":"user","content":"eight ch"}"#;
        assert_eq!(of(&format!(r#"{{"model":"m","messages":[{message}]}}"#)), (8, None, 1));
        assert_eq!(of(&format!(r#"{{"messages":[{message},{message}],"n":2}}"#)), (13, None, 2));
        let tool = r#"{"type":"function","function":{"name":"four"}}"#;
        assert_eq!(of(&format!(r#"{{"messages":[{message}],"tools":[{tool}]}}"#)), (9, None, 1));
    }

    #[test]
    fn the_newer_name_of_the_most_output_wins() {
        assert_eq!(of(r#"{"max_tokens":5}"#).1, Some(5));
        assert_eq!(of(r#"{"max_tokens":5,"max_completion_tokens":7}"#).1, Some(7));
        assert_eq!(of(r#"{"max_tokens":null,"n":0}"#), (3, None, 1));
    }

    #[test]
    fn images_and_audio_do_not_cost_by_their_length() {
        let data = "A".repeat(100_000);
        let image = format!(r#"{{"image_url":{{"url":"data:image/png;base64,{data}"}}}}"#);
        let audio = format!(r#"{{"input_audio":{{"data":"{data}","format":"wav"}}}}"#);
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{image},{audio}]}}]}}"#);
        assert_eq!(of(&body).0, 2 * IMAGE_TOKENS + 1 + MESSAGE_OVERHEAD + ANSWER_OVERHEAD);
    }

    #[test]
    fn what_is_no_json_counts_by_its_bytes() {
        assert_eq!(of("eight by"), (2, None, 1));
    }
}
