//! Where a client is given the state that it shares.

use std::sync::Arc;

use super::{SharedState, SharedStateOptions};
use crate::client_builder::{ClientBuilder, ConfigLoader};

/// The state that a client shares with other processes, if it does.
pub(crate) type Shared = Option<(Arc<dyn SharedState>, SharedStateOptions)>;

impl ClientBuilder {
    /// A state that other processes share: the limits hold for all of them together. Default: none, so that
    /// they hold for this process.
    pub fn shared_state(
        mut self,
        state: Arc<dyn SharedState>,
        options: SharedStateOptions,
    ) -> Self {
        self.world.shared_state = Some((state, options));
        self
    }
}

impl ConfigLoader<'_> {
    /// A state that other processes share: the limits hold for all of them together. Default: none, so that
    /// they hold for this process.
    pub fn shared_state(
        mut self,
        state: Arc<dyn SharedState>,
        options: SharedStateOptions,
    ) -> Self {
        self.world.shared_state = Some((state, options));
        self
    }
}
