//! What the provider said to a request, by its meaning rather than its bytes: the oracles judge the
//! client by this, without the help of the client's own parsers.

use std::time::{Duration, SystemTime};

/// The provider's answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// Nothing, or a reset.
    Nothing,
    Refusal(Refusal),
    /// A chat's body with status 200.
    Whole(Whole),
    /// A stream's body with status 200, one event a piece.
    Stream(Vec<Event>),
}

/// A status other than 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub meaning: Meaning,
    pub asks: Option<Asks>,
    pub should_retry: Option<bool>,
}

/// The row of the decision table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    BadRequest,
    NotFound,
    Redirect,
    /// It refuses `stream_options`.
    NoUsage,
    KeyRefused,
    Quota,
    Denied,
    Limited,
    Busy,
}

/// How long the provider asks to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asks {
    For(Duration),
    Until(SystemTime),
}

impl Asks {
    /// The wait from `now` on, where that is a wait at all.
    pub fn from(self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::For(wait) => Some(wait),
            Self::Until(moment) => moment.duration_since(now).ok(),
        }
        .filter(|wait| !wait.is_zero())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Whole {
    Answer {
        text: String,
        usage: Option<(u64, u64)>,
    },
    /// Half a body, properly ended or cut.
    Half,
    /// An error object in the answer's place.
    Error(Meaning),
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The role, an empty delta, a comment.
    Invisible,
    Text(String),
    Finish,
    Usage(u64, u64),
    Done,
    Malformed,
    Error(Meaning),
}
