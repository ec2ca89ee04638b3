//! A token bucket.

use lockkeeper::TokenBucket;
use lockkeeper::codec::duration_from_seconds;
use wasm_bindgen::prelude::*;

use crate::lists;
use crate::task::Task;

/// A token bucket.
#[wasm_bindgen]
pub struct Bucket(TokenBucket);

impl From<TokenBucket> for Bucket {
    fn from(bucket: TokenBucket) -> Self {
        Self(bucket)
    }
}

#[wasm_bindgen]
impl Bucket {
    /// A full bucket.
    #[wasm_bindgen(constructor)]
    pub fn new(capacity: f64, refill_rate: f64) -> Result<Self, JsValue> {
        let bucket = TokenBucket::new(capacity, refill_rate);
        bucket.map(Self).map_err(|error| lists::error(&error))
    }

    /// The tokens in it.
    #[wasm_bindgen(getter)]
    pub fn tokens(&self) -> f64 {
        self.0.tokens()
    }

    /// The most that it holds.
    #[wasm_bindgen(getter)]
    pub fn capacity(&self) -> f64 {
        self.0.capacity()
    }

    /// What it gains a second.
    #[wasm_bindgen(getter)]
    pub fn rate(&self) -> f64 {
        self.0.refill_rate()
    }

    /// How many wait.
    #[wasm_bindgen(getter)]
    pub fn waiters(&self) -> u32 {
        self.0.waiters() as u32
    }

    /// Takes tokens in turn. The timeout has been checked, by `checked`.
    pub fn acquire(&self, amount: u32, priority: i8, timeout: Option<f64>) -> Task {
        let timeout = timeout.and_then(|seconds| duration_from_seconds(seconds).ok());
        let tokens = self.0.acquire_with_priority(amount, priority, timeout);
        Task::new(async move {
            tokens.await.map_err(|error| lists::error(&error))?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Takes tokens if they are there.
    pub fn take(&self, amount: u32) -> bool {
        self.0.try_acquire(amount).is_ok()
    }

    /// Fills it.
    pub fn reset(&self) {
        self.0.reset();
    }
}

/// What is wrong with a number of seconds, if something is.
#[wasm_bindgen]
pub fn checked(seconds: f64) -> Option<String> {
    duration_from_seconds(seconds).err()
}
