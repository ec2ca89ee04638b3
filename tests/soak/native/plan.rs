//! What the client is told to do; `soak/plan.mjs` makes it.

use std::time::Duration;

use lockkeeper::ModelSettings;
use serde::{Deserialize, Deserializer};

/// The whole load.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Where the provider is.
    pub base_url: String,
    /// Where it says how many requests are open.
    pub control_url: String,
    /// For how long calls begin.
    #[serde(deserialize_with = "seconds")]
    pub seconds: Duration,
    /// How many ask at once.
    pub callers: usize,
    /// The first call's number.
    pub first_number: u64,
    /// What is asked.
    pub questions: Vec<Question>,
    /// What each call does; the list begins again at its end.
    pub calls: Vec<PlannedCall>,
    settings: Settings,
    /// So much later than its clocks say may a call end.
    #[serde(deserialize_with = "seconds")]
    margin: Duration,
    /// So long may the provider take to see that sockets have closed.
    #[serde(deserialize_with = "seconds")]
    pub closing: Duration,
    /// The time between two looks at the memory.
    #[serde(deserialize_with = "seconds")]
    pub sample_every: Duration,
}

/// A question with the texts that may answer it. `{n}` stands for the call's number.
#[derive(Deserialize)]
pub struct Question {
    prompt: String,
    texts: Vec<String>,
}

/// What one call does.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCall {
    /// Which question it asks.
    pub question: usize,
    /// When its caller loses interest.
    #[serde(deserialize_with = "optional_seconds")]
    pub cancel_after: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    keys: Vec<String>,
    capacity: f64,
    refill_rate: f64,
    max_retries: u32,
    #[serde(deserialize_with = "seconds")]
    retry_delay: Duration,
    #[serde(deserialize_with = "seconds")]
    headers_timeout: Duration,
    #[serde(deserialize_with = "seconds")]
    first_token_timeout: Duration,
    #[serde(deserialize_with = "seconds")]
    idle_timeout: Duration,
    #[serde(deserialize_with = "seconds")]
    timeout: Duration,
}

impl Plan {
    /// The client's settings.
    pub fn model_settings(&self) -> ModelSettings {
        let plan = &self.settings;
        let mut settings = ModelSettings::new("soak", "soak", plan.keys.iter().map(String::as_str));
        settings.base_url.clone_from(&self.base_url);
        settings.rate_limit_capacity = plan.capacity;
        settings.rate_limit_refill_rate = plan.refill_rate;
        settings.max_retries = plan.max_retries;
        settings.retry_delay = plan.retry_delay;
        settings.headers_timeout = plan.headers_timeout;
        settings.first_token_timeout = plan.first_token_timeout;
        settings.idle_timeout = plan.idle_timeout;
        settings.timeout = Some(plan.timeout);
        settings
    }

    /// What the call of this number does.
    pub fn call(&self, number: u64) -> PlannedCall {
        let place = (number - self.first_number) % self.calls.len() as u64;
        self.calls[place as usize]
    }

    /// Room for so many calls is made beforehand, so that the tally does not look like a leak.
    pub fn expected_calls(&self) -> usize {
        let started =
            self.settings.capacity + self.settings.refill_rate * self.seconds.as_secs_f64();
        started as usize + 2 * self.callers
    }

    /// A call that takes longer hangs.
    pub fn longest_call(&self) -> Duration {
        self.settings.timeout + self.margin
    }

    /// A stream that is silent for longer hangs.
    pub fn longest_silence(&self) -> Duration {
        self.settings.idle_timeout + self.margin
    }
}

impl Question {
    /// The prompt of the call of this number.
    pub fn prompt(&self, number: u64) -> String {
        numbered(&self.prompt, number)
    }

    /// Whether this is the whole answer to the call.
    pub fn is_answered_by(&self, text: &str, number: u64) -> bool {
        self.texts.iter().any(|whole| numbered(whole, number) == text)
    }

    /// Whether the answer to the call begins so.
    pub fn begins(&self, text: &str, number: u64) -> bool {
        self.texts.iter().any(|whole| numbered(whole, number).starts_with(text))
    }
}

fn numbered(text: &str, number: u64) -> String {
    text.replace("{n}", &number.to_string())
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(serde::de::Error::custom)
}

fn optional_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let seconds = Option::<f64>::deserialize(from)?;
    seconds.map(Duration::try_from_secs_f64).transpose().map_err(serde::de::Error::custom)
}
