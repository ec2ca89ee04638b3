//! Answers that come piece by piece.

use futures_util::{StreamExt, stream};
use js_sys::{Array, Uint8Array};
use lockkeeper::codec::{Account, ChunkStream};
use lockkeeper::{BoxStream, Error, Outcome, TransportError};
use wasm_bindgen::prelude::*;

use bytes::Bytes;

use crate::codec::JsonParse;
use crate::lists;
use crate::task::Task;

/// The rest is read when these have been taken.
const MOST_AT_ONCE: usize = 256;

/// A streamed answer.
#[wasm_bindgen]
pub struct Chunks {
    task: Task,
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
        let reading = Some(Reading { chunks, failed: None });
        let lists = stream::unfold(reading, |reading| async move {
            let mut reading = reading?;
            match reading.next().await {
                Ok(chunks) => chunks.map(|chunks| (Ok(chunks.into()), Some(reading))),
                Err(error) => Some((Err(lists::error(&error)), None)),
            }
        });
        Self { task: Task::of(lists), account }
    }
}

#[wasm_bindgen]
impl Chunks {
    /// As a task: lists of the chunks that have come, each of at least one.
    pub fn poll(&self, number: u32) -> Result<Option<Array>, JsValue> {
        self.task.poll(number)
    }

    /// As a task.
    pub fn cancel(&self) {
        self.task.cancel();
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
        self.task.cancel();
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
    /// What has come, in one list: to cross the border costs more than a chunk.
    async fn next(&mut self) -> Result<Option<Array>, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let Some(first) = self.chunks.next().await else { return Ok(None) };
        let (first, mut count) = (first?, 1);
        while count < MOST_AT_ONCE {
            match self.chunks.buffered() {
                Some(Ok(_)) => count += 1,
                failed => {
                    self.failed = failed.and_then(Result::err);
                    break;
                }
            }
        }
        Ok(Some(first.take(count)))
    }
}

/// The body of a response that is passed on.
pub fn body(pieces: BoxStream<'static, Result<Bytes, TransportError>>) -> Task {
    Task::of(pieces.map(|piece| match piece {
        Ok(bytes) => Ok(Uint8Array::from(&*bytes).into()),
        Err(error) => Err(error.message.into()),
    }))
}
