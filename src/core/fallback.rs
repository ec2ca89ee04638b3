//! What a failure of one target means for a call that could go on to another.

use std::time::Duration;

use crate::error::ErrorKind;

/// What a failure of one target means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whether another target may answer: else the request itself is what is refused.
    pub moves_on: bool,
    /// Whether it is the target's fault, so that its circuit breaker counts it.
    pub counts: bool,
}

impl Meaning {
    /// What an error of this kind and HTTP status means.
    pub fn of(kind: ErrorKind, status: Option<u16>) -> Self {
        let moves_on = !matches!(
            kind,
            ErrorKind::Config | ErrorKind::InvalidRequest | ErrorKind::ContentPolicy
        );
        let counts = match kind {
            // A status of 4xx blames the request, whatever else may help.
            ErrorKind::Server => !matches!(status, Some(400..=499)),
            ErrorKind::Connection
            | ErrorKind::Timeout
            | ErrorKind::Truncated
            | ErrorKind::Decode => true,
            _ => false,
        };
        Self { moves_on, counts }
    }
}

/// Whether a target may answer what was too long for one with the other window: where both are
/// declared, its own must be larger.
pub fn holds_more(window: Option<u64>, too_small: Option<u64>) -> bool {
    match (window, too_small) {
        (Some(window), Some(too_small)) => window > too_small,
        _ => true,
    }
}

/// The time that a target has to begin its answer, so that as much is left for each of those after
/// it; the last has all that is left.
pub fn share(left: Duration, targets_left: u32) -> Duration {
    left / targets_left.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_target_would_refuse_too_is_final() {
        use ErrorKind::*;
        for kind in [Config, InvalidRequest, ContentPolicy] {
            assert!(!Meaning::of(kind, None).moves_on);
        }
        for kind in [Server, Connection, Timeout, Truncated, Decode, RateLimited, QuotaExhausted] {
            assert!(Meaning::of(kind, None).moves_on);
        }
        for kind in [Authentication, PermissionDenied, NotFound, ContextLengthExceeded, CircuitOpen]
        {
            assert!(Meaning::of(kind, None).moves_on);
        }
    }

    #[test]
    fn only_outages_count() {
        use ErrorKind::*;
        for (kind, status, counts) in [
            (Server, Some(503), true),
            (Server, Some(200), true),
            (Server, Some(409), false),
            (Connection, None, true),
            (Timeout, None, true),
            (Truncated, Some(200), true),
            (RateLimited, Some(429), false),
            (Authentication, Some(401), false),
            (CircuitOpen, None, false),
        ] {
            assert_eq!(Meaning::of(kind, status).counts, counts, "{kind} {status:?}");
        }
    }

    #[test]
    fn a_longer_text_goes_only_where_there_is_room() {
        assert!(holds_more(Some(200), Some(100)));
        assert!(!holds_more(Some(100), Some(100)));
        assert!(holds_more(None, Some(100)) && holds_more(Some(100), None));
    }
}
