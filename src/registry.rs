//! What clients of one process share without knowing of each other: the pool of a provider, and the
//! bucket of a model. Entries live as long as somebody holds one.

use std::sync::{Arc, Mutex, Weak};

use crate::error::{Error, Problem};
use crate::key_pool::{self, ApiKeyPool};
use crate::lock::lock;
use crate::platform::{Runtime, number_text};
use crate::shared_bucket::SharedBucket;
use crate::token_bucket::TokenBucket;

static POOLS: Shelf<key_pool::Shared> = Shelf(Mutex::new(Vec::new()));
static BUCKETS: [Shelf<SharedBucket>; 2] = [const { Shelf(Mutex::new(Vec::new())) }; 2];

/// What a bucket meters.
#[derive(Clone, Copy)]
pub(crate) enum Meter {
    Requests,
    LlmTokens,
}

impl Meter {
    /// The setting that says how much its bucket holds.
    fn setting(self) -> &'static str {
        match self {
            Self::Requests => "rate_limit_capacity",
            Self::LlmTokens => "rate_limit_tokens_per_minute",
        }
    }
}

/// What is shared under one key, as long as somebody holds it.
struct Shelf<T>(Mutex<Vec<(Key, Weak<T>)>>);

/// Whose clock it is, and two names. Times on different clocks can't be compared, so pools and
/// buckets are shared by those who share the clock.
type Key = (usize, String, String);

impl<T> Shelf<T> {
    /// What is there under this key and is the one that is meant, or else this, from now on.
    fn get_or_put(
        &self,
        key: Key,
        is_meant: impl Fn(&T) -> bool,
        new: impl FnOnce() -> Arc<T>,
    ) -> Arc<T> {
        let mut entries = lock(&self.0);
        let known = entries.iter().filter(|(known, _)| *known == key);
        let known = known.filter_map(|(_, shared)| shared.upgrade()).find(|it| is_meant(it));
        if let Some(shared) = known {
            return shared;
        }
        entries.retain(|(_, shared)| shared.strong_count() > 0);
        let shared = new();
        entries.push((key, Arc::downgrade(&shared)));
        shared
    }
}

/// The pool of this name at `base_url`, of those that are the one that is meant.
pub(crate) fn pool(
    runtime: &Arc<dyn Runtime>,
    name: &str,
    base_url: &str,
    is_meant: impl Fn(&key_pool::Shared) -> bool,
    make: impl FnOnce() -> key_pool::Shared,
) -> ApiKeyPool {
    let key = key(runtime, name, base_url);
    ApiKeyPool::from_shared(POOLS.get_or_put(key, is_meant, || Arc::new(make())))
}

/// The bucket of `model` at `base_url`, with these limits.
///
/// # Errors
/// Where a client with other limits for the same bucket is there already.
pub(crate) fn bucket(
    meter: Meter,
    runtime: &Arc<dyn Runtime>,
    base_url: &str,
    model: &str,
    limits: (f64, f64),
) -> Result<TokenBucket, Error> {
    let bucket = bucket_by_guess(meter, runtime, base_url, model, limits)?;
    bucket.configure(limits).map_err(|there| {
        let message = format!(
            "{base_url} with model `{model}` has a bucket already, of capacity {} and refill rate \
             {} a second: one bucket can't have two settings",
            number_text(there.0),
            number_text(there.1)
        );
        Error::config(vec![Problem::new(meter.setting(), 0, message)])
    })?;
    Ok(bucket)
}

/// The bucket of `model` at `base_url`; if there is none yet, one with these limits until a client
/// sets them.
///
/// # Errors
/// Where no bucket can have such limits.
pub(crate) fn bucket_by_guess(
    meter: Meter,
    runtime: &Arc<dyn Runtime>,
    base_url: &str,
    model: &str,
    (capacity, refill_rate): (f64, f64),
) -> Result<TokenBucket, Error> {
    let new = TokenBucket::by_guess(capacity, refill_rate, runtime.clone())?;
    let key = key(runtime, base_url, model);
    Ok(TokenBucket::from_shared(BUCKETS[meter as usize].get_or_put(
        key,
        |_| true,
        || new.into_shared(),
    )))
}

fn key(runtime: &Arc<dyn Runtime>, first: &str, second: &str) -> Key {
    let clock = Arc::as_ptr(runtime).cast::<()>() as usize;
    (clock, first.to_owned(), second.to_owned())
}
