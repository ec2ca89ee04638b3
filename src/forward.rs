//! Somebody else's request, sent through a client's pool, bucket, retries and clocks: whoever keeps an
//! SDK of their own gains those without giving up its types.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;

use crate::call::{Call, Course};
use crate::call_span::IS_BUILT_IN;
use crate::client::Inner;
use crate::clocks::{Limit, Pieces};
use crate::codec::Account;
use crate::core::redaction::Redaction;
use crate::core::retry::Failure;
use crate::core::text;
use crate::error::{Clock, Error, ErrorKind, Problem};
use crate::events::Outcome;
use crate::key_lease::KeyLease;
use crate::platform::{HttpResponse, TransportError, boxed_stream, without_query};
use crate::response_failure::{Refusal, passed_on};

/// What tells an SDK that there is no use in trying again: that has been done.
const NO_MORE_RETRIES: (&str, &str) = ("x-should-retry", "false");

/// A request to be passed on.
#[derive(Clone)]
pub struct ForwardRequest {
    /// Its method.
    pub method: String,
    /// Its whole URL, which must be under the client's base URL.
    pub url: String,
    /// Its headers. A key among them is replaced by one of the pool's.
    pub headers: Vec<(String, String)>,
    /// Its body; nothing, where it has none.
    pub body: Bytes,
    /// The model that it asks, where it is not the client's: each model has its own bucket.
    pub model: Option<String>,
    /// Whether it asks for a stream, so that a stream's clocks run.
    pub streams: bool,
}

/// Whoever sends it may have keys of their own in headers and the query.
impl fmt::Debug for ForwardRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
        f.debug_struct("ForwardRequest")
            .field("method", &self.method)
            .field("url", &without_query(&self.url))
            .field("headers", &names)
            .field("body", &self.body)
            .field("model", &self.model)
            .field("streams", &self.streams)
            .finish()
    }
}

/// Sends a request, and passes on the answer, or what the provider says in its place once nothing
/// more can be done.
pub(crate) async fn forward(
    client: Arc<Inner>,
    request: ForwardRequest,
    account: Account,
) -> Result<HttpResponse, Error> {
    let record = account.0;
    check(&request, &client.settings.base_url).inspect_err(|error| record.fail(error))?;
    let mut call = client.forwarded(record.clone(), request)?;
    let response = match client.engine.response(&mut call).await {
        Ok((response, mut lease)) => {
            lease.answers(&call.course.model, None);
            record.answered_by(&mut lease);
            held(client, call, lease, response)
        }
        Err(error) => {
            record.fail(&error);
            // A redirect without its target says less than the error.
            let tells = error.kind() != ErrorKind::Redirect;
            let is_last = |refusal: &Refusal| Some(refusal.status) == error.status();
            let refusal = call.refusal.filter(|refusal| tells && is_last(refusal));
            let mut refused = refusal.map(Refusal::into_response).ok_or(error)?;
            let (name, value) = NO_MORE_RETRIES;
            let others = refused.headers.iter().filter(|(known, _)| *known != name);
            refused.headers = others.chain([(name, value)]).collect();
            refused
        }
    };
    Ok(response)
}

impl Refusal {
    fn into_response(self) -> HttpResponse {
        let body = stream::iter([Ok(Bytes::from(self.body))]);
        HttpResponse::new(self.status, self.headers, boxed_stream(body))
    }
}

/// The body of an answer, as long as it is read, and the key that it came by until it ends.
struct Held {
    client: Arc<Inner>,
    course: Course,
    lease: Option<KeyLease>,
    body: Pieces,
    idle: Duration,
    total: Option<Limit>,
    redaction: Redaction,
    /// What has come and may be the beginning of a secret.
    rest: Vec<u8>,
}

/// Ends the call with its body, whoever else still holds the account.
impl Drop for Held {
    fn drop(&mut self) {
        self.course.record.end(Outcome::Cancelled); // unless it has ended otherwise
    }
}

