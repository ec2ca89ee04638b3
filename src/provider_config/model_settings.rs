//! The settings of one model, from `provider.json` or made by hand.

use std::fmt;
use std::time::Duration;

use super::json_path;
use super::known_providers::known_base_url;
use super::rules;
use super::setting::Setting;
use crate::core::key::ApiKey;
use crate::error::Problem;

/// How long a chat call may take where no `timeout` is set. Streams then have no total.
pub(crate) const DEFAULT_CHAT_TIMEOUT: Duration = Duration::from_secs(600);

/// The wait before the first retry where no `retry_delay` is set.
pub(crate) const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// The clocks of a stream where none are set.
pub(crate) const DEFAULT_FIRST_TOKEN_TIMEOUT: Duration = Duration::from_secs(120);
pub(crate) const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Everything a client needs to know about one model of one provider.
///
/// ```
/// use lockkeeper::ModelSettings;
/// use std::time::Duration;
///
/// let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789"]);
/// settings.retry_delay = Duration::from_millis(500);
/// assert_eq!(settings.base_url, "https://api.openai.com/v1");
/// assert!(settings.validate().is_empty());
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ModelSettings {
    /// The provider's name in `provider.json`.
    pub provider: String,
    /// The model's name in `provider.json`; unique within its provider.
    pub name: String,
    /// The API keys. May be empty only for a server on this machine.
    pub api_keys: Vec<ApiKey>,
    /// Those of them that share an account: see [`with_account`](Self::with_account).
    pub(crate) accounts: Vec<Vec<ApiKey>>,
    /// The address of the API, to which `/chat/completions` is added. Default: by the provider's
    /// name.
    pub base_url: String,
    /// The model's name as the provider knows it. Default: `name`.
    pub model: String,
    /// How often a failed request is tried again, 0 to 100. Default: 5.
    pub max_retries: u32,
    /// The wait before the first retry; it doubles up to 60 s. Default: 1 s.
    pub retry_delay: Duration,
    /// How many requests may start at once, at least 1. Default: 10.
    pub rate_limit_capacity: f64,
    /// How many requests may start per second in the long run, above 0. Default: 1.
    pub rate_limit_refill_rate: f64,
    /// How many LLM tokens may be used per minute, at least 1. Each request sets aside its input, estimated,
    /// and `max_tokens`, or else what answers have cost of late (500 until one has come), until its usage
    /// is known: what is more is owed, what is less comes back, and all of it where it fails. Default:
    /// `None`, any number.
    pub rate_limit_tokens_per_minute: Option<f64>,
    /// Whose the three limits before are: of all keys together, or of each key for itself. Default: of all.
    pub rate_limit_scope: RateLimitScope,
    /// How many requests of this client may be under way at once, streams to their end, at least 1; others
    /// wait for their turn. Default: `None`, any number.
    pub max_concurrency: Option<u32>,
    /// How many requests may be under way at once on each key, whoever sent them, at least 1. Default:
    /// `None`, any number.
    pub max_concurrency_per_key: Option<u32>,
    /// Extra headers of every request. Default: none.
    pub headers: Vec<(String, String)>,
    /// Extra query parameters of every request, not yet percent-encoded. Default: none.
    pub query: Vec<(String, String)>,
    /// The header that carries the bare key (Azure's `api-key`). Default: `None`, which is
    /// `Authorization: Bearer` and the key.
    pub auth_header: Option<String>,
    /// The longest a call may take, waits and retries included. Default: `None`, which is 600 s
    /// for chat and no limit for streams.
    pub timeout: Option<Duration>,
    /// Streams: the longest wait for the response's headers. Default: 60 s.
    pub headers_timeout: Duration,
    /// Streams: the longest wait for the first visible token. Default: 120 s.
    pub first_token_timeout: Duration,
    /// Streams: the longest silence between two parts of an answer. Default: 60 s.
    pub idle_timeout: Duration,
    /// The model's context window in LLM tokens. Default: `None`, unknown.
    pub context_window: Option<u64>,
    /// The entries of the same `provider.json`, each as `provider/model`, that answer in turn where this
    /// one does not. In code, make a [`Fallback`](crate::Fallback) of clients instead. Default: none.
    pub fallbacks: Vec<String>,
    /// Whether keys may travel over plain `http://` beyond this machine. Default: `false`.
    pub allow_http: bool,
    /// Streams: the largest single event that is accepted, in bytes. Default: 8 MiB.
    pub max_event_bytes: usize,
    /// Streams: whether to pass over an event that cannot be decoded, with a warning in the log; its
    /// text is lost then. Default: `false`, which fails the stream.
    pub skip_undecodable_events: bool,
}

