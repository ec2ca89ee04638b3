//! What the requests of a client want of its pool.

use super::ApiKeyPool;
use crate::core::key_limits::PerKey;
use crate::core::key_pool::{KeyId, KeyPool, Leased, NoKey, Wanted};
use crate::core::retry::NextKey;
use crate::core::time::Timestamp;
use crate::key_lease::KeyLease;
use crate::provider_config::ModelSettings;

/// A bucket that lets so many requests start at once limits nothing.
const NO_LIMIT: f64 = 1_000.0;

impl ApiKeyPool {
    #[inline]
    pub(crate) fn lease_for(&self, model: &str, limits: Option<PerKey>) -> Result<KeyLease, NoKey> {
        let mut pool = self.lock();
        let wanted = self.wanted(model, limits);
        let now = self.time_for(&pool, wanted);
        let leased = pool.lease(wanted, now)?;
        drop(pool);
        Ok(self.lease_of(leased))
    }

    pub(crate) fn lease_of(&self, Leased { id, key, number }: Leased) -> KeyLease {
        let (shared, key) = (self.shared.clone(), Some(key));
        KeyLease { shared, id, key, number, besides: None }
    }

    /// The key that a call would get next, which has tried these, if it had room there.
    pub(crate) fn next_key(&self, model: &str, tried: &[KeyId]) -> Result<NextKey, NoKey> {
        let mut pool = self.lock();
        let wanted = Wanted { most: u32::MAX, ..self.wanted(model, None) };
        let now = self.time_for(&pool, wanted);
        let key = pool.next(wanted, now)?;
        Ok(if tried.contains(&key) { NextKey::Tried } else { NextKey::Untried })
    }

    /// Why there is no key now, if there is none.
    pub(crate) fn why_none(&self, model: &str, limits: Option<PerKey>) -> Option<NoKey> {
        let mut pool = self.lock();
        let wanted = self.wanted(model, limits);
        let now = self.time_for(&pool, wanted);
        pool.next(wanted, now).err()
    }

    /// The same keys, with so many requests on each at once.
    pub(crate) fn with_most_per_key(self, most: Option<u32>) -> Self {
        Self { most_per_key: most.unwrap_or(u32::MAX), ..self }
    }

    /// The same pool, whose keys begin slowly where nobody has set a limit, of requests or of LLM tokens.
    pub(crate) fn with_limits_of(self, settings: &ModelSettings) -> Self {
        let has_budget = settings.rate_limit_tokens_per_minute.is_some();
        Self { begins_slowly: settings.rate_limit_capacity >= NO_LIMIT && !has_budget, ..self }
    }

    pub(crate) fn wanted<'a>(&self, model: &'a str, limits: Option<PerKey>) -> Wanted<'a> {
        let (scope, most, begins_slowly) = (self.scope, self.most_per_key, self.begins_slowly);
        let waiting = if begins_slowly { self.shared.line.len() } else { 0 };
        Wanted { model, scope, most, limits, begins_slowly, waiting }
    }

    /// The time, as far as it is needed: a bucket fills by it.
    fn time_for(&self, pool: &KeyPool, wanted: Wanted<'_>) -> Timestamp {
        self.shared.time_if(wanted.limits.is_some() || pool.needs_time(wanted))
    }
}
