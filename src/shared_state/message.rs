//! What is said to a shared state, and what it answers: JSON, by hand, as the wasm file carries no serde.
//! Durations only, in seconds: the store's clock is the only one.

use std::time::Duration;

use crate::core::json::{Json, Value, quoted};
use crate::core::key_slot::KeyState;
use crate::core::time::from_seconds;
use crate::platform::{number, number_text};

/// A bucket, as the store knows it.
#[derive(Clone)]
pub struct Bucket {
    pub name: String,
    pub capacity: f64,
    pub refill_rate: f64,
}

impl Bucket {
    /// That so much is taken from it, or given back where it is below 0, as JSON.
    pub fn limit(&self, amount: f64) -> String {
        let numbers = [self.capacity, self.refill_rate, amount].map(number_text);
        format!("[{},{}]", quoted(&self.name), numbers.join(","))
    }
}

/// A request on its way to being written.
pub struct Request(String);

impl Request {
    /// A request for this operation.
    pub fn new(operation: &str) -> Self {
        Self(format!("{{\"op\":\"{operation}\""))
    }

    /// A member of it that is JSON already.
    pub fn member(mut self, name: &str, json: &str) -> Self {
        self.0.extend([",\"", name, "\":", json]);
        self
    }

    pub fn text(self, name: &str, text: &str) -> Self {
        self.member(name, &quoted(text))
    }

    pub fn number(self, name: &str, number: f64) -> Self {
        self.member(name, &number_text(number))
    }

    pub fn seconds(self, name: &str, duration: Duration) -> Self {
        self.number(name, duration.as_secs_f64())
    }

    pub fn texts<'t>(self, name: &str, texts: impl Iterator<Item = &'t str>) -> Self {
        let mut list = String::from("[");
        for text in texts {
            let comma = if list.len() > 1 { "," } else { "" };
            list.extend([comma, &quoted(text)]);
        }
        list.push(']');
        self.member(name, &list)
    }

    pub fn rest(self, rest: Option<(Duration, KeyState)>) -> Self {
        let Some((length, state)) = rest else { return self };
        let why = match state {
            KeyState::Dead => "dead",
            KeyState::Exhausted => "exhausted",
            _ => "cooling",
        };
        self.seconds("rest", length).text("why", why)
    }

    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A permit, or LLM tokens.
    Tokens,
    /// A key that is ready; they all rest for this reason.
    Key(KeyState),
    /// The end of some request.
    Slot,
}

/// An answer.
#[derive(Debug, PartialEq)]
pub enum Answer {
    /// It is this call's turn, with the key of this name.
    Granted { key: String, lease: String },
    /// Not yet: it would be after `length`, and is to be asked for again after `look`. Without a ticket
    /// the wait was not begun.
    Wait { length: Duration, look: Duration, reason: Reason, ticket: Option<String> },
    /// It is done.
    Done,
}

impl Answer {
    /// An answer, and how many processes have asked of late.
    pub fn read(text: &str) -> Option<(Self, u32)> {
        let json = Json::read(text.as_bytes()).ok()?;
        let text = |name| json.get(name).and_then(Json::text).map(str::to_owned);
        let seconds = |name| json.get(name).and_then(number_of).and_then(from_seconds);
        let processes = json.get("processes").and_then(number_of)? as u32;
        let answer = if let Some(lease) = text("lease") {
            Self::Granted { key: text("key")?, lease }
        } else if let Some(length) = seconds("wait") {
            let reason = reason(&text("reason")?, text("why").as_deref());
            Self::Wait { length, look: seconds("look")?, reason, ticket: text("ticket") }
        } else {
            Self::Done
        };
        Some((answer, processes))
    }
}

fn number_of(json: &Json<'_>) -> Option<f64> {
    let Value::Number(text) = json.value else { return None };
    number(text)
}

fn reason(word: &str, why: Option<&str>) -> Reason {
    match (word, why) {
        ("key", Some("dead")) => Reason::Key(KeyState::Dead),
        ("key", Some("exhausted")) => Reason::Key(KeyState::Exhausted),
        ("key", _) => Reason::Key(KeyState::Cooling),
        ("concurrency", _) => Reason::Slot,
        _ => Reason::Tokens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_stores_read() {
        let bucket = Bucket { name: "m".to_owned(), capacity: 10.0, refill_rate: 0.5 };
        let request = Request::new("release")
            .text("lease", "l|1|k|\"p\"")
            .texts("keys", ["a", "b"].into_iter())
            .texts("none", [].into_iter())
            .member("limits", &format!("[{}]", bucket.limit(-1.0)))
            .rest(Some((Duration::from_millis(1500), KeyState::Dead)))
            .member("works", "true");
        assert_eq!(
            request.finish(),
            r#"{"op":"release","lease":"l|1|k|\"p\"","keys":["a","b"],"none":[],"limits":[["m",10,0.5,-1]],"rest":1.5,"why":"dead","works":true}"#
        );
    }

    #[test]
    fn reads_what_stores_answer() {
        let granted = Answer::Granted { key: "k".to_owned(), lease: "l|1|k|p".to_owned() };
        let text = r#"{"key":"k","lease":"l|1|k|p","processes":3}"#;
        assert_eq!(Answer::read(text), Some((granted, 3)));
        let wait = Answer::Wait {
            length: Duration::from_millis(2500),
            look: Duration::from_secs(1),
            reason: Reason::Key(KeyState::Dead),
            ticket: None,
        };
        let text = r#"{"wait":2.5,"look":1,"reason":"key","why":"dead","processes":1}"#;
        assert_eq!(Answer::read(text), Some((wait, 1)));
        assert_eq!(Answer::read(r#"{"processes":2}"#), Some((Answer::Done, 2)));
        for text in ["", "{}", "[]", r#"{"processes":"2"}"#, r#"{"wait":-1}"#] {
            assert_eq!(Answer::read(text), None, "{text}");
        }
    }
}
