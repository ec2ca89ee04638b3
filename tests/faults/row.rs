//! The rows of the table, as `rows/*.json` has them. `table.mjs` reads the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lockkeeper::ChatOptions;
use mock_provider::{Fault, Script};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use crate::scripted::Way;

/// Rows that belong together.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    pub title: String,
    pub rows: Vec<Row>,
}

/// One thing that a provider does, and what has to come of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    /// What the provider does, in words.
    pub provider: String,
    /// What it does, for machines; `key` is the number of a key. After that it answers well.
    #[serde(default)]
    scripts: Vec<KeyScript>,
    /// How many keys the client has.
    #[serde(default = "two")]
    pub keys: usize,
    /// Settings of the client, as in `provider.json`.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// A second provider, which the client falls back to.
    backup: Option<Backup>,
    /// How often the question is asked, one call after the other.
    #[serde(default = "one")]
    pub calls: usize,
    /// Options of the call, spelled as settings are.
    #[serde(default)]
    pub options: Map<String, Value>,
    /// What has to come of it, however the question is asked…
    expect: Option<Map<String, Value>>,
    /// …or of one way only.
    chat: Option<Map<String, Value>>,
    stream: Option<Map<String, Value>>,
    /// What is otherwise in some host.
    #[serde(default)]
    pub but_in: BTreeMap<String, Map<String, Value>>,
}

/// A second provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    #[serde(default)]
    scripts: Vec<KeyScript>,
    #[serde(default)]
    settings: Map<String, Value>,
}

/// A [`Script`], with a key by its number.
#[derive(Deserialize)]
pub struct KeyScript {
    key: Option<usize>,
    #[serde(flatten)]
    script: Map<String, Value>,
}

/// What the caller and the provider see.
#[derive(Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The caller gets the whole answer.
    #[serde(default)]
    pub answer: bool,
    /// It is this target's: the primary's or the backup's.
    pub by: Option<Target>,
    /// Before it came a half answer that was given up, which the primary has been paid for.
    #[serde(default)]
    pub restarted: bool,
    /// Or an error of this kind…
    pub error: Option<String>,
    /// …of this clock, named as its setting is…
    pub clock: Option<String>,
    /// …with this HTTP status…
    pub status: Option<u16>,
    /// …and this code of the provider's…
    pub code: Option<String>,
    /// …that holds a part of the answer…
    #[serde(default)]
    pub partial: bool,
    /// …and says how long it is until `retry_at`.
    pub retry_in: Option<Wait>,
    /// The requests that the provider sees.
    pub requests: usize,
    /// Those that the backup sees.
    #[serde(default)]
    pub backup: usize,
    /// Their keys, by number.
    pub keys: Option<Vec<usize>>,
    /// The waits between them.
    pub gaps: Option<Gaps>,
    /// The seconds that pass until a request has failed.
    #[serde(default)]
    pub lasts: f64,
    /// The seconds that pass until a request is answered.
    #[serde(default)]
    pub takes: f64,
    /// The client closes its socket before the provider has done. Otherwise it may where it has
    /// seen enough, but not where it gets an answer.
    #[serde(default)]
    pub hung_up: bool,
}

/// One of two providers.
#[derive(Deserialize, Clone, Copy, Debug, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Primary,
    Backup,
}

/// The waits between requests: all alike, or each.
#[derive(Deserialize, Clone, PartialEq)]
#[serde(untagged)]
pub enum Gaps {
    All(Wait),
    Each(Vec<Wait>),
}

/// One wait: `"at once"`, `"backoff"`, seconds, or from so many seconds to so many.
#[derive(Deserialize, Clone, PartialEq)]
#[serde(untagged)]
pub enum Wait {
    Seconds(f64),
    Between(f64, f64),
    Word(Word),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
pub enum Word {
    #[serde(rename = "at once")]
    AtOnce,
    #[serde(rename = "backoff")]
    Backoff,
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

/// The wait before the first retry, in seconds.
pub const RETRY_DELAY: f64 = 0.05;

/// The table, theme by theme.
pub fn table() -> Vec<Theme> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/rows");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: &_| {
        let text = fs::read_to_string(path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
    };
    files.iter().map(read).collect()
}

/// The key with this number.
pub fn key(number: usize) -> String {
    format!("sk-fault-table-key-{number:04}")
}

/// The number of the key with this label.
pub fn key_number(label: &str) -> usize {
    label.trim_start_matches('…').parse().unwrap()
}

impl Row {
    /// What has to come of it in this host where the question is asked this way; none if it is not.
    pub fn expected(&self, way: Way, host: &str) -> Option<Expect> {
        let own = match way {
            Way::Chat => &self.chat,
            Way::Stream => &self.stream,
        };
        let mut expect = own.as_ref().or(self.expect.as_ref())?.clone();
        expect.extend(self.but_in.get(host).cloned().unwrap_or_default());
        let expect = serde_json::from_value(expect.into());
        Some(expect.unwrap_or_else(|error| panic!("{}: {error}", self.id)))
    }

