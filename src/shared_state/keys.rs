//! A pool's keys, for a store to choose from.

use std::sync::Arc;

use crate::core::key::LabelledKey;
use crate::core::key_pool::{KeyId, NoKey, Wanted};
use crate::key_lease::KeyLease;
use crate::key_pool::ApiKeyPool;

impl ApiKeyPool {
    /// Every ready key that will do for a model, whatever is under way on it.
    pub(crate) fn ready_keys(&self, model: &str) -> Result<Vec<(KeyId, Arc<LabelledKey>)>, NoKey> {
        let now = self.now();
        self.lock().ready_keys(Wanted { most: u32::MAX, ..self.wanted(model, None) }, now)
    }

    /// Takes this key, if it may still be used.
    pub(crate) fn lease_key(&self, id: KeyId, model: &str) -> Option<KeyLease> {
        let (now, wanted) = (self.now(), Wanted { most: u32::MAX, ..self.wanted(model, None) });
        let leased = self.lock().lease_key(id, wanted, now)?;
        Some(self.lease_of(leased))
    }
}
