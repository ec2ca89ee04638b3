//! Tool calls, put together from their pieces.
//!
//! OpenAI numbers the calls of an answer from 0, names the number in every piece, and the id and
//! name in the first piece only. Others number from 1, give no number, or give 0 to every call;
//! repeat id and name in every piece; or send a whole call at once. So a piece is matched to its
//! call by all that it says, and what it repeats is not added twice.

use serde::de::IgnoredAny;

use super::chunk::ToolCallDelta;
use super::message::ToolCall;

/// The tool calls of one choice, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub(super) struct ToolCalls(Vec<OpenCall>);

#[derive(Clone, Debug)]
struct OpenCall {
    index: Option<u32>,
    call: ToolCall,
}

impl ToolCalls {
    /// Adds a piece to the call that it belongs to, or opens a new call with it.
    pub(super) fn push(&mut self, delta: &ToolCallDelta) {
        let position = self.position(delta).unwrap_or_else(|| {
            self.0.push(OpenCall { index: delta.index, call: ToolCall::function("", "", "") });
            self.0.len() - 1
        });
        add(&mut self.0[position].call, delta);
    }

    /// The calls as they are now.
    pub(super) fn into_calls(self) -> Vec<ToolCall> {
        self.0.into_iter().map(|open| open.call).collect()
    }

    /// The call that a piece belongs to; none where it opens a new one.
    fn position(&self, delta: &ToolCallDelta) -> Option<usize> {
        let same_index = |open: &OpenCall| {
            delta.index.is_none() || open.index.is_none() || delta.index == open.index
        };
        let same_id = |open: &OpenCall| !delta.id.is_empty() && open.call.id == delta.id;
        let by_id = self.0.iter().rposition(|open| same_index(open) && same_id(open));
        by_id.or_else(|| {
            let last = self.0.iter().rposition(same_index)?;
            (!opens_another(&self.0[last].call, delta)).then_some(last)
        })
    }
}

/// Whether a piece that could continue `call` says that it does not.
fn opens_another(call: &ToolCall, delta: &ToolCallDelta) -> bool {
    if !delta.id.is_empty() {
        // A call without an id may learn it late, unless an unnumbered piece brings a whole call.
        return !call.id.is_empty() || (delta.index.is_none() && !delta.function.name.is_empty());
    }
    let (known, piece) = (&call.function, &delta.function);
    let named_again = !piece.name.is_empty() && !known.name.is_empty();
    // Parsing what has come so far, for each piece anew, is done only where something hangs on it.
    let full = || !piece.arguments.is_empty() && is_complete(&known.arguments);
    named_again && (piece.name != known.name || full())
}

/// Adds what a piece brings that the call does not have yet.
fn add(call: &mut ToolCall, delta: &ToolCallDelta) {
    let fill = |known: &mut String, piece: &str| {
        if known.is_empty() {
            known.push_str(piece);
        }
    };
    fill(&mut call.id, &delta.id);
    fill(&mut call.function.name, &delta.function.name);
    if !delta.kind.is_empty() && call.kind != delta.kind {
        call.kind.clone_from(&delta.kind);
    }
    let piece = delta.function.arguments.as_str();
    if !stands_for_nothing(piece, &call.function.arguments) {
        call.function.arguments.push_str(piece);
    }
    call.function.extra.merge(&delta.function.extra);
    call.extra.merge(&delta.extra);
}

/// Whether a piece `null` means "no arguments" rather than a `null` among the arguments.
fn stands_for_nothing(piece: &str, arguments: &str) -> bool {
    piece == "null" && (arguments.is_empty() || is_complete(arguments))
}

