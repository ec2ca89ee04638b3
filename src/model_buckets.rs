//! The bucket of a client's own model, and those of the models that its calls have named.

use std::sync::{Arc, Mutex};

use crate::core::names::Names;
use crate::error::Error;
use crate::lock::lock;
use crate::platform::Runtime;
use crate::provider_config::ModelSettings;
use crate::registry::{self, Meter};
use crate::token_bucket::TokenBucket;

/// Buckets of models other than the client's own that are kept while idle.
const IDLE_KEPT: usize = 64;

pub(crate) struct ModelBuckets {
    meter: Meter,
    pub own: TokenBucket,
    others: Mutex<Names<TokenBucket>>,
}

impl ModelBuckets {
    pub fn new(meter: Meter, own: TokenBucket) -> Self {
        Self { meter, own, others: Mutex::default() }
    }

    /// The bucket of `model`, which a call of the client with these settings may have named.
    pub fn of(
        &self,
        model: &str,
        settings: &ModelSettings,
        runtime: &Arc<dyn Runtime>,
    ) -> Result<TokenBucket, Error> {
        if model == settings.model {
            return Ok(self.own.clone());
        }
        let mut others = lock(&self.others);
        if let Some(bucket) = others.get(model) {
            return Ok(bucket.clone());
        }
        if others.len() >= IDLE_KEPT {
            // A full bucket that nobody waits at is as good as a new one.
            others.retain(|b| b.waiters() > 0 || b.tokens() < b.capacity());
        }
        // A client made for that model has set its limits; until then they are this one's.
        let limits = (self.own.capacity(), self.own.refill_rate());
        let bucket =
            registry::bucket_by_guess(self.meter, runtime, &settings.base_url, model, limits)?;
        others.insert(model.into(), bucket.clone());
        Ok(bucket)
    }
}
