//! Event streams: the same events however the network split them, those of the standard, and never
//! more memory than the limit allows.

use bytes::Bytes;

use crate::core::sse::{Event, SseError, SseParser};

/// An event as name, data and whether it was terminated; or that one was too large.
type Seen = Result<(Vec<u8>, Vec<u8>, bool), SseError>;

/// Checks a stream. The first byte sets the limit, the second how the rest is split.
pub fn sse(data: &[u8]) {
    let [limit, split, stream @ ..] = data else { return };
    let limit = usize::from(*limit) * 4;
    let whole = events([stream], limit);
    assert_eq!(events(stream.chunks(1), limit), whole, "byte by byte");
    assert_eq!(events(in_pieces(stream, *split), limit), whole, "in pieces");
    let standard = by_the_standard(stream);
    match whole.split_last() {
        Some((Err(_), before)) => assert_eq!(before, &standard[..before.len()]),
        _ => assert_eq!(whole, standard),
    }
}

/// All events of a stream that comes in these pieces.
fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Seen> {
    let mut parser = SseParser::new(limit);
    let (mut events, mut largest) = (Vec::new(), 0);
    for piece in pieces {
        largest = largest.max(piece.len());
        parser.push(Bytes::copy_from_slice(piece));
        while let Some(event) = parser.next_event() {
            events.push(event.map(seen));
        }
        // Vectors double when they grow, and there are two of them.
        assert!(parser.memory() <= 4 * (limit + largest) + 16, "{} bytes", parser.memory());
    }
    events.extend(parser.finish().map(|event| Ok(seen(event))));
    events
}

fn seen(event: Event<'_>) -> (Vec<u8>, Vec<u8>, bool) {
    (event.name.to_vec(), event.data.to_vec(), event.terminated)
}

/// Pieces of 0 to 31 bytes, made of a seed.
fn in_pieces(mut rest: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut state = u32::from(seed);
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = (state >> 27) as usize;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        let more = !rest.is_empty();
        rest = after;
        more.then_some(piece)
    })
}

/// The same by the letter of the standard, of a stream that is there as a whole.
fn by_the_standard(stream: &[u8]) -> Vec<Seen> {
    let stream = stream.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(stream);
    let (mut events, mut name, mut data) = (Vec::new(), Vec::new(), None::<Vec<u8>>);
    let mut rest = stream;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (line, ending) = rest.split_at(end.unwrap_or(rest.len()));
        rest = ending.strip_prefix(b"\r\n").or(ending.get(1..)).unwrap_or_default();
        if line.is_empty() {
            let name = std::mem::take(&mut name);
            events.extend(data.take().map(|data| Ok((name, data, true))));
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match (field, &mut data) {
            (b"event", _) => name = value.to_vec(),
            (b"data", None) => data = Some(value.to_vec()),
            (b"data", Some(data)) => {
                data.push(b'\n');
                data.extend_from_slice(value);
            }
            _ => {}
        }
    }
    // The standard drops what no blank line ends; here the reader is told.
    events.extend(data.map(|data| Ok((name, data, false))));
    events
}