/// Whose the limits of rate are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateLimitScope {
    /// The client's: all keys together keep to them.
    #[default]
    Client,
    /// Each key's: they are told for one. The client's own
    /// [`token_bucket`](crate::OpenAiCompatible::token_bucket) and
    /// [`token_budget`](crate::OpenAiCompatible::token_budget) are not used then, and stay full.
    Key,
}

impl ModelSettings {
    /// The settings of a model with nothing but defaults. Duplicate keys count once.
    ///
    /// `base_url` stays empty where the provider's name is not a known one.
    pub fn new<K: Into<ApiKey>>(
        provider: impl Into<String>,
        name: impl Into<String>,
        api_keys: impl IntoIterator<Item = K>,
    ) -> Self {
        let (provider, name) = (provider.into(), name.into());
        Self {
            api_keys: distinct(api_keys.into_iter().map(Into::into)),
            accounts: Vec::new(),
            base_url: known_base_url(&provider).unwrap_or_default().to_owned(),
            model: name.clone(),
            provider,
            name,
            max_retries: 5,
            retry_delay: DEFAULT_RETRY_DELAY,
            rate_limit_capacity: 10.0,
            rate_limit_refill_rate: 1.0,
            rate_limit_tokens_per_minute: None,
            rate_limit_scope: RateLimitScope::Client,
            max_concurrency: None,
            max_concurrency_per_key: None,
            headers: Vec::new(),
            query: Vec::new(),
            auth_header: None,
            timeout: None,
            headers_timeout: Duration::from_secs(60),
            first_token_timeout: DEFAULT_FIRST_TOKEN_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            context_window: None,
            fallbacks: Vec::new(),
            allow_http: false,
            max_event_bytes: 8 * 1024 * 1024,
            skip_undecodable_events: false,
        }
    }

    /// Adds keys that share one account at the provider, and with it its quota: they rest together where one of them
    /// is limited or out of credit, and keep to one limit. In `provider.json` they are a list within `api_keys`.
    ///
    /// ```
    /// use lockkeeper::ModelSettings;
    ///
    /// let settings = ModelSettings::new("openai", "gpt-4", ["sk-0123456789"]);
    /// let settings = settings.with_account(["sk-1234567890", "sk-2345678901"]);
    /// assert_eq!(settings.api_keys.len(), 3);
    /// ```
    #[must_use]
    pub fn with_account<K: Into<ApiKey>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let account = distinct(keys.into_iter().map(Into::into));
        self.api_keys = distinct(self.api_keys.into_iter().chain(account.iter().cloned()));
        self.accounts.push(account);
        self
    }

    /// Where they stand in `provider.json`.
    pub(crate) fn path(&self) -> String {
        json_path::member(&json_path::member("", &self.provider), &self.name)
    }

    /// How they are called in `fallbacks`.
    pub(crate) fn reference(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }

    /// Every problem of these settings, by the same rules as in `provider.json`; empty where all
    /// is well. Each problem's `path` is `provider.name.setting`, its `line` 0.
    #[must_use]
    pub fn validate(&self) -> Vec<Problem> {
        let (provider, entry) = (json_path::member("", &self.provider), self.path());
        let mut problems = Vec::new();
        for (path, name) in [(&provider, &self.provider), (&entry, &self.name)] {
            problems.extend(rules::name(name).err().map(|m| Problem::new(path.as_str(), 0, m)));
        }
        for setting in Setting::all() {
            let path = json_path::member(&entry, setting.name());
            rules::check(setting, self, &mut |part, message| {
                problems.push(Problem::new(part.path_under(&path), 0, message));
            });
        }
        problems
    }
}

/// The keys in order, each once.
pub(super) fn distinct(keys: impl IntoIterator<Item = ApiKey>) -> Vec<ApiKey> {
    keys.into_iter().fold(Vec::new(), |mut distinct, key| {
        if !distinct.contains(&key) {
            distinct.push(key);
        }
        distinct
    })
}

