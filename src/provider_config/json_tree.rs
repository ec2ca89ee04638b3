//! JSON whose every value knows its path and its line.
//!
//! Values stay slices of the text (`serde_json`'s `RawValue`) and are opened one level at a time,
//! when asked for: so a line number is only a pointer difference, and deep nesting costs no stack.

use std::collections::HashMap;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json_path;
use crate::error::Problem;

/// A value in the file.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    source: &'a str,
    text: &'a str,
    path: String,
}

/// A named value of an object, in the file's order, duplicates included.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    pub(super) name: String,
    pub(super) value: Node<'a>,
}

/// What a value is, named as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    List,
    Text,
    Number,
    Flag,
    Null,
}

impl Kind {
    fn with_article(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Null => "null",
        }
    }
}

impl<'a> Node<'a> {
    /// The root of `text`, or the one problem that keeps it from being JSON at all.
    pub(super) fn root(text: &'a str) -> Result<Self, Problem> {
        // Windows editors write a byte order mark; it means nothing here.
        let source = text.strip_prefix('\u{feff}').unwrap_or(text);
        match serde_json::from_str::<&RawValue>(source) {
            Ok(raw) => Ok(Self { source, text: raw.get(), path: String::new() }),
            Err(error) => Err(syntax_problem(source, &error)),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.text.get(..1) {
            Some("{") => Kind::Object,
            Some("[") => Kind::List,
            Some("\"") => Kind::Text,
            Some("t" | "f") => Kind::Flag,
            Some("n") => Kind::Null,
            _ => Kind::Number,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The line it begins on, from 1.
    pub(super) fn line(&self) -> usize {
        let offset = self.text.as_ptr().addr() - self.source.as_ptr().addr();
        self.source.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// A problem with this very value.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.path.as_str(), self.line(), message)
    }

    /// The value as it is written, for numbers whose digits matter.
    pub(super) fn written(&self) -> &'a str {
        self.text
    }

    pub(super) fn members(&self) -> Result<Vec<Member<'a>>, Problem> {
        self.expect(Kind::Object)?;
        let mut json = serde_json::Deserializer::from_str(self.text);
        let Ok(pairs) = json.deserialize_map(Pairs) else {
            // The root has been checked, so only an escape such as a lone surrogate can fail here.
            return Err(self.problem("has a name that is not valid Unicode"));
        };
        let member = |(name, raw): (String, &'a RawValue)| {
            let path = json_path::member(&self.path, &name);
            Member { name, value: Self { source: self.source, text: raw.get(), path } }
        };
        Ok(pairs.into_iter().map(member).collect())
    }

    pub(super) fn elements(&self) -> Result<Vec<Self>, Problem> {
        self.expect(Kind::List)?;
        let raws: Vec<&'a RawValue> = self.decoded("is not a readable list")?;
        let element = |(index, raw): (usize, &'a RawValue)| {
            let path = json_path::element(&self.path, index);
            Self { source: self.source, text: raw.get(), path }
        };
        Ok(raws.into_iter().enumerate().map(element).collect())
    }

    pub(super) fn string(&self) -> Result<String, Problem> {
        self.expect(Kind::Text)?;
        self.decoded("is not valid Unicode")
    }

    pub(super) fn flag(&self) -> Result<bool, Problem> {
        self.expect(Kind::Flag)?;
        self.decoded("is neither true nor false")
    }

    pub(super) fn number(&self) -> Result<f64, Problem> {
        self.expect(Kind::Number)?;
        self.decoded("is too large a number")
    }

    fn decoded<T: serde::Deserialize<'a>>(&self, failure: &str) -> Result<T, Problem> {
        serde_json::from_str(self.text).map_err(|_| self.problem(failure))
    }

    fn expect(&self, wanted: Kind) -> Result<(), Problem> {
        let found = self.kind();
        if found == wanted {
            return Ok(());
        }
        let (wanted, found) = (wanted.with_article(), found.with_article());
        Err(self.problem(format!("expected {wanted}, found {found}")))
    }
}

