//! Answers as the bytes that go over the wire, each rendered once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

use super::model::Wanted;
use crate::lock::hold;

const HEAD: &str =
    "HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\nx-request-id: req_prerendered\r\n";
const WORDS: [&str; 16] = [
    " lock", " keeper", " on", " a", " canal", " keeps", " the", " keys", " and", " meters",
    " its", " flow", ",", " gate", " by", " gate.",
];
/// How many different answers are kept; a bench has a few.
const KEPT: usize = 64;

/// An answer in the pieces in which it is written.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) pieces: Arc<[Bytes]>,
    /// Whether it ends.
    pub(crate) complete: bool,
}

/// The answers that were asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    rendered: Mutex<HashMap<Wanted, Answer>>,
}

impl Answers {
    /// The answer to this, rendered now if it never was.
    pub(crate) fn get(&self, wanted: Wanted) -> Answer {
        let mut rendered = hold(&self.rendered);
        if rendered.len() == KEPT && !rendered.contains_key(&wanted) {
            rendered.clear();
        }
        rendered.entry(wanted).or_insert_with(|| render(wanted)).clone()
    }
}

fn render(wanted: Wanted) -> Answer {
    match wanted {
        Wanted::Whole { text } => Answer { pieces: [whole(text)].into(), complete: true },
        Wanted::Stream { chunks, a_piece } => {
            Answer { pieces: stream(chunks, a_piece), complete: true }
        }
        Wanted::Idle => {
            let events = opening() + &text_event(0);
            Answer { pieces: [in_head(&piece(&events))].into(), complete: false }
        }
    }
}

fn whole(text: usize) -> Bytes {
    let text: String = WORDS.iter().cycle().flat_map(|word| word.chars()).take(text).collect();
    let body = format!(
        r#"{{"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion","created":1741570283,"model":"gpt-4o-mini","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":19,"completion_tokens":32,"total_tokens":51}},"system_fingerprint":"fp_06737a9306"}}"#
    );
    let length = body.len();
    format!("{HEAD}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into()
}

fn stream(chunks: usize, a_piece: usize) -> Arc<[Bytes]> {
    let mut events = vec![opening()];
    events.extend((0..chunks).map(text_event));
    events.push(event(r#"[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]"#, ""));
    let usage = format!(
        r#","usage":{{"prompt_tokens":19,"completion_tokens":{chunks},"total_tokens":{}}}"#,
        chunks + 19
    );
    events.push(event("[]", &usage) + "data: [DONE]\n\n");
    let mut pieces: Vec<_> = events.chunks(a_piece).map(|events| piece(&events.concat())).collect();
    if let Some(first) = pieces.first_mut() {
        *first = in_head(first).to_vec();
    }
    if let Some(last) = pieces.last_mut() {
        last.extend_from_slice(b"0\r\n\r\n");
    }
    pieces.into_iter().map(Bytes::from).collect()
}

/// What OpenAI begins a stream with.
fn opening() -> String {
    event(
        r#"[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]"#,
        "",
    )
}

fn text_event(number: usize) -> String {
    let word = WORDS[number % WORDS.len()];
    let delta = format!(
        r#"[{{"index":0,"delta":{{"content":"{word}"}},"logprobs":null,"finish_reason":null}}]"#
    );
    event(&delta, "")
}

fn event(choices: &str, more: &str) -> String {
    format!(
        "data: {}{choices}{more}}}\n\n",
        r#"{"id":"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG","object":"chat.completion.chunk","created":1741570283,"model":"gpt-4o-mini","system_fingerprint":"fp_06737a9306","choices":"#
    )
}

/// A piece as a chunk of HTTP's.
fn piece(events: &str) -> Vec<u8> {
    format!("{:x}\r\n{events}\r\n", events.len()).into_bytes()
}

/// The first piece of a stream behind its head.
fn in_head(piece: &[u8]) -> Bytes {
    let head =
        format!("{HEAD}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    [head.as_bytes(), piece].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_answers_have_the_size_of_real_ones() {
        assert!((240..=260).contains(&text_event(5).len()), "{}", text_event(5).len());
        let answer = String::from_utf8_lossy(&whole(70)).into_owned();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!((380..=420).contains(&body.len()), "{}", body.len());
    }

    #[test]
    fn a_stream_is_cut_into_pieces_of_so_many_chunks() {
        // Role, reason and usage come to the 17 of text.
        let pieces = |a_piece| stream(17, a_piece);
        assert_eq!((pieces(1).len(), pieces(4).len(), pieces(64).len()), (20, 5, 1));
        let events =
            |pieces: &[Bytes]| pieces.concat().windows(5).filter(|w| w == b"data:").count();
        assert!([1, 4, 64].into_iter().all(|a_piece| events(&pieces(a_piece)) == 21));
    }
}
