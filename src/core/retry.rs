//! The decision table: what a failed attempt means for its key, and what comes next.

use std::time::Duration;

use super::health::KeyFate;
use super::key_pool::NoKey;
use super::provider_error::ProviderError;
use super::text;
use super::time::seconds_text;
use crate::error::{Clock, Error, ErrorKind};
use crate::platform::TransportError;

/// After so many moves from one limited key to the next, all at once, the limit is not the keys'.
const MOST_MOVES: u32 = 8;

/// How an attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What the caller is told, if it stands.
    pub error: Error,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// Whether the answer broke off or broke down: another may come whole.
    pub is_cut: bool,
    /// `x-should-retry`: the provider's own word on trying again with the same key.
    pub should_retry: Option<bool>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, retry_after: None, is_cut: false, should_retry: None }
    }
}

impl Failure {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error::new(kind, message).into()
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }

    /// The connection broke in the middle of an answer.
    pub fn cut(error: TransportError) -> Self {
        Self::new(ErrorKind::Truncated, format!("the answer was cut: {}", error.message))
    }

    /// The same, where it came in the middle of an answer.
    pub fn cut_off(self) -> Self {
        Self { is_cut: true, ..self }
    }

    /// Whether the provider refuses `stream_options`: it answers 400 or 422 and names the field.
    pub fn refuses_stream_options(&self) -> bool {
        let names_it = ["stream_options", "include_usage"];
        matches!(self.error.status(), Some(400 | 422))
            && names_it.iter().any(|name| text::find(self.error.message(), name).is_some())
    }

    /// What a provider said, with the status it came with (200 inside a stream).
    pub fn from_provider(status: u16, error: ProviderError) -> Self {
        let kind = error.kind(status);
        Error::new(kind, error.message).with_status(status).with_code(error.code).into()
    }

    /// A clock that ran out after `limit`.
    pub fn timeout(clock: Clock, limit: Duration) -> Self {
        let waited = match clock {
            Clock::Total => "the call did not end",
            Clock::Headers => "no response headers",
            Clock::FirstToken => "no first token",
            Clock::Idle => "nothing more came",
        };
        let message = format!("{waited} within {} ({})", seconds_text(limit), clock.setting());
        Error::new(ErrorKind::Timeout, message).with_clock(clock).into()
    }

    /// What it says of the key.
    pub fn key_fate(&self) -> KeyFate {
        match self.kind() {
            ErrorKind::Authentication => KeyFate::Dead,
            ErrorKind::QuotaExhausted => KeyFate::Exhausted(self.retry_after),
            ErrorKind::PermissionDenied => KeyFate::Denied,
            // Its status has said so already.
            ErrorKind::RateLimited if self.error.status() == Some(429) => {
                KeyFate::Resting(self.retry_after)
            }
            ErrorKind::RateLimited => KeyFate::Limited(self.retry_after),
            _ => KeyFate::Unchanged,
        }
    }

    /// What may come next.
    pub fn remedy(&self) -> Remedy {
        let by_kind = match self.kind() {
            ErrorKind::Authentication | ErrorKind::QuotaExhausted | ErrorKind::PermissionDenied => {
                return Remedy::OtherKey { limited: false };
            }
            ErrorKind::RateLimited => return Remedy::OtherKey { limited: true },
            ErrorKind::Timeout if self.error.clock() == Some(Clock::Total) => return Remedy::None,
            ErrorKind::Server
            | ErrorKind::Connection
            | ErrorKind::Truncated
            | ErrorKind::Timeout => Remedy::Backoff,
            _ if self.is_cut => Remedy::Backoff,
            _ => Remedy::None,
        };
        match self.should_retry {
            Some(true) => Remedy::Backoff,
            Some(false) => Remedy::None,
            None => by_kind,
        }
    }
}

/// What may help after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing: the same request would fail the same way.
    None,
    /// Another key, at once.
    OtherKey {
        /// Whether the key was rate limited, rather than refused.
        limited: bool,
    },
    /// Some time.
    Backoff,
}

/// The key that a call would get next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextKey {
    /// One that it has not tried: going on to it is no retry.
    Untried,
    /// One that it has tried, and that may work again.
    Tried,
}

/// What a call does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Try again now, with whatever key is next.
    AtOnce,
    /// Wait for a key, if one is to be hoped for, then try again.
    AwaitKey,
    /// Wait for so long (`None`: the usual backoff before this retry, counted from 0), try again.
    Wait(Option<Duration>, u32),
    /// The failure stands.
    GiveUp,
}

/// How far one call has got with its retries.
#[derive(Debug)]
pub struct Retries {
    max: u32,
    made: u32,
    moves: u32,
    /// Whether silence is final: somebody else can answer.
    leaves_silence: bool,
}

impl Retries {
    pub fn new(max: u32) -> Self {
        Self { max, made: 0, moves: 0, leaves_silence: false }
    }

    /// The same for a call that somebody else can answer too.
    pub fn leaving_silence(self, leaves_silence: bool) -> Self {
        Self { leaves_silence, ..self }
    }

