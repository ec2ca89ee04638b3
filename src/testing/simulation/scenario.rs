//! What is to be simulated, as data.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{provider_file, valid};
use crate::error::{Error, Problem};

/// What to simulate. All of it but `provider` has a default. Durations are seconds.
///
/// It never holds a key: of those in `provider` it keeps how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Scenario {
    #[serde(deserialize_with = "without_keys")]
    pub(super) provider: Value,
    /// Which entry of `provider` is called, as `provider/model`; alone, without its fallbacks.
    /// Default: the first by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How long calls come in, 0.001 to 2,592,000 s. Default: an hour.
    #[serde(default = "an_hour")]
    pub duration: f64,
    /// What is left to chance comes out the same for the same seed, up to 2⁵³. Default: 1.
    #[serde(default = "one")]
    pub seed: u64,
    /// The calls.
    #[serde(default)]
    pub traffic: Traffic,
    /// How the provider answers.
    #[serde(default)]
    pub service: Service,
    /// Limits of the provider that the client is not told of beforehand.
    #[serde(default)]
    pub limits: Limits,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
}

/// The calls, and when they come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Traffic {
    /// When they come. Default: at a constant rate.
    pub shape: Shape,
    /// Calls per second, where they come one by one. Default: 10.
    pub rate: f64,
    /// How many come together, where they do. Default: 100.
    pub calls: u32,
    /// From burst to burst, in seconds. Default: 60.
    pub every: f64,
    /// What each call sends, in LLM tokens. Default: 500.
    pub input_tokens: u32,
    /// What each answer has, in LLM tokens. Default: 100.
    pub output_tokens: u32,
    /// Whether the answers are streamed. Default: they are.
    pub stream: bool,
}

/// When calls come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Shape {
    /// One by one, evenly: `rate`.
    #[default]
    Constant,
    /// One by one, each without regard to the others: `rate` is their mean.
    Poisson,
    /// `calls` together, again `every` so often.
    Burst,
    /// `calls` together, once.
    AtOnce,
}

/// How the provider answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Service {
    /// From a request to the first LLM token of its answer, in seconds. Default: 0.5.
    pub latency: f64,
    /// How fast the rest is written. Default: 100.
    pub tokens_per_second: f64,
}

/// Limits of the provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Whose they are. Default: of each key.
    pub scope: LimitScope,
    /// So many requests are granted `per` so long. Default: any number.
    pub requests: Option<f64>,
    /// In seconds. Default: 1.
    pub per: f64,
    /// How requests are counted. Default: by a bucket.
    pub counting: Counting,
    /// The most requests that a bucket grants at once. Default: `requests`.
    pub capacity: Option<f64>,
    /// So many LLM tokens, counted by a bucket that holds those of a minute. Default: any number.
    pub tokens_per_minute: Option<f64>,
    /// What the provider says of its limits. Default: all.
    pub tells: Tells,
}

/// Whose limits they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitScope {
    /// Each key has its own.
    #[default]
    Key,
    /// All keys share them.
    Account,
}

/// How a provider counts requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counting {
    /// A token bucket, which refills continuously.
    #[default]
    Bucket,
    /// In windows that follow each other, the first from 0 s on.
    Window,
}

/// What a provider says of its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Tells {
    /// `x-ratelimit-*` headers, and with a refusal when to come back.
    #[default]
    All,
    /// `x-ratelimit-*` headers.
    Headers,
    /// With a refusal, when to come back.
    RetryAfter,
    /// Nothing.
    Nothing,
}

/// What goes wrong: of all requests the share, 0 to 1, that meets with each fault. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Faults {
    /// Is refused with 429, though no limit is reached.
    #[serde(rename = "429")]
    pub status_429: f64,
    /// Fails with 500.
    #[serde(rename = "500")]
    pub status_500: f64,
    /// Fails with 503.
    #[serde(rename = "503")]
    pub status_503: f64,
    /// Is never answered.
    pub silence: f64,
    /// Is answered by half: then the connection breaks.
    pub cut: f64,
    /// So many keys are refused from the start, with 401: the last ones.
    pub dead_keys: u32,
}

impl Scenario {
    /// A scenario with nothing but defaults, of the content of a `provider.json`. Keys in it are of no
    /// use: `"api_keys": 4` does as well.
    #[must_use]
    pub fn new(provider: Value) -> Self {
        Self {
            provider: provider_file::without_keys(provider),
            model: None,
            duration: an_hour(),
            seed: one(),
            traffic: Traffic::default(),
            service: Service::default(),
            limits: Limits::default(),
            faults: Faults::default(),
        }
    }

    /// Reads a scenario. What serde would say of the first mistake, this says of all, with their paths.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) with every problem.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        let json = serde_json::from_str(text).map_err(|error| {
            let message = format!("is not JSON: {error}");
            Error::config(vec![Problem::new("", 0, message)])
        })?;
        valid::read(json)
    }

    /// The content of `provider.json`, with how many keys there are in place of the keys.
    #[must_use]
    pub fn provider(&self) -> &Value {
        &self.provider
    }
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            shape: Shape::default(),
            rate: 10.0,
            calls: 100,
            every: 60.0,
            input_tokens: 500,
            output_tokens: 100,
            stream: true,
        }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self { latency: 0.5, tokens_per_second: 100.0 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            scope: LimitScope::default(),
            requests: None,
            per: 1.0,
            counting: Counting::default(),
            capacity: None,
            tokens_per_minute: None,
            tells: Tells::default(),
        }
    }
}

fn an_hour() -> f64 {
    3600.0
}

fn one() -> u64 {
    1
}

fn without_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(provider_file::without_keys)
}
