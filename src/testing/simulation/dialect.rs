//! What client and provider say to each other: requests that a budget can weigh, and answers of as few
//! letters as the engine asks for, since nobody reads them.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;

use crate::codec::{CallRequest, Codec, Facts, RequestBody};
use crate::error::Error;

/// The first LLM token of a stream, and others.
pub(super) const TOKEN: &str = "token";
/// The end of a stream.
pub(super) const END: &str = "end";
/// A whole answer.
pub(super) const WHOLE: &str = "whole";

/// Reads answers.
#[derive(Clone)]
pub(super) struct Dialect;

/// A part of an answer, or all of it.
pub(super) struct Part {
    is_visible: bool,
    is_end: bool,
}

impl Codec for Dialect {
    type Answer = Part;
    type Chunk = Part;

    fn answer(&self, body: &[u8]) -> Result<Part, String> {
        part(body, WHOLE)
    }

    fn chunk(&mut self, data: &[u8]) -> Result<Part, String> {
        part(data, TOKEN).or_else(|_| part(data, END))
    }
}

fn part(data: &[u8], expected: &str) -> Result<Part, String> {
    match data == expected.as_bytes() {
        true => Ok(Part { is_visible: expected != END, is_end: expected != TOKEN }),
        false => Err(format!("is not `{expected}`")),
    }
}

impl Facts for Part {
    fn is_error(&self) -> bool {
        false
    }

    fn is_visible(&self) -> bool {
        self.is_visible
    }

    fn choices(&self) -> impl Iterator<Item = (u32, bool)> {
        std::iter::once((0, self.is_end))
    }
}

/// A body that all calls share.
struct Body(Bytes);

impl RequestBody for Body {
    fn json(&self, _asks_usage: bool) -> Result<Bytes, Error> {
        Ok(self.0.clone())
    }
}

/// A request of so many LLM tokens.
pub(super) fn request(input_tokens: u32) -> CallRequest {
    // Four letters are estimated to be one.
    let message = json!({ "role": "user", "content": "lock".repeat(input_tokens as usize) });
    let body = json!({ "model": "simulated", "messages": [message] }).to_string();
    let mut request = CallRequest::new(Arc::new(Body(body.into())));
    request.may_ask_usage = false;
    request
}
