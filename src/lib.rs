//! Scaffold.
mod chat;
mod core;
mod error;
pub use chat::{
    ChatChunk, ChatResponse, Choice, ChunkChoice, Content, ContentPart, Delta, FunctionCall,
    FunctionCallDelta, Message, Role, ToolCall, ToolCallDelta, Usage,
};
pub use core::time::Timestamp;
pub use core::usage::estimate_tokens;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
