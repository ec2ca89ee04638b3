//! A streamed call, from being asked to its last chunk.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures_util::stream;

use crate::accounting::CallRecord;
use crate::chat::{ChatChunk, ChatOptions, Message, request_body};
use crate::chat_stream::ChatStream;
use crate::client::Inner;
use crate::error::Error;
use crate::exchange::Call;
use crate::key_pool::KeyLease;
use crate::platform::boxed_stream;
use crate::stream_body::{FirstToken, StreamBody};

/// A stream that asks when it is first read.
pub(crate) fn stream(
    client: Arc<Inner>,
    messages: Arc<Vec<Message>>,
    options: ChatOptions,
    record: Arc<CallRecord>,
) -> ChatStream {
    let asked = Asked { client, messages: messages.clone(), options, record: record.clone() };
    let chunks = stream::unfold(Progress::Asked(Box::new(asked)), Progress::step);
    ChatStream::of_call(messages, boxed_stream(chunks), Some(record))
}

/// The same request without the wish for usage, for providers that refuse that.
pub(crate) struct WithoutUsage {
    messages: Arc<Vec<Message>>,
    options: ChatOptions,
    default_model: String,
}

impl WithoutUsage {
    /// Its body.
    pub fn body(&self) -> Result<Bytes, Error> {
        let Self { messages, options, default_model } = self;
        request_body(messages, options, default_model, true, false).map(Bytes::from)
    }
}

/// How far a stream has got.
enum Progress {
    Asked(Box<Asked>),
    Reading(Box<Reading>),
    Ended,
}

/// What a stream was asked, before it is first read.
struct Asked {
    client: Arc<Inner>,
    messages: Arc<Vec<Message>>,
    options: ChatOptions,
    record: Arc<CallRecord>,
}

/// A stream that is being read.
struct Reading {
    client: Arc<Inner>,
    call: Call,
    lease: KeyLease,
    body: StreamBody,
}

impl Progress {
    /// The next chunk, or the error that ends the stream, or its end.
    async fn step(self) -> Option<(Result<ChatChunk, Error>, Self)> {
        let reading = match self {
            Self::Ended => return None,
            Self::Reading(reading) => reading,
            Self::Asked(asked) => match asked.open().await {
                Ok(reading) => Box::new(reading),
                Err(error) => return Some((Err(error), Self::Ended)),
            },
        };
        reading.next().await
    }
}

impl Asked {
    async fn open(self) -> Result<Reading, Error> {
        let Self { client, messages, options, record } = self;
        let (mut call, asks_usage) = client.call(record, &messages, &options, true)?;
        let reader = FirstToken { choices: options.n.map_or(1, |n| n as usize) };
        if asks_usage {
            let default_model = client.settings.model.clone();
            call.without_usage = Some(WithoutUsage { messages, options, default_model });
        }
        let (body, lease) = client.engine.exchange(&mut call, &reader).await?;
        if asks_usage && call.without_usage.take().is_none() {
            client.refuses_usage.store(true, Relaxed);
        }
        lease.answers();
        call.record.answered_by(lease.id(), lease.key_label());
        Ok(Reading { client, call, lease, body })
    }
}

impl Reading {
    async fn next(mut self: Box<Self>) -> Option<(Result<ChatChunk, Error>, Progress)> {
        match self.body.next(self.client.engine.runtime()).await {
            Ok(Some(chunk)) => Some((Ok(chunk), Progress::Reading(self))),
            Ok(None) => {
                self.client.engine.works(&self.call, self.lease);
                None
            }
            Err(failure) => {
                let Self { client, call, lease, .. } = *self;
                let failure = client.engine.end_attempt(&call, lease, failure);
                Some((Err(client.engine.error(&call, failure)), Progress::Ended))
            }
        }
    }
}
