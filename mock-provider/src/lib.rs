//! An OpenAI-compatible server for demonstrations and tests.

mod answer;
mod api_error;
mod chat;
mod clock;
mod fault;
mod fault_names;
mod fingerprint;
mod limits;
mod lock;
mod millis;
mod record;
mod request_log;
mod schema;
mod settings;
mod text;
mod tokens;
mod tools;
mod traffic;

pub use fault::Fault;
pub use fault_names::FAULT_MODELS;
pub use record::{Finished, RequestRecord, key_label};
pub use settings::{KeySettings, Settings};
