//! Answers that come piece by piece.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use futures_util::StreamExt;
use js_sys::{Array, Uint8Array};
use lockkeeper::codec::{Account, ChunkStream};
use lockkeeper::{BoxStream, Error, Outcome, TransportError};
use wasm_bindgen::prelude::*;

use crate::codec::JsonParse;
use crate::lists;
use crate::task::Task;

/// A streamed answer.
#[wasm_bindgen]
pub struct Chunks {
    /// Taken out while it is read.
    stream: Rc<RefCell<Option<Reading>>>,
    account: Account,
}

struct Reading {
    chunks: ChunkStream<JsonParse>,
    /// What came after the last chunks that were handed out.
    failed: Option<Error>,
}

impl Chunks {
    /// A stream of these.
    pub fn new(chunks: ChunkStream<JsonParse>) -> Self {
        let account = chunks.account();
        let stream = Rc::new(RefCell::new(Some(Reading { chunks, failed: None })));
        Self { stream, account }
    }
}

#[wasm_bindgen]
impl Chunks {
    /// The chunks that have come, at least one; `undefined` at the end.
    pub fn next(&self) -> Task {
        let place = self.stream.clone();
        Task::new(async move {
            let Some(mut reading) = place.borrow_mut().take() else {
                return Ok(JsValue::UNDEFINED);
            };
            let chunks = reading.next().await.map_err(|error| lists::error(&error));
            *place.borrow_mut() = Some(reading);
            Ok(chunks?.into())
        })
    }

    /// Counts what the answer cost, if one had begun, and ends the call so, if it has not ended.
    pub fn end(&self, outcome: &str, input_tokens: f64, output_tokens: f64) {
        let outcome = match outcome {
            "finished" => Outcome::Succeeded,
            "cancelled" => Outcome::Cancelled,
            _ => Outcome::Failed,
        };
        self.account.count(input_tokens as u64, output_tokens as u64);
        self.account.end(outcome);
        // Whoever reads it just now has been told to stop.
        self.stream.borrow_mut().take();
    }

    /// Whether a key has begun to answer.
    #[wasm_bindgen(getter)]
    pub fn answered(&self) -> bool {
        self.account.has_answer()
    }

    /// The key that answers.
    #[wasm_bindgen(getter)]
    pub fn key(&self) -> Option<String> {
        self.account.key_label()
    }
}

impl Reading {
    /// All that has come, in one list: to cross the border costs more than a chunk.
    async fn next(&mut self) -> Result<Option<Array>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(first) = self.chunks.next().await else { return Ok(None) };
        let (first, mut count) = (first?, 1);
        loop {
            match self.chunks.buffered() {
                Some(Ok(_)) => count += 1,
                failed => {
                    self.failed = failed.and_then(Result::err);
                    return Ok(Some(first.take(count)));
                }
            }
        }
    }
}

/// The body of a response that is passed on.
#[wasm_bindgen]
pub struct Body(Rc<RefCell<Option<Pieces>>>);

type Pieces = BoxStream<'static, Result<Bytes, TransportError>>;

impl Body {
    /// A body of these pieces.
    pub fn new(pieces: Pieces) -> Self {
        Self(Rc::new(RefCell::new(Some(pieces))))
    }
}

#[wasm_bindgen]
impl Body {
    /// The next piece, or `undefined` at the end.
    pub fn next(&self) -> Task {
        let place = self.0.clone();
        Task::new(async move {
            let Some(mut pieces) = place.borrow_mut().take() else {
                return Ok(JsValue::UNDEFINED);
            };
            match pieces.next().await {
                Some(Ok(bytes)) => {
                    *place.borrow_mut() = Some(pieces);
                    Ok(Uint8Array::from(&*bytes).into())
                }
                Some(Err(error)) => Err(error.message.into()),
                None => Ok(JsValue::UNDEFINED),
            }
        })
    }

    /// Gives it up.
    pub fn end(&self) {
        self.0.borrow_mut().take();
    }
}