/// The same answer, whose key is free when its body ends.
fn held(
    client: Arc<Inner>,
    call: Box<Call>,
    lease: KeyLease,
    response: HttpResponse,
) -> HttpResponse {
    let HttpResponse { status, headers, body } = response;
    let redaction = client.engine.wire.redaction(lease.api_key());
    let headers = passed_on(&headers, &redaction);
    let (lease, rest, body) = (Some(lease), Vec::new(), Pieces::of(body));
    let (idle, total, course) = (call.clocks.idle, call.total(), call.course);
    let held = Box::new(Held { client, course, lease, body, idle, total, redaction, rest });
    let body = stream::unfold(held, |mut held| async move {
        let piece = held.next().await?;
        Some((piece, held))
    });
    HttpResponse::new(status, headers, boxed_stream(body))
}

impl Held {
    /// The next piece that may be shown.
    async fn next(&mut self) -> Option<Result<Bytes, TransportError>> {
        loop {
            let piece = match self.piece_in_span().await {
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) => bytes,
                None if !self.rest.is_empty() => Bytes::new(),
                end => return end,
            };
            let shown = self.redaction.passed_on(&mut self.rest, &piece);
            if !shown.is_empty() {
                return Some(Ok(shown.into()));
            }
        }
    }

    async fn piece_in_span(&mut self) -> Option<Result<Bytes, TransportError>> {
        if IS_BUILT_IN && let Some(span) = self.course.record.span() {
            return span.around(Box::pin(self.piece())).await;
        }
        self.piece().await
    }

    /// The next piece that comes.
    async fn piece(&mut self) -> Option<Result<Bytes, TransportError>> {
        self.lease.as_ref()?; // the body has ended
        let engine = &self.client.engine;
        let idle = Limit::new(Clock::Idle, self.idle, engine.runtime().now());
        let limit = Limit::first(&[self.total, Some(idle)]);
        let failure = match self.body.next(engine.runtime(), limit).await {
            Ok(Some(Ok(bytes))) => return Some(Ok(bytes)),
            Ok(None) => {
                engine.works(&self.course, self.lease.take()?);
                self.course.record.end(Outcome::Succeeded);
                return None;
            }
            Ok(Some(Err(error))) => Failure::cut(error),
            Err(limit) => limit.failure(),
        };
        self.body = Pieces::of(boxed_stream(stream::empty()));
        let failure = engine.end_attempt(&self.course, self.lease.take()?, failure);
        self.course.record.fail(&failure.error);
        Some(Err(TransportError::connection(failure.error.message())))
    }
}

/// A key goes nowhere but under the address that it is for.
fn check(request: &ForwardRequest, base_url: &str) -> Result<(), Error> {
    let (path, _) = text::cut(&request.url, "?#");
    let rest = path.strip_prefix(base_url).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    if rest.is_some_and(|rest| !climbs(rest)) {
        return Ok(());
    }
    let message = format!("requests go only to {base_url} and below, not to {path}");
    Err(Error::config(vec![Problem::new("url", 0, message)]))
}

/// Whether a path leads upwards. A dot may be written as `%2e`, and hosts take `\` for `/`.
fn climbs(path: &str) -> bool {
    let mut path = path.to_ascii_lowercase();
    for (written, meant) in [("%2e", "."), ("%2f", "/"), ("%5c", "/"), ("\\", "/")] {
        path = text::replaced(&path, written, meant);
    }
    text::split(&path, "/").contains(&"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_only_under_its_own_address() {
        let goes = |url: &str| {
            let request = ForwardRequest {
                method: "POST".into(),
                url: url.into(),
                headers: Vec::new(),
                body: Bytes::new(),
                model: None,
                streams: false,
            };
            check(&request, "https://api.example.com/v1").is_ok()
        };
        assert!(goes("https://api.example.com/v1/chat/completions?x=/../y"));
        assert!(goes("https://api.example.com/v1/models"));
        assert!(goes("https://api.example.com/v1"));
        for url in [
            "https://api.example.com/v1beta/models",
            "https://api.example.com/",
            "https://api.example.com.evil.com/v1/models",
            "https://api.example.com/v1@evil.com/",
            "http://api.example.com/v1/models",
            "https://api.example.com/v1/../admin",
            "https://api.example.com/v1/%2E%2e/admin",
            "https://api.example.com/v1/..%5cadmin",
            "https://api.example.com/v1\\..\\admin",
        ] {
            assert!(!goes(url), "{url}");
        }
    }
}
