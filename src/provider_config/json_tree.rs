//! `provider.json` as a tree whose every value knows its path and its line, and the reader that
//! gathers what is wrong with it.

use std::fmt;

use super::json_path;
use crate::core::json::{Json, Value};
use crate::error::Problem;
use crate::platform;

/// The whole file, read.
#[derive(Debug)]
pub(super) struct Document<'a> {
    source: &'a str,
    json: Json<'a>,
}

/// A value in the file.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) json: &'a Json<'a>,
    pub(super) path: String,
}

/// A named value of an object, in the file's order, duplicates included.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) value: Node<'a>,
}

/// Reads values of the file. What is not as it should be becomes a problem, and no value.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    source: &'a str,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Document<'a> {
    /// Reads `text`, or says the one problem that keeps it from being JSON at all.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        // Windows editors write a byte order mark; it means nothing here.
        let source = text.strip_prefix('\u{feff}').unwrap_or(text);
        let json = Json::read(source.as_bytes()).map_err(|wrong| {
            let (message, column, hint) = (wrong.message, wrong.column, wrong.hint);
            let message = format!("is not JSON: {message} at column {column}{hint}");
            Problem::new("", wrong.line, message)
        })?;
        Ok(Self { source, json })
    }

    pub(super) fn root(&self) -> Node<'_> {
        Node { json: &self.json, path: String::new() }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { source: self.source, problems: Vec::new() }
    }
}

impl<'a> Reader<'a> {
    /// The line that a value begins on, from 1.
    pub(super) fn line(&self, node: &Node<'_>) -> usize {
        let before = &self.source.as_bytes()[..node.json.at];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// A problem with this very value.
    pub(super) fn problem(&mut self, node: &Node<'_>, message: fmt::Arguments<'_>) {
        let line = self.line(node);
        self.problems.push(Problem::new(node.path.as_str(), line, message.to_string()));
    }

    /// The members of an object. That a name stands a second time is a problem of its own.
    pub(super) fn members(&mut self, node: &Node<'a>) -> Option<Vec<Member<'a>>> {
        let Value::Object(found) = &node.json.value else {
            return self.unexpected(node, "an object", "");
        };
        let mut members: Vec<Member<'a>> = Vec::with_capacity(found.len());
        for (name, json) in found {
            let value = Node { json, path: json_path::member(&node.path, name) };
            if let Some(first) = members.iter().rfind(|earlier| earlier.name == name) {
                let line = self.line(&first.value);
                self.problem(&value, format_args!("stands twice here, first on line {line}"));
            }
            members.push(Member { name, value });
        }
        Some(members)
    }

    /// The elements of a list.
    pub(super) fn elements(&mut self, node: &Node<'a>) -> Option<Vec<Node<'a>>> {
        let Value::List(found) = &node.json.value else {
            return self.unexpected(node, "a list", "");
        };
        let mut elements = Vec::with_capacity(found.len());
        for (index, json) in found.iter().enumerate() {
            elements.push(Node { json, path: json_path::element(&node.path, index) });
        }
        Some(elements)
    }

    /// The text of a string.
    pub(super) fn text(&mut self, node: &Node<'a>) -> Option<&'a str> {
        node.json.text().or_else(|| self.unexpected(node, "a string", ""))
    }

    /// Whether it is `true`.
    pub(super) fn flag(&mut self, node: &Node<'_>) -> Option<bool> {
        match node.json.value {
            Value::Flag(flag) => Some(flag),
            _ => self.unexpected(node, "true or false", ""),
        }
    }

    /// A number that is finite.
    pub(super) fn number(&mut self, node: &Node<'_>) -> Option<f64> {
        let Value::Number(written) = node.json.value else {
            let is_quoted = node.json.text().is_some_and(|text| platform::number(text).is_some());
            let hint = if is_quoted { "; leave out the quotes" } else { "" };
            return self.unexpected(node, "a number", hint);
        };
        let number = platform::number(written).filter(|number| number.is_finite());
        if number.is_none() {
            self.problem(node, format_args!("is too large a number"));
        }
        number
    }

    /// Says what was wanted in place of a value, and what would help.
    pub(super) fn unexpected<T>(&mut self, node: &Node<'_>, wanted: &str, hint: &str) -> Option<T> {
        let found = kind(&node.json.value);
        self.problem(node, format_args!("expected {wanted}, found {found}{hint}"));
        None
    }
}

/// What a value is, named as people name it.
fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::Object(_) => "an object",
        Value::List(_) => "a list",
        Value::Text(_) => "a string",
        Value::Number(_) => "a number",
        Value::Flag(_) => "true or false",
        Value::Null => "null",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_know_path_and_line() {
        let file = Document::read("\u{feff}{\n \"a\":\n  [1,\n \"x\", true]}").unwrap();
        let mut reader = file.reader();
        let list = &reader.members(&file.root()).unwrap()[0].value;
        let items = reader.elements(list).unwrap();
        assert_eq!((&*list.path, reader.line(list)), ("a", 3));
        assert_eq!((reader.number(&items[0]), reader.line(&items[0])), (Some(1.0), 3));
        assert_eq!((reader.text(&items[1]), reader.line(&items[1])), (Some("x"), 4));
        assert_eq!((reader.flag(&items[2]), &*items[2].path), (Some(true), "a[2]"));
        assert_eq!(reader.problems, []);
    }

    /// What one look at a file finds wrong with it.
    fn message(text: &str, look: impl for<'a> Fn(&mut Reader<'a>, &Node<'a>) -> bool) -> String {
        let file = Document::read(text).unwrap();
        let mut reader = file.reader();
        assert!(!look(&mut reader, &file.root()));
        reader.problems.remove(0).message
    }

    #[test]
    fn wrong_kinds_say_both() {
        let number = |text| message(text, |reader, root| reader.number(root).is_some());
        assert_eq!(number("\"x\""), "expected a number, found a string");
        let quotes = "expected a number, found a string; leave out the quotes";
        assert_eq!(number("\"5\""), quotes);
        assert_eq!(
            message("\"5\"", |reader, root| reader.elements(root).is_some()),
            "expected a list, found a string"
        );
        let found = message("null", |reader, root| reader.flag(root).is_some());
        assert_eq!(found, "expected true or false, found null");
    }

    #[test]
    fn numbers_that_cannot_be_held_are_problems() {
        for text in ["1e999", "-1e999"] {
            let found = message(text, |reader, root| reader.number(root).is_some());
            assert_eq!(found, "is too large a number");
        }
    }

    #[test]
    fn duplicates_are_seen() {
        let file = Document::read("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}").unwrap();
        let mut reader = file.reader();
        assert_eq!(reader.members(&file.root()).unwrap().len(), 3);
        assert_eq!(reader.problems, [Problem::new("a", 3, "stands twice here, first on line 1")]);
    }

    #[test]
    fn malformed_json_says_where_and_the_usual_cause() {
        let problem = Document::read("\u{feff}{\n \"a\": [1,\n]}").unwrap_err();
        let message =
            "is not JSON: expected a value at column 1; remove the comma before the bracket";
        assert_eq!(problem, Problem::new("", 3, message));
    }
}
