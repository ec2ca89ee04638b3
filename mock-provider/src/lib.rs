//! An OpenAI-compatible server for demonstrations and tests.
//!
//! It answers chat requests, streamed or not, with sensible little texts, enforces real rate limits
//! per key, misbehaves on demand in every way that real providers do, and remembers each request.
//!
//! ```
//! use mock_provider::{Fault, KeySettings, MockProvider, Settings};
//!
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! let keys = vec![KeySettings::limited("sk-demo-0001", 3, 1.0)];
//! let provider = MockProvider::start(Settings { keys, ..Settings::default() }).await?;
//! provider.script([Fault::status(503), Fault::None]);
//! println!("Point a client at {}", provider.base_url());
//! assert!(provider.log().is_empty());
//! # provider.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Endpoints
//!
//! | endpoint | does |
//! |---|---|
//! | `POST …/chat/completions` | chat, under any path prefix |
//! | `GET …/models` | the models |
//! | `GET /_control` | counts, also of connections, and peaks of requests in flight |
//! | `GET`, `DELETE /_control/log` | the [`RequestRecord`]s; `GET …/log?model=NAME`: of one model |
//! | `GET`, `POST`, `DELETE /_control/faults` | `{"faults": [{"kind": "reset"}, "503", "none"]}` queues faults: a [`Script`] |
//! | `GET`, `POST /_control/settings` | the [`Settings`]; a `POST` changes the fields that it names |
//!
//! # Faults
//!
//! A [`Fault`] comes from a [`Script`], or else from the model's name: see [`FAULT_MODELS`].
//!
//! # For benches
//!
//! [`prerendered`] is a second server that only copies bytes, and so is never what is measured.
//!
//! # Reading path
//!
//! `server` accepts, `connection` reads request after request, `routes` logs and admits them,
//! `completion` tells the story of one, `answer` thinks of what to say, `stream` and `plain` say it.

mod answer;
mod api_error;
mod chat;
mod clock;
mod completion;
mod connection;
mod control;
mod cors;
mod exchange;
mod fault;
mod fault_names;
mod fingerprint;
mod huge;
mod limits;
mod listener;
mod lock;
mod millis;
mod plain;
pub mod prerendered;
mod record;
mod request;
mod request_log;
mod retry_after;
mod routes;
mod sabotage;
mod schema;
mod script;
mod server;
mod settings;
mod state;
mod stream;
mod text;
mod tokens;
mod tools;
mod traffic;
mod wire;

pub use fault::Fault;
pub use fault_names::FAULT_MODELS;
pub use record::{Finished, RequestRecord, key_label};
pub use retry_after::RetryAfter;
pub use script::Script;
pub use server::MockProvider;
pub use settings::{KeySettings, Settings};
