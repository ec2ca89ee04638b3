//! The settings of a model: one table from which the parser, the checks and the schema are made, so
//! that they cannot drift apart.

use std::time::Duration;

use super::model_settings::{ModelSettings, RateLimitScope};
use super::number_range::NumberRange;
use crate::core::time::from_seconds;

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
    RateLimitTokensPerMinute,
    RateLimitScope,
    MaxConcurrency,
    MaxConcurrencyPerKey,
    Headers,
    Query,
    AuthHeader,
    Timeout,
    HeadersTimeout,
    FirstTokenTimeout,
    IdleTimeout,
    ContextWindow,
    Fallbacks,
    AllowHttp,
    MaxEventBytes,
    SkipUndecodableEvents,
}

/// What a setting's value looks like in JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// A list of strings, and of lists of them.
    Keys,
    /// A list of entries of the same file, each as `provider/model`.
    Entries,
    /// A string.
    Text,
    /// One of these strings.
    OneOf(&'static [&'static str]),
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
}

const fn row(setting: Setting, name: &'static str, shape: Shape) -> Row {
    Row { setting, name, shape }
}

/// More requests than any client has under way.
const REQUESTS: Shape = Shape::Number(NumberRange::whole(1.0, Some(1_000_000.0)));

const SECONDS: Shape = Shape::Number(NumberRange::above_zero().in_seconds());

/// In the order of [`Setting`].
static TABLE: [Row; 23] = [
    row(Setting::ApiKeys, "api_keys", Shape::Keys),
    row(Setting::BaseUrl, "base_url", Shape::Text),
    row(Setting::Model, "model", Shape::Text),
    row(Setting::MaxRetries, "max_retries", Shape::Number(NumberRange::whole(0.0, Some(100.0)))),
    row(Setting::RetryDelay, "retry_delay", Shape::Number(NumberRange::at_least(0.0).in_seconds())),
    row(
        Setting::RateLimitCapacity,
        "rate_limit_capacity",
        Shape::Number(NumberRange::at_least(1.0)),
    ),
    row(
        Setting::RateLimitRefillRate,
        "rate_limit_refill_rate",
        Shape::Number(NumberRange::above_zero()),
    ),
    row(
        Setting::RateLimitTokensPerMinute,
        "rate_limit_tokens_per_minute",
        Shape::Number(NumberRange::at_least(1.0)),
    ),
    row(Setting::RateLimitScope, "rate_limit_scope", Shape::OneOf(&["client", "key"])),
    row(Setting::MaxConcurrency, "max_concurrency", REQUESTS),
    row(Setting::MaxConcurrencyPerKey, "max_concurrency_per_key", REQUESTS),
    row(Setting::Headers, "headers", Shape::Headers),
    row(Setting::Query, "query", Shape::Query),
    row(Setting::AuthHeader, "auth_header", Shape::Text),
    row(Setting::Timeout, "timeout", SECONDS),
    row(Setting::HeadersTimeout, "headers_timeout", SECONDS),
    row(Setting::FirstTokenTimeout, "first_token_timeout", SECONDS),
    row(Setting::IdleTimeout, "idle_timeout", SECONDS),
    row(Setting::ContextWindow, "context_window", Shape::Number(NumberRange::whole(1.0, None))),
    row(Setting::Fallbacks, "fallbacks", Shape::Entries),
    row(Setting::AllowHttp, "allow_http", Shape::Flag),
    row(
        Setting::MaxEventBytes,
        "max_event_bytes",
        Shape::Number(NumberRange::whole(1024.0, Some(1_073_741_824.0))),
    ),
    row(Setting::SkipUndecodableEvents, "skip_undecodable_events", Shape::Flag),
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

    pub(super) fn shape(self) -> &'static Shape {
        &self.row().shape
    }

    /// The value in `settings` as the number that `provider.json` would have, where it is one.
    pub(super) fn number_in(self, settings: &ModelSettings) -> Option<f64> {
        let seconds = |duration: Duration| Some(duration.as_secs_f64());
        match self {
            Self::MaxRetries => Some(f64::from(settings.max_retries)),
            Self::RetryDelay => seconds(settings.retry_delay),
            Self::RateLimitCapacity => Some(settings.rate_limit_capacity),
            Self::RateLimitRefillRate => Some(settings.rate_limit_refill_rate),
            Self::RateLimitTokensPerMinute => settings.rate_limit_tokens_per_minute,
            Self::MaxConcurrency => settings.max_concurrency.map(f64::from),
            Self::MaxConcurrencyPerKey => settings.max_concurrency_per_key.map(f64::from),
            Self::Timeout => settings.timeout.and_then(seconds),
            Self::HeadersTimeout => seconds(settings.headers_timeout),
            Self::FirstTokenTimeout => seconds(settings.first_token_timeout),
            Self::IdleTimeout => seconds(settings.idle_timeout),
            Self::ContextWindow => settings.context_window.map(|tokens| tokens as f64),
            Self::MaxEventBytes => Some(settings.max_event_bytes as f64),
            _ => None,
        }
    }

    /// Sets a number of the table's range, in which it fits its type.
    pub(super) fn put_number(self, settings: &mut ModelSettings, number: f64) {
        let duration = from_seconds(number).unwrap_or_default();
        match self {
            Self::MaxRetries => settings.max_retries = number as u32,
            Self::RetryDelay => settings.retry_delay = duration,
            Self::RateLimitCapacity => settings.rate_limit_capacity = number,
            Self::RateLimitRefillRate => settings.rate_limit_refill_rate = number,
            Self::RateLimitTokensPerMinute => {
                settings.rate_limit_tokens_per_minute = Some(number);
            }
            Self::MaxConcurrency => settings.max_concurrency = Some(number as u32),
            Self::MaxConcurrencyPerKey => settings.max_concurrency_per_key = Some(number as u32),
            Self::Timeout => settings.timeout = Some(duration),
            Self::HeadersTimeout => settings.headers_timeout = duration,
            Self::FirstTokenTimeout => settings.first_token_timeout = duration,
            Self::IdleTimeout => settings.idle_timeout = duration,
            Self::ContextWindow => settings.context_window = Some(number as u64),
            Self::MaxEventBytes => settings.max_event_bytes = number as usize,
            _ => {}
        }
    }

    /// Sets a text.
    pub(super) fn put_text(self, settings: &mut ModelSettings, text: String) {
        match self {
            Self::BaseUrl => settings.base_url = text,
            Self::Model => settings.model = text,
            Self::AuthHeader => settings.auth_header = Some(text),
            Self::RateLimitScope if text == "key" => {
                settings.rate_limit_scope = RateLimitScope::Key;
            }
            _ => {}
        }
    }

    /// Sets a flag.
    pub(super) fn put_flag(self, settings: &mut ModelSettings, flag: bool) {
        match self {
            Self::AllowHttp => settings.allow_http = flag,
            Self::SkipUndecodableEvents => settings.skip_undecodable_events = flag,
            _ => {}
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