/// Headers and query parameters may carry secrets too: only their names are shown.
impl fmt::Debug for ModelSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("ModelSettings")
            .field("provider", &self.provider)
            .field("name", &self.name)
            .field("api_keys", &self.api_keys)
            .field("accounts", &self.accounts)
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("max_retries", &self.max_retries)
            .field("retry_delay", &self.retry_delay)
            .field("rate_limit_capacity", &self.rate_limit_capacity)
            .field("rate_limit_refill_rate", &self.rate_limit_refill_rate)
            .field("rate_limit_tokens_per_minute", &self.rate_limit_tokens_per_minute)
            .field("rate_limit_scope", &self.rate_limit_scope)
            .field("max_concurrency", &self.max_concurrency)
            .field("max_concurrency_per_key", &self.max_concurrency_per_key)
            .field("headers", &names(&self.headers))
            .field("query", &names(&self.query))
            .field("auth_header", &self.auth_header)
            .field("timeout", &self.timeout)
            .field("headers_timeout", &self.headers_timeout)
            .field("first_token_timeout", &self.first_token_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .field("context_window", &self.context_window)
            .field("fallbacks", &self.fallbacks)
            .field("allow_http", &self.allow_http)
            .field("max_event_bytes", &self.max_event_bytes)
            .field("skip_undecodable_events", &self.skip_undecodable_events)
            .finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn settings_by_hand_are_held_to_the_same_rules() {
        let mut settings = ModelSettings::new("my.llm", "big", ["", "sk-1", "sk-1"]);
        settings.max_retries = 101;
        settings.rate_limit_refill_rate = f64::NAN;
        settings.idle_timeout = Duration::ZERO;
        settings.headers.push(("Host".to_owned(), "h".to_owned()));
        let problems: Vec<String> = settings.validate().iter().map(ToString::to_string).collect();
        for (problem, start) in problems.iter().zip([
            r#"["my.llm"].big.api_keys[0]: "#,
            r#"["my.llm"].big.base_url: is missing"#,
            r#"["my.llm"].big.max_retries: must be a whole number from 0 to 100, not 101"#,
            r#"["my.llm"].big.rate_limit_refill_rate: must be a number above 0, not NaN"#,
            r#"["my.llm"].big.headers.Host: "#,
            r#"["my.llm"].big.idle_timeout: must be a number of seconds above 0, not 0"#,
        ]) {
            assert!(problem.starts_with(start), "{problem}");
        }
        assert_eq!(problems.len(), 6);
        assert_eq!(settings.api_keys.len(), 2);
    }

    #[test]
    fn a_key_has_one_account() {
        let settings =
            ModelSettings::new("openai", "gpt-4", ["sk-1"]).with_account(["sk-2", "sk-3"]);
        assert_eq!(settings.validate(), []);
        let problems = settings.with_account(["sk-1", "sk-3"]).validate();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "openai.gpt-4.api_keys[2]");
    }

    #[test]
    fn keys_in_a_list_of_their_own_share_an_account() {
        let keys = r#"["a", ["b", "$KEY", "b"], ["c"], "c", ["d", "e"]]"#;
        let text = format!("{{\"openai\": {{\"m\": {{\"api_keys\": {keys}}}}}}}");
        let read = super::super::parse(&text, &|_| Some("env".to_owned())).unwrap();
        let mut expected = ModelSettings::new("openai", "m", ["a"]).with_account(["b", "env"]);
        expected.api_keys.push("c".into());
        assert_eq!(read, [expected.with_account(["d", "e"])]);
    }

    #[test]
    fn nameless_settings_are_problems() {
        let problems = ModelSettings::new("", "", ["sk-1"]).validate();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, [r#"[""]"#, r#"[""][""]"#, r#"[""][""].base_url"#, r#"[""][""].model"#]);
    }

    #[test]
    fn debug_shows_no_secret() {
        let mut settings = ModelSettings::new("openai", "gpt-4", ["sk-secret-secret-abcd"]);
        settings.headers.push(("X-Gateway".to_owned(), "secret".to_owned()));
        settings.query.push(("key".to_owned(), "secret".to_owned()));
        let shown = format!("{settings:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("…abcd") && shown.contains("X-Gateway"), "{shown}");
    }
}
