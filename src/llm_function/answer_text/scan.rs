//! Finds the JSON in an answer: behind its reasoning, between its prose, within its fences.

use serde_json::Value;

use super::lenient::{Beginning, read_beginning};

const OPENING: &str = "<think>";
const CLOSING: &str = "</think>";

/// A list or object in a text.
#[derive(Debug, PartialEq)]
pub(super) struct Candidate {
    pub value: Value,
    /// False for one that the text does not end.
    pub closed: bool,
}

/// The lists and objects of a text that are not within another. An open one is the last.
pub(super) fn candidates(text: &str) -> Vec<Candidate> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(['{', '[', '<']) {
        rest = &rest[start..];
        if rest.starts_with(CLOSING) {
            found.clear(); // what came before was reasoning, whose beginning the template holds
            rest = &rest[CLOSING.len()..];
        } else if rest.starts_with(OPENING) {
            rest = rest.split_once(CLOSING).map_or("", |(_, behind)| behind);
        } else if rest.starts_with('<') {
            rest = &rest[1..];
        } else {
            match read_beginning(rest) {
                Beginning::Closed(value, length) => {
                    found.push(Candidate { value, closed: true });
                    rest = &rest[length..];
                }
                Beginning::Open(value) => {
                    found.push(Candidate { value, closed: false });
                    return found;
                }
                Beginning::TooDeep => return found, // to look within it would take for ever
                Beginning::NotJson => rest = &rest[1..],
            }
        }
    }
    found
}

/// A text without its reasoning and the space around it. What may become the opening of reasoning is
/// held back, too.
pub(super) fn without_reasoning(text: &str) -> &str {
    let text = text.trim_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
    match (text.strip_prefix(OPENING), text.split_once(CLOSING)) {
        (Some(_), None) => "",
        _ if OPENING.starts_with(text) => "",
        (_, Some((before, behind))) if text.starts_with(OPENING) || !before.contains(OPENING) => {
            behind.trim_start()
        }
        _ => text,
    }
}

/// A text without the code fence around it.
pub(super) fn without_fence(text: &str) -> &str {
    let Some(fenced) = text.strip_prefix("```") else { return text };
    let body = fenced.split_once('\n').map_or(fenced, |(_language, body)| body);
    body.trim_end().strip_suffix("```").unwrap_or(body).trim()
}
