//! What goes over the wire, in plain values: every transport speaks these.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{BoxStream, Headers};

/// A header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in lower case.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: Cow<'static, str>,
    /// Whether the value is a secret that must show in no log.
    pub sensitive: bool,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.sensitive { "…" } else { &*self.value };
        write!(f, "{}: {value}", self.name)
    }
}

/// A request.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method: `POST`, unless the request is another's that is passed on.
    pub method: Cow<'static, str>,
    /// The whole URL, which all requests of a client share.
    pub url: Arc<str>,
    /// The headers.
    pub headers: Vec<Header>,
    /// The body: JSON; of a method that has none, nothing.
    pub body: Bytes,
}

impl HttpRequest {
    /// A POST of `body` to `url`.
    pub fn post(url: impl Into<Arc<str>>, headers: Vec<Header>, body: impl Into<Bytes>) -> Self {
        Self { method: "POST".into(), url: url.into(), headers, body: body.into() }
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.name == name).map(|header| &*header.value)
    }
}

/// A gateway's own key may stand in the query, so that is not shown.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &without_query(&self.url))
            .field("headers", &self.headers)
            .field("body", &self.body)
            .finish()
    }
}

/// A URL as it may be shown.
pub(crate) fn without_query(url: &str) -> String {
    url.split_once('?').map_or_else(|| url.to_owned(), |(url, _)| format!("{url}?…"))
}

/// A body, piece by piece. Dropping it ends the request and closes its connection.
pub(crate) type Body = BoxStream<'static, Result<Bytes, TransportError>>;

/// A response whose headers are there and whose body is still coming.
#[non_exhaustive]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body, piece by piece. Dropping it ends the request and closes its connection.
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

impl HttpResponse {
    /// A response.
    pub fn new(
        status: u16,
        headers: Headers,
        body: BoxStream<'static, Result<Bytes, TransportError>>,
    ) -> Self {
        Self { status, headers, body }
    }

    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// Why no (whole) response came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransportError {
    /// What happened, with its causes.
    pub message: String,
    /// Whether the request itself can't be sent, so that trying again is no use.
    pub fatal: bool,
}

impl TransportError {
    /// The connection failed or broke: worth another try.
    pub fn connection(message: impl Into<String>) -> Self {
        Self { message: message.into(), fatal: false }
    }

    /// The request can't be sent by this transport at all.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self { message: message.into(), fatal: true }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TransportError {}
