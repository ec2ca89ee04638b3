//! The headers that say when to come back, in the spellings of real providers.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// How a 429 spells the time to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `retry-after: 2`, rounded up.
    #[default]
    Seconds,
    /// `retry-after: Wed, 21 Oct 2026 07:28:00 GMT`, rounded up.
    Date,
    /// `retry-after-ms: 1500`.
    Millis,
    /// `x-ratelimit-reset-requests: 1500ms`, with `x-ratelimit-remaining-requests: 0`.
    Reset,
}

impl RetryAfter {
    /// The headers for this wait from `now` on.
    pub fn headers(self, wait: Duration, now: SystemTime) -> Vec<(&'static str, String)> {
        let millis = wait.as_nanos().div_ceil(1_000_000);
        match self {
            Self::Seconds => {
                vec![("retry-after", wait.as_nanos().div_ceil(1_000_000_000).to_string())]
            }
            // Dates have whole seconds: one more, so that it is never too early.
            Self::Date => {
                vec![("retry-after", httpdate::fmt_http_date(now + wait + Duration::from_secs(1)))]
            }
            Self::Millis => vec![("retry-after-ms", millis.to_string())],
            Self::Reset => vec![
                ("x-ratelimit-remaining-requests", "0".into()),
                ("x-ratelimit-reset-requests", format!("{millis}ms")),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_is_too_early() {
        let wait = Duration::from_micros(1_200_300);
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(900);
        let said = |spelled: RetryAfter| spelled.headers(wait, now);
        assert_eq!(said(RetryAfter::Seconds), [("retry-after", "2".to_owned())]);
        assert_eq!(said(RetryAfter::Millis), [("retry-after-ms", "1201".to_owned())]);
        assert_eq!(said(RetryAfter::Reset)[1].1, "1201ms");
        assert_eq!(said(RetryAfter::Date)[0].1, "Thu, 01 Jan 1970 00:00:03 GMT");
    }
}
