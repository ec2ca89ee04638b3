//! The provider of a scenario: keys with troubles of their own, faults for no reason, and answers
//! that begin well and end badly.

use std::time::{Duration, SystemTime};

use lockkeeper::HttpRequest;
use lockkeeper::testing::Reply;
use serde_json::{Value, json};

use super::random::Random;
use super::said::{Asks, Meaning, Refusal, Said, Whole};
use super::scenario::{MODELS, Scenario, Temper};
use super::streams;

/// What a request asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub call: usize,
    pub key: usize,
    pub model: String,
    pub streams: bool,
    pub usage: bool,
}

impl Asked {
    pub fn read(request: &HttpRequest) -> Self {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let key = request.header("authorization").and_then(|value| value.rsplit('-').next());
        Self {
            call: body["user"].as_u64().unwrap() as usize,
            key: key.unwrap().parse().unwrap(),
            model: body["model"].as_str().unwrap().to_owned(),
            streams: body["stream"].as_bool().unwrap_or(false),
            usage: body["stream_options"]["include_usage"].as_bool().unwrap_or(false),
        }
    }
}

pub struct Provider {
    pub random: Random,
    temper: Temper,
    seed: u64,
    keys: Vec<Key>,
}

struct Key {
    revoked: Option<(Duration, Duration)>,
    limit: Option<Limit>,
    quota: Option<u32>,
    denied: Option<&'static str>,
}

/// A token bucket of the provider's own.
struct Limit {
    capacity: f64,
    rate: f64,
    level: f64,
    updated: Duration,
}

impl Limit {
    fn takes(&mut self, now: Duration) -> bool {
        let gained = now.saturating_sub(self.updated).as_secs_f64() * self.rate;
        (self.level, self.updated) = ((self.level + gained).min(self.capacity), now);
        let takes = self.level >= 1.0;
        self.level -= f64::from(u8::from(takes));
        takes
    }
}

impl Provider {
    pub fn new(scenario: &Scenario) -> Self {
        let key = |temper: &super::scenario::KeyTemper| Key {
            revoked: temper.revoked,
            limit: temper.limit.map(|(capacity, rate)| Limit {
                capacity,
                rate,
                level: capacity,
                updated: Duration::ZERO,
            }),
            quota: temper.quota,
            denied: temper.denied.map(|model| MODELS[model]),
        };
        Self {
            random: Random::new(scenario.seed ^ 0x5eed_0fa9),
            temper: scenario.temper.clone(),
            seed: scenario.seed,
            keys: scenario.keys.iter().map(key).collect(),
        }
    }

    /// The answer to a request that arrives `now`, as bytes and by its meaning.
    pub fn reply(&mut self, asked: &Asked, now: Duration, by_day: SystemTime) -> (Reply, Said) {
        let (reply, said) = match self.refuses(asked, now, by_day) {
            Some(refusal) => (self.refuse(&refusal, by_day), Said::Refusal(refusal)),
            None if self.random.chance(self.temper.faults) => self.fault(by_day),
            None => self.answer(asked),
        };
        (reply.after(self.latency(asked.call)), said)
    }

    /// Times hang on the call alone, so that they do not shift with the order of events.
    fn latency(&self, call: usize) -> Duration {
        let mut random = Random::new(self.seed ^ (call as u64) << 20);
        random.seconds(self.temper.latency.0, self.temper.latency.1)
    }

    fn pace(&self, call: usize) -> Duration {
        let mut random = Random::new(self.seed ^ (call as u64) << 21);
        random.seconds(self.temper.pace.0, self.temper.pace.1)
    }

    /// The troubles of keys, and of those who do not know `stream_options`.
    fn refuses(&mut self, asked: &Asked, now: Duration, by_day: SystemTime) -> Option<Refusal> {
        let key = &mut self.keys[asked.key];
        let meaning = if key.revoked.is_some_and(|(from, until)| from <= now && now < until) {
            Meaning::KeyRefused
        } else if key.denied == Some(&*asked.model) {
            Meaning::Denied
        } else if key.quota == Some(0) {
            Meaning::Quota
        } else if self.temper.refuses_usage && asked.usage {
            Meaning::NoUsage
        } else if key.limit.as_mut().is_some_and(|limit| !limit.takes(now)) {
            Meaning::Limited
        } else {
            key.quota = key.quota.map(|left| left - 1);
            return None;
        };
        Some(self.refusal(meaning, by_day))
    }

    /// Something that fails for no reason.
    fn fault(&mut self, by_day: SystemTime) -> (Reply, Said) {
        use Meaning::*;
        let any = if self.temper.storms { 8 } else { self.random.below(20) };
        match any {
            0 => (Reply::reset(), Said::Nothing),
            1 => (Reply::silence(), Said::Nothing),
            row => {
                let meaning = match row {
                    2 => BadRequest,
                    3 => NotFound,
                    4 => Redirect,
                    5 => KeyRefused,
                    6 => Quota,
                    7 => Denied,
                    8..12 => Limited,
                    _ => Busy,
                };
                let refusal = self.refusal(meaning, by_day);
                (self.refuse(&refusal, by_day), Said::Refusal(refusal))
            }
        }
    }

