//! What is asked for by the model's name.

use std::borrow::Cow;

use serde::Deserialize;

/// The longest stream in chunks, and the longest text in bytes: what is rendered stays in memory.
const MOST: usize = 64 << 20;
const USUAL_CHUNKS: usize = 20;
/// The text of the usual answer, which with all around it has some 400 bytes.
const USUAL_TEXT: usize = 70;
/// How many chunks come to about 16 KiB.
const USUAL_CHUNKS_A_PIECE: usize = 64;

/// What of a request matters here.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    stream: bool,
}

/// What to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wanted {
    /// An answer with so many bytes of text.
    Whole { text: usize },
    /// So many chunks of text, some of them in one piece.
    Stream { chunks: usize, a_piece: usize },
    /// One chunk of text, and no end.
    Idle,
}

impl Wanted {
    /// Reads the body of a request; `None` if it is no chat request.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let Asked { model, stream } = serde_json::from_slice(body).ok()?;
        if !stream {
            let text = model.strip_prefix("body-").and_then(number).unwrap_or(USUAL_TEXT);
            return Some(Self::Whole { text });
        }
        if model == "idle" {
            return Some(Self::Idle);
        }
        Some(
            streamed(&model)
                .unwrap_or(Self::Stream { chunks: USUAL_CHUNKS, a_piece: USUAL_CHUNKS_A_PIECE }),
        )
    }
}

/// Reads `stream-N` and `stream-N-by-K`.
fn streamed(model: &str) -> Option<Wanted> {
    let counts = model.strip_prefix("stream-")?;
    let (chunks, a_piece) = match counts.split_once("-by-") {
        Some((chunks, a_piece)) => (number(chunks)?, number(a_piece)?.max(1)),
        None => (number(counts)?, USUAL_CHUNKS_A_PIECE),
    };
    Some(Wanted::Stream { chunks: chunks.min(MOST >> 8), a_piece })
}

fn number(text: &str) -> Option<usize> {
    Some(text.parse::<usize>().ok()?.min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(model: &str, stream: bool) -> Option<Wanted> {
        Wanted::read(format!(r#"{{"messages":[],"model":"{model}","stream":{stream}}}"#).as_bytes())
    }

    #[test]
    fn the_name_says_what_to_send() {
        let stream = |chunks, a_piece| Some(Wanted::Stream { chunks, a_piece });
        let whole = |text| Some(Wanted::Whole { text });
        let cases = [
            ("stream-20000", true, stream(20_000, USUAL_CHUNKS_A_PIECE)),
            ("stream-7-by-1", true, stream(7, 1)),
            ("stream-7-by-0", true, stream(7, 1)),
            ("stream-many", true, stream(USUAL_CHUNKS, USUAL_CHUNKS_A_PIECE)),
            ("gpt-4", true, stream(USUAL_CHUNKS, USUAL_CHUNKS_A_PIECE)),
            ("stream-99999999999", true, stream(MOST >> 8, USUAL_CHUNKS_A_PIECE)),
            ("idle", true, Some(Wanted::Idle)),
            ("idle", false, whole(USUAL_TEXT)),
            ("body-1000", false, whole(1000)),
            ("stream-7", false, whole(USUAL_TEXT)),
        ];
        for (model, stream, expected) in cases {
            assert_eq!(wanted(model, stream), expected, "{model}, stream: {stream}");
        }
        assert_eq!(Wanted::read(b"{}"), None);
    }
}