    /// A model of its own for each row and way, so that all may run at once.
    pub fn model(&self, way: Way) -> String {
        format!("{}.{}", self.id, if way == Way::Chat { "chat" } else { "stream" })
    }

    /// The model of the backup.
    pub fn backup_model(&self, way: Way) -> String {
        self.model(way) + ".backup"
    }

    /// The `provider.json` of the client. The provider of a model is its own too: what is learned of a
    /// key is shared within a provider.
    pub fn config(&self, way: Way, base_url: &str) -> String {
        let (model, backup) = (self.model(way), self.backup_model(way));
        let mut primary = entry(self.keys, base_url, &self.settings);
        let mut config = Map::new();
        if let Some(Backup { settings, .. }) = &self.backup {
            primary["fallbacks"] = json!([format!("{backup}/{backup}")]);
            config.insert(backup.clone(), json!({ backup: entry(two(), base_url, settings) }));
        }
        config.insert(model.clone(), json!({ model: primary }));
        Value::from(config).to_string()
    }

    pub fn call_options(&self) -> ChatOptions {
        serde_json::from_value(self.options.clone().into()).unwrap()
    }

    /// What the provider is told; `elsewhere` is another origin of its own.
    pub fn scripts(&self, way: Way, elsewhere: &str) -> Vec<Script> {
        let primary = self.scripts.iter().map(|script| script.told(self.model(way), elsewhere));
        let backup = self.backup.iter().flat_map(|backup| &backup.scripts);
        let backup = backup.map(|script| script.told(self.backup_model(way), elsewhere));
        primary.chain(backup).collect()
    }

    /// Whether it is about the bytes on a socket, which a scripted provider has none of.
    pub fn is_about_bytes(&self) -> bool {
        let scripts = self.scripts(Way::Chat, "");
        scripts.iter().flat_map(|script| &script.faults).any(|fault| {
            matches!(
                fault,
                Fault::HugeBody { .. }
                    | Fault::HugeEvent { .. }
                    | Fault::EndlessHeader
                    | Fault::Gzip
                    | Fault::OldHttp
            )
        })
    }
}

/// The entry of a client in `provider.json`.
fn entry(keys: usize, base_url: &str, settings: &Map<String, Value>) -> Value {
    let mut entry = json!({
        "api_keys": (1..=keys).map(key).collect::<Vec<_>>(),
        "base_url": base_url,
        "max_retries": 2,
        "retry_delay": RETRY_DELAY,
        "rate_limit_capacity": 1000,
        "rate_limit_refill_rate": 1000,
    });
    entry.as_object_mut().unwrap().extend(settings.clone());
    entry
}

impl KeyScript {
    fn told(&self, model: String, elsewhere: &str) -> Script {
        let text = serde_json::to_string(&self.script).unwrap();
        let mut told: Script =
            serde_json::from_str(&text.replace("{elsewhere}", elsewhere)).unwrap();
        (told.model, told.key) = (Some(model), self.key.map(key));
        told
    }
}

impl Wait {
    /// Its least and its most, where it is the wait before this retry, counted from 0.
    fn range(&self, n: usize) -> (f64, f64) {
        match *self {
            Self::Seconds(seconds) => (seconds, seconds),
            Self::Between(least, most) => (least, most),
            Self::Word(Word::AtOnce) => (0.0, 0.0),
            Self::Word(Word::Backoff) => {
                let full = RETRY_DELAY * f64::from(1 << n);
                (full / 2.0, full)
            }
        }
    }
}

impl Expect {
    /// The least and the most time from one request to the next, for each of them but the first.
    pub fn gaps(&self) -> Vec<(f64, f64)> {
        let waits = match &self.gaps {
            None => Vec::new(),
            Some(Gaps::All(wait)) => vec![wait.clone(); self.requests - 1],
            Some(Gaps::Each(waits)) => waits.clone(),
        };
        let range = |(n, wait): (usize, &Wait)| {
            let (least, most) = wait.range(n);
            (self.lasts + least, self.lasts + most)
        };
        waits.iter().enumerate().map(range).collect()
    }

    /// The least and the most time until `retry_at`.
    pub fn retry_in(&self) -> Option<(f64, f64)> {
        self.retry_in.as_ref().map(|wait| wait.range(self.requests - 1))
    }

    /// The least and the most time until the caller knows.
    pub fn time(&self) -> (f64, f64) {
        let is_primary = self.answer && self.by != Some(Target::Backup);
        let last = if is_primary { self.takes } else { self.lasts };
        let add = |(a, b), (least, most)| (a + least, b + most);
        self.gaps().into_iter().fold((last, last), add)
    }
}
