//! OpenAI's wire nouns: what goes into a chat and what comes out of it.
//!
//! Every type keeps the fields it does not know in `extra` and writes them back, so that nothing a
//! provider adds is lost on the way through. Reading is lenient, since real servers are: `null` is
//! the same as absent, and no field is required.

mod assemble;
mod chunk;
mod codec;
mod content;
mod extra;
mod in_one_chunk;
mod message;
pub(crate) mod open_object;
mod options;
mod request;
mod response;
mod template;
mod tool_calls;

pub(crate) use assemble::Assembler;
pub use chunk::{ChatChunk, ChunkChoice, Delta, FunctionCallDelta, Restart, ToolCallDelta};
pub(crate) use codec::{ChatBody, SerdeCodec};
pub use content::{Content, ContentPart};
pub use extra::Extra;
pub use message::{FunctionCall, Message, Role, ToolCall};
pub use options::{ChatOptions, FunctionDefinition, OnInterrupt, Stop, Tool, ToolChoice};
pub use response::{AnsweredBy, ChatResponse, Choice};

pub use crate::core::usage::Usage;
