//! How long a provider asks us to wait, read from the many headers in which it may say so.
//!
//! The answers are durations from now, so `unix_now`, the time since 1970, comes in for the headers
//! that name a moment. What cannot be read, is 0 or has passed says nothing: the caller backs off.

use std::time::Duration;

use super::text;
use super::time::from_seconds;
use crate::platform;

const DAY: u64 = 86_400;

/// Numbers from here on are no seconds to wait (over 30 years) but seconds since 1970.
const EPOCH_SECONDS: f64 = 1e9;

/// Numbers from here on are no seconds since 1970 (the year 5138) but milliseconds.
const EPOCH_MILLISECONDS: f64 = 1e11;

/// How long to wait, by the finest header first: its name, and how many of its units are a second.
const WAITS: [(&str, f64); 4] = [
    ("retry-after-ms", 1e3),
    ("retry-after", 1.0),
    ("llm_provider-retry-after-ms", 1e3),
    ("llm_provider-retry-after", 1.0),
];

/// What is left of a limit, and when all of it is back: the names by which providers say it.
const LIMITS: &[(&str, &str)] = &[
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining-requests", "x-rate-limit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-rate-limit-reset-tokens"),
    ("x-rate-limit-remaining-requests", "x-rate-limit-reset-requests"),
    ("x-rate-limit-remaining-tokens", "x-rate-limit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
];

/// What time it is by the provider's clock, where it says so: the moments that it names are by that one.
pub(crate) fn provider_time<'a>(
    headers: &dyn Fn(&str) -> Option<&'a str>,
    unix_now: Duration,
) -> Duration {
    headers("date").and_then(|text| http_date(text, unix_now)).unwrap_or(unix_now)
}

/// How long the provider asks to wait before the next request.
///
/// The finest header wins: `retry-after-ms`, then `retry-after` (seconds or a date), then what
/// LiteLLM passes on from the provider behind it. `headers` is asked for lower-case names.
pub(crate) fn parse<'a>(
    headers: &dyn Fn(&str) -> Option<&'a str>,
    unix_now: Duration,
) -> Option<Duration> {
    let wait = |(name, a_second): (&str, f64)| {
        let text = headers(name)?;
        match number(text) {
            Some(value) => seconds(value / a_second),
            None => until(http_date(text, unix_now)?, unix_now),
        }
    };
    WAITS.iter().copied().find_map(wait)
}

/// How long until every limit that is used up is back: the latest of their resets.
pub(crate) fn reset<'a>(
    headers: &dyn Fn(&str) -> Option<&'a str>,
    unix_now: Duration,
) -> Option<Duration> {
    let mut latest = None;
    for (remaining, reset) in LIMITS {
        if headers(remaining).and_then(number) == Some(0.0) {
            latest = latest.max(headers(reset).and_then(|text| reset_in(text, unix_now)));
        }
    }
    latest
}

/// How long until a reset, in any of its spellings: `6m0s`, `20ms`, `7`, a moment in seconds or
/// milliseconds since 1970, or a date.
pub(super) fn reset_in(text: &str, unix_now: Duration) -> Option<Duration> {
    match number(text) {
        Some(value) if value >= EPOCH_MILLISECONDS => until(seconds(value / 1e3)?, unix_now),
        Some(value) if value >= EPOCH_SECONDS => until(seconds(value)?, unix_now),
        Some(value) => seconds(value),
        None => units(text).or_else(|| {
            let moment = iso_date(text).or_else(|| http_date(text, unix_now));
            until(moment?, unix_now)
        }),
    }
}

/// The time that is left until a moment that has not passed.
fn until(moment: Duration, unix_now: Duration) -> Option<Duration> {
    moment.checked_sub(unix_now).filter(|left| !left.is_zero())
}

/// A duration above 0; one too long to be told saturates.
fn seconds(value: f64) -> Option<Duration> {
    (value > 0.0).then(|| from_seconds(value).unwrap_or(Duration::MAX))
}

/// A number in plain digits: `inf`, `nan` and `1e9` are none.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim_ascii();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    if plain { platform::number(text) } else { None }
}

/// A sum of numbers with units, such as `1h2m3.5s`.
fn units(text: &str) -> Option<Duration> {
    let mut rest = text.trim_ascii();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (value, after) = rest.split_at(rest.bytes().position(|b| b.is_ascii_alphabetic())?);
        let end = after.bytes().position(|b| !b.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        sum += number(value)? * unit_seconds(unit)?;
        rest = next;
    }
    seconds(sum)
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "d" => 86_400.0,
        "h" => 3_600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    })
}

