//! An OpenAI-compatible server for demonstrations and tests.

mod fault;
mod fault_names;
mod millis;
mod settings;

pub use fault::Fault;
pub use fault_names::FAULT_MODELS;
pub use settings::{KeySettings, Settings};
