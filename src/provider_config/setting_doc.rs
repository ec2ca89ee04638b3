//! What each setting means, for the schema. Not in the table of the settings: whoever prints no
//! schema does not carry it, which counts on wasm32.

use super::setting::Setting;

/// In the order of [`Setting`].
static DOCS: [(Setting, &str); 23] = [
    (
        Setting::ApiKeys,
        "The API keys; requests are spread over them. `$NAME` is read from the environment \
         variable NAME, `$$…` is a key that begins with `$`. Keys that share one account, and with it its \
         quota, are a list of their own within it. Duplicates count once. May be empty only for a \
         server on this machine.",
    ),
    (
        Setting::BaseUrl,
        "The address of the API, to which `/chat/completions` is added. May be left out where the \
         provider's name is known.",
    ),
    (Setting::Model, "The model's name as the provider knows it. Default: the entry's own name."),
    (Setting::MaxRetries, "How often a failed request is tried again after the first attempt."),
    (
        Setting::RetryDelay,
        "The wait before the first retry, in seconds. It doubles with each retry, up to 60 s.",
    ),
    (
        Setting::RateLimitCapacity,
        "How many requests may start at once after a pause: the size of the token bucket. 1000 or \
         more is no limit; what the keys bear is then found out.",
    ),
    (
        Setting::RateLimitRefillRate,
        "How many requests may start per second in the long run: the refill of the token bucket.",
    ),
    (
        Setting::RateLimitTokensPerMinute,
        "How many LLM tokens may be used per minute: each request sets aside its input, estimated, and \
         `max_tokens`, or else what answers have cost of late, until its usage is known. Default: any \
         number.",
    ),
    (
        Setting::RateLimitScope,
        "Whose the limits of rate are: `client`, of all keys together, or `key`, of each key for itself. \
         Default: `client`.",
    ),
    (
        Setting::MaxConcurrency,
        "How many requests of this entry may be under way at once, streams to their end. Others wait for \
         their turn. Default: any number.",
    ),
    (
        Setting::MaxConcurrencyPerKey,
        "How many requests may be under way at once on each of the keys. Default: any number.",
    ),
    (
        Setting::Headers,
        "Extra headers of every request. A value `$NAME` is read from the environment variable \
         NAME, `$$…` is a value that begins with `$`.",
    ),
    (Setting::Query, "Extra query parameters of every request, such as Azure's `api-version`."),
    (
        Setting::AuthHeader,
        "The header that carries the bare key, such as Azure's `api-key`. Default: \
         `Authorization: Bearer` and the key.",
    ),
    (
        Setting::Timeout,
        "The longest a call may take in seconds, all waits and retries included. Default: 600 \
         for chat, none for streams.",
    ),
    (Setting::HeadersTimeout, "Streams: the longest wait in seconds for the response's headers."),
    (
        Setting::FirstTokenTimeout,
        "Streams: the longest wait in seconds for the first visible token.",
    ),
    (
        Setting::IdleTimeout,
        "Streams: the longest silence in seconds between two parts of an answer.",
    ),
    (Setting::ContextWindow, "The model's context window in LLM tokens. Default: unknown."),
    (
        Setting::Fallbacks,
        "The entries of this file, each as `provider/model`, that answer in turn where this one does \
         not: where its retries are used up, where it is silent, has no key or quota left, has failed \
         too often of late, or where the messages are too long for it.",
    ),
    (
        Setting::AllowHttp,
        "Whether keys may travel unencrypted, over plain http://, beyond this machine.",
    ),
    (Setting::MaxEventBytes, "Streams: the largest single event that is accepted, in bytes."),
    (
        Setting::SkipUndecodableEvents,
        "Streams: whether to pass over an event that cannot be decoded, with a warning in the log; \
         its text is lost then. Else it fails the stream.",
    ),
];

impl Setting {
    /// What it means, with its unit; with its default only where [`Self::default_number`] has none.
    pub(super) fn doc(self) -> &'static str {
        DOCS[self as usize].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_its_own_doc() {
        let documented = DOCS.iter().map(|(setting, _)| *setting);
        assert!(documented.eq(Setting::all()));
    }
}