/// A date in one of the three forms of RFC 9110, as the time since 1970.
fn http_date(text: &str, unix_now: Duration) -> Option<Duration> {
    // `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37
    // 1994`: apart from the order and the signs between them, the same six words.
    let mut words = text::split(text, " ,-");
    words.retain(|word| !word.is_empty());
    match words[..] {
        [_, day, name, year, clock, "GMT"] if year.len() == 2 => {
            let year = integer(year)?;
            let at = |century| moment(century + year, month(name)?, integer(day)?, clock);
            // A year of two digits is at most 50 years ahead, else it is of the last century.
            let limit = unix_now.saturating_add(Duration::from_secs(50 * 365 * DAY));
            at(2000).filter(|moment| *moment <= limit).or_else(|| at(1900))
        }
        [_, day, name, year, clock, "GMT"] | [_, name, day, clock, year] => {
            moment(integer(year)?, month(name)?, integer(day)?, clock)
        }
        _ => None,
    }
}

/// A date such as `2026-11-23T01:43:51.5Z` or with an offset `+02:00`, as the time since 1970.
fn iso_date(text: &str) -> Option<Duration> {
    let (date, clock) = text::cut(text.trim_ascii(), "Tt ");
    let (clock, offset) = match text::cut(clock?, "Zz") {
        (clock, Some("")) => (clock, 0),
        _ => split_offset(clock?)?,
    };
    let [year, month, day] = text::split(date, "-")[..] else { return None };
    let moment = moment(integer(year)?, integer(month)?, integer(day)?, clock)?;
    let shift = Duration::from_secs(60 * i64::unsigned_abs(offset));
    if offset > 0 { moment.checked_sub(shift) } else { moment.checked_add(shift) }
}

/// Splits `10:00:00+02:00` into the clock and the minutes that it is ahead.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let (clock, offset) = text::cut(text, "+-");
    let [hours, minutes] = text::split(offset?, ":")[..] else { return None };
    let ahead = i64::try_from(integer(hours)? * 60 + integer(minutes)?).ok()?;
    Some((clock, if text.as_bytes()[clock.len()] == b'-' { -ahead } else { ahead }))
}

/// The moment of a date and a clock such as `08:49:37.5`, in UTC, as the time since 1970.
fn moment(year: u64, month: u64, day: u64, clock: &str) -> Option<Duration> {
    let [hour, minute, second] = text::split(clock, ":")[..] else { return None };
    let (hour, minute, second) = (integer(hour)?, integer(minute)?, number(second)?);
    let is_clock = hour < 24 && minute < 60 && (0.0..=60.0).contains(&second); // 60: a leap second
    let is_date = (1970..10_000).contains(&year) && (1..=12).contains(&month);
    if !is_clock || !is_date || !(1..=31).contains(&day) {
        return None;
    }
    let whole = days_since_1970(year, month, day) * DAY + hour * 3_600 + minute * 60;
    Some(Duration::from_secs(whole) + from_seconds(second)?)
}

/// The days from 1970 to a date, by Howard Hinnant's `days_from_civil`: years that begin in March
/// have their leap day at the end.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn month(name: &str) -> Option<u64> {
    let names =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    (1..).zip(names).find_map(|(month, known)| (known == name).then_some(month))
}

