//! The one error of the library: what went wrong, what the provider said, what was tried, and when
//! it may be worth trying again.

mod kind;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::chat::Usage;
pub use kind::{Clock, ErrorKind};

/// One problem in a configuration: where it stands and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The JSON path, such as `openai.gpt-4.api_keys[0]`; empty for the file as a whole.
    pub path: String,
    /// The line in the file, from 1; 0 where the problem is not in a file.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Problem {
    /// A problem at `path` on `line` (0 where there is no file).
    pub fn new(path: impl Into<String>, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// One attempt of a call that failed: which key, what came back, how long it took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The target that was asked (`openai/gpt-4`), in the error of a [`Fallback`](crate::Fallback).
    pub target: Option<String>,
    /// The label of the key that was used (`…abcd`), never the key.
    pub key_label: String,
    /// How the attempt ended.
    pub kind: ErrorKind,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the provider or the transport said.
    pub message: String,
    /// From the start of the call to the start of this attempt.
    pub started_after: Duration,
    /// How long the attempt took.
    pub took: Duration,
}

impl Attempt {
    /// An attempt with the key of this label (`…abcd`, never the key) that failed so. Its other
    /// fields are for you to set: no status, begun at once, and over at once.
    ///
    /// ```
    /// use lockkeeper::{Attempt, Error, ErrorKind};
    ///
    /// let mut attempt = Attempt::new("…abcd", ErrorKind::Server, "busy");
    /// attempt.status = Some(503);
    /// let error = Error::new(ErrorKind::Server, "busy").with_attempts(vec![attempt]);
    /// assert_eq!(error.attempts()[0].key_label, "…abcd");
    /// ```
    pub fn new(key_label: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        let (key_label, message) = (key_label.into(), message.into());
        let (started_after, took) = (Duration::ZERO, Duration::ZERO);
        Self { target: None, key_label, kind, status: None, message, started_after, took }
    }
}

/// What had been received when an answer was cut or failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Partial {
    /// The text of the first choice so far.
    pub text: String,
    /// The reasoning of the first choice so far.
    pub reasoning: String,
}

/// The error of every operation in this library.
///
/// ```
/// use lockkeeper::{Error, ErrorKind};
///
/// fn worth_another_day(error: &Error) -> bool {
///     matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Server)
/// }
/// assert!(worth_another_day(&Error::new(ErrorKind::Server, "busy")));
/// ```
#[derive(Clone, PartialEq)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, PartialEq)]
struct Details {
    kind: ErrorKind,
    message: String,
    clock: Option<Clock>,
    status: Option<u16>,
    code: Option<String>,
    request_id: Option<String>,
    retry_at: Option<SystemTime>,
    key_label: Option<String>,
    attempts: Vec<Attempt>,
    problems: Vec<Problem>,
    received: Option<Received>,
}

/// What a failed answer left. What it takes to drop an unknown field of a [`Usage`] is behind a trait,
/// as the wasm file of those who have no such thing would carry it.
#[derive(Clone)]
struct Received(Arc<dyn Leftovers>);

trait Leftovers: Send + Sync {
    fn partial(&self) -> &Partial;
    fn usage(&self) -> &Usage;
}

impl Leftovers for (Partial, Usage) {
    fn partial(&self) -> &Partial {
        &self.0
    }

    fn usage(&self) -> &Usage {
        &self.1
    }
}

impl PartialEq for Received {
    fn eq(&self, other: &Self) -> bool {
        self.0.partial() == other.0.partial() && self.0.usage() == other.0.usage()
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Received").field(self.0.partial()).field(self.0.usage()).finish()
    }
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            message: message.into(),
            clock: None,
            status: None,
            code: None,
            request_id: None,
            retry_at: None,
            key_label: None,
            attempts: Vec::new(),
            problems: Vec::new(),
            received: None,
        }))
    }

    /// A configuration error that lists every problem found.
    #[must_use]
    pub fn config(problems: Vec<Problem>) -> Self {
        let message = match problems.as_slice() {
            [only] => only.to_string(),
            many => many.iter().fold(format!("{} problems:", many.len()), |text, problem| {
                format!("{text}\n  {problem}")
            }),
        };
        let mut error = Self::new(ErrorKind::Config, message);
        error.0.problems = problems;
        error
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, in a sentence; the provider's own message where there is one.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Which clock ran out, for [`ErrorKind::Timeout`].
    #[must_use]
    pub fn clock(&self) -> Option<Clock> {
        self.0.clock
    }

    /// The HTTP status of the last answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The provider's own error code (or type), such as `insufficient_quota`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The provider's request id, for its support.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// When the same call may succeed, where that is known.
    #[must_use]
    pub fn retry_at(&self) -> Option<SystemTime> {
        self.0.retry_at
    }

    /// The label of the last key that was used (`…abcd`).
    #[must_use]
    pub fn key_label(&self) -> Option<&str> {
        self.0.key_label.as_deref()
    }

    /// Every attempt of the call, oldest first.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.0.attempts
    }

    /// Every problem of a configuration, for [`ErrorKind::Config`].
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0.problems
    }

    /// What had been received of a stream before it failed; none where no answer had begun.
    #[must_use]
    pub fn partial(&self) -> Option<&Partial> {
        self.0.received.as_ref().map(|received| received.0.partial())
    }

    /// What the failed answer cost, as reported or (labelled) estimated.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.0.received.as_ref().map(|received| received.0.usage())
    }

    /// Says it otherwise.
    pub(crate) fn change_message(&mut self, message: String) {
        self.0.message = message;
    }

    /// Changes every text in it that others wrote.
    pub(crate) fn change_texts(&mut self, change: impl Fn(&str) -> String) {
        let Details { message, code, request_id, .. } = &mut *self.0;
        for text in [Some(message), code.as_mut(), request_id.as_mut()].into_iter().flatten() {
            *text = change(text);
        }
    }

    /// Sets the clock that ran out.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.0.clock = Some(clock);
        self
    }

    /// Sets the HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// Sets the provider's error code.
    #[must_use]
    pub fn with_code(mut self, code: Option<String>) -> Self {
        self.0.code = code;
        self
    }

    /// Sets the provider's request id.
    #[must_use]
    pub fn with_request_id(mut self, id: Option<String>) -> Self {
        self.0.request_id = id;
        self
    }

    /// Sets when the same call may succeed.
    #[must_use]
    pub fn with_retry_at(mut self, at: Option<SystemTime>) -> Self {
        self.0.retry_at = at;
        self
    }

    /// Sets the label of the key that was used.
    #[must_use]
    pub fn with_key_label(mut self, label: impl Into<String>) -> Self {
        self.0.key_label = Some(label.into());
        self
    }

    /// Sets the attempts made.
    #[must_use]
    pub fn with_attempts(mut self, attempts: Vec<Attempt>) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Sets what had been received.
    #[must_use]
    pub fn with_partial(mut self, partial: Partial, usage: Usage) -> Self {
        self.0.received = Some(Received(Arc::new((partial, usage))));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind(), self.message())?;
        let mut notes = Vec::new();
        notes.extend(self.status().map(|status| format!("HTTP {status}")));
        notes.extend(self.code().map(|code| format!("code {code}")));
        notes.extend(self.key_label().map(|label| format!("key {label}")));
        notes.extend(self.request_id().map(|id| format!("request {id}")));
        if self.attempts().len() > 1 {
            notes.push(format!("{} attempts", self.attempts().len()));
        }
        if notes.is_empty() { Ok(()) } else { write!(f, " ({})", notes.join(", ")) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}
