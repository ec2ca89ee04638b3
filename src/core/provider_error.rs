//! What a provider's error means. This is the place for a provider's quirk: a code, a status or a
//! shape that means something else than it says.

use super::json::{Json, Value};
use super::redaction::Redaction;
use super::text;
use crate::error::ErrorKind;

/// A text that is no JSON is shown so far.
const MOST_OF_A_TEXT: usize = 2_000;

/// A provider's error, whatever shape it came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProviderError {
    /// Its code, or failing that its type.
    pub code: Option<String>,
    /// Its `type`, where it has a code too.
    pub category: Option<String>,
    /// What it says.
    pub message: String,
}

/// Codes and types by meaning, compared without regard to case and punctuation. A row serves every
/// provider; numbers are here only where the status misleads.
const MEANINGS: &[(ErrorKind, &[&str])] = &[
    (
        ErrorKind::QuotaExhausted,
        &[
            "insufficient_quota",           // OpenAI
            "billing_hard_limit_reached",   // OpenAI
            "billing_not_active",           // OpenAI
            "quota_exceeded",               // gateways
            "exceeded_current_quota_error", // Moonshot
            "insufficient_balance",         // DeepSeek, MiniMax
            "billing_error",                // Anthropic
            "insufficient_credits",         // OpenRouter
            "arrearage",                    // DashScope
            "account_overdue_error",        // Volcengine Ark
            "1113",                         // Zhipu: in arrears
            "30001",                        // SiliconFlow: balance too low
        ],
    ),
    (
        ErrorKind::Authentication,
        &[
            "invalid_api_key",
            "incorrect_api_key_error",
            "invalid_authentication_error", // Moonshot
            "authentication_error",
            "auth_error",            // LiteLLM
            "no_db_connection",      // LiteLLM without a database, given a wrong key (400)
            "token_not_found_in_db", // LiteLLM
            "account_deactivated",
            "invalid_iam_token", // Qianfan
        ],
    ),
    (
        ErrorKind::RateLimited,
        &[
            "rate_limit_exceeded",
            "rate_limit_error",
            "rate_limit_reached_error", // Moonshot
            "rate_limited",             // Mistral
            "throttling_error",         // LiteLLM
            "throttling",               // DashScope
            "throttling_rate_quota",    // DashScope
            "rpm_rate_limit_exceeded",  // Qianfan
            "tpm_rate_limit_exceeded",  // Qianfan
            "too_many_requests",
        ],
    ),
    (
        ErrorKind::ContextLengthExceeded,
        &[
            "context_length_exceeded",
            "exceed_context_size_error", // llama-server
            "context_window_exceeded",
            "model_max_prompt_tokens_exceeded", // GitHub Models
            "string_above_max_length",
        ],
    ),
    (
        ErrorKind::ContentPolicy,
        &[
            "content_policy_violation",
            "content_filter",
            "responsible_ai_policy_violation", // Azure
            "data_inspection_failed",          // DashScope
            "sensitive_content_detected",      // Volcengine Ark
            "moderation_blocked",
            "1301", // Zhipu
        ],
    ),
    (
        ErrorKind::NotFound,
        &["model_not_found", "model_not_exist", "deployment_not_found", "not_found_error"],
    ),
    (
        ErrorKind::PermissionDenied,
        &["permission_denied", "permission_error", "model_access_denied"],
    ),
    (
        ErrorKind::Server,
        &[
            "server_error",
            "internal_server_error",
            "internal_error",
            "overloaded_error",
            "engine_overloaded",
            "engine_overloaded_error", // Moonshot
            "service_unavailable",
            "unavailable_error", // llama-server, loading
        ],
    ),
];

/// What the message of a refused request (400, 413, 422) means where no code says so, in lower case.
const PHRASES: &[(ErrorKind, &str)] = &[
    (ErrorKind::ContextLengthExceeded, "maximum context length"),
    (ErrorKind::ContextLengthExceeded, "context window"),
    (ErrorKind::ContextLengthExceeded, "exceeds the available context size"),
    (ErrorKind::Authentication, "incorrect api key provided"), // xAI
    (ErrorKind::Authentication, "api key not valid"),          // Gemini
    (ErrorKind::QuotaExhausted, "credit balance is too low"),  // Anthropic
];

