//! One portable client for every OpenAI-compatible LLM API, with a pool of keys and a token bucket
//! in front of it.
//!
//! ```no_run
//! use lockkeeper::{ChatOptions, LlmInterface, Message, OpenAiCompatible};
//!
//! # async fn example() -> Result<(), lockkeeper::Error> {
//! let providers = OpenAiCompatible::load_from_json_file("provider.json")?;
//! let llm = &providers["openai"]["gpt-4"];
//! let answer = llm.chat(vec![Message::user("Hello!")], ChatOptions::default()).await?;
//! println!("{}", answer.text());
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! | to | look at |
//! |---|---|
//! | talk to any provider | [`LlmInterface`]: `chat` and `chat_stream` |
//! | talk to an OpenAI-compatible one | [`OpenAiCompatible`], from `provider.json` or [`ModelSettings`] |
//! | call a model as a typed function | `LlmFunction`, `LlmChat`, `LlmTool`; `#[llm_function]` and others (features) |
//! | go on to another when one fails | [`Fallback`], itself an [`LlmInterface`] |
//! | say something | [`Message`], [`ChatOptions`] |
//! | read the answer | [`ChatResponse`], or [`ChatStream`] of [`ChatChunk`]s |
//! | see what went wrong | [`Error`]: its [kind](ErrorKind), its [attempts](Attempt), when to come back |
//! | watch | [`ClientStats`], [`metrics_text`]; an [`Observer`]; `tracing` spans and events of this crate |
//! | keep what it knows for the next process | [`Snapshot`] |
//! | send any other request through it | [`OpenAiCompatible::forward`] |
//! | keep limits with other processes | [`SharedState`], [`ClientBuilder::shared_state`] |
//! | use the parts alone | [`TokenBucket`], [`ApiKeyPool`] |
//! | test without waiting | [`testing`]: a virtual clock, a provider that answers by script |
//! | run elsewhere | [`Runtime`] (time) and [`Transport`] (requests): two traits are all that is needed |
//! | bind it to another language | [`codec`]: the client beneath its types |
//!
//! # The story of a request
//!
//! A call takes a token from the bucket of its model, in order of arrival, then leases the ready key
//! with the fewest requests in flight, and sends. What comes back is looked up in one table: the
//! answer; or a failure that says something of the key (it rests, it is left alone) and what may help
//! (another key at once, some time, nothing). No token and no key is held while a call waits, and no
//! wait is begun that its timeout would cut short: the error comes at once, with
//! [`retry_at`](Error::retry_at).
//!
//! # Any executor
//!
//! Nothing here needs a certain executor: futures run under tokio, smol or
//! `futures::executor::block_on` alike. They may be dropped at any moment; whatever they hold is given
//! up then. Connections live on the caller's tokio runtime if it has threads, else on the library's.
//!
//! # Features
//!
//! * `reqwest` (default): the native transport. Without it there is neither reqwest nor tokio in the
//!   tree, and a client is given a [`Transport`].
//! * `redis`: `RedisState`, limits that processes share in Redis or Valkey.
//! * `functions`: typed functions that a model carries out. Brings `schemars`, which is re-exported.
//! * `macros`: the same as attributes on signatures: `#[llm_function]`, `#[llm_chat]`, `#[tool]`.
//!
//! On wasm32 the host's `fetch` and timers are built in, whatever the features, and futures need not
//! be `Send`.
//!
//! # Logging
//!
//! Each call has a `tracing` span at info level, with the attributes of OpenTelemetry's GenAI conventions.
//! Events in it at debug level tell each wait, attempt and outcome with the key's label; request and
//! answer bodies show at trace level only, keys never.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![allow(clippy::arc_with_non_send_sync, reason = "a browser's transport stays on its thread")]

mod accounting;
mod acquire;
mod admission;
mod call;
mod call_span;
mod chat;
mod chat_stream;
mod circuit;
mod client;
mod client_builder;
mod clocks;
pub mod codec;
mod core;
mod error;
mod events;
mod exchange;
mod fallback;
mod forward;
mod interface;
mod key_lease;
mod key_pool;
mod line;
#[cfg(feature = "functions")]
mod llm_function;
mod lock;
mod metrics;
mod model_buckets;
mod platform;
mod provider_config;
mod registry;
mod response_failure;
mod response_limits;
mod room;
mod shared_bucket;
mod shared_state;
mod snapshot;
mod stats;
mod stream_body;
mod streamed_call;
pub mod testing;
mod token_bucket;
mod token_budget;
mod wakers;
mod whole_body;
mod wire;

pub use acquire::Acquire;
pub use chat::{
    AnsweredBy, ChatChunk, ChatOptions, ChatResponse, Choice, ChunkChoice, Content, ContentPart,
    Delta, Extra, FunctionCall, FunctionCallDelta, FunctionDefinition, Message, OnInterrupt,
    Restart, Role, Stop, Tool, ToolCall, ToolCallDelta, ToolChoice, Usage,
};
pub use chat_stream::{ChatStream, StreamState};
pub use circuit::CircuitState;
pub use client::OpenAiCompatible;
pub use client_builder::{ClientBuilder, ConfigLoader, Providers};
pub use core::histogram::Quantiles;
pub use core::key::ApiKey;
pub use core::key_slot::{KeyCounts, KeyLimit, KeyState, KeyStatus};
pub use core::time::Timestamp;
pub use core::usage::estimate_tokens;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
pub use events::{Event, Observer, Outcome, WaitFor};
pub use fallback::{Fallback, TargetStatus};
pub use interface::{LlmInterface, ModelInfo};
pub use key_lease::KeyLease;
pub use key_pool::ApiKeyPool;
#[doc(hidden)]
#[cfg(feature = "functions")]
pub use llm_function::private as __private;
#[cfg(feature = "functions")]
pub use llm_function::{
    Answer, Arguments, ChatProgress, ChatReply, FunctionAttempt, FunctionStream, FunctionTool,
    Learned, LlmChat, LlmChatStream, LlmFunction, LlmFunctionError, LlmFunctionErrorKind, LlmTool,
    Progress, Strategy, ToolRun, Trace,
};
#[cfg(feature = "macros")]
pub use llm_function::{llm_chat, llm_function, tool};
pub use metrics::metrics_text;
#[allow(unused_imports, reason = "a platform or feature set may have none")]
pub use platform::transports::*;
pub use platform::{
    BoxFuture, BoxStream, Header, Headers, HttpRequest, HttpResponse, MaybeSend, MaybeSync,
    Runtime, Transport, TransportError,
};
pub use provider_config::{
    ModelSettings, RateLimitScope, parse as parse_provider_json, provider_schema,
};
#[cfg(feature = "functions")]
pub use schemars;
pub use shared_state::{OnFailure, SharedState, SharedStateError, SharedStateOptions};
pub use snapshot::Snapshot;
pub use stats::{BucketStats, ClientStats, Waits, WaitsFor};
pub use token_bucket::{Refused, TokenBucket};
