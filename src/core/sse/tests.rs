//! What the parser makes of streams, however they are cut.

use super::*;

/// An event as (name, data, terminated), or the limit that was broken.
type Seen = Result<(String, String, bool), usize>;

fn seen(event: Event<'_>) -> Seen {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(event.name), text(event.data), event.terminated))
}

/// All events of a stream that comes in these chunks.
fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> Vec<Seen> {
    let mut parser = SseParser::new(limit);
    let mut events = Vec::new();
    for chunk in chunks {
        parser.push(Bytes::copy_from_slice(chunk));
        while let Some(event) = parser.next_event() {
            events.push(match event {
                Ok(event) => seen(event),
                Err(SseError::EventTooLarge { limit }) => Err(limit),
            });
        }
    }
    events.extend(parser.finish().map(seen));
    events
}

#[test]
fn events_that_somebody_else_reads_are_passed_over() {
    let (first, all) = ("data: a\n\n", "data: a\n\ndata: b\r\n\r\ndata: c");
    for split in 0..=all.len() {
        let mut parser = SseParser::new(1000);
        let mut read = Vec::new();
        for piece in [&all[..split], &all[split..]] {
            parser.push(Bytes::copy_from_slice(piece.as_bytes()));
            if parser.at_event().is_some_and(|it| it.starts_with(first.as_bytes())) {
                read.push("a, elsewhere".to_owned());
                parser.skip(first.len());
            }
            while let Some(event) = parser.next_event() {
                read.push(seen(event.unwrap()).unwrap().1);
            }
        }
        read.extend(parser.finish().map(|event| seen(event).unwrap().1));
        // With its line, the event had begun to be read here.
        let a = if split == first.len() - 1 { "a" } else { "a, elsewhere" };
        assert_eq!(read, [a, "b", "c"], "{split}");
    }
}

fn data(input: &str) -> Vec<String> {
    let events = parse([input.as_bytes()], 1000);
    events.into_iter().map(|event| event.unwrap().1).collect()
}

const TRICKY: &[&str] = &[
    "",
    "\n\n\n",
    "data: a\n\ndata: b\n\n",
    "data: a\r\rdata: b\r\r",
    "data: a\r\n\r\ndata: b\r\n\r\n",
    "data: a\n\r\ndata: b\r\n\ndata: c\r\rdata: d\n\r",
    "\u{feff}data: a\n\n\u{feff}data: b\n\ndata: c\n\n",
    "\u{feff}",
    "\u{fe00}data: a\n\n",
    ": ping\n\n:\n\n: OPENROUTER PROCESSING\r\n\r\ndata: a\n: in between\ndata: b\n\n",
    "event: error\ndata: {\"error\":{}}\n\nevent\ndata: a\n\nevent: x\n\ndata: b\n\n",
    "data\n\ndata\ndata\n\ndata:",
    "data:a\ndata: b\ndata:  c\ndata\ndata:\n\n",
    "id: 1\nretry: 5\ndatax: no\ndat: no\n data: no\ndata : no\ndata: a\nunknown\n\n",
    "data: é\u{2028}漢😀\n\ndata: [DONE]",
    "data: a\n\ndata: cut\n",
    "data: a\n\ndata: cut\r",
    "data: a\n\ndata: b\ndat",
    "event: late\r\ndata: 1\r\ndata: 2\r\n\r\nevent: none\r\n",
];

#[test]
fn any_chunking_gives_the_same_events() {
    for input in TRICKY.iter().map(|input| input.as_bytes()) {
        for limit in [5, 9, 12, 1000] {
            let whole = parse([input], limit);
            let bytes = parse(input.chunks(1), limit);
            assert_eq!(bytes, whole, "{input:?} limit {limit}");
            for at in 0..=input.len() {
                let (head, tail) = input.split_at(at);
                let split = parse([head, &[], tail], limit);
                assert_eq!(split, whole, "{input:?} at {at} limit {limit}");
            }
        }
    }
}

#[test]
fn random_chunkings_of_a_long_stream() {
    let long = TRICKY[1..].concat().repeat(5);
    let whole = parse([long.as_bytes()], 1000);
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..200 {
        let mut chunks = Vec::new();
        let mut rest = long.as_bytes();
        while !rest.is_empty() {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let (chunk, after) = rest.split_at((seed as usize % 40).min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        assert_eq!(parse(chunks, 1000), whole);
    }
}

#[test]
fn data_lines_are_joined_and_lose_one_space() {
    assert_eq!(data("data:a\ndata: b\ndata:  c\ndata\ndata:\n\n"), ["a\nb\n c\n\n"]);
    assert_eq!(data("data\n\ndata\ndata\n\ndata:"), ["", "\n", ""]);
}

#[test]
fn other_fields_and_comments_carry_no_data() {
    assert_eq!(data(TRICKY[13]), ["a"]);
    let events = parse([TRICKY[9].as_bytes()], 1000);
    assert_eq!(events, [Ok((String::new(), "a\nb".into(), true))]);
}

#[test]
fn names_belong_to_their_event_only() {
    let events = parse([TRICKY[10].as_bytes()], 1000);
    let names: Vec<_> = events.into_iter().map(|event| event.unwrap().0).collect();
    assert_eq!(names, ["error", "", ""]);
}

#[test]
fn a_mark_is_skipped_at_the_start_only() {
    assert_eq!(data(TRICKY[6]), ["a", "c"]);
}

#[test]
fn the_end_of_the_stream_ends_an_event_but_marks_it() {
    let last = |input: &str| parse([input.as_bytes()], 1000).pop().unwrap().unwrap();
    assert_eq!(last("data: a\n\ndata: [DONE]"), (String::new(), "[DONE]".into(), false));
    assert_eq!(last("data: a\n\ndata: cut\n"), (String::new(), "cut".into(), false));
    assert_eq!(last("data: a\n\n: bye"), (String::new(), "a".into(), true));
}

#[test]
fn an_event_may_not_outgrow_the_limit() {
    let size = |input: &str| parse([input.as_bytes()], 9);
    assert_eq!(size("data: a\n\n"), [Ok((String::new(), "a".into(), true))]);
    assert_eq!(size("data: ab\n\n"), [Err(9)]);
    assert_eq!(size("data: an endless line"), [Err(9)]);
    assert_eq!(size("data:\n:\n:\n:\n:\n"), [Err(9)]);
    assert_eq!(size(":\n:\n:\n:\n:\n"), [Err(9)]);
    assert_eq!(size("a: long\n\n\nx: unknown\n\ndata: a\n\n"), [Err(9)]);
    assert_eq!(SseError::EventTooLarge { limit: 9 }.to_string().matches('9').count(), 1);
}

#[test]
fn memory_stays_bounded() {
    let mut parser = SseParser::new(100);
    for _ in 0..10_000 {
        parser.push(Bytes::from_static(b": keep-alive\n\ndata: 1234567890\n\ndata: "));
        while parser.next_event().is_some() {}
        assert_eq!(parser.buffer.memory(), b"data: ".len());
        parser.push(Bytes::from_static(b"half\n\n"));
        assert!(parser.next_event().is_some());
        parser.let_go();
        assert_eq!(parser.buffer.memory(), 0);
    }
}
