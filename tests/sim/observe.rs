//! The scripted transport with an observer before it, who sees when each request begins, what was
//! delivered of its answer, and when the client lets go of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use lockkeeper::testing::ScriptedTransport;
use lockkeeper::{BoxFuture, BoxStream, HttpRequest, HttpResponse, Transport, TransportError};

use super::provider::Asked;
use super::said::Said;
use super::trace::{Attempt, BodyEnd, Recorder};

/// What a body's piece is.
type Piece = Result<bytes::Bytes, TransportError>;

pub struct Observed {
    pub transport: ScriptedTransport,
    pub recorder: Recorder,
}

impl Transport for Observed {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let (transport, recorder) = (self.transport.clone(), self.recorder.clone());
        Box::pin(async move {
            let held = Held::begin(recorder, &request);
            match transport.send(request).await {
                Err(error) => {
                    held.note(|attempt, _| attempt.was_reset = true);
                    Err(error)
                }
                Ok(HttpResponse { status, headers, body, .. }) => {
                    let by_day = held.recorder.time_of_day();
                    held.note(|attempt, now| attempt.headers = Some((now, by_day)));
                    let body = ObservedBody { body, held };
                    Ok(HttpResponse::new(status, headers, Box::pin(body)))
                }
            }
        })
    }
}

/// A request that the client holds on to; dropping it is the attempt's end.
struct Held {
    recorder: Recorder,
    attempt: usize,
}

impl Held {
    fn begin(recorder: Recorder, request: &HttpRequest) -> Self {
        let asked = Asked::read(request);
        let attempt = recorder.started(Attempt {
            call: asked.call,
            key: asked.key,
            model: asked.model,
            asks_usage: asked.usage,
            started: recorder.now(),
            said: Said::Nothing,
            headers: None,
            was_reset: false,
            pieces: Vec::new(),
            body_end: None,
            ended: Duration::MAX,
        });
        Self { recorder, attempt }
    }

    fn note(&self, note: impl FnOnce(&mut Attempt, Duration)) {
        self.recorder.note(self.attempt, note);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.recorder.ended(self.attempt);
    }
}

struct ObservedBody {
    body: BoxStream<'static, Piece>,
    held: Held,
}

impl Stream for ObservedBody {
    type Item = Piece;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let piece = std::task::ready!(self.body.as_mut().poll_next(cx));
        self.held.note(|attempt, now| match &piece {
            Some(Ok(_)) => attempt.pieces.push(now),
            Some(Err(_)) => attempt.body_end = Some(BodyEnd::Cut),
            None => attempt.body_end = Some(BodyEnd::Whole),
        });
        if matches!(piece, Some(Ok(_))) {
            self.held.recorder.answers(self.held.attempt);
        }
        Poll::Ready(piece)
    }
}
