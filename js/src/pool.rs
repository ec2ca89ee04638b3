//! A key pool.

use js_sys::Array;
use lockkeeper::{ApiKeyPool, KeyLimit, KeyState, KeyStatus, Quantiles};
use wasm_bindgen::prelude::*;

use crate::lists;

/// A pool of keys.
#[wasm_bindgen]
pub struct Pool(ApiKeyPool);

impl From<ApiKeyPool> for Pool {
    fn from(pool: ApiKeyPool) -> Self {
        Self(pool)
    }
}

impl Pool {
    /// The pool.
    pub fn into_inner(self) -> ApiKeyPool {
        self.0
    }
}

#[wasm_bindgen]
impl Pool {
    /// The pool of a provider at an address; without one, at the provider's known address, or else at
    /// that of its first client.
    #[wasm_bindgen(constructor)]
    pub fn new(
        provider_id: &str,
        base_url: Option<String>,
        keys: Vec<String>,
    ) -> Result<Self, JsValue> {
        let pool = match base_url {
            Some(base_url) => ApiKeyPool::new(provider_id, &base_url, keys),
            None => ApiKeyPool::of_provider(provider_id, keys),
        };
        pool.map(Self).map_err(|error| lists::error(&error))
    }

    /// The same pool.
    pub fn share(&self) -> Self {
        Self(self.0.clone())
    }

    /// The provider's name.
    #[wasm_bindgen(getter)]
    pub fn provider(&self) -> String {
        self.0.provider_id().to_owned()
    }

    /// The address; empty while nobody knows.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.0.base_url().to_owned()
    }

    /// Requests under way.
    #[wasm_bindgen(getter)]
    pub fn busy(&self) -> u32 {
        self.0.in_flight()
    }

    /// The key that is next.
    pub fn least(&self) -> Option<String> {
        self.0.get_least_loaded_key()
    }

    /// Counts a request that is made or ended outside. False if the key is unknown.
    pub fn adjust(&self, key: &str, up: bool) -> bool {
        if up { self.0.increment_task_count(key) } else { self.0.decrement_task_count(key) }
    }

    /// Adds a key.
    pub fn add(&self, key: &str) -> Result<(), JsValue> {
        self.0.add_key(key).map_err(|error| lists::error(&error))
    }

    /// Adds keys that share an account.
    pub fn share_account(&self, keys: Vec<String>) -> Result<(), JsValue> {
        self.0.add_account(keys).map_err(|error| lists::error(&error))
    }

    /// Retires a key.
    pub fn remove(&self, key: &str) -> bool {
        self.0.remove_key(key)
    }

    /// Replaces the keys.
    pub fn reload(&self, keys: Vec<String>) -> Result<(), JsValue> {
        self.0.reload(keys).map_err(|error| lists::error(&error))
    }

    /// Every key, in the order of `KeyStatus`.
    pub fn statuses(&self) -> Array {
        statuses(&self.0.statuses())
    }
}

/// Keys, each in the order of `KeyStatus`.
pub fn statuses(keys: &[KeyStatus]) -> Array {
    keys.iter().map(status).collect()
}

fn status(key: &KeyStatus) -> JsValue {
    let state = match key.state {
        KeyState::Ready => "ready",
        KeyState::Cooling => "cooling",
        KeyState::Exhausted => "exhausted",
        _ => "dead",
    };
    let denied = key.denied_models.iter().map(|model| JsValue::from_str(model));
    let counts = key.counts;
    let failures = key.failures.iter();
    let failures =
        failures.flat_map(|&(kind, n)| [JsValue::from(kind.as_str()), (n as f64).into()]);
    lists::list([
        key.label.as_str().into(),
        state.into(),
        key.rests_for.map(|rest| rest.as_secs_f64()).into(),
        denied.collect::<Array>().into(),
        key.in_flight.into(),
        key.retiring.into(),
        (counts.attempts as f64).into(),
        (counts.succeeded as f64).into(),
        (counts.failed as f64).into(),
        (counts.rate_limited as f64).into(),
        (counts.cancelled as f64).into(),
        (counts.waited as f64).into(),
        (counts.input_tokens as f64).into(),
        (counts.output_tokens as f64).into(),
        failures.collect::<Array>().into(),
        quantiles(key.latency),
        quantiles(key.first_token),
        limit(key.limit),
        key.account.as_deref().into(),
    ])
}

/// The requests, and the seconds that they are for.
fn limit(limit: Option<KeyLimit>) -> JsValue {
    limit.map_or(JsValue::UNDEFINED, |limit| {
        lists::list([(limit.requests as f64).into(), lists::seconds(limit.per)])
    })
}

/// In the order of `Quantiles`.
fn quantiles(quantiles: Option<Quantiles>) -> JsValue {
    quantiles.map_or(JsValue::UNDEFINED, |it| {
        let [p50, p95, p99, sum] = [it.p50, it.p95, it.p99, it.sum].map(lists::seconds);
        lists::list([(it.count as f64).into(), sum, p50, p95, p99])
    })
}
