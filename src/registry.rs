//! What clients of one process share without knowing of each other: the pool of a provider, and the
//! bucket of a model. Entries live as long as somebody holds one.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Weak};

use crate::error::{Error, Problem};
use crate::key_pool::{self, ApiKeyPool};
use crate::lock::lock;
use crate::platform::{Runtime, number_text};
use crate::token_bucket::{self, TokenBucket};

/// Whose clock it is, and two names. Times on different clocks can't be compared, so pools and
/// buckets are shared by those who share the clock.
type Key = (usize, String, String);

static POOLS: LazyLock<Mutex<HashMap<Key, Weak<key_pool::Shared>>>> = LazyLock::new(Mutex::default);
static BUCKETS: LazyLock<Mutex<HashMap<Key, Weak<token_bucket::Shared>>>> =
    LazyLock::new(Mutex::default);

/// The pool of `provider_id` at `base_url`.
pub(crate) fn pool(
    runtime: &Arc<dyn Runtime>,
    provider_id: &str,
    base_url: &str,
    make: impl FnOnce() -> key_pool::Shared,
) -> ApiKeyPool {
    let mut pools = lock(&POOLS);
    let key = key(runtime, provider_id, base_url);
    if let Some(shared) = pools.get(&key).and_then(Weak::upgrade) {
        return ApiKeyPool::from_shared(shared);
    }
    pools.retain(|_, shared| shared.strong_count() > 0);
    let pool = ApiKeyPool::from_shared(Arc::new(make()));
    pools.insert(key, pool.downgrade());
    pool
}

/// The bucket of `model` at `base_url`, with these limits.
///
/// # Errors
/// Where a client with other limits for the same bucket is there already.
pub(crate) fn bucket(
    runtime: &Arc<dyn Runtime>,
    base_url: &str,
    model: &str,
    limits: (f64, f64),
) -> Result<TokenBucket, Error> {
    let bucket = bucket_by_guess(runtime, base_url, model, limits)?;
    let there = (bucket.capacity(), bucket.refill_rate());
    if there != limits && bucket.is_configured() {
        let message = format!(
            "{base_url} with model `{model}` has a bucket already, of capacity {} and refill rate \
             {} a second: one bucket can't have two settings",
            number_text(there.0),
            number_text(there.1)
        );
        return Err(Error::config(vec![Problem::new("rate_limit_capacity", 0, message)]));
    }
    bucket.configure(limits);
    Ok(bucket)
}

/// The bucket of `model` at `base_url`; if there is none yet, one with these limits until a client
/// sets them.
///
/// # Errors
/// Where no bucket can have such limits.
pub(crate) fn bucket_by_guess(
    runtime: &Arc<dyn Runtime>,
    base_url: &str,
    model: &str,
    (capacity, refill_rate): (f64, f64),
) -> Result<TokenBucket, Error> {
    let key = key(runtime, base_url, model);
    if let Some(bucket) = lock(&BUCKETS).get(&key).and_then(TokenBucket::upgrade) {
        return Ok(bucket);
    }
    let new = TokenBucket::by_guess(capacity, refill_rate, runtime.clone())?;
    let mut buckets = lock(&BUCKETS);
    // Somebody may have been faster.
    if let Some(bucket) = buckets.get(&key).and_then(TokenBucket::upgrade) {
        return Ok(bucket);
    }
    buckets.retain(|_, shared| shared.strong_count() > 0);
    buckets.insert(key, new.downgrade());
    Ok(new)
}

fn key(runtime: &Arc<dyn Runtime>, first: &str, second: &str) -> Key {
    let clock = Arc::as_ptr(runtime).cast::<()>() as usize;
    (clock, first.to_owned(), second.to_owned())
}
