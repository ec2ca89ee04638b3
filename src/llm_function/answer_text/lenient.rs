//! Reads JSON as models write it: with comments, trailing commas, single quotes, Python's words. Where the
//! text ends too early, it says what there is so far.

use serde_json::{Map, Number, Value};

use super::string::{Read, read_string};

/// How deep values may nest: as deep as `serde_json` goes.
const DEEPEST: usize = 128;

/// The words that are values.
const WORDS: [(&str, Value); 6] = [
    ("true", Value::Bool(true)),
    ("false", Value::Bool(false)),
    ("null", Value::Null),
    ("True", Value::Bool(true)),
    ("False", Value::Bool(false)),
    ("None", Value::Null),
];

/// What a text begins with.
#[derive(Debug, PartialEq)]
pub(super) enum Beginning {
    /// A value, and so many bytes of text.
    Closed(Value, usize),
    /// A value that the text does not end: as much of it as may be shown.
    Open(Value),
    /// More nested than anything that a function may return.
    TooDeep,
    /// Anything else.
    NotJson,
}

/// Reads the list or object that `text` begins with.
pub(super) fn read_beginning(text: &str) -> Beginning {
    let mut reader = Reader { text, at: 0, depth: 0 };
    match reader.value() {
        Ok(value) => Beginning::Closed(value, reader.at),
        Err(Stop::Open(Some(value))) => Beginning::Open(value),
        Err(Stop::TooDeep) => Beginning::TooDeep,
        Err(Stop::Open(None) | Stop::NotJson) => Beginning::NotJson,
    }
}

/// Reads a text that is a value and nothing else.
pub(super) fn read_whole(text: &str) -> Option<Value> {
    let ended = format!("{text}\n"); // so that a number is known to have ended
    let mut reader = Reader { text: &ended, at: 0, depth: 0 };
    let value = reader.value().ok()?;
    reader.space().ok()?;
    (reader.at == ended.len()).then_some(value)
}

/// Why there is no value.
enum Stop {
    /// The text has ended within it; with what may be shown of it.
    Open(Option<Value>),
    TooDeep,
    NotJson,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes `char`, if it is next.
    fn take(&mut self, char: char) -> bool {
        let is_next = self.peek() == Some(char);
        if is_next {
            self.at += char.len_utf8();
        }
        is_next
    }

    /// Takes as many characters as `belong`.
    fn take_while(&mut self, belong: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|char| !belong(char)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Passes over space and comments.
    fn space(&mut self) -> Result<(), Stop> {
        loop {
            self.take_while(|char| char.is_whitespace() || char == '\u{feff}');
            let rest = self.rest();
            let end = if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").map(|end| end + 4)
            } else if rest.starts_with("//") || rest.starts_with('#') {
                rest.find('\n')
            } else if rest == "/" {
                None
            } else {
                return Ok(());
            };
            self.at += end.ok_or(Stop::Open(None))?;
        }
    }

    fn value(&mut self) -> Result<Value, Stop> {
        self.space()?;
        match self.peek().ok_or(Stop::Open(None))? {
            '{' => self.nested(Self::object),
            '[' => self.nested(Self::list),
            quote @ ('"' | '\'') => match self.string(quote) {
                Read::Closed(text) => Ok(text.into()),
                Read::Open(text) => Err(Stop::Open(Some(text.into()))),
            },
            '-' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        if self.depth == DEEPEST {
            return Err(Stop::TooDeep);
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Result<Value, Stop> {
        let mut members = Map::new();
        match self.members(&mut members) {
            Ok(()) => Ok(members.into()),
            Err(Stop::Open(_)) => Err(Stop::Open(Some(members.into()))),
            Err(other) => Err(other),
        }
    }

    fn members(&mut self, members: &mut Map<String, Value>) -> Result<(), Stop> {
        loop {
            self.space()?;
            if self.take('}') {
                return Ok(());
            }
            let key = self.key()?;
            self.space()?;
            self.expect(':')?;
            match self.value() {
                Err(Stop::Open(Some(value))) => {
                    members.insert(key, value);
                    return Err(Stop::Open(None));
                }
                value => members.insert(key, value?),
            };
            self.space()?;
            if !self.take(',') {
                return self.expect('}');
            }
        }
    }

    fn list(&mut self) -> Result<Value, Stop> {
        let mut items = Vec::new();
        match self.items(&mut items) {
            Ok(()) => Ok(items.into()),
            Err(Stop::Open(_)) => Err(Stop::Open(Some(items.into()))),
            Err(other) => Err(other),
        }
    }

    fn items(&mut self, items: &mut Vec<Value>) -> Result<(), Stop> {
        loop {
            self.space()?;
            if self.take(']') {
                return Ok(());
            }
            match self.value() {
                Err(Stop::Open(Some(value))) => {
                    items.push(value);
                    return Err(Stop::Open(None));
                }
                value => items.push(value?),
            }
            self.space()?;
            if !self.take(',') {
                return self.expect(']');
            }
        }
    }

    fn expect(&mut self, char: char) -> Result<(), Stop> {
        match self.peek() {
            None => Err(Stop::Open(None)),
            Some(_) if self.take(char) => Ok(()),
            Some(_) => Err(Stop::NotJson),
        }
    }

    fn key(&mut self) -> Result<String, Stop> {
        match self.peek().ok_or(Stop::Open(None))? {
            quote @ ('"' | '\'') => match self.string(quote) {
                Read::Closed(key) => Ok(key),
                Read::Open(_) => Err(Stop::Open(None)),
            },
            'a'..='z' | 'A'..='Z' | '_' | '$' => {
                let belongs = |char: char| char.is_ascii_alphanumeric() || "_$-".contains(char);
                Ok(self.take_while(belongs).to_owned())
            }
            _ => Err(Stop::NotJson),
        }
    }

    fn string(&mut self, quote: char) -> Read {
        let (read, length) = read_string(&self.rest()[1..], quote);
        self.at += 1 + length;
        read
    }

    /// A number; one that the text ends with may have more digits to come, and is not shown.
    fn number(&mut self) -> Result<Value, Stop> {
        let digits = self.take_while(|char| char.is_ascii_digit() || "+-.eE".contains(char));
        match self.peek() {
            None => Err(Stop::Open(None)),
            Some(next) if next.is_whitespace() || ",]}/#".contains(next) => {
                read_number(digits).map(Value::Number).ok_or(Stop::NotJson)
            }
            Some(_) => Err(Stop::NotJson),
        }
    }

    fn word(&mut self) -> Result<Value, Stop> {
        let word = self.take_while(|char| char.is_ascii_alphanumeric() || char == '_');
        let known = WORDS.iter().find(|(known, _)| *known == word);
        let may_go_on = !word.is_empty()
            && self.rest().is_empty()
            && WORDS.iter().any(|(known, _)| known.starts_with(word));
        match known {
            Some((_, value)) => Ok(value.clone()),
            None if may_go_on => Err(Stop::Open(None)),
            None => Err(Stop::NotJson),
        }
    }
}

/// A number in JSON's notation. One without a fraction is whole, however it is written.
pub(in crate::llm_function) fn read_number(text: &str) -> Option<Number> {
    const WHOLE_TO: f64 = 9_007_199_254_740_992.0; // 2⁵³: beyond, a float is no exact number
    let number: Number = serde_json::from_str(text).ok()?;
    if number.is_i64() || number.is_u64() {
        return Some(number);
    }
    let float = number.as_f64()?;
    let is_whole = float.fract() == 0.0 && float.abs() <= WHOLE_TO;
    Some(if is_whole { Number::from(float as i64) } else { number })
}
