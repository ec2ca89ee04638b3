//! Reading answers into the types of this library.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::chunk::ChatChunk;
use super::extra::Extra;
use super::message::Message;
use super::options::ChatOptions;
use super::request::request_body;
use super::response::ChatResponse;
use super::template::{ChunkReader, read_json};
use crate::codec::{CallRequest, Codec, Facts, Parameters, RequestBody};
use crate::error::Error;

/// Reads with serde.
#[derive(Clone, Debug, Default)]
pub(crate) struct SerdeCodec {
    chunks: ChunkReader,
}

impl Codec for SerdeCodec {
    type Answer = ChatResponse;
    type Chunk = ChatChunk;

    fn answer(&self, body: &[u8]) -> Result<ChatResponse, String> {
        read_json(body).map_err(|error| error.to_string())
    }

    fn chunk(&mut self, data: &[u8]) -> Result<ChatChunk, String> {
        self.chunks.read(data).map_err(|error| error.to_string())
    }
}

impl Facts for ChatResponse {
    fn is_error(&self) -> bool {
        is_error(&self.object, &self.extra)
    }

    fn is_visible(&self) -> bool {
        true
    }

    fn choices(&self) -> impl Iterator<Item = (u32, bool)> {
        self.choices.iter().map(|choice| (choice.index, choice.is_finished()))
    }
}

impl Facts for ChatChunk {
    fn is_error(&self) -> bool {
        is_error(&self.object, &self.extra)
    }

    fn is_visible(&self) -> bool {
        ChatChunk::is_visible(self)
    }

    fn is_restart(&self) -> bool {
        self.restart().is_some()
    }

    fn choices(&self) -> impl Iterator<Item = (u32, bool)> {
        self.choices.iter().map(|choice| (choice.index, choice.is_finished()))
    }
}

fn is_error(object: &str, extra: &Extra) -> bool {
    let wrapped = extra.get("error").is_some_and(|error| !error.is_null());
    wrapped || object == "error" // Mistral
}

/// What a chat asks.
pub(crate) struct ChatBody {
    pub messages: Arc<Vec<Message>>,
    pub options: ChatOptions,
    pub default_model: Arc<str>,
    pub stream: bool,
}

impl ChatBody {
    /// The request for it.
    pub fn into_request(self) -> CallRequest {
        let options = &self.options;
        CallRequest {
            model: options.model.clone(),
            choices: options.n.map_or(1, |n| n as usize),
            may_ask_usage: !options.extra.contains_key("stream_options"),
            timeout: options.timeout,
            headers_timeout: options.headers_timeout,
            first_token_timeout: options.first_token_timeout,
            idle_timeout: options.idle_timeout,
            max_retries: options.max_retries,
            priority: options.priority.unwrap_or_default(),
            route: options.route.clone(),
            body: Arc::new(self),
        }
    }
}

impl RequestBody for ChatBody {
    fn json(&self, asks_usage: bool) -> Result<Bytes, Error> {
        let Self { messages, options, default_model, stream } = self;
        request_body(messages, options, default_model, *stream, asks_usage).map(Bytes::from)
    }

    fn parameters(&self) -> Parameters {
        let options = &self.options;
        let extra = |name: &str| options.extra.get(name).and_then(Value::as_f64);
        Parameters {
            choices: options.n,
            max_tokens: options.max_completion_tokens.or(options.max_tokens),
            seed: options.seed,
            temperature: options.temperature,
            top_p: options.top_p,
            top_k: extra("top_k"),
            frequency_penalty: extra("frequency_penalty"),
            presence_penalty: extra("presence_penalty"),
        }
    }
}