/// Whether the arguments are a whole JSON value.
fn is_complete(arguments: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(arguments).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The calls as (id, name, arguments).
    fn assembled(pieces: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = ToolCalls::default();
        for piece in pieces {
            calls.push(&serde_json::from_value(piece.clone()).unwrap());
        }
        let parts = |call: ToolCall| (call.id, call.function.name, call.function.arguments);
        calls.into_calls().into_iter().map(parts).collect()
    }

    fn check(pieces: &[Value], expected: &[(&str, &str, &str)]) {
        let calls = assembled(pieces);
        let calls: Vec<_> = calls.iter().map(|(a, b, c)| (&**a, &**b, &**c)).collect();
        assert_eq!(calls, expected);
    }

    fn piece(index: u32, id: &str, name: &str, arguments: &str) -> Value {
        json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}})
    }

    fn unnumbered(id: &str, name: &str, arguments: &str) -> Value {
        json!({"id": id, "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn openai_numbers_and_interleaves() {
        check(
            &[
                piece(0, "a", "f", ""),
                piece(1, "b", "g", ""),
                json!({"index": 0, "function": {"arguments": "{\"x\":"}}),
                json!({"index": 1, "function": {"arguments": "{}"}}),
                json!({"index": 0, "function": {"arguments": "1}"}}),
            ],
            &[("a", "f", r#"{"x":1}"#), ("b", "g", "{}")],
        );
    }

    #[test]
    fn numbers_may_start_at_1_or_be_missing() {
        check(&[piece(1, "a", "f", "{"), piece(1, "", "", "}")], &[("a", "f", "{}")]);
        check(
            &[unnumbered("a", "f", "{}"), unnumbered("b", "f", "{"), unnumbered("", "", "}")],
            &[("a", "f", "{}"), ("b", "f", "{}")],
        );
    }

    #[test]
    fn number_0_for_every_call() {
        check(
            &[piece(0, "a", "f", "{"), piece(0, "b", "f", "{}"), piece(0, "a", "", "}")],
            &[("a", "f", "{}"), ("b", "f", "{}")],
        );
    }

    #[test]
    fn id_and_name_in_every_piece() {
        check(
            &[piece(0, "a", "f", ""), piece(0, "a", "f", "{\"x\""), piece(0, "a", "f", ":1}")],
            &[("a", "f", r#"{"x":1}"#)],
        );
        check(&[unnumbered("a", "f", "{"), unnumbered("a", "f", "}")], &[("a", "f", "{}")]);
    }

    #[test]
    fn neither_id_nor_number() {
        check(
            &[
                unnumbered("", "f", "{"),
                unnumbered("", "", "}"),
                unnumbered("", "f", "{}"),
                unnumbered("", "g", "{}"),
                json!({"function": {"arguments": ""}}),
            ],
            &[("", "f", "{}"), ("", "f", "{}"), ("", "g", "{}")],
        );
    }

    #[test]
    fn an_id_may_come_late_and_again_with_another_number() {
        check(&[piece(0, "", "f", "{"), piece(0, "a", "", "}")], &[("a", "f", "{}")]);
        check(
            &[piece(0, "", "f", "{}"), piece(1, "", "f", "{}")],
            &[("", "f", "{}"), ("", "f", "{}")],
        );
        check(
            &[piece(0, "a", "f", "{}"), piece(1, "a", "f", "{}")],
            &[("a", "f", "{}"), ("a", "f", "{}")],
        );
        check(
            &[unnumbered("", "f", "{}"), unnumbered("b", "f", "{}")],
            &[("", "f", "{}"), ("b", "f", "{}")],
        );
    }

    #[test]
    fn null_as_text_is_nothing_unless_it_is_an_argument() {
        check(&[piece(0, "a", "f", "null")], &[("a", "f", "")]);
        check(&[piece(0, "a", "f", "null"), piece(0, "", "", "{}")], &[("a", "f", "{}")]);
        check(&[piece(0, "a", "f", "{}"), piece(0, "", "", "null")], &[("a", "f", "{}")]);
        check(
            &[piece(0, "a", "f", "{\"x\":"), piece(0, "", "", "null"), piece(0, "", "", "}")],
            &[("a", "f", r#"{"x":null}"#)],
        );
        check(
            &[json!({"id": "a", "function": {"name": "f", "arguments": null}})],
            &[("a", "f", "")],
        );
        check(
            &[json!({"id": "a", "function": {"name": "f", "arguments": {"x": 1}}})],
            &[("a", "f", r#"{"x":1}"#)],
        );
    }

    #[test]
    fn extras_of_pieces_are_kept() {
        let mut calls = ToolCalls::default();
        let signature = json!({"google": {"thought_signature": "s"}});
        for piece in [
            json!({"id": "a", "type": "custom", "extra_content": signature}),
            json!({"id": "a", "type": "custom", "function": {"strict": true}}),
        ] {
            calls.push(&serde_json::from_value(piece).unwrap());
        }
        let call = calls.into_calls().remove(0);
        assert_eq!((call.kind.as_str(), &call.extra["extra_content"]), ("custom", &signature));
        assert_eq!(call.function.extra["strict"], true);
    }
}
