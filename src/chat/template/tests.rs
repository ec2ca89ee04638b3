//! What is read by its likeness, and what in full.

#![allow(clippy::unwrap_used)] // what is missing here is a test's failure

use super::*;

/// Reads them in their order, and checks each against a reading of its own; says how many were read
/// by their likeness.
fn alike(chunks: &[String]) -> usize {
    let mut reader = ChunkReader { has_text: true, ..ChunkReader::default() };
    let mut alike = 0;
    for json in chunks {
        alike += usize::from(
            reader.template.as_ref().is_some_and(|t| t.read(json.as_bytes()).is_some()),
        );
        let expected = serde_json::from_str::<ChatChunk>(json);
        assert_eq!(reader.read(json.as_bytes()).ok(), expected.ok(), "{json}");
    }
    alike
}

fn openai(delta: &str, rest: &str) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion.chunk","created":5,"model":"m","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":null}}]{rest}}}"#
    )
}

fn text(text: &str) -> String {
    openai(&format!(r#"{{"content":"{text}"}}"#), "")
}

#[test]
fn what_differs_in_its_text_alone_is_like_it() {
    assert_eq!(alike(&["a", "", "héllo", "你好", "c"].map(text)), 4);
    let padded = |n: usize| {
        let pad = "x".repeat(n);
        openai(r#"{"content":" a"}"#, &format!(r#","usage":null,"obfuscation":"{pad}""#))
    };
    assert_eq!(alike(&[3, 0, 9].map(padded)), 2);
    let thought =
        |text: &str| openai(&format!(r#"{{"content":null,"reasoning_content":"{text}"}}"#), "");
    assert_eq!(alike(&["a", "b", "c"].map(thought)), 2);
    let both =
        |text: &str| openai(&format!(r#"{{"reasoning":"{text}","content":"{text}{text}"}}"#), "");
    assert_eq!(alike(&["a", "b", "c"].map(both)), 2);
    let call = |arguments: &str| {
        let call = format!(r#"[{{"index":0,"function":{{"arguments":"{arguments}"}}}}]"#);
        openai(&format!(r#"{{"tool_calls":{call}}}"#), "")
    };
    assert_eq!(alike(&["", r#"{\"a\""#, ":1}"].map(call)), 2);
}

#[test]
fn the_first_makes_no_template() {
    let mut reader = ChunkReader::default();
    let has_template = ["a", "b"].map(|word| {
        reader.read(text(word).as_bytes()).unwrap();
        reader.template.is_some()
    });
    assert_eq!(has_template, [false, true]);
}

#[test]
fn escapes_are_read() {
    let escaped = [r"a\nb", r#"say \"hi\""#, r"\\", r"\u00e9\ud83d\ude00", r"\"];
    let [ok @ .., cut] = escaped.map(text);
    let chunks = [&[text("a")], &ok[..]].concat();
    assert_eq!(alike(&chunks), 4);
    assert_eq!(alike(&[text("a"), cut]), 0);
}

#[test]
fn anything_else_is_read_in_full() {
    let first = text("a");
    for other in [
        text(r#"a","role":"x"#),
        text("a\u{1}b"),
        text(r"\ud800"),
        text(r"\x"),
        openai(r#"{"role":"assistant","content":"a"}"#, ""),
        openai(r#"{"content":"a"}"#, r#","usage":{"prompt_tokens":1}"#),
        first.replace("\"created\":5", "\"created\":6"),
        first.replace("null}", "\"stop\"}"),
        first[..first.len() - 1].to_owned(),
        format!("{first} x"),
        first.replace("\"a\"", "7"),
        String::new(),
    ] {
        assert_eq!(alike(&[first.clone(), other.clone()]), 0, "{other}");
    }
    let bytes = first.replace("\"a\"", "\"\u{e9}\"").into_bytes();
    let latin: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0xc3).collect();
    let mut reader = ChunkReader { has_text: true, ..ChunkReader::default() };
    assert!(reader.read(first.as_bytes()).is_ok() && reader.read(&latin).is_err());
}

#[test]
fn a_text_whose_place_is_in_doubt_makes_no_template() {
    for json in [
        // Another object's, which says the same.
        r#"{"choices":[{"message":{"content":"a"},"delta":{"content" : "a"}}]}"#,
        // Of a key given twice the last counts.
        r#"{"choices":[{"delta":{"content":"a","content":"a"}}]}"#,
        r#"{"choices":[{"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\u0061"}}]}"#,
        r#"{"choices":[{"delta":{}}]}"#,
    ] {
        assert!(
            Template::of(json.as_bytes(), &serde_json::from_str(json).unwrap()).is_none(),
            "{json}"
        );
    }
}

#[test]
fn a_stream_of_chunks_unlike_each_other_is_left_alone() {
    let counted = |n: usize| openai(r#"{"content":"a"}"#, &format!(r#","n":{n}"#));
    let mut reader = ChunkReader::default();
    for n in 0..20 {
        reader.read(counted(n).as_bytes()).unwrap();
    }
    let template = reader.template.unwrap();
    assert_eq!((&*template.json, reader.wasted), (counted(8).as_bytes(), MOST_WASTED));
}
