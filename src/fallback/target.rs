//! One of the interfaces behind a fallback, with its circuit breaker.

use std::sync::Arc;

use super::TargetStatus;
use crate::circuit::{CircuitBreaker, CircuitState, Pass};
use crate::error::Error;
use crate::interface::{LlmInterface, ModelInfo};
use crate::platform::Runtime;

/// One of the interfaces behind a fallback.
#[derive(Clone)]
pub(super) struct Target {
    pub llm: Arc<dyn LlmInterface>,
    pub info: ModelInfo,
    pub name: String,
    /// None where there is nobody else to go to.
    circuit: Option<CircuitBreaker>,
}

impl Target {
    pub fn new(
        llm: Arc<dyn LlmInterface>,
        index: usize,
        runtime: Option<&Arc<dyn Runtime>>,
    ) -> Self {
        let info = llm.model_info();
        let name = info.name().unwrap_or_else(|| format!("target {}", index + 1));
        let circuit = runtime.map(|runtime| CircuitBreaker::with_runtime(runtime.clone()));
        Self { llm, info, name, circuit }
    }

    /// Lets a call through, if there is something to pass.
    ///
    /// # Errors
    /// That its circuit is open, and when to ask again.
    pub fn enter(&self) -> Result<Option<Arc<Pass>>, Error> {
        let pass = self.circuit.as_ref().map(CircuitBreaker::enter).transpose()?;
        Ok(pass.map(Arc::new))
    }

    /// Whether it would let a call through.
    pub fn is_there(&self) -> bool {
        self.circuit.as_ref().and_then(CircuitBreaker::opens_in).is_none_or(|wait| wait.is_zero())
    }

    /// Whether it keeps the clocks of a call itself, as clients do.
    pub fn keeps_time(&self) -> bool {
        self.info.runtime.is_some()
    }

    pub fn status(&self) -> TargetStatus {
        let circuit = self.circuit.as_ref().map_or(CircuitState::Closed, CircuitBreaker::state);
        TargetStatus { name: self.name.clone(), circuit }
    }
}
