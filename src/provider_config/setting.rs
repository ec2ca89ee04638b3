//! The settings of a model: one table from which the parser, the checks, the schema and its
//! documentation are made, so that they cannot drift apart.

use std::time::Duration;

use super::model_settings::ModelSettings;
use super::number_range::NumberRange;

/// One field of a model in `provider.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    ApiKeys,
    BaseUrl,
    Model,
    MaxRetries,
    RetryDelay,
    RateLimitCapacity,
    RateLimitRefillRate,
    Headers,
    Query,
    AuthHeader,
    Timeout,
    HeadersTimeout,
    FirstTokenTimeout,
    IdleTimeout,
    ContextWindow,
    AllowHttp,
    MaxEventBytes,
    SkipUndecodableEvents,
}

/// What a setting's value looks like in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// A list of strings.
    Keys,
    /// A string.
    Text,
    /// A number.
    Number(NumberRange),
    /// An object of strings.
    Headers,
    /// An object of strings, numbers and booleans.
    Query,
    /// `true` or `false`.
    Flag,
}

struct Row {
    setting: Setting,
    name: &'static str,
    shape: Shape,
    doc: &'static str,
}

const fn row(setting: Setting, name: &'static str, shape: Shape, doc: &'static str) -> Row {
    Row { setting, name, shape, doc }
}

const SECONDS: Shape = Shape::Number(NumberRange::above_zero().in_seconds());

/// In the order of [`Setting`].
static TABLE: [Row; 18] = [
    row(
        Setting::ApiKeys,
        "api_keys",
        Shape::Keys,
        "The API keys; requests are spread over them. `$NAME` is read from the environment \
         variable NAME, `$$…` is a key that begins with `$`. Duplicates count once. May be empty \
         only for a server on this machine.",
    ),
    row(
        Setting::BaseUrl,
        "base_url",
        Shape::Text,
        "The address of the API, to which `/chat/completions` is added. May be left out where the \
         provider's name is known.",
    ),
    row(
        Setting::Model,
        "model",
        Shape::Text,
        "The model's name as the provider knows it. Default: the entry's own name.",
    ),
    row(
        Setting::MaxRetries,
        "max_retries",
        Shape::Number(NumberRange::whole(0.0, Some(100.0))),
        "How often a failed request is tried again after the first attempt.",
    ),
    row(
        Setting::RetryDelay,
        "retry_delay",
        Shape::Number(NumberRange::at_least(0.0).in_seconds()),
        "The wait before the first retry, in seconds. It doubles with each retry, up to 60 s.",
    ),
    row(
        Setting::RateLimitCapacity,
        "rate_limit_capacity",
        Shape::Number(NumberRange::at_least(1.0)),
        "How many requests may start at once after a pause: the size of the token bucket.",
    ),
    row(
        Setting::RateLimitRefillRate,
        "rate_limit_refill_rate",
        Shape::Number(NumberRange::above_zero()),
        "How many requests may start per second in the long run: the refill of the token bucket.",
    ),
    row(
        Setting::Headers,
        "headers",
        Shape::Headers,
        "Extra headers of every request. A value `$NAME` is read from the environment variable \
         NAME, `$$…` is a value that begins with `$`.",
    ),
    row(
        Setting::Query,
        "query",
        Shape::Query,
        "Extra query parameters of every request, such as Azure's `api-version`.",
    ),
    row(
        Setting::AuthHeader,
        "auth_header",
        Shape::Text,
        "The header that carries the bare key, such as Azure's `api-key`. Default: \
         `Authorization: Bearer` and the key.",
    ),
    row(
        Setting::Timeout,
        "timeout",
        SECONDS,
        "The longest a call may take in seconds, all waits and retries included. Default: 600 \
         for chat, none for streams.",
    ),
    row(
        Setting::HeadersTimeout,
        "headers_timeout",
        SECONDS,
        "Streams: the longest wait in seconds for the response's headers.",
    ),
    row(
        Setting::FirstTokenTimeout,
        "first_token_timeout",
        SECONDS,
        "Streams: the longest wait in seconds for the first visible token.",
    ),
    row(
        Setting::IdleTimeout,
        "idle_timeout",
        SECONDS,
        "Streams: the longest silence in seconds between two parts of an answer.",
    ),
    row(
        Setting::ContextWindow,
        "context_window",
        Shape::Number(NumberRange::whole(1.0, None)),
        "The model's context window in LLM tokens. Default: unknown.",
    ),
    row(
        Setting::AllowHttp,
        "allow_http",
        Shape::Flag,
        "Whether keys may travel unencrypted, over plain http://, beyond this machine.",
    ),
    row(
        Setting::MaxEventBytes,
        "max_event_bytes",
        Shape::Number(NumberRange::whole(1024.0, Some(1_073_741_824.0))),
        "Streams: the largest single event that is accepted, in bytes.",
    ),
    row(
        Setting::SkipUndecodableEvents,
        "skip_undecodable_events",
        Shape::Flag,
        "Streams: whether to pass over an event that cannot be decoded, with a warning in the log; \
         its text is lost then. Else it fails the stream.",
    ),
];

impl Setting {
    /// Every setting, in the order in which they are documented.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.setting)
    }

    /// The setting called `name` in `provider.json`.
    pub(super) fn named(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.setting)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().name
    }

    /// What it means, with its unit; with its default only where [`Self::default_number`] has none.
    pub(super) fn doc(self) -> &'static str {
        self.row().doc
    }

    pub(super) fn shape(self) -> Shape {
        self.row().shape
    }

    /// The value in `settings` as the number that `provider.json` would have, where it is one.
    pub(super) fn number_in(self, settings: &ModelSettings) -> Option<f64> {
        let seconds = |duration: Duration| Some(duration.as_secs_f64());
        match self {
            Self::MaxRetries => Some(f64::from(settings.max_retries)),
            Self::RetryDelay => seconds(settings.retry_delay),
            Self::RateLimitCapacity => Some(settings.rate_limit_capacity),
            Self::RateLimitRefillRate => Some(settings.rate_limit_refill_rate),
            Self::Timeout => settings.timeout.and_then(seconds),
            Self::HeadersTimeout => seconds(settings.headers_timeout),
            Self::FirstTokenTimeout => seconds(settings.first_token_timeout),
            Self::IdleTimeout => seconds(settings.idle_timeout),
            Self::ContextWindow => settings.context_window.map(|tokens| tokens as f64),
            Self::MaxEventBytes => Some(settings.max_event_bytes as f64),
            _ => None,
        }
    }

    /// The number that holds where the setting is left out, where there is one.
    pub(super) fn default_number(self) -> Option<f64> {
        self.number_in(&ModelSettings::new("", "", [""; 0]))
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_settings() {
        for (index, setting) in Setting::all().enumerate() {
            assert_eq!(setting as usize, index);
            assert_eq!(Setting::named(setting.name()), Some(setting));
        }
        assert_eq!(Setting::SkipUndecodableEvents as usize + 1, TABLE.len());
        assert_eq!(Setting::named("temperature"), None);
    }

    #[test]
    fn defaults_lie_in_their_ranges_and_are_documented_once() {
        for setting in Setting::all() {
            let Shape::Number(range) = setting.shape() else { continue };
            match setting.default_number() {
                Some(number) => {
                    assert_eq!(range.check(number), Ok(()));
                    assert!(!setting.doc().contains("Default"), "{}", setting.name());
                }
                None => assert!(setting.doc().contains("Default"), "{}", setting.name()),
            }
            assert_eq!(range.seconds, setting.doc().contains("in seconds"), "{}", setting.name());
        }
    }
}
