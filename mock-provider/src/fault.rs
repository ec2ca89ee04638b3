//! Everything that can go wrong on purpose.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api_error::ApiError;
use crate::millis;
use crate::retry_after::RetryAfter;

/// One way to misbehave towards one chat request.
///
/// In JSON a fault is tagged by `kind`: `{"kind": "cut", "after_chunks": 2}`. `after_chunks` counts
/// the stream's events: the first carries only the role, so text is visible from the second on. A
/// number beyond the stream's end strikes just before `[DONE]`. An answer that is not streamed
/// suffers the same in its own way: where a stream is cut after some chunks, half of its body is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Serve normally: in a script, the request that goes well.
    #[default]
    None,
    /// Answer with a status and an error body.
    Status {
        /// The HTTP status.
        status: u16,
        /// `error.code`; default what OpenAI sends with this status.
        #[serde(default)]
        code: Option<String>,
        /// `error.type`; default what OpenAI sends with this status.
        #[serde(default)]
        error_type: Option<String>,
        /// `error.message`; default a sentence that fits the status.
        #[serde(default)]
        message: Option<String>,
        /// Headers to add, or to put in place of the usual ones.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The whole body, byte for byte, in place of the error object.
        #[serde(default)]
        body: Option<String>,
    },
    /// A 429 that says when to come back.
    Limited {
        /// The time to wait; `wait_ms` in JSON.
        #[serde(rename = "wait_ms", with = "millis")]
        wait: Duration,
        /// How it is spelled; default in seconds.
        #[serde(default)]
        says: RetryAfter,
    },
    /// Break the connection with a TCP RST before any answer.
    Reset,
    /// Close the connection politely (FIN) before any answer.
    Close,
    /// Take the request and never answer.
    Silence,
    /// Let the client wait for the headers.
    SlowHeaders {
        /// How long; `delay_ms` in JSON.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// Send the headers, then let the client wait for the first token.
    SlowFirstToken {
        /// How long; `delay_ms` in JSON.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// Close the connection in the middle of the body, which stays visibly unfinished.
    Cut {
        /// How many events go out before.
        after_chunks: usize,
        /// A wait before it, in which what has gone out can be read: a client may forget what it has
        /// not read when its connection breaks. Default none; `pause_ms` in JSON.
        #[serde(default, rename = "pause_ms", with = "millis")]
        pause: Duration,
    },
    /// End the body cleanly, but with neither a `finish_reason` nor `[DONE]`.
    EndEarly {
        /// How many events go out before.
        after_chunks: usize,
    },
    /// Fall silent in the middle of the body and keep the connection open.
    Stall {
        /// How many events go out before.
        after_chunks: usize,
    },
    /// Send one event whose JSON is broken, then go on as if nothing had happened.
    Malformed {
        /// How many events go out before.
        after_chunks: usize,
    },
    /// Send an error object inside the stream of a 200, and end there.
    ErrorInStream {
        /// How many events go out before.
        after_chunks: usize,
        /// The status that the error would have had; its type and code follow from it.
        #[serde(default = "internal_error")]
        status: u16,
        /// `error.code`; default what OpenAI sends with this status.
        #[serde(default)]
        code: Option<String>,
        /// `error.message`; default a sentence that fits the status.
        #[serde(default)]
        message: Option<String>,
        /// Whether `[DONE]` follows, as with vLLM, or nothing, as with llama-server.
        #[serde(default)]
        then_done: bool,
    },
    /// Leave out `[DONE]`.
    NoDone,
    /// A 200 with nothing in it.
    EmptyBody,
    /// A proxy's HTML page where JSON was expected.
    Html {
        /// The HTTP status; default 200.
        #[serde(default = "ok")]
        status: u16,
    },
    /// A 307 to somewhere else.
    Redirect {
        /// Where to.
        location: String,
    },
    /// A 400 that names `stream_options` if the request has it; else serve normally.
    RefuseStreamOptions,
    /// A 400 if the last message is the assistant's, to be gone on with; else serve normally.
    RefusePrefill,
    /// An error whose message repeats the caller's key in full.
    EchoKey {
        /// The HTTP status; default 401.
        #[serde(default = "unauthorized")]
        status: u16,
    },
    /// Send `: keep-alive` comments before the first token (blank lines before a plain answer).
    Comments {
        /// The wait before each comment; `every_ms` in JSON.
        #[serde(rename = "every_ms", with = "millis")]
        every: Duration,
        /// How many come before the answer begins; default 3.
        #[serde(default = "three")]
        count: u32,
        /// Whether they never end, and no answer comes.
        #[serde(default)]
        for_ever: bool,
    },
    /// An error with a very long message.
    HugeBody {
        /// The HTTP status; default 500.
        #[serde(default = "internal_error")]
        status: u16,
        /// The length of the message.
        bytes: u64,
    },
    /// One event (or one plain answer) with very long text.
    HugeEvent {
        /// The length of the text.
        bytes: u64,
    },
    /// A header that never ends.
    EndlessHeader,
    /// These very bytes as the whole answer, status line and all.
    Raw {
        /// The bytes.
        bytes: String,
        /// Whether the connection closes after them; else it waits for the next request.
        #[serde(default)]
        then_close: bool,
    },
    /// Send the answer compressed, whether the client asked for it or not.
    Gzip,
    /// Send the answer under another content type than its own.
    ContentType {
        /// What it is called.
        value: String,
    },
    /// Send the answer as HTTP/1.0, whose body ends where the connection does.
    OldHttp,
}

impl Fault {
    /// A status with the error that OpenAI sends with it, and no `Retry-After`.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            code: None,
            error_type: None,
            message: None,
            headers: Vec::new(),
            body: None,
        }
    }

    /// A 429 that asks to come back after some seconds.
    pub fn rate_limited(retry_after_secs: u32) -> Self {
        Self::status(429).with_header("retry-after", retry_after_secs.to_string())
    }

    /// A 429 because the account has no credit left: waiting does not help.
    pub fn quota_exhausted() -> Self {
        let text = "You exceeded your current quota, please check your plan and billing details.";
        Self::Status {
            status: 429,
            code: Some("insufficient_quota".into()),
            error_type: Some("insufficient_quota".into()),
            message: Some(text.into()),
            headers: Vec::new(),
            body: None,
        }
    }

    /// An error object inside the stream, with a 500's type and message.
    pub fn error_in_stream(after_chunks: usize) -> Self {
        Self::ErrorInStream {
            after_chunks,
            status: 500,
            code: None,
            message: None,
            then_done: false,
        }
    }

    /// A break of the connection after so many events, at once.
    pub fn cut(after_chunks: usize) -> Self {
        Self::Cut { after_chunks, pause: Duration::ZERO }
    }

    /// Adds a header to a [`Fault::Status`]; every other fault stays as it is.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.into(), value.into()));
        }
        self
    }

    /// The error object that the fault answers with, and its status, if it is of that sort.
    pub fn error(&self) -> Option<(u16, Value)> {
        let (status, code, error_type, message) = match self {
            Self::Status { status, code, error_type, message, .. } => {
                (*status, code.clone(), error_type.clone(), message.clone())
            }
            Self::ErrorInStream { status, code, message, .. } => {
                (*status, code.clone(), None, message.clone())
            }
            Self::Limited { .. } => (429, None, None, None),
            _ => return None,
        };
        let mut error = ApiError::of_status(status);
        error.code = code.or(error.code);
        error.error_type = error_type.unwrap_or(error.error_type);
        error.message = message.unwrap_or(error.message);
        Some((status, error.body()))
    }

    /// After how many events the fault strikes in the middle of a stream, if it is of that sort.
    pub(crate) fn strikes_after(&self) -> Option<usize> {
        match self {
            Self::Cut { after_chunks, .. }
            | Self::EndEarly { after_chunks }
            | Self::Stall { after_chunks }
            | Self::Malformed { after_chunks }
            | Self::ErrorInStream { after_chunks, .. } => Some(*after_chunks),
            _ => None,
        }
    }
}

fn ok() -> u16 {
    200
}

fn unauthorized() -> u16 {
    401
}

fn internal_error() -> u16 {
    500
}

fn three() -> u32 {
    3
}
