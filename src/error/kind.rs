//! What can go wrong, as words for a `match`.

use std::fmt;

/// What went wrong, for a `match`. More kinds may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting or argument is wrong; nothing was sent. See [`Error::problems`](crate::Error::problems).
    Config,
    /// The provider refused the request itself (400, 405, 413, 422 and other 4xx).
    InvalidRequest,
    /// Every key is refused (401).
    Authentication,
    /// Every key lacks the right to this model (403).
    PermissionDenied,
    /// The model or the URL does not exist (404).
    NotFound,
    /// Too many requests (429), or a wait for a permit or key that does not fit the timeout.
    RateLimited,
    /// The account behind every key is out of credit or quota (402, or 429 with a billing code).
    QuotaExhausted,
    /// The messages are longer than the model's context window.
    ContextLengthExceeded,
    /// The provider's content policy rejected the request or the answer.
    ContentPolicy,
    /// The provider failed (5xx, 408, 409, 425, 529, or an error object inside a stream).
    Server,
    /// No connection, or it broke before an answer had begun.
    Connection,
    /// One of the clocks ran out; [`Error::clock`](crate::Error::clock) says which.
    Timeout,
    /// The answer was cut: it ended with neither a `finish_reason` nor `[DONE]`.
    Truncated,
    /// The answer cannot be decoded.
    Decode,
    /// The provider answered with a redirect, which is never followed.
    Redirect,
    /// Too much has failed there of late: nothing is sent for a while, in a
    /// [`Fallback`](crate::Fallback).
    CircuitOpen,
    /// The state that processes share does not answer, and without it nothing may be sent; see
    /// [`OnFailure::Error`](crate::OnFailure::Error).
    SharedState,
}

impl ErrorKind {
    /// The kind as one lower-case word, the same in every language binding.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::InvalidRequest => "invalid_request",
            Self::Authentication => "authentication",
            Self::PermissionDenied => "permission_denied",
            Self::NotFound => "not_found",
            Self::RateLimited => "rate_limited",
            Self::QuotaExhausted => "quota_exhausted",
            Self::ContextLengthExceeded => "context_length_exceeded",
            Self::ContentPolicy => "content_policy",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Truncated => "truncated",
            Self::Decode => "decode",
            Self::Redirect => "redirect",
            Self::CircuitOpen => "circuit_open",
            Self::SharedState => "shared_state",
        }
    }
}

impl ErrorKind {
    const ALL: [Self; 17] = [
        Self::Config,
        Self::InvalidRequest,
        Self::Authentication,
        Self::PermissionDenied,
        Self::NotFound,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::ContextLengthExceeded,
        Self::ContentPolicy,
        Self::Server,
        Self::Connection,
        Self::Timeout,
        Self::Truncated,
        Self::Decode,
        Self::Redirect,
        Self::CircuitOpen,
        Self::SharedState,
    ];

    /// The kind whose word this is.
    ///
    /// ```
    /// use lockkeeper::ErrorKind;
    ///
    /// assert_eq!(ErrorKind::named("rate_limited"), Some(ErrorKind::RateLimited));
    /// assert_eq!(ErrorKind::named("bad_luck"), None);
    /// ```
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The clock that ran out behind an [`ErrorKind::Timeout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Clock {
    /// `timeout`: the whole call, all waits and retries included.
    Total,
    /// `headers_timeout`: from sending a request to the response's headers.
    Headers,
    /// `first_token_timeout`: from sending a request to the first visible token.
    FirstToken,
    /// `idle_timeout`: between two reads of a stream's body.
    Idle,
}

impl Clock {
    /// The name of the setting that sets this clock.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Total => "timeout",
            Self::Headers => "headers_timeout",
            Self::FirstToken => "first_token_timeout",
            Self::Idle => "idle_timeout",
        }
    }
}
