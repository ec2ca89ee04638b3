//! Limit headers: a wait is above 0 whatever they say, a key rests for a day at most, and a moment is
//! that moment in each of its spellings.

use std::time::{Duration, SystemTime};

use futures_util::stream;

use crate::core::health::KeyFate;
use crate::core::key::ApiKey;
use crate::core::key_pool::{KeyPool, Leased, Scope, Wanted};
use crate::core::learned_limit::Heard;
use crate::core::limit_headers::{self, Limits};
use crate::core::provider_error::ProviderError;
use crate::core::retry::Failure;
use crate::core::retry_after::{parse, reset};
use crate::core::time::Timestamp;
use crate::core::told_limit::Sent;
use crate::platform::{HttpResponse, boxed_stream};
use crate::response_failure::Hints;

const DAY: u64 = 86_400;

/// Checks headers. Four bytes are the time of day, four more are how far ahead a moment lies that is
/// spelled in every way; then come lines, each a header or a value for several.
pub fn limits(data: &[u8]) {
    let Some((now, rest)) = data.split_first_chunk() else { return };
    let Some((ahead, text)) = rest.split_first_chunk() else { return };
    let now = u32::from_le_bytes(*now).into();
    spelled(now, u32::from_le_bytes(*ahead).into());
    let now = Duration::from_secs(now);
    let Ok(text) = std::str::from_utf8(text) else { return };
    let headers: Vec<_> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    understood(&headers, now);
    for value in text.lines() {
        understood(&[("retry-after-ms", value)], now);
        understood(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", value)], now);
        let wait = understood(&[("retry-after", value)], now);
        // Signs and leading zeros are no plain number.
        let number = value.parse::<u32>().ok().filter(|number| number.to_string() == value);
        if let Some(number) = number {
            let seconds = Duration::from_secs(number.into());
            assert_eq!(wait.unwrap_or_default(), seconds, "{value}");
        }
    }
}

/// The wait that headers ask for, after a look at what comes of it.
fn understood(headers: &[(&str, &str)], now: Duration) -> Option<Duration> {
    let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let response = HttpResponse::new(429, owned.collect(), boxed_stream(stream::empty()));
    let header = |name: &str| response.header(name);
    let wait = parse(&header, now).or(reset(&header, now));
    assert_ne!(wait, Some(Duration::ZERO), "{headers:?}");
    let failure = Failure::from_provider(429, ProviderError::default());
    let hints = Hints::of(&response.headers, SystemTime::UNIX_EPOCH + now);
    assert_eq!(hints.rest(), wait, "{headers:?}");
    let failure = hints.add_to(failure);
    assert_eq!(failure.retry_after, wait, "{headers:?}");
    let limits = limit_headers::read(&header, now);
    let rest = rest_after(wait, limits, failure.key_fate(), Timestamp::new(now));
    assert!(!rest.is_zero() && rest.as_secs() <= DAY, "{headers:?} is a rest of {rest:?}");
    wait
}

/// How long a key rests after the headers and the end of its answer.
fn rest_after(asks: Option<Duration>, limits: Limits, fate: KeyFate, now: Timestamp) -> Duration {
    let mut pool = KeyPool::default();
    pool.add(ApiKey::new("sk-0123456789abcd"), Scope::ALL);
    let wanted = Wanted {
        model: "m",
        scope: Scope::ALL,
        most: u32::MAX,
        limits: None,
        begins_slowly: true,
        waiting: 0,
    };
    let Leased { id, number, .. } = pool.lease(wanted, now).expect("its one key is ready");
    let backoff = |_| Duration::from_secs(1);
    let sent = Sent { number, at: now.seconds() };
    pool.refused(id, Heard { sent, quota: limits.requests }, asks, now, &backoff);
    pool.release(id, fate, "m", now, &backoff);
    pool.statuses(Scope::ALL, now)[0].rests_for.unwrap_or_default()
}

/// A moment ahead is understood however it is spelled.
fn spelled(now: u64, ahead: u64) {
    let moment = now + ahead;
    let (year, month, day) = date(moment / DAY);
    let (hour, minute, second) = (moment / 3_600 % 24, moment / 60 % 60, moment % 60);
    let clock = format!("{hour:02}:{minute:02}:{second:02}");
    let name = MONTHS[month - 1].0;
    let mut dates = vec![
        format!("Mon, {day:02} {name} {year} {clock} GMT"),
        format!("Mon {name} {day:2} {clock} {year}"),
    ];
    if (2000..2100).contains(&year) && ahead <= 50 * 365 * DAY {
        dates.push(format!("Monday, {day:02}-{name}-{:02} {clock} GMT", year % 100));
    }
    let mut resets = dates.clone();
    resets.push(format!("{year}-{month:02}-{day:02}T{clock}Z"));
    resets.push(elsewhere(moment, ahead));
    resets.push(format!("{ahead}s"));
    resets.push(format!("{}h{}m{}s", ahead / 3_600, ahead / 60 % 60, ahead % 60));
    if moment >= 1_000_000_000 {
        resets.push(moment.to_string());
        resets.push(format!("{moment}000"));
    }
    let expected = (ahead > 0).then_some(Duration::from_secs(ahead));
    let now = Duration::from_secs(now);
    for text in &dates {
        let header = |name: &str| (name == "retry-after").then_some(&**text);
        assert_eq!(parse(&header, now), expected, "retry-after: {text}");
    }
    for text in &resets {
        let header = |name: &str| match name {
            "x-ratelimit-remaining-tokens" => Some("0"),
            "x-ratelimit-reset-tokens" => Some(&**text),
            _ => None,
        };
        assert_eq!(reset(&header, now), expected, "x-ratelimit-reset-tokens: {text}");
    }
}

/// A moment as the clocks of some other place show it, up to 14 hours east or west.
fn elsewhere(moment: u64, seed: u64) -> String {
    let (minutes, west) = (seed % 841, seed % 2 == 1);
    let shown = if west { moment.saturating_sub(minutes * 60) } else { moment + minutes * 60 };
    let minutes = shown.abs_diff(moment) / 60; // fewer where 1970 is near
    let shown = if west { moment - minutes * 60 } else { shown };
    let (year, month, day) = date(shown / DAY);
    let (hour, minute, second) = (shown / 3_600 % 24, shown / 60 % 60, shown % 60);
    let sign = if west { '-' } else { '+' };
    format!(
        "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{sign}{:02}:{:02}",
        minutes / 60,
        minutes % 60
    )
}

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// Year, month and day, counted off year by year and month by month.
fn date(mut days: u64) -> (u64, usize, u64) {
    let every = |years, year: u64| year.is_multiple_of(years);
    let is_leap = |year| every(4, year) && (!every(100, year) || every(400, year));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for (_, length) in MONTHS {
        let length = if month == 2 { length + u64::from(is_leap(year)) } else { length };
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}
