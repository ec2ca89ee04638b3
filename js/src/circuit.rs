//! Circuit breakers, and what a failure means for a call that could go on to another target.

use std::sync::Arc;

use lockkeeper::ErrorKind;
use lockkeeper::codec::{CircuitBreaker, Meaning, Pass};
use wasm_bindgen::prelude::*;

use crate::lists;

/// A circuit breaker.
#[wasm_bindgen]
pub struct Circuit(CircuitBreaker);

#[wasm_bindgen]
impl Circuit {
    /// A closed one.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, JsValue> {
        CircuitBreaker::new().map(Self).map_err(|error| lists::error(&error))
    }

    /// Lets a call through, or throws when to come back.
    pub fn enter(&self) -> Result<Gate, JsValue> {
        let pass = self.0.enter();
        pass.map(|pass| Gate(Arc::new(pass))).map_err(|error| lists::error(&error))
    }

    /// Where it stands.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.0.state().as_str().to_owned()
    }

    /// Whether it would let a call through.
    #[wasm_bindgen(getter)]
    pub fn passable(&self) -> bool {
        self.0.opens_in().is_none_or(|wait| wait.is_zero())
    }
}

/// A call's way through a circuit breaker.
#[wasm_bindgen]
pub struct Gate(Arc<Pass>);

impl Gate {
    /// The pass.
    pub fn pass(&self) -> Arc<Pass> {
        self.0.clone()
    }
}

#[wasm_bindgen]
impl Gate {
    /// The target has begun to answer.
    pub fn answered(&self) {
        self.0.answered();
    }

    /// The call has ended: with an answer, or with an error of this kind and status.
    pub fn ended(&self, kind: Option<String>, status: Option<u16>) {
        self.0.ended(kind.map(|kind| (named(&kind), status)));
    }

    /// The call has left without a word.
    pub fn leave(&self) {
        self.0.leave();
    }
}

/// Whether another target may answer after an error of this kind.
#[wasm_bindgen(js_name = movesOn)]
pub fn moves_on(kind: &str) -> bool {
    Meaning::of(named(kind), None).moves_on
}

/// What is no error of this library comes from a target that did not work.
fn named(kind: &str) -> ErrorKind {
    ErrorKind::named(kind).unwrap_or(ErrorKind::Connection)
}
