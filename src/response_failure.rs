//! Turning what came instead of an answer into a failure with everything that the provider said.

use std::time::{Duration, SystemTime};

use crate::call::Call;
use crate::clocks::{Limit, Pieces};
use crate::core::provider_error::ProviderError;
use crate::core::redaction::Redaction;
use crate::core::retry::Failure;
use crate::core::{retry_after, text};
use crate::error::{Clock, ErrorKind};
use crate::exchange::Sent;
use crate::platform::{Headers, HttpResponse, TransportError};
use crate::wire::Target;

/// So long is waited for it, unless the call bears less silence: the status alone says enough.
const LONGEST_WAIT_FOR_AN_ERROR: Duration = Duration::from_secs(2);

/// So much of it is read: what says more is a page, not a message…
const MOST_OF_A_REFUSAL: usize = 64 * 1024;

/// …and so much where it is passed on.
const MOST_OF_A_FORWARDED_REFUSAL: usize = 4 * 1024 * 1024;

/// Where providers put the id of a request.
const REQUEST_IDS: &[&str] =
    &["x-request-id", "request-id", "apim-request-id", "x-litellm-call-id", "x-ds-trace-id"];

/// No response came.
pub(crate) fn of_transport(error: TransportError) -> Failure {
    let kind = if error.fatal { ErrorKind::Config } else { ErrorKind::Connection };
    Failure::new(kind, error.message)
}

/// Headers that speak of the body as it came, before the transport has unpacked it.
const OF_THE_WIRE: [&str; 3] = ["content-encoding", "content-length", "transfer-encoding"];

/// A response whose status says that it is no answer, as it came.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Refusal {
    /// The same without secrets.
    pub fn redacted(mut self, redaction: &Redaction) -> Self {
        if redaction.finds(&self.body) {
            self.body = redaction.redacted(&self.body).into_bytes();
        }
        self.headers = passed_on(&self.headers, redaction);
        self
    }
}

/// The headers of a response that is passed on, without secrets, and without those of the wire.
pub(crate) fn passed_on(headers: &Headers, redaction: &Redaction) -> Headers {
    let is_open = |name: &str| !OF_THE_WIRE.contains(&name) && !redaction.finds(name.as_bytes());
    let open = headers.iter().filter(|(name, _)| is_open(name));
    open.map(|(name, value)| (name, redaction.redacted_value(value))).collect()
}

/// A response came whose status says that it is no answer.
pub(crate) async fn read(
    sent: Sent<'_>,
    response: HttpResponse,
    hints: Hints,
) -> (Failure, Refusal) {
    let (call, runtime) = (sent.call, sent.runtime());
    let status = response.status;
    let location = response.header("location").map(str::to_owned);
    let now = runtime.now();
    let patience = LONGEST_WAIT_FOR_AN_ERROR.min(call.clocks.idle);
    let limit = Limit::first(&[call.beginning(), Some(Limit::new(Clock::Idle, patience, now))]);
    let most = match call.target {
        Target::Forward(_) => MOST_OF_A_FORWARDED_REFUSAL,
        _ => MOST_OF_A_REFUSAL,
    };
    let mut body = Vec::new();
    // Whatever stops the reading, the status and what has come so far are the answer.
    let mut pieces = Pieces::of(response.body);
    while body.len() < most
        && let Ok(Some(Ok(bytes))) = pieces.next(runtime, limit).await
    {
        body.extend_from_slice(&bytes[..bytes.len().min(most - body.len())]);
    }
    drop(pieces);
    let mut failure = failure(call, status, hints, location, &body, sent.redaction);
    // It was told with the headers.
    let since = runtime.now() - now;
    failure.retry_after = failure.retry_after.map(|wait| wait.saturating_sub(since));
    (failure, Refusal { status, headers: response.headers, body })
}

fn failure(
    call: &Call,
    status: u16,
    hints: Hints,
    location: Option<String>,
    body: &[u8],
    redaction: &Redaction,
) -> Failure {
    let mut error = ProviderError::from_body(body, redaction);
    if error.message.is_empty() || error.message == "{}" {
        error.message = format!("the provider answered with HTTP status {status} and nothing else");
    }
    let mut failure = hints.add_to(Failure::from_provider(status, error));
    match (failure.kind(), location) {
        (ErrorKind::Redirect, target) => {
            // What is behind the path may be a secret, or a signature over one.
            let target = target.as_deref().unwrap_or("nowhere");
            let (target, _) = text::cut(target, "?#");
            failure.error.change_message(format!(
                "the provider redirects to {target}, which is not followed: a key goes to no \
                 address but the configured `base_url`"
            ));
        }
        (ErrorKind::NotFound, _) => {
            let (model, origin) = (&call.course.model, call.model_origin);
            let said = failure.error.message();
            failure.error.change_message(format!("{said} (model `{model}`, from {origin})"));
        }
        _ => {}
    }
    failure
}

/// The error that came in an answer's place, under a status that had promised one.
pub(crate) fn in_place_of_answer(body: &[u8], redaction: &Redaction) -> Failure {
    Failure::from_provider(200, ProviderError::from_body(body, redaction))
}

/// What a response's headers say besides.
#[derive(Debug)]
pub(crate) struct Hints {
    request_id: Option<String>,
    retry_after: Option<Duration>,
    /// When the limit that was reached is reset.
    limit_reset: Option<Duration>,
    should_retry: Option<bool>,
}

impl Hints {
    pub fn of(headers: &Headers, unix_time: SystemTime) -> Self {
        let unix_now = unix_time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let header = |name: &str| headers.get(name);
        let unix_now = retry_after::provider_time(&header, unix_now);
        Self {
            request_id: REQUEST_IDS.iter().find_map(|name| header(name)).map(str::to_owned),
            retry_after: retry_after::parse(&header, unix_now),
            limit_reset: retry_after::reset(&header, unix_now),
            should_retry: header("x-should-retry").and_then(|word| word.trim_ascii().parse().ok()),
        }
    }

    /// How long a limited key rests.
    pub fn rest(&self) -> Option<Duration> {
        self.retry_after.or(self.limit_reset)
    }

    pub fn add_to(&self, failure: Failure) -> Failure {
        // On an answer that was cut or is silent these headers speak of something else.
        let retry_after = match failure.kind() {
            ErrorKind::RateLimited | ErrorKind::QuotaExhausted => self.rest(),
            ErrorKind::Server => self.retry_after,
            _ => None,
        };
        let error = failure.error.with_request_id(self.request_id.clone());
        Failure { error, retry_after, should_retry: self.should_retry, is_cut: failure.is_cut }
    }
}
