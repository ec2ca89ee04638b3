//! Scaffold.
#![allow(clippy::arc_with_non_send_sync, reason = "a browser's transport stays on its thread")]
mod accounting;
mod chat;
mod chat_stream;
mod client;
mod client_builder;
mod clocks;
mod core;
mod error;
mod exchange;
mod interface;
mod key_pool;
mod lock;
mod platform;
mod provider_config;
mod registry;
mod response_failure;
mod stream_body;
pub mod testing;
mod token_bucket;
mod wakers;
mod whole_body;
mod wire;

pub use accounting::ClientStats;
pub use chat::{
    ChatChunk, ChatOptions, ChatResponse, Choice, ChunkChoice, Content, ContentPart, Delta,
    FunctionCall, FunctionCallDelta, FunctionDefinition, Message, Role, Stop, Tool, ToolCall,
    ToolCallDelta, ToolChoice, Usage,
};
pub use chat_stream::{ChatStream, StreamState};
pub use client::OpenAiCompatible;
pub use client_builder::{ClientBuilder, ConfigLoader, Providers};
pub use core::key::ApiKey;
pub use core::key_slot::{KeyCounts, KeyState, KeyStatus};
pub use core::time::Timestamp;
pub use core::usage::estimate_tokens;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
pub use interface::LlmInterface;
pub use key_pool::{ApiKeyPool, KeyLease};
#[allow(unused_imports, reason = "a platform or feature set may have none")]
pub use platform::transports::*;
pub use platform::{
    BoxFuture, BoxStream, Header, HttpRequest, HttpResponse, MaybeSend, MaybeSync, Runtime,
    Transport, TransportError,
};
pub use provider_config::{ModelSettings, parse as parse_provider_json, provider_schema};
pub use token_bucket::{Acquire, Refused, TokenBucket};
