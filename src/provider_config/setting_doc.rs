//! What each setting means, for the schema. Not in the table: whoever prints no schema does not
//! carry it, which counts on wasm32.

use super::setting::Setting;

impl Setting {
    /// What it means, with its unit; with its default only where [`Self::default_number`] has none.
    pub(super) fn doc(self) -> &'static str {
        match self {
            Self::ApiKeys => {
                "The API keys; requests are spread over them. `$NAME` is read from the environment \
                 variable NAME, `$$…` is a key that begins with `$`. Duplicates count once. May be empty \
                 only for a server on this machine."
            }
            Self::BaseUrl => {
                "The address of the API, to which `/chat/completions` is added. May be left out where the \
                 provider's name is known."
            }
            Self::Model => {
                "The model's name as the provider knows it. Default: the entry's own name."
            }
            Self::MaxRetries => {
                "How often a failed request is tried again after the first attempt."
            }
            Self::RetryDelay => {
                "The wait before the first retry, in seconds. It doubles with each retry, up to 60 s."
            }
            Self::RateLimitCapacity => {
                "How many requests may start at once after a pause: the size of the token bucket."
            }
            Self::RateLimitRefillRate => {
                "How many requests may start per second in the long run: the refill of the token bucket."
            }
            Self::Headers => {
                "Extra headers of every request. A value `$NAME` is read from the environment variable \
                 NAME, `$$…` is a value that begins with `$`."
            }
            Self::Query => {
                "Extra query parameters of every request, such as Azure's `api-version`."
            }
            Self::AuthHeader => {
                "The header that carries the bare key, such as Azure's `api-key`. Default: \
                 `Authorization: Bearer` and the key."
            }
            Self::Timeout => {
                "The longest a call may take in seconds, all waits and retries included. Default: 600 \
                 for chat, none for streams."
            }
            Self::HeadersTimeout => {
                "Streams: the longest wait in seconds for the response's headers."
            }
            Self::FirstTokenTimeout => {
                "Streams: the longest wait in seconds for the first visible token."
            }
            Self::IdleTimeout => {
                "Streams: the longest silence in seconds between two parts of an answer."
            }
            Self::ContextWindow => "The model's context window in LLM tokens. Default: unknown.",
            Self::AllowHttp => {
                "Whether keys may travel unencrypted, over plain http://, beyond this machine."
            }
            Self::MaxEventBytes => "Streams: the largest single event that is accepted, in bytes.",
            Self::SkipUndecodableEvents => {
                "Streams: whether to pass over an event that cannot be decoded, with a warning in the log; \
                 its text is lost then. Else it fails the stream."
            }
        }
    }
}
