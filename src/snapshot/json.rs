//! Snapshots as JSON: written and read by hand, since serde is too much for the wasm file. So are a line
//! and a check for each field: names stand in lists.

use std::time::Duration;

use super::{Counts, Snapshot};
use crate::core::json::{Json, Value, quoted};
use crate::core::key_memory::{Denial, KeyMemory};
use crate::core::key_slot::{KeyCounts, KeyState};
use crate::core::time::from_seconds;
use crate::error::Problem;
use crate::platform::{number, number_text};

/// The version of the format that is written, and read.
const VERSION: f64 = 1.0;

/// Beyond this JavaScript no longer tells one count from the next.
const LARGEST_COUNT: f64 = 9_007_199_254_740_991.0;

const STATES: [(KeyState, &str); 4] = [
    (KeyState::Ready, "ready"),
    (KeyState::Cooling, "cooling"),
    (KeyState::Exhausted, "exhausted"),
    (KeyState::Dead, "dead"),
];

/// The names of [`Counts`], in their order.
const COUNTS: [&str; 6] =
    ["succeeded", "failed", "cancelled", "attempts", "input_tokens", "output_tokens"];

/// The names of what [`KeyCounts::listed`] gives.
const KEY_COUNTS: [&str; 8] = [
    "attempts",
    "waited",
    "succeeded",
    "rate_limited",
    "failed",
    "cancelled",
    "input_tokens",
    "output_tokens",
];

/// The snapshot as JSON text.
pub fn write(snapshot: &Snapshot) -> String {
    let mut json = Writer::default();
    json.number("version", VERSION);
    json.number("taken_at", snapshot.taken_at.as_secs_f64());
    json.text("model", &snapshot.model);
    json.number("tokens", snapshot.tokens);
    json.counts(&COUNTS, &snapshot.counts.0);
    json.list("keys", snapshot.keys.iter().map(|(key, memory)| write_key(key, memory)));
    json.finish()
}

fn write_key(key: &str, memory: &KeyMemory) -> String {
    let mut json = Writer::default();
    let state = STATES.iter().find(|(state, _)| *state == memory.state);
    json.text("key", key);
    json.text("state", state.map_or("", |it| it.1));
    json.number("rests_for", memory.rests_for.as_secs_f64());
    if let Some(pause) = memory.pause {
        json.number("pause", pause.as_secs_f64());
    }
    json.number("limited_in_a_row", memory.limited_in_a_row.into());
    json.list("denied", memory.denied.iter().map(write_denial));
    json.counts(&KEY_COUNTS, &memory.counts.listed());
    json.finish()
}

fn write_denial(denial: &Denial) -> String {
    let mut json = Writer::default();
    json.text("model", &denial.model);
    json.number("rests_for", denial.rests_for.as_secs_f64());
    json.number("pause", denial.pause.as_secs_f64());
    json.finish()
}

/// Writes an object.
#[derive(Default)]
struct Writer(String);

impl Writer {
    fn member(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0 += &quoted(name);
        self.0.push(':');
        self.0 += json;
    }

    fn number(&mut self, name: &str, number: f64) {
        self.member(name, &number_text(number));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.member(name, &quoted(text));
    }

    fn list(&mut self, name: &str, elements: impl Iterator<Item = String>) {
        let elements: Vec<String> = elements.collect();
        self.member(name, &("[".to_owned() + &elements.join(",") + "]"));
    }