impl ProviderError {
    /// Reads an error answer's body: every shape seen in the wild, and plain text or HTML as is,
    /// without secrets, since it is cut.
    pub fn from_body(body: &[u8], redaction: &Redaction) -> Self {
        match Json::read(body) {
            Ok(value) => Self::from_value(&value),
            Err(_) => Self { message: as_text(&redaction.redacted(body)), ..Self::default() },
        }
    }

    /// Reads an error object: `{"error": {…}}`, `{"error": "…"}`, the object unwrapped, or
    /// `{"detail": …}`.
    pub fn from_value(value: &Json<'_>) -> Self {
        // Gemini wraps its error object in a list.
        let value = value.first().unwrap_or(value);
        let inner = value.get("error").filter(|inner| inner.value != Value::Null).unwrap_or(value);
        let word = |name| inner.get(name).or_else(|| value.get(name)).and_then(as_word);
        let (code, category) = (word("code"), word("type"));
        let message = ["message", "detail", "msg", "error_description"]
            .iter()
            .find_map(|name| inner.get(name).or_else(|| value.get(name)))
            .unwrap_or(inner);
        let message = message.text().map_or_else(|| message.to_string(), str::to_owned);
        match code {
            Some(_) => Self { code, category, message },
            None => Self { code: category, category: None, message },
        }
    }

    /// What went wrong: the provider's own code beats the status, which is often wrong.
    pub fn kind(&self, status: u16) -> ErrorKind {
        let words = [&self.code, &self.category];
        if let Some(kind) = words.into_iter().flatten().find_map(|word| meaning(word)) {
            // "Server error" is also what a proxy says of a request that it does not understand.
            if kind != ErrorKind::Server || !(400..500).contains(&status) {
                return kind;
            }
        }
        // A number in `code` is a status: the only one there is inside a stream, and the truer one
        // where a gateway passes on another's error.
        let own = self.code.as_deref().and_then(|code| code.parse().ok());
        let status = own.filter(|code| (400..600).contains(code)).unwrap_or(status);
        let said = self.said().filter(|_| matches!(status, 400 | 413 | 422));
        said.unwrap_or_else(|| kind_of_status(status, self.says_invalid_request()))
    }

    fn said(&self) -> Option<ErrorKind> {
        let message = self.message.to_ascii_lowercase();
        let found = PHRASES.iter().find(|(_, phrase)| text::find(&message, phrase).is_some());
        found.map(|(kind, _)| *kind)
    }

    fn says_invalid_request(&self) -> bool {
        [&self.code, &self.category].into_iter().flatten().any(|word| {
            matches!(&*plain(word), "invalidrequesterror" | "invalidrequest" | "badrequest")
        })
    }
}

fn kind_of_status(status: u16, invalid_request: bool) -> ErrorKind {
    match status {
        300..=399 => ErrorKind::Redirect,
        401 => ErrorKind::Authentication,
        402 => ErrorKind::QuotaExhausted,
        403 => ErrorKind::PermissionDenied,
        404 => ErrorKind::NotFound,
        408 | 409 | 425 => ErrorKind::Server,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        // An error object in a 200 stream, with nothing but its type to go by.
        _ if status < 400 && invalid_request => ErrorKind::InvalidRequest,
        _ => ErrorKind::Server,
    }
}

fn meaning(word: &str) -> Option<ErrorKind> {
    let word = plain(word);
    let row = MEANINGS.iter().find(|(_, words)| words.iter().any(|known| plain(known) == word));
    row.map(|(kind, _)| *kind)
}

/// `InvalidApiKey`, `invalid-api-key` and `invalid_api_key` are one word.
fn plain(word: &str) -> String {
    let mut plain = word.to_ascii_lowercase();
    plain.retain(|c| c.is_ascii_alphanumeric());
    plain
}

fn as_word(json: &Json<'_>) -> Option<String> {
    match &json.value {
        // LiteLLM writes Python's None.
        Value::Text(word) if word.is_empty() || word == "None" => None,
        Value::Text(word) => Some(word.to_string()),
        Value::Number(number) => Some((*number).to_owned()),
        _ => None,
    }
}

