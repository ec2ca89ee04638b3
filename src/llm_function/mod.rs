//! Typed functions that a model carries out: the description is the prompt, the types are the contract.
//!
//! A call asks for structure in the way that the model takes ([`Strategy`]), reads the answer tolerantly,
//! checks it against the schema of the return type, and shows the model its errors where there are
//! any. All of it sits on `chat` and `chat_stream`, so that retries, keys and fallbacks apply as ever.
//!
//! `run.rs` is the loop; `ask.rs` one request of it; `answer_text/` and `schema/` know nothing of models.

mod answer;
mod answer_text;
mod arguments;
mod ask;
#[cfg(feature = "macros")]
mod attributes;
mod chat;
mod deadline;
mod error;
mod function;
mod progress;
mod prompt;
mod run;
mod schema;
mod spec;
mod strategy;
#[cfg(test)]
mod tests;
mod tool;
mod trace;

use schemars::JsonSchema;
use serde_json::Value;

pub use answer::{Answer, FunctionStream, Progress};
pub use arguments::Arguments;
#[cfg(feature = "macros")]
pub use attributes::{llm_chat, llm_function, tool};
pub use chat::{ChatProgress, ChatReply, LlmChat, LlmChatStream};
pub use error::{LlmFunctionError, LlmFunctionErrorKind};
pub use function::LlmFunction;
pub use strategy::{Learned, Strategy};
pub use tool::{FunctionTool, LlmTool};
pub use trace::{FunctionAttempt, ToolRun, Trace};

/// What the attributes' code calls.
pub mod private {
    pub use serde;
    pub use serde_json::Value;

    pub use super::tool::{call_tool, parameters_of};
}

/// The JSON schema of a type.
fn schema_of<T: JsonSchema>() -> Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .into()
}