    /// Decides after a failure, by the key that would be next.
    pub fn after(&mut self, failure: &Failure, next: Result<NextKey, NoKey>) -> Step {
        match (failure.remedy(), next) {
            (Remedy::None, _) => Step::GiveUp,
            _ if self.leaves_silence && failure.kind() == ErrorKind::Timeout => Step::GiveUp,
            (Remedy::Backoff, _) => self.wait(failure.retry_after),
            (Remedy::OtherKey { limited }, Ok(NextKey::Untried)) => {
                self.moves += u32::from(limited);
                if self.moves <= MOST_MOVES { Step::AtOnce } else { self.wait(None) }
            }
            (Remedy::OtherKey { .. }, _) if failure.should_retry == Some(false) => Step::GiveUp,
            (Remedy::OtherKey { .. }, Ok(NextKey::Tried)) => self.round(Step::AtOnce),
            (Remedy::OtherKey { .. }, Err(_)) => self.round(Step::AwaitKey),
        }
    }

    fn wait(&mut self, asked_for: Option<Duration>) -> Step {
        let n = self.made;
        self.round(Step::Wait(asked_for, n))
    }

    fn round(&mut self, step: Step) -> Step {
        if self.made == self.max {
            return Step::GiveUp;
        }
        self.made += 1;
        self.moves = 0;
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: ErrorKind) -> Failure {
        Failure::new(kind, "x")
    }

    #[test]
    fn what_time_heals_is_retried_so_many_times() {
        let mut retries = Retries::new(2);
        assert_eq!(
            retries.after(&failure(ErrorKind::Server), Ok(NextKey::Untried)),
            Step::Wait(None, 0)
        );
        assert_eq!(
            retries.after(&failure(ErrorKind::Connection), Ok(NextKey::Untried)),
            Step::Wait(None, 1)
        );
        assert_eq!(retries.after(&failure(ErrorKind::Server), Ok(NextKey::Untried)), Step::GiveUp);
    }

    #[test]
    fn what_nothing_heals_is_not_retried() {
        use ErrorKind::*;
        for kind in [InvalidRequest, NotFound, ContextLengthExceeded, ContentPolicy, Redirect] {
            assert_eq!(Retries::new(5).after(&failure(kind), Ok(NextKey::Untried)), Step::GiveUp);
        }
        let total = Failure::timeout(Clock::Total, Duration::from_secs(1));
        assert_eq!(Retries::new(5).after(&total, Ok(NextKey::Untried)), Step::GiveUp);
    }

    #[test]
    fn another_key_is_no_retry() {
        let mut retries = Retries::new(0);
        for _ in 0..20 {
            assert_eq!(
                retries.after(&failure(ErrorKind::Authentication), Ok(NextKey::Untried)),
                Step::AtOnce
            );
        }
        assert_eq!(
            retries.after(&failure(ErrorKind::RateLimited), Ok(NextKey::Untried)),
            Step::AtOnce
        );
        assert_eq!(retries.after(&failure(ErrorKind::RateLimited), Err(NoKey::Dead)), Step::GiveUp);
    }

    #[test]
    fn after_eight_moves_from_limited_keys_comes_a_wait() {
        let mut retries = Retries::new(5);
        for _ in 0..8 {
            assert_eq!(
                retries.after(&failure(ErrorKind::RateLimited), Ok(NextKey::Untried)),
                Step::AtOnce
            );
        }
        assert_eq!(
            retries.after(&failure(ErrorKind::RateLimited), Ok(NextKey::Untried)),
            Step::Wait(None, 0)
        );
        assert_eq!(
            retries.after(&failure(ErrorKind::RateLimited), Ok(NextKey::Untried)),
            Step::AtOnce
        );
        assert_eq!(
            retries.after(&failure(ErrorKind::RateLimited), Err(NoKey::Dead)),
            Step::AwaitKey
        );
    }

    #[test]
    fn silence_is_retried_unless_somebody_else_can_answer() {
        let silence = Failure::timeout(Clock::Headers, Duration::from_secs(1));
        let next = Ok(NextKey::Untried);
        assert_eq!(Retries::new(5).after(&silence, next), Step::Wait(None, 0));
        assert_eq!(Retries::new(5).leaving_silence(true).after(&silence, next), Step::GiveUp);
    }

    #[test]
    fn the_provider_may_forbid_or_ask_for_a_retry() {
        let asks = Failure { should_retry: Some(true), ..failure(ErrorKind::InvalidRequest) };
        let forbids = Failure { should_retry: Some(false), ..failure(ErrorKind::Server) };
        let limited = Failure { should_retry: Some(false), ..failure(ErrorKind::RateLimited) };
        assert_eq!(Retries::new(5).after(&asks, Ok(NextKey::Untried)), Step::Wait(None, 0));
        assert_eq!(Retries::new(5).after(&forbids, Ok(NextKey::Untried)), Step::GiveUp);
        assert_eq!(
            Retries::new(5).after(&limited, Ok(NextKey::Untried)),
            Step::AtOnce,
            "another key is free to"
        );
        assert_eq!(Retries::new(5).after(&limited, Err(NoKey::Dead)), Step::GiveUp);
    }
}
