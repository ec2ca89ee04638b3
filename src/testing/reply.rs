//! What a scripted provider answers.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// One answer of a [`ScriptedTransport`](super::ScriptedTransport), with its timing.
///
/// ```
/// use lockkeeper::testing::Reply;
/// use std::time::Duration;
///
/// let whole = Reply::answer("Hello!").after(Duration::from_secs(2));
/// let cut = Reply::stream(["Hel", "lo"]).cut_after(1);
/// let limited = Reply::status(429).header("retry-after", "7");
/// # let _ = (whole, cut, limited);
/// ```
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) delay: Duration,
    pub(super) head: Head,
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Bytes>,
    pub(super) pace: Duration,
    pub(super) end: End,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Status(u16),
    Reset,
    Silence,
}

/// What comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    Cut,
    Silence,
}

impl Reply {
    /// A whole answer, not streamed.
    #[must_use]
    pub fn answer(text: &str) -> Self {
        Self::status(200).body(
            json!({
                "id": "scripted",
                "object": "chat.completion",
                "choices": [{
                    "index": 0,
                    "message": { "role": "assistant", "content": text },
                    "finish_reason": "stop",
                }],
                "usage": { "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 },
            })
            .to_string(),
        )
    }

    /// A streamed answer: these texts, the `finish_reason`, the usage and `[DONE]`.
    #[must_use]
    pub fn stream<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let chunk = |delta: Value, finish: Value| json!({ "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] });
        let mut events: Vec<String> = texts
            .into_iter()
            .map(|text| chunk(json!({ "content": text }), Value::Null).to_string())
            .collect();
        events.push(chunk(json!({}), json!("stop")).to_string());
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8 });
        events.push(json!({ "choices": [], "usage": usage }).to_string());
        events.push("[DONE]".to_owned());
        Self::events(events)
    }

    /// A streamed answer of these events' data.
    #[must_use]
    pub fn events(data: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let pieces = data.into_iter().map(|data| format!("data: {}\n\n", data.as_ref()).into());
        let reply = Self::status(200).header("content-type", "text/event-stream");
        Self { pieces: pieces.collect(), ..reply }
    }

    /// A response with this status and an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            delay: Duration::ZERO,
            head: Head::Status(status),
            headers: Vec::new(),
            pieces: Vec::new(),
            pace: Duration::ZERO,
            end: End::Whole,
        }
    }

    /// An OpenAI-shaped error.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let error = json!({ "error": { "code": code, "message": message } });
        Self::status(status).body(error.to_string())
    }

    /// The connection is reset before anything is answered.
    #[must_use]
    pub fn reset() -> Self {
        Self { head: Head::Reset, ..Self::status(0) }
    }

    /// Nothing is ever answered.
    #[must_use]
    pub fn silence() -> Self {
        Self { head: Head::Silence, ..Self::status(0) }
    }

    /// Sets the body, in one piece.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        self.pieces([body])
    }

    /// Sets the body, in pieces as the network delivers them.
    #[must_use]
    pub fn pieces(mut self, pieces: impl IntoIterator<Item = impl Into<Bytes>>) -> Self {
        self.pieces = pieces.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a header; its name in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets `delay` pass before the headers.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Lets `pace` pass before each piece of the body.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// The connection breaks after so many pieces of the body.
    #[must_use]
    pub fn cut_after(self, pieces: usize) -> Self {
        self.ending(pieces, End::Cut)
    }

    /// The body ends, as if it were whole, after so many pieces.
    #[must_use]
    pub fn end_after(self, pieces: usize) -> Self {
        self.ending(pieces, End::Whole)
    }

    /// After so many pieces of the body nothing more comes.
    #[must_use]
    pub fn stall_after(self, pieces: usize) -> Self {
        self.ending(pieces, End::Silence)
    }

    fn ending(mut self, pieces: usize, end: End) -> Self {
        self.pieces.truncate(pieces);
        self.end = end;
        self
    }
}