/// Collects an object's members in order: a map would drop duplicates, which are reported.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// One problem for each name that stands a second time among an object's members.
pub(super) fn duplicates(members: &[Member<'_>]) -> Vec<Problem> {
    let mut firsts = HashMap::new();
    let mut problems = Vec::new();
    for Member { name, value } in members {
        if let Some(first) = firsts.insert(name.as_str(), value) {
            let line = first.line();
            problems.push(value.problem(format!("stands twice here, first on line {line}")));
        }
    }
    problems
}

/// What keeps the text from being JSON: where, and what usually causes it.
fn syntax_problem(source: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let line_start: usize =
        source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    // serde_json counts bytes; people count characters.
    let in_line = &source[line_start..];
    let characters = in_line.char_indices().take_while(|(at, _)| *at < column).count().max(1);
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(message, _)| message);
    let hint = likely_cause(source, line_start + column.saturating_sub(1), error);
    Problem::new("", line, format!("is not JSON: {said} at column {characters}{hint}"))
}

/// The usual slips of JSON written by hand; empty where none of them fits.
fn likely_cause(source: &str, offset: usize, error: &serde_json::Error) -> &'static str {
    if error.is_eof() {
        return "; a bracket or quote is not closed";
    }
    if error.to_string().contains("control character") {
        return "; a quote is not closed on its line";
    }
    let bytes = source.as_bytes();
    let here = bytes.get(offset).copied();
    let before = bytes[..offset.min(bytes.len())].trim_ascii_end().last().copied();
    match (before, here) {
        (Some(b','), Some(b']' | b'}')) => "; remove the comma before the bracket",
        (_, Some(b'/' | b'#')) => "; JSON has no comments",
        (_, Some(b'\'')) => "; strings take double quotes",
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_know_path_and_line() {
        let root = Node::root("\u{feff}{\n \"a\":\n  [1,\n \"x\", true]}").unwrap();
        let list = &root.members().unwrap()[0].value;
        let items = list.elements().unwrap();
        assert_eq!((list.path(), list.line()), ("a", 3));
        assert_eq!((items[0].number().unwrap(), items[0].line()), (1.0, 3));
        assert_eq!((items[1].string().unwrap().as_str(), items[1].line()), ("x", 4));
        assert_eq!((items[2].flag().unwrap(), items[2].path()), (true, "a[2]"));
    }

    #[test]
    fn wrong_kinds_say_both() {
        let root = Node::root("\"5\"").unwrap();
        assert_eq!(root.number().unwrap_err().message, "expected a number, found a string");
        assert_eq!(root.members().unwrap_err().message, "expected an object, found a string");
        let null = Node::root("null").unwrap();
        assert_eq!(null.flag().unwrap_err().message, "expected true or false, found null");
    }

    #[test]
    fn values_that_are_json_but_cannot_be_held_are_problems() {
        for text in ["1e999", "-1e999"] {
            let problem = Node::root(text).unwrap().number().unwrap_err();
            assert_eq!(problem.message, "is too large a number");
        }
        let problem = Node::root(r#""\ud800""#).unwrap().string().unwrap_err();
        assert_eq!(problem.message, "is not valid Unicode");
        let problem = Node::root(r#"{"\ud800": 1}"#).unwrap().members().unwrap_err();
        assert_eq!(problem.message, "has a name that is not valid Unicode");
    }

    #[test]
    fn duplicates_are_seen() {
        let members = Node::root("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}").unwrap().members().unwrap();
        assert_eq!(members.len(), 3);
        assert_eq!(
            duplicates(&members),
            [Problem::new("a", 3, "stands twice here, first on line 1")]
        );
    }

    #[test]
    fn malformed_json_says_where_and_the_usual_cause() {
        for (text, line, tail) in [
            ("{\n \"a\": [1,\n]}", 3, "at column 1; remove the comma before the bracket"),
            ("{\"a\": 1,}", 1, "at column 9; remove the comma before the bracket"),
            ("// hi\n{}", 1, "at column 1; JSON has no comments"),
            ("{\"é\": 1 # hi\n}", 1, "at column 9; JSON has no comments"),
            ("{'a': 1}", 1, "at column 2; strings take double quotes"),
            ("{\"a\": \"b\n\"}", 1, "; a quote is not closed on its line"),
            ("{\"a\": {", 1, "; a bracket or quote is not closed"),
            ("{\"a\" 1}", 1, "at column 6"),
        ] {
            let problem = Node::root(text).unwrap_err();
            assert_eq!(problem.line, line, "{text}: {problem}");
            assert!(problem.message.ends_with(tail), "{text}: {problem}");
        }
    }

    #[test]
    fn deep_nesting_is_no_danger() {
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        match Node::root(&deep) {
            Ok(root) => assert_eq!(root.members().unwrap().len(), 1),
            Err(problem) => assert_eq!(problem.line, 1),
        }
    }
}
