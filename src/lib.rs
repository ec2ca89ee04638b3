//! Scaffold.
mod chat;
mod core;
mod error;
pub use chat::{
    ChatChunk, ChatOptions, ChatResponse, Choice, ChunkChoice, Content, ContentPart, Delta,
    FunctionCall, FunctionCallDelta, FunctionDefinition, Message, Role, Stop, Tool, ToolCall,
    ToolCallDelta, ToolChoice, Usage,
};
pub use core::time::Timestamp;
pub use core::usage::estimate_tokens;
pub use error::{Attempt, Clock, Error, ErrorKind, Partial, Problem};
