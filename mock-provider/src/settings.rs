//! What a provider is told before it starts, and may be told again while it runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::millis;

/// How the provider behaves towards everyone. Durations are milliseconds in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one. Default `127.0.0.1:0`. Fixed once started.
    pub address: SocketAddr,
    /// The keys that are accepted, each with its limit. Empty (the default): any key or none, unlimited.
    pub keys: Vec<KeySettings>,
    /// The wait before the headers of an answer. Default 0. `latency_ms` in JSON.
    #[serde(rename = "latency_ms", with = "millis")]
    pub latency: Duration,
    /// The wait between two streamed tokens. Default 0. `token_pace_ms` in JSON.
    #[serde(rename = "token_pace_ms", with = "millis")]
    pub token_pace: Duration,
    /// The models that exist. Empty (the default): any name will do.
    pub models: Vec<String>,
    /// The longest prompt in tokens. Default none.
    pub context_window: Option<u32>,
    /// Whether answers to limited keys carry `x-ratelimit-*-requests`. Default true.
    pub send_ratelimit_headers: bool,
    /// Whether a 429 says when to come back. Default true.
    pub send_retry_after: bool,
    /// Whether `Retry-After` is an HTTP-date (and `retry-after-ms` is left out). Default false.
    pub retry_after_as_date: bool,
    /// Whether browsers may read the rate limit headers; most real services forbid it. Default true.
    pub expose_headers: bool,
    /// How many requests the log keeps; the oldest go first. Default 100,000.
    pub log_capacity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keys: Vec::new(),
            latency: Duration::ZERO,
            token_pace: Duration::ZERO,
            models: Vec::new(),
            context_window: None,
            send_ratelimit_headers: true,
            send_retry_after: true,
            retry_after_as_date: false,
            expose_headers: true,
            log_capacity: 100_000,
        }
    }
}

/// One accepted key and its token bucket: it starts full and refills continuously.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// The key as clients send it.
    pub key: String,
    /// How many requests may come at once. 0 (the default in JSON): this key has no limit.
    #[serde(default)]
    pub capacity: u32,
    /// How many requests per second come back. Default in JSON 0: what is spent stays spent.
    #[serde(default)]
    pub refill_rate: f64,
}

impl KeySettings {
    /// A key with a limit: `capacity` at once, `refill_rate` more per second.
    pub fn limited(key: impl Into<String>, capacity: u32, refill_rate: f64) -> Self {
        Self { key: key.into(), capacity, refill_rate }
    }

    /// A key without a limit.
    pub fn unlimited(key: impl Into<String>) -> Self {
        Self::limited(key, 0, 0.0)
    }
}