/// A whole number of at most four digits, as dates are made of.
fn integer(text: &str) -> Option<u64> {
    let is_short = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_short { text.parse::<u16>().ok().map(u64::from) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mon, 23 Nov 2026 01:43:51 GMT
    const NOW: Duration = Duration::from_secs(1_795_398_231);

    fn lookup<'a>(headers: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<&'a str> {
        |name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    fn wait(headers: &[(&str, &str)]) -> Option<f64> {
        parse(&lookup(headers), NOW).map(|wait| wait.as_secs_f64())
    }

    fn retry_after(value: &str) -> Option<f64> {
        wait(&[("retry-after", value)])
    }

    fn reset_of(value: &str) -> Option<f64> {
        let headers = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", value)];
        reset(&lookup(&headers), NOW).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn seconds_and_milliseconds() {
        assert_eq!(retry_after("7"), Some(7.0));
        assert_eq!(retry_after(" 1.5 "), Some(1.5));
        assert_eq!(wait(&[("retry-after-ms", "250"), ("retry-after", "1")]), Some(0.25));
        assert_eq!(wait(&[("retry-after-ms", "soon"), ("retry-after", "1")]), Some(1.0));
        assert_eq!(wait(&[("llm_provider-retry-after", "3")]), Some(3.0));
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn what_says_nothing_is_none() {
        for nothing in ["0", "-1", "-0.0", "", " ", "soon", "NaN", "inf", "1e9", "1.2.3", "-", "٣"]
        {
            assert_eq!(retry_after(nothing), None, "{nothing}");
            assert_eq!(reset_of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn an_absurd_wait_saturates() {
        let digits = "9".repeat(400);
        for long in ["99999999999999999999999", digits.as_str()] {
            assert_eq!(parse(&lookup(&[("retry-after", long)]), NOW), Some(Duration::MAX));
        }
        assert!(reset_of(&digits).is_some());
    }

    #[test]
    fn the_three_forms_of_a_date() {
        for date in [
            "Mon, 23 Nov 2026 01:44:01 GMT",
            "Monday, 23-Nov-26 01:44:01 GMT",
            "Mon Nov 23 01:44:01 2026",
        ] {
            assert_eq!(retry_after(date), Some(10.0), "{date}");
            assert_eq!(reset_of(date), Some(10.0), "{date}");
        }
        assert_eq!(retry_after("Tue Dec  1 01:43:51 2026"), Some(8.0 * 86_400.0));
        assert_eq!(retry_after("Mon, 23 Nov 2026 01:43:51 GMT"), None);
        assert_eq!(retry_after("Sunday, 06-Nov-94 08:49:37 GMT"), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for date in [
            "Mon, 23 Nov 2026 25:44:01 GMT",
            "Mon, 32 Nov 2026 01:44:01 GMT",
            "Mon, 00 Nov 2026 01:44:01 GMT",
            "Mon, 23 Nix 2026 01:44:01 GMT",
            "Mon, 23 Nov 99999999999999999999 01:44:01 GMT",
            "Mon, 23 Nov 2026 01:44 GMT",
            "Mon, 23 Nov 2026 01:44:01 PST",
            "Mon, 23 Nov 2026",
        ] {
            assert_eq!(retry_after(date), None, "{date}");
        }
    }

    #[test]
    fn moments_are_by_the_clock_of_who_names_them() {
        let headers = [
            ("date", "Mon, 23 Nov 2026 00:44:01 GMT"),
            ("retry-after", "Mon, 23 Nov 2026 00:44:03 GMT"),
        ];
        let now = provider_time(&lookup(&headers), NOW);
        assert_eq!(parse(&lookup(&headers), now), Some(Duration::from_secs(2)));
        assert_eq!(provider_time(&lookup(&[("date", "today")]), NOW), NOW);
    }

    #[test]
    fn days_are_counted_right() {
        for (year, month, day, days) in [
            (1970, 1, 1, 0),
            (1972, 2, 29, 789),
            (2000, 3, 1, 11_017),
            (2026, 11, 23, 20_780),
            (2100, 3, 1, 47_541),
        ] {
            assert_eq!(days_since_1970(year, month, day), days, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn every_spelling_of_a_reset() {
        for (reset, seconds) in [
            ("6m0s", 360.0),
            ("20ms", 0.02),
            ("1h2m3.5s", 3_723.5),
            ("1d", 86_400.0),
            ("12", 12.0),
            ("1795398241", 10.0),
            ("1795398241000", 10.0),
            ("2026-11-23T01:44:01Z", 10.0),
            ("2026-11-23T03:44:01.500+02:00", 10.5),
            ("2026-11-22T23:14:01-02:30", 10.0),
        ] {
            assert_eq!(reset_of(reset), Some(seconds), "{reset}");
        }
        for nothing in ["5 parsecs", "m", "1795398231", "1795398000000", "2026-11-23T01:43:51Z"] {
            assert_eq!(reset_of(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn only_limits_that_are_used_up_count_and_the_latest_of_them() {
        let headers = [
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-rate-limit-reset-tokens", "5s"),
            ("anthropic-ratelimit-tokens-remaining", "17"),
            ("anthropic-ratelimit-tokens-reset", "2026-11-23T02:00:00Z"),
        ];
        assert_eq!(reset(&lookup(&headers), NOW), Some(Duration::from_secs(5)));
        let unknown = [("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "60")];
        assert_eq!(reset(&lookup(&unknown), NOW), None);
        assert_eq!(reset(&lookup(&[("x-ratelimit-reset", "60")]), NOW), None);
    }

    #[test]
    fn no_text_breaks_the_parser() {
        for text in ["é", "1é", "::", "T", "-:-T::+:", "2026-11-23T01:44:01+", "1m é", "Z", "+"]
        {
            assert_eq!((retry_after(text), reset_of(text)), (None, None), "{text}");
        }
    }
}
