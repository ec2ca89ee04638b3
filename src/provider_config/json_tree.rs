//! `provider.json` as a tree whose every value knows its path and its line.

use std::borrow::Cow;

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
    source: &'a str,
    json: &'a Json<'a>,
    path: String,
}

/// A named value of an object, in the file's order, duplicates included.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
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
        Node { source: self.source, json: &self.json, path: String::new() }
    }
}

impl<'a> Node<'a> {
    pub(super) fn kind(&self) -> Kind {
        match &self.json.value {
            Value::Object(_) => Kind::Object,
            Value::List(_) => Kind::List,
            Value::Text(_) => Kind::Text,
            Value::Number(_) => Kind::Number,
            Value::Flag(_) => Kind::Flag,
            Value::Null => Kind::Null,
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The line it begins on, from 1.
    pub(super) fn line(&self) -> usize {
        let before = &self.source.as_bytes()[..self.json.at];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// A problem with this very value.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.path.as_str(), self.line(), message)
    }

    pub(super) fn members(&self) -> Result<Vec<Member<'a>>, Problem> {
        let Value::Object(members) = &self.json.value else {
            return Err(self.unexpected(Kind::Object));
        };
        let member = |(name, json): &'a (_, _)| {
            let name: &'a Cow<'a, str> = name;
            let path = json_path::member(&self.path, name);
            Member { name, value: Node { source: self.source, json, path } }
        };
        Ok(members.iter().map(member).collect())
    }

    pub(super) fn elements(&self) -> Result<Vec<Self>, Problem> {
        let Value::List(elements) = &self.json.value else {
            return Err(self.unexpected(Kind::List));
        };
        let element = |(index, json)| {
            let path = json_path::element(&self.path, index);
            Self { source: self.source, json, path }
        };
        Ok(elements.iter().enumerate().map(element).collect())
    }

    pub(super) fn string(&self) -> Result<String, Problem> {
        self.json.text().map(str::to_owned).ok_or_else(|| self.unexpected(Kind::Text))
    }

    pub(super) fn flag(&self) -> Result<bool, Problem> {
        match self.json.value {
            Value::Flag(flag) => Ok(flag),
            _ => Err(self.unexpected(Kind::Flag)),
        }
    }

    pub(super) fn number(&self) -> Result<f64, Problem> {
        let Value::Number(text) = self.json.value else {
            return Err(self.unexpected(Kind::Number));
        };
        let number = platform::number(text).filter(|number| number.is_finite());
        number.ok_or_else(|| self.problem("is too large a number"))
    }

    /// The value as it is written, for numbers whose digits matter.
    pub(super) fn written(&self) -> String {
        self.json.to_string()
    }

    fn unexpected(&self, wanted: Kind) -> Problem {
        let (wanted, found) = (wanted.with_article(), self.kind().with_article());
        self.problem(format!("expected {wanted}, found {found}"))
    }
}

/// One problem for each name that stands a second time among an object's members.
pub(super) fn duplicates(members: &[Member<'_>]) -> Vec<Problem> {
    let problem = |(index, member): (usize, &Member<'_>)| {
        let first = members[..index].iter().rfind(|earlier| earlier.name == member.name)?;
        let line = first.value.line();
        Some(member.value.problem(format!("stands twice here, first on line {line}")))
    };
    members.iter().enumerate().filter_map(problem).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_know_path_and_line() {
        let file = Document::read("\u{feff}{\n \"a\":\n  [1,\n \"x\", true]}").unwrap();
        let list = &file.root().members().unwrap()[0].value;
        let items = list.elements().unwrap();
        assert_eq!((list.path(), list.line()), ("a", 3));
        assert_eq!((items[0].number().unwrap(), items[0].line()), (1.0, 3));
        assert_eq!((items[1].string().unwrap().as_str(), items[1].line()), ("x", 4));
        assert_eq!((items[2].flag().unwrap(), items[2].path()), (true, "a[2]"));
    }

    #[test]
    fn wrong_kinds_say_both() {
        let file = Document::read("\"5\"").unwrap();
        let root = file.root();
        assert_eq!(root.number().unwrap_err().message, "expected a number, found a string");
        assert_eq!(root.members().unwrap_err().message, "expected an object, found a string");
        let file = Document::read("null").unwrap();
        let message = file.root().flag().unwrap_err().message;
        assert_eq!(message, "expected true or false, found null");
    }

    #[test]
    fn numbers_that_cannot_be_held_are_problems() {
        for text in ["1e999", "-1e999"] {
            let problem = Document::read(text).unwrap().root().number().unwrap_err();
            assert_eq!(problem.message, "is too large a number");
        }
    }

    #[test]
    fn duplicates_are_seen() {
        let file = Document::read("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}").unwrap();
        let members = file.root().members().unwrap();
        assert_eq!(members.len(), 3);
        assert_eq!(
            duplicates(&members),
            [Problem::new("a", 3, "stands twice here, first on line 1")]
        );
    }

    #[test]
    fn malformed_json_says_where_and_the_usual_cause() {
        let problem = Document::read("\u{feff}{\n \"a\": [1,\n]}").unwrap_err();
        let message =
            "is not JSON: expected a value at column 1; remove the comma before the bracket";
        assert_eq!(problem, Problem::new("", 3, message));
    }
}