/// The body as it is; of an HTML page only what a person would read, which is its title.
fn as_text(body: &str) -> String {
    let lower = body.to_ascii_lowercase();
    let title = text::find(&lower, "<title>").and_then(|start| {
        let start = start + "<title>".len();
        let length = text::find(&lower[start..], "</title>")?;
        Some(body[start..start + length].trim_ascii())
    });
    match title {
        Some(title) => format!("an HTML page: {title}"),
        None => text::start(body.trim_ascii(), MOST_OF_A_TEXT).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::key::ApiKey;

    fn from_body(body: &[u8]) -> ProviderError {
        ProviderError::from_body(body, &Redaction::new([].into(), ApiKey::new("sk-0123456789abcd")))
    }

    fn kind(status: u16, body: &str) -> ErrorKind {
        from_body(body.as_bytes()).kind(status)
    }

    #[test]
    fn the_code_beats_the_status() {
        use ErrorKind::*;
        for (status, body, expected) in [
            (429, r#"{"error":{"code":"insufficient_quota","message":"x"}}"#, QuotaExhausted),
            (429, r#"{"error":{"code":"rate_limit_exceeded","type":"requests"}}"#, RateLimited),
            (400, r#"{"error":{"type":"no_db_connection","code":"400"}}"#, Authentication),
            (400, r#"{"error":{"code":"InvalidApiKey","message":"x"}}"#, Authentication),
            (401, r#"{"error":{"type":"invalid_request_error","code":null}}"#, Authentication),
            (
                400,
                r#"{"error":{"type":"exceed_context_size_error","code":400}}"#,
                ContextLengthExceeded,
            ),
            (
                400,
                r#"{"error":{"message":"litellm.ContextWindowExceededError: the context window"}}"#,
                ContextLengthExceeded,
            ),
            (400, r#"{"error":"Incorrect API key provided: xx"}"#, Authentication),
            (400, r#"{"code":"Arrearage","message":"x"}"#, QuotaExhausted),
            (
                400,
                r#"{"object":"error","message":"no","type":"invalid_model","code":"1500"}"#,
                InvalidRequest,
            ),
            (403, r#"{"code":30001,"message":"balance"}"#, QuotaExhausted),
            (
                503,
                r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#,
                Server,
            ),
            (400, r#"{"error":{"type":"server_error","message":"bad"}}"#, InvalidRequest),
            (200, r#"{"error":{"code":429,"message":"x"}}"#, RateLimited),
            (200, r#"{"error":{"code":500,"message":"x","type":"server_error"}}"#, Server),
            (200, r#"{"error":{"type":"invalid_request_error","message":"x"}}"#, InvalidRequest),
            (200, r#"{"error":"something broke"}"#, Server),
            (500, "Internal Server Error", Server),
            (418, "", InvalidRequest),
            (307, "", Redirect),
            (529, "{}", Server),
        ] {
            assert_eq!(kind(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn every_shape_yields_its_message() {
        for (body, message) in [
            (r#"{"error":{"message":"one"}}"#, "one"),
            (r#"{"error":"two"}"#, "two"),
            (r#"{"object":"error","message":"three","code":"3051"}"#, "three"),
            (r#"{"detail":"four"}"#, "four"),
            (r#"{"detail":[{"msg":"five"}]}"#, r#"[{"msg":"five"}]"#),
            (r#"[{"error":{"message":"six"}}]"#, "six"),
            ("{ }\n", "{}"),
            ("seven", "seven"),
            ("<html><head><title>502 Bad Gateway</title>…", "an HTML page: 502 Bad Gateway"),
        ] {
            assert_eq!(from_body(body.as_bytes()).message, message);
        }
    }

    #[test]
    fn codes_may_be_numbers_words_or_absent() {
        let code = |body: &str| from_body(body.as_bytes()).code;
        assert_eq!(code(r#"{"error":{"code":429}}"#).as_deref(), Some("429"));
        let large = "18446744073709551617";
        assert_eq!(code(&format!(r#"{{"error":{{"code":{large}}}}}"#)).as_deref(), Some(large));
        assert_eq!(code(r#"{"error":{"code":"x","type":"y"}}"#).as_deref(), Some("x"));
        assert_eq!(code(r#"{"error":{"code":null,"type":"y"}}"#).as_deref(), Some("y"));
        assert_eq!(code(r#"{"error":{"code":"None","type":"None"}}"#), None);
    }

    #[test]
    fn a_text_is_cut_between_secrets_only() {
        for before in MOST_OF_A_TEXT - 20..MOST_OF_A_TEXT {
            let text = "x".repeat(before) + "sk-0123456789abcd and on";
            let message = from_body(text.as_bytes()).message;
            assert!(!message.contains("sk-"), "{before}");
            assert!(message.chars().count() <= MOST_OF_A_TEXT);
        }
    }
}
