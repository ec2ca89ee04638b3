//! What the request log remembers of one request.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::fault::Fault;
use crate::millis;

/// One request and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// Its place in the log, from 0; see [`MockProvider::wait_for_close`](crate::MockProvider::wait_for_close).
    pub index: usize,
    /// The method, e.g. `POST`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The `x-request-id` of the answer.
    pub request_id: String,
    /// When it had been read, since the server started; `started_ms` in JSON.
    #[serde(rename = "started_ms", with = "millis")]
    pub started: Duration,
    /// The same in milliseconds since 1970.
    pub started_unix_ms: u64,
    /// Whose it is: `…` and the key's last four characters, never the key. See [`key_label`].
    pub key_label: String,
    /// Which of the settings' keys it is.
    pub key_index: Option<usize>,
    /// 1 for the first request with this very body, 2 for the second, and so on.
    pub attempt: u32,
    /// The model that was asked for.
    pub model: Option<String>,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The status sent; none before the headers are, and none for a connection broken first.
    pub status: Option<u16>,
    /// The fault applied.
    pub fault: Option<Fault>,
    /// How many stream events were sent, `[DONE]` not counted.
    pub chunks_sent: usize,
    /// How it ended.
    pub finished: Finished,
    /// When it ended, since the server started; `ended_ms` in JSON. An answer counts as ended just
    /// before its last bytes leave, so whoever has read it all finds it here.
    #[serde(rename = "ended_ms", with = "millis::optional")]
    pub ended: Option<Duration>,
    /// How many requests with this key were open when it came, itself included.
    pub in_flight: usize,
    /// The headers by lower-case name, with keys replaced by their labels.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON, or a string of what could not be read as JSON, or null if empty.
    pub body: Value,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finished {
    /// Not yet.
    Open,
    /// The answer went out whole, whatever its status.
    Completed,
    /// The client closed its socket first.
    ClientClosed,
    /// The provider broke it off: a fault, or the server stopped.
    Faulted,
}

/// How a key is shown: `…` and its last four characters, a short one as `…` alone, none as `none`.
pub fn key_label(key: Option<&str>) -> String {
    let Some(key) = key else { return "none".into() };
    let length = key.chars().count();
    if length < 8 {
        return "…".into();
    }
    key.chars().skip(length - 4).fold(String::from("…"), |mut label, c| {
        label.push(c);
        label
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_never_shows_a_whole_key() {
        assert_eq!(key_label(Some("sk-secret-abcd")), "…abcd");
        assert_eq!(key_label(Some("sk-1")), "…");
        assert_eq!(key_label(Some("geheim-äöüß")), "…äöüß");
        assert_eq!(key_label(None), "none");
    }
}
