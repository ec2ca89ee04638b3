//! What a response's headers say of its key's limits, on answers that went well, too.

use std::time::Duration;

use super::retry_after::{number, provider_time, reset_in};

/// No limit keeps a key for longer, whatever its provider says.
const LONGEST_RESET: f64 = 24.0 * 60.0 * 60.0;

/// So many requests, so many of them left, and the seconds until all are back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    pub limit: u64,
    pub remaining: u64,
    pub reset: f64,
}

/// What headers say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of requests.
    pub requests: Option<Quota>,
    /// The seconds until something is back that is used up: LLM tokens, or requests of whose limit no
    /// more is said.
    pub held: Option<f64>,
}

/// The limit, what is left of it, and its reset: the names by which providers say it of requests.
const REQUESTS: &[[&str; 3]] = &[
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"],
    [
        "x-rate-limit-limit-requests",
        "x-rate-limit-remaining-requests",
        "x-rate-limit-reset-requests",
    ],
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"],
    [
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ],
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"],
];

/// What is left, and its reset, of LLM tokens.
const TOKENS: &[[&str; 2]] = &[
    ["x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"],
    ["x-ratelimit-remaining-tokens", "x-rate-limit-reset-tokens"],
    ["x-rate-limit-remaining-tokens", "x-rate-limit-reset-tokens"],
    ["anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"],
    ["anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"],
    ["anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"],
];

/// How the names of all of them begin.
const BEGINNINGS: [&str; 3] = ["x-rate", "ratelimit-", "anthropic-ratelimit-"];

/// Whether headers of this name may say something.
pub fn is_one(name: &str) -> bool {
    BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// What the headers say. `headers` is asked for lower-case names; `unix_now` is the time since 1970.
pub fn read<'a>(headers: &dyn Fn(&str) -> Option<&'a str>, unix_now: Duration) -> Limits {
    let unix_now = provider_time(headers, unix_now);
    let reset = |name: &str| {
        let left = reset_in(headers(name)?, unix_now)?;
        Some(left.as_secs_f64().min(LONGEST_RESET))
    };
    let mut limits = Limits::default();
    for [limit, remaining, reset_name] in REQUESTS {
        let (Some(remaining), Some(reset)) =
            (headers(remaining).and_then(count), reset(reset_name))
        else {
            continue;
        };
        match headers(limit).and_then(count) {
            Some(limit) if limit > 0 => {
                limits.requests = Some(Quota { limit, remaining: remaining.min(limit), reset });
                break;
            }
            _ if remaining == 0 => limits.held = Some(reset),
            _ => {}
        }
    }
    for [remaining, reset_name] in TOKENS {
        if headers(remaining).and_then(number) == Some(0.0) {
            let later = reset(reset_name);
            limits.held = if later > limits.held { later } else { limits.held };
        }
    }
    limits
}

/// A whole number of requests that is no nonsense.
fn count(text: &str) -> Option<u64> {
    let number = number(text).filter(|number| (0.0..1e15).contains(number))?;
    (number.fract() == 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)]) -> Limits {
        let header =
            |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert!(headers.iter().any(|(name, _)| is_one(name)));
        read(&header, Duration::from_secs(1_795_398_231))
    }

    fn quota(limit: u64, remaining: u64, reset: f64) -> Limits {
        Limits { requests: Some(Quota { limit, remaining, reset }), held: None }
    }

    #[test]
    fn every_spelling_of_a_limit_of_requests() {
        for [limit, remaining, reset] in REQUESTS {
            let headers = [(*limit, "5"), (*remaining, "3"), (*reset, "400ms")];
            assert_eq!(of(&headers), quota(5, 3, 0.4), "{limit}");
        }
        let epoch = ("x-ratelimit-reset", "1795398241000");
        let headers = [("x-ratelimit-limit", "20"), ("x-ratelimit-remaining", "19"), epoch];
        assert_eq!(of(&headers), quota(20, 19, 10.0));
        let date = ("anthropic-ratelimit-requests-reset", "2026-11-23T01:44:01Z");
        let (limit, left) =
            ("anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining");
        assert_eq!(of(&[(limit, "50"), (left, "49"), date]), quota(50, 49, 10.0));
    }

    #[test]
    fn what_is_used_up_holds_until_its_reset() {
        let held = |headers: &[(&str, &str)]| of(headers).held;
        let tokens = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6s")];
        assert_eq!(held(&tokens), Some(6.0));
        let requests = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2")];
        assert_eq!(held(&requests), Some(2.0));
        let left = [("x-ratelimit-remaining-tokens", "1"), ("x-ratelimit-reset-tokens", "6s")];
        assert_eq!(held(&left), None);
    }

    #[test]
    fn nonsense_says_nothing_and_no_reset_is_longer_than_a_day() {
        let of = |limit: &str, remaining: &str, reset: &str| {
            of(&[
                ("x-ratelimit-limit-requests", limit),
                ("x-ratelimit-remaining-requests", remaining),
                ("x-ratelimit-reset-requests", reset),
            ])
        };
        for (limit, remaining, reset) in [
            ("5", "-1", "1s"),
            ("5", "many", "1s"),
            ("5", "0.5", "1s"),
            ("5", "0", "0"),
            ("5", "0", "-3"),
            ("5", "0", "soon"),
            ("1e9", "3", "1s"),
            ("0", "3", "1s"),
        ] {
            assert_eq!(
                of(limit, remaining, reset),
                Limits::default(),
                "{limit} {remaining} {reset}"
            );
        }
        assert_eq!(of("5", "7", "1s"), quota(5, 5, 1.0));
        assert_eq!(of("5", "0", "8760h"), quota(5, 0, LONGEST_RESET));
        assert_eq!(of("0", "0", "8760h").held, Some(LONGEST_RESET));
    }
}
