//! A transport that asks a script instead of a network.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;

use super::reply::{End, Head, Reply};
use super::virtual_clock::VirtualClock;
use crate::core::time::Timestamp;
use crate::lock::lock;
use crate::platform::{
    BoxFuture, HttpRequest, HttpResponse, MaybeSend, MaybeSync, Runtime, Transport, TransportError,
    boxed, boxed_stream,
};

/// What a script makes of a request.
trait Script: MaybeSend + MaybeSync {
    fn reply(&self, request: &HttpRequest) -> Reply;
}

impl<F: Fn(&HttpRequest) -> Reply + MaybeSend + MaybeSync> Script for F {
    fn reply(&self, request: &HttpRequest) -> Reply {
        self(request)
    }
}

/// A request that was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentRequest {
    /// When.
    pub at: Timestamp,
    /// What.
    pub request: HttpRequest,
}

impl SentRequest {
    /// The key that it carried as `Authorization: Bearer`.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.request.header("authorization").and_then(|value| value.strip_prefix("Bearer "))
    }

    /// Its body as JSON; `null` where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }
}

/// A provider in a test. Clones are one provider.
#[derive(Clone)]
pub struct ScriptedTransport {
    runtime: Arc<dyn Runtime>,
    script: Arc<dyn Script>,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    requests: Vec<SentRequest>,
    open: usize,
}

impl ScriptedTransport {
    /// A provider whose every answer `script` decides.
    pub fn new(
        clock: &VirtualClock,
        script: impl Fn(&HttpRequest) -> Reply + MaybeSend + MaybeSync + 'static,
    ) -> Self {
        Self { runtime: clock.runtime(), script: Arc::new(script), log: Arc::default() }
    }

    /// A provider that gives these answers in turn, and after the last resets every connection.
    pub fn replies(clock: &VirtualClock, replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::new(clock, move |_| lock(&replies).pop_front().unwrap_or_else(Reply::reset))
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<SentRequest> {
        lock(&self.log).requests.clone()
    }

    /// How many requests are under way: sent, and neither answered to the end nor dropped.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        lock(&self.log).open
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport")
            .field("requests", &lock(&self.log).requests.len())
            .finish_non_exhaustive()
    }
}

/// Counts a request as under way while it exists.
struct UnderWay(Arc<Mutex<Log>>);

impl UnderWay {
    fn begin(log: &Arc<Mutex<Log>>, request: SentRequest) -> Self {
        let mut inner = lock(log);
        inner.requests.push(request);
        inner.open += 1;
        Self(log.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.0).open -= 1;
    }
}

impl Transport for ScriptedTransport {
    fn send(
        &self,
        request: HttpRequest,
    ) -> BoxFuture<'static, Result<HttpResponse, TransportError>> {
        let Self { runtime, script, log } = self.clone();
        boxed(async move {
            let reply = script.reply(&request);
            let sent = SentRequest { at: runtime.now(), request };
            let under_way = UnderWay::begin(&log, sent);
            if !reply.delay.is_zero() {
                runtime.sleep(reply.delay).await;
            }
            match reply.head {
                Head::Reset => Err(TransportError::connection("connection reset by the script")),
                Head::Silence => std::future::pending().await,
                Head::Status(status) => {
                    let headers = reply.headers.iter().map(|(name, value)| (name, value)).collect();
                    let body =
                        Body { pieces: reply.pieces.into(), pace: reply.pace, end: reply.end };
                    let body = stream::unfold(
                        (body, runtime, under_way),
                        |(mut body, runtime, open)| async move {
                            let piece = body.next(&*runtime).await?;
                            Some((piece, (body, runtime, open)))
                        },
                    );
                    Ok(HttpResponse::new(status, headers, boxed_stream(body)))
                }
            }
        })
    }
}

struct Body {
    pieces: VecDeque<Bytes>,
    pace: std::time::Duration,
    end: End,
}

impl Body {
    async fn next(&mut self, runtime: &dyn Runtime) -> Option<Result<Bytes, TransportError>> {
        if !self.pace.is_zero() {
            runtime.sleep(self.pace).await;
        }
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => Some(Ok(piece)),
            (None, End::Whole) => None,
            (None, End::Silence) => std::future::pending().await,
            (None, End::Cut) => {
                self.end = End::Whole;
                Some(Err(TransportError::connection("connection cut by the script")))
            }
        }
    }
}