    fn counts(&mut self, names: &[&str], counts: &[u64]) {
        let mut json = Self::default();
        for (name, count) in names.iter().zip(counts) {
            json.number(name, (*count as f64).min(LARGEST_COUNT));
        }
        self.member("counts", &json.finish());
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Reads a snapshot, or says the first thing that is wrong with it.
pub fn read(text: &str) -> Result<Snapshot, Problem> {
    let json = Json::read(text.as_bytes()).map_err(|wrong| {
        Problem::new("", wrong.line, format!("is not JSON: {}{}", wrong.message, wrong.hint))
    })?;
    let mut reader = Reader::default();
    let version = reader.number(&json, "version");
    if version != VERSION {
        let version = number_text(version);
        let message = format!("is {version}, but this version of lockkeeper reads 1");
        reader.is_wrong_with("version", &message);
    }
    let snapshot = Snapshot {
        taken_at: reader.duration(&json, "taken_at"),
        model: reader.text(&json, "model"),
        tokens: reader.number(&json, "tokens"),
        counts: Counts(reader.counts(&json, &COUNTS)),
        keys: reader.list(&json, "keys", read_key),
    };
    reader.problem.map_or(Ok(snapshot), Err)
}

fn read_key(reader: &mut Reader, key: &Json<'_>) -> (String, KeyMemory) {
    let word = reader.text(key, "state");
    let state = STATES.iter().find(|(_, name)| *name == word);
    if state.is_none() {
        reader.is_wrong_with("state", "expected `ready`, `cooling`, `exhausted` or `dead`");
    }
    let memory = KeyMemory {
        state: state.map_or(KeyState::Ready, |it| it.0),
        rests_for: reader.duration(key, "rests_for"),
        pause: key.get("pause").map(|_| reader.duration(key, "pause")),
        limited_in_a_row: reader.number(key, "limited_in_a_row") as u32,
        denied: reader.list(key, "denied", |reader, denial| Denial {
            model: reader.text(denial, "model").into(),
            rests_for: reader.duration(denial, "rests_for"),
            pause: reader.duration(denial, "pause"),
        }),
        counts: KeyCounts::of_list(reader.counts(key, &KEY_COUNTS)),
    };
    (reader.text(key, "key"), memory)
}

/// Reads members of objects. What is not as it should be reads as nothing much, and the first such thing
/// is kept.
#[derive(Default)]
struct Reader {
    /// The way to the object that is being read.
    path: String,
    problem: Option<Problem>,
}

impl Reader {
    fn is_wrong_with(&mut self, name: &str, message: &str) {
        if self.problem.is_none() {
            let path = self.path_of(name);
            self.problem = Some(Problem::new(path, 0, message));
        }
    }

    fn path_of(&self, name: &str) -> String {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.path.clone() + dot + name
    }

    /// What `of` makes of a member; if that is nothing, `what` was expected.
    fn member<'j, T: Default>(
        &mut self,
        object: &'j Json<'j>,
        name: &str,
        (what, of): (&str, impl FnOnce(&'j Value<'j>) -> Option<T>),
    ) -> T {
        let member = object.get(name);
        let found = member.and_then(|json| of(&json.value));
        if found.is_none() {
            let message = if member.is_some() { what } else { "is missing" };
            self.is_wrong_with(name, message);
        }
        found.unwrap_or_default()
    }

    fn text(&mut self, object: &Json<'_>, name: &str) -> String {
        let text = |value: &Value<'_>| match value {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        self.member(object, name, ("expected a string", text))
    }

    fn number(&mut self, object: &Json<'_>, name: &str) -> f64 {
        let number = |value: &Value<'_>| match value {
            Value::Number(written) => number(written).filter(|it| it.is_finite() && *it >= 0.0),
            _ => None,
        };
        self.member(object, name, ("expected a number of at least 0", number))
    }

    fn duration(&mut self, object: &Json<'_>, name: &str) -> Duration {
        let duration = from_seconds(self.number(object, name));
        if duration.is_none() {
            self.is_wrong_with(name, "expected a number of seconds");
        }
        duration.unwrap_or_default()
    }

    fn counts<const N: usize>(&mut self, object: &Json<'_>, names: &[&str; N]) -> [u64; N] {
        let mut counts = [0; N];
        let Some(json) = object.get("counts") else {
            self.is_wrong_with("counts", "is missing");
            return counts;
        };
        let path = self.path_of("counts");
        let outer = std::mem::replace(&mut self.path, path);
        for (count, name) in counts.iter_mut().zip(names) {
            *count = self.number(json, name).min(LARGEST_COUNT) as u64;
        }
        self.path = outer;
        counts
    }

    fn list<T>(
        &mut self,
        object: &Json<'_>,
        name: &str,
        read: impl Fn(&mut Self, &Json<'_>) -> T,
    ) -> Vec<T> {
        let Some(Json { value: Value::List(elements), .. }) = object.get(name) else {
            self.is_wrong_with(name, "expected a list");
            return Vec::new();
        };
        let list = self.path_of(name);
        let outer = std::mem::take(&mut self.path);
        let mut found = Vec::new();
        for (index, element) in elements.iter().enumerate() {
            self.path = format!("{list}[{index}]");
            found.push(read(self, element));
        }
        self.path = outer;
        found
    }
}