    fn refusal(&mut self, meaning: Meaning, by_day: SystemTime) -> Refusal {
        let r = &mut self.random;
        let status = match meaning {
            Meaning::BadRequest => r.pick(&[400, 405, 413, 418, 422]),
            Meaning::NotFound => 404,
            Meaning::Redirect => 302,
            Meaning::NoUsage => r.pick(&[400, 422]),
            // LiteLLM says 400 of a wrong key; its code tells the truth.
            Meaning::KeyRefused => r.pick(&[401, 401, 400]),
            Meaning::Quota => r.pick(&[402, 429]),
            Meaning::Denied => 403,
            Meaning::Limited => 429,
            Meaning::Busy => r.pick(&[408, 409, 425, 500, 502, 503, 504, 529]),
        };
        let may_ask = matches!(meaning, Meaning::Limited | Meaning::Busy | Meaning::Quota);
        let asks = (may_ask && r.chance(0.6)).then(|| {
            let wait = if r.chance(0.03) { 700.0 } else { r.of_any_magnitude(0.02, 30.0) };
            match r.below(4) {
                0 => Asks::For(Duration::from_secs(wait as u64)), // 0 asks for nothing
                1 => Asks::For(Duration::from_millis((wait * 1e3) as u64)),
                2 => Asks::For(Duration::from_secs_f64((wait * 10.0).round() / 10.0)),
                _ => Asks::Until(whole_second(by_day + Duration::from_secs_f64(wait))),
            }
        });
        let knows = !matches!(meaning, Meaning::NoUsage);
        let should_retry = (knows && r.chance(0.15)).then(|| r.chance(0.5));
        Refusal { status, meaning, asks, should_retry }
    }

    fn refuse(&mut self, refusal: &Refusal, by_day: SystemTime) -> Reply {
        let code = match (refusal.meaning, refusal.status) {
            (Meaning::KeyRefused, 400) => "invalid_api_key",
            (Meaning::Quota, 429) => "insufficient_quota",
            _ => "",
        };
        let message = match refusal.meaning {
            Meaning::NoUsage => "unknown field stream_options",
            _ => "no",
        };
        let mut reply = Reply::error(refusal.status, code, message);
        if let Some(asks) = refusal.asks {
            let (name, value) = self.spell(asks, by_day);
            reply = reply.header(name, &value);
        }
        if let Some(word) = refusal.should_retry {
            reply = reply.header("x-should-retry", &word.to_string());
        }
        reply
    }

    /// One of the ways in which providers say it.
    fn spell(&mut self, asks: Asks, by_day: SystemTime) -> (&'static str, String) {
        match asks {
            Asks::For(wait) if self.random.chance(0.3) => {
                ("retry-after-ms", wait.as_millis().to_string())
            }
            Asks::For(wait) => ("retry-after", wait.as_secs_f64().to_string()),
            Asks::Until(moment) => {
                assert!(moment >= by_day - Duration::from_secs(1));
                ("retry-after", http_date(moment))
            }
        }
    }

    fn answer(&mut self, asked: &Asked) -> (Reply, Said) {
        let goes_bad = self.random.chance(self.temper.bad_ends);
        if asked.streams {
            let pace = self.pace(asked.call);
            let (reply, events) = streams::stream(&mut self.random, asked, goes_bad);
            return (reply.pace(pace), Said::Stream(events));
        }
        if !goes_bad {
            let usage = self.random.chance(0.7).then(|| self.usage());
            let text = format!("the answer to call {}", asked.call);
            let reply = Reply::status(200).body(whole_body(&text, usage));
            return (reply, Said::Whole(Whole::Answer { text, usage }));
        }
        match self.random.below(3) {
            0 => {
                let reply = Reply::status(200).body(r#"{"choices":[{"index":0,"mess"#);
                (reply, Said::Whole(Whole::Half))
            }
            1 => {
                let reply = Reply::status(200).body(r#"{"choices":["#);
                (reply.cut_after(1), Said::Whole(Whole::Half))
            }
            _ => {
                let (meaning, code) = error_object(&mut self.random);
                let body = json!({ "error": { "code": code, "message": "no" } }).to_string();
                (Reply::status(200).body(body), Said::Whole(Whole::Error(meaning)))
            }
        }
    }

    fn usage(&mut self) -> (u64, u64) {
        (self.random.whole(1, 90) as u64, self.random.whole(1, 90) as u64)
    }
}

/// An error inside an answer with status 200, by its code.
pub fn error_object(random: &mut Random) -> (Meaning, &'static str) {
    random.pick(&[
        (Meaning::Busy, "server_error"),
        (Meaning::Limited, "rate_limit_exceeded"),
        (Meaning::KeyRefused, "invalid_api_key"),
        (Meaning::Quota, "insufficient_quota"),
        (Meaning::BadRequest, "invalid_request_error"),
    ])
}

fn whole_body(text: &str, usage: Option<(u64, u64)>) -> String {
    let choice = json!({
        "index": 0,
        "message": { "role": "assistant", "content": text },
        "finish_reason": "stop",
    });
    let usage =
        usage.map(|(input, output)| json!({ "prompt_tokens": input, "completion_tokens": output }));
    json!({ "choices": [choice], "usage": usage }).to_string()
}

fn whole_second(moment: SystemTime) -> SystemTime {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// A date as in `Sun, 06 Nov 1994 08:49:37 GMT`. The simulated day may be any of 2025 and 2026.
fn http_date(moment: SystemTime) -> String {
    let names =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (mut day, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][day as usize % 7];
    let first_of_2025 = 20_089;
    day -= first_of_2025;
    let year = 2025 + day / 365;
    day %= 365;
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let (day, name, second) = (day + 1, names[month], second % 60);
    format!("{weekday}, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT")
}
