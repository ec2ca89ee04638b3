//! A streamed call, from being asked to its last chunk.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::accounting::CallRecord;
use crate::call::Course;
use crate::call_span::IS_BUILT_IN;
use crate::client::Inner;
use crate::codec::{Account, CallRequest, Codec};
use crate::core::key_record::Note;
use crate::core::retry::Failure;
use crate::error::Error;
use crate::key_lease::KeyLease;
use crate::stream_body::{FirstToken, StreamBody};
use crate::wire::Target;

/// The chunks of a streamed answer, as a [`Codec`] reads them. It asks when it is first read.
///
/// Dropping it, or the future of [`next`](Self::next), ends the request.
pub struct ChunkStream<C: Codec> {
    client: Arc<Inner>,
    record: Arc<CallRecord>,
    progress: Progress<C>,
}

/// How far a stream has got.
enum Progress<C: Codec> {
    Asked(Box<(C, CallRequest)>),
    Reading(Box<Reading<C>>),
    Ended,
}

/// A stream that is being read.
struct Reading<C: Codec> {
    course: Course,
    lease: KeyLease,
    body: Box<StreamBody<C>>,
}

impl<C: Codec> ChunkStream<C> {
    pub(crate) fn new(
        client: Arc<Inner>,
        codec: C,
        request: CallRequest,
        record: Arc<CallRecord>,
    ) -> Self {
        Self { client, record, progress: Progress::Asked(Box::new((codec, request))) }
    }

    /// The next chunk, the error that ends the stream, or `None` at the answer's proper end.
    pub async fn next(&mut self) -> Option<Result<C::Chunk, Error>> {
        let span = if IS_BUILT_IN { self.record.span() } else { None };
        if let Progress::Asked(_) = self.progress {
            let Progress::Asked(asked) = self.take() else { return None };
            let (client, record) = (self.client.clone(), self.record.clone());
            // What it takes to get an answer is much, and is not kept while that is read.
            let opening = Box::pin(open(client, record, *asked));
            let opened = match &span {
                Some(span) => span.around(opening).await,
                None => opening.await,
            };
            match opened {
                Ok(reading) => self.progress = Progress::Reading(Box::new(reading)),
                Err(error) => return Some(Err(self.told(error))),
            }
        }
        let Progress::Reading(reading) = &mut self.progress else { return None };
        let runtime = self.client.engine.runtime();
        let next = match span {
            Some(span) => span.around(Box::pin(reading.body.next(runtime))).await,
            None => reading.body.next(runtime).await,
        };
        match next {
            Ok(Some(chunk)) => Some(Ok(chunk)),
            Ok(None) => {
                if let Progress::Reading(reading) = self.take() {
                    self.client.engine.works(&reading.course, reading.lease);
                }
                None
            }
            Err(failure) => self.fail(failure).map(Err),
        }
    }

    /// The next chunk, or the error that ends the stream, if it has come already; `None` says
    /// nothing of what [`next`](Self::next) will give.
    pub fn buffered(&mut self) -> Option<Result<C::Chunk, Error>> {
        let Progress::Reading(reading) = &mut self.progress else { return None };
        let buffered = match self.record.span() {
            Some(span) => span.within(|| reading.body.buffered()),
            None => reading.body.buffered(),
        };
        match buffered {
            Ok(chunk) => chunk.map(Ok),
            Err(failure) => self.fail(failure).map(Err),
        }
    }

    /// The call's account.
    #[must_use]
    pub fn account(&self) -> Account {
        Account(self.record.clone())
    }

    fn take(&mut self) -> Progress<C> {
        std::mem::replace(&mut self.progress, Progress::Ended)
    }

    fn fail(&mut self, failure: Failure) -> Option<Error> {
        let Progress::Reading(reading) = self.take() else { return None };
        let Reading { course, lease, .. } = *reading;
        let failure = self.client.engine.end_attempt(&course, lease, failure);
        Some(self.told(self.client.engine.error(&course, failure)))
    }

    /// The error, of which the call's span has been told.
    fn told(&self, error: Error) -> Error {
        if let Some(span) = self.record.span() {
            span.failed(error.kind(), error.status());
        }
        error
    }
}

async fn open<C: Codec>(
    client: Arc<Inner>,
    record: Arc<CallRecord>,
    (codec, request): (C, CallRequest),
) -> Result<Reading<C>, Error> {
    let asks_usage = request.may_ask_usage && !client.refuses_usage.load(Relaxed);
    let mut call = client.call(record, &request, Target::Stream, asks_usage)?;
    if asks_usage {
        call.without_usage = Some(request.body);
    }
    let reader = FirstToken { codec, choices: request.choices };
    let (body, mut lease) = client.engine.exchange(&mut call, &reader).await?;
    if asks_usage && call.without_usage.take().is_none() {
        client.refuses_usage.store(true, Relaxed);
    }
    lease.answers(&call.course.model, body.first_token.map(Note::FirstToken));
    call.course.record.answered_by(&mut lease);
    // It is not asked again.
    Ok(Reading { course: call.course, lease, body })
}
