//! JSON as a tree in which every value knows where it stands.
//!
//! For what is read here without types: `provider.json`, and what providers say in place of an
//! answer. `serde_json` reads the typed answers of a chat; on wasm32 it is a third of the file, and
//! whoever only makes a client does not carry it.

use std::borrow::Cow;
use std::fmt;

use hifijson::str::LexAlloc;
use hifijson::token::Lex;
use hifijson::{Error as Fault, Expect, Read, SliceLexer, escape, num, str as text};

/// Deeper than this nothing is nested that means well; each level takes some of the stack.
const DEEPEST: usize = 128;

/// A value, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<'a> {
    /// The offset of its first byte in the text.
    pub at: usize,
    /// The value itself.
    pub value: Value<'a>,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Flag(bool),
    /// A number as it is written: no digit is lost.
    Number(&'a str),
    /// A string, without its escapes.
    Text(Cow<'a, str>),
    /// The elements of a list.
    List(Vec<Json<'a>>),
    /// The members of an object in order, duplicates included.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not JSON, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotJson {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: &'static str,
    /// The usual cause, to be put after it; empty where none of them fits.
    pub hint: &'static str,
    /// Whether it only ends too early.
    pub is_cut: bool,
}

impl<'a> Json<'a> {
    /// Reads a text that is one JSON value. It begins with no byte order mark.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(source: &'a [u8]) -> Result<Self, NotJson> {
        let mut lexer = SliceLexer::new(source);
        let read = lexer.exactly_one(Lex::ws_peek, |next, lexer| {
            value(next, lexer, Level { length: source.len(), left: DEEPEST })
        });
        read.map_err(|fault| NotJson::new(source, source.len() - lexer.as_slice().len(), &fault))
    }

    /// The member of an object that has this name; the last one, as everybody reads it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Value::Object(members) = &self.value else { return None };
        members.iter().rfind(|member| member.0 == name).map(|member| &member.1)
    }

    /// The first element of a list.
    pub fn first(&self) -> Option<&Self> {
        let Value::List(elements) = &self.value else { return None };
        elements.first()
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        let Value::Text(text) = &self.value else { return None };
        Some(text)
    }
}

/// As JSON, without spaces.
impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Flag(flag) => f.write_str(if *flag { "true" } else { "false" }),
            Value::Number(number) => f.write_str(number),
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::List(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if index == 0 { '[' } else { ',' })?;
                }
                f.write_str(if elements.is_empty() { "[]" } else { "]" })
            }
            Value::Object(members) => {
                for (index, (name, member)) in members.iter().enumerate() {
                    let before = if index == 0 { '{' } else { ',' };
                    write!(f, "{before}{}:{member}", quoted(name))?;
                }
                f.write_str(if members.is_empty() { "{}" } else { "}" })
            }
        }
    }
}

/// The text as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\0'..'\x20' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => json.push(c),
        }
    }
    json.push('"');
    json
}

/// The marks at the two ends of an object and of a list.
const OBJECT: &[u8; 2] = b"{}";
const LIST: &[u8; 2] = b"[]";

/// How deep the reader is.
#[derive(Clone, Copy)]
struct Level {
    /// Of the whole text, to tell offsets.
    length: usize,
    /// So many levels may still be opened.
    left: usize,
}

impl Level {
    /// One level deeper.
    fn inner(self) -> Result<Self, Fault> {
        let left = self.left.checked_sub(1).ok_or(Fault::Depth)?;
        Ok(Self { left, ..self })
    }
}

fn value<'a>(next: u8, lexer: &mut SliceLexer<'a>, level: Level) -> Result<Json<'a>, Fault> {
    let at = level.length - lexer.as_slice().len();
    let value = match next {
        _ if next == OBJECT[0] => object(lexer, level.inner()?)?,
        _ if next == LIST[0] => list(lexer, level.inner()?)?,
        b'"' => Value::Text(lexer.discarded().str_string()?),
        b'-' | b'0'..=b'9' => Value::Number(number(lexer)?),
        b't' if lexer.strip_prefix(b"true") => Value::Flag(true),
        b'f' if lexer.strip_prefix(b"false") => Value::Flag(false),
        b'n' if lexer.strip_prefix(b"null") => Value::Null,
        _ => return Err(Expect::Value.into()),
    };
    Ok(Json { at, value })
}

fn number<'a>(lexer: &mut SliceLexer<'a>) -> Result<&'a str, num::Error> {
    Ok(num::LexWrite::num_string(lexer).validated()?.0)
}

fn list<'a>(lexer: &mut SliceLexer<'a>, level: Level) -> Result<Value<'a>, Fault> {
    let mut elements = Vec::new();
    lexer.discarded().seq(LIST[1], Lex::ws_peek, |next, lexer| {
        elements.push(value(next, lexer, level)?);
        Ok::<_, Fault>(())
    })?;
    Ok(Value::List(elements))
}

fn object<'a>(lexer: &mut SliceLexer<'a>, level: Level) -> Result<Value<'a>, Fault> {
    let mut members = Vec::new();
    lexer.discarded().seq(OBJECT[1], Lex::ws_peek, |next, lexer| {
        lexer.expect(|_| Some(next), b'"').ok_or(Expect::String)?;
        let name = lexer.str_string()?;
        lexer.expect(Lex::ws_peek, b':').ok_or(Expect::Colon)?;
        let next = lexer.ws_peek().ok_or(Expect::Value)?;
        members.push((name, value(next, lexer, level)?));
        Ok::<_, Fault>(())
    })?;
    Ok(Value::Object(members))
}

impl NotJson {
    /// The fault that stopped the reader before the byte `end`.
    fn new(source: &[u8], end: usize, fault: &Fault) -> Self {
        // Of a string the reader has taken the byte that is wrong.
        let taken = matches!(fault, Fault::Str(text::Error::Control | text::Error::Escape(_)));
        let source = source.trim_ascii_end();
        let at = end.saturating_sub(usize::from(taken)).min(source.len());
        let before = &source[..at];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let begins_character = |byte: &&u8| !(0x80..0xc0).contains(*byte);
        let rest = &source[at..];
        Self {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: before[line_start..].iter().filter(begins_character).count() + 1,
            message: message(fault),
            hint: likely_cause(before, rest.first().copied(), fault),
            is_cut: ends_too_early(rest, fault),
        }
    }
}

/// Whether what is wrong at `rest` is only that there is no more of it.
fn ends_too_early(rest: &[u8], fault: &Fault) -> bool {
    let is_open = matches!(fault, Fault::Str(text::Error::Escape(escape::Error::Eof)));
    is_open || [&b"true"[..], b"false", b"null"].iter().any(|word| word.starts_with(rest))
}

fn message(fault: &Fault) -> &'static str {
    match fault {
        Fault::Depth => "it is nested too deep",
        Fault::Num(num::Error::ExpectedDigit) => "expected a digit",
        Fault::Token(Expect::Value | Expect::ValueOrEnd) => "expected a value",
        Fault::Token(Expect::CommaOrEnd) => "expected a comma or a closing bracket",
        Fault::Token(Expect::String) => "expected a name in double quotes",
        Fault::Token(Expect::Colon) => "expected a colon",
        Fault::Token(Expect::Eof) => "expected nothing more",
        Fault::Str(text::Error::Control) => "a string holds a control character",
        Fault::Str(text::Error::Eof | text::Error::Escape(escape::Error::Eof)) => {
            "a string does not end"
        }
        Fault::Str(text::Error::Utf8(_)) => "a string is not valid UTF-8",
        Fault::Str(text::Error::Escape(escape::Error::InvalidKind(_))) => "no such escape",
        Fault::Str(text::Error::Escape(escape::Error::InvalidHex(_))) => {
            "`\\u` takes four hexadecimal digits"
        }
        Fault::Str(text::Error::Escape(_)) => "half of a surrogate pair is not valid Unicode",
    }
}

/// The usual slips of JSON written by hand.
fn likely_cause(before: &[u8], here: Option<u8>, fault: &Fault) -> &'static str {
    match (before.trim_ascii_end().last(), here, fault) {
        (_, None, _) => "; a bracket or quote is not closed",
        (_, Some(b'\n' | b'\r'), Fault::Str(_)) => "; a quote is not closed on its line",
        (_, _, Fault::Str(text::Error::Escape(escape::Error::InvalidKind(_)))) => {
            "; a backslash is written `\\\\`"
        }
        (_, _, Fault::Str(_)) => "",
        (Some(b','), Some(b']' | b'}'), _) => "; remove the comma before the bracket",
        (_, Some(b'/' | b'#'), _) => "; JSON has no comments",
        (_, Some(b'\''), _) => "; strings take double quotes",
        _ => "",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(source: &str) -> Result<Json<'_>, NotJson> {
        Json::read(source.as_bytes())
    }

    #[test]
    fn every_value_is_read_and_written() {
        for json in [
            "null",
            "true",
            "false",
            "-0.5e+10",
            "18446744073709551616000",
            r#""""#,
            r#""é\"\\\n\r\t\u0001/""#,
            "[]",
            "[[],{}]",
            "{}",
            r#"{"a":1,"b":[null,"x"],"a":{}}"#,
        ] {
            assert_eq!(read(json).unwrap().to_string(), json);
        }
        let spaced = " { \"\\u00e9\\/\" :\t[ 1 ,\r\n\"\\ud83d\\ude00\\b\\f\" ] } ";
        assert_eq!(read(spaced).unwrap().to_string(), "{\"é/\":[1,\"😀\\u0008\\u000c\"]}");
    }

    #[test]
    fn values_know_where_they_stand() {
        let json = read(" {\"é\": [1, true], \"é\": \"x\"}").unwrap();
        let Value::Object(members) = &json.value else { panic!("{json}") };
        assert_eq!((json.at, members.len(), members[0].1.at), (1, 2, 8));
        assert_eq!(members[0].1.first().unwrap(), &Json { at: 9, value: Value::Number("1") });
        assert_eq!(json.get("é").and_then(Json::text), Some("x"));
        assert_eq!(json.get("b"), None);
        assert_eq!((members[0].1.get("é"), json.first(), json.text()), (None, None, None));
    }

    #[test]
    fn what_is_not_json_says_where_and_the_usual_cause() {
        for (source, line, column, said) in [
            ("", 1, 1, "expected a value; a bracket or quote is not closed"),
            ("{\n \"a\": [1,\n]}", 3, 1, "expected a value; remove the comma before the bracket"),
            (
                "{\"a\": 1,}",
                1,
                9,
                "expected a name in double quotes; remove the comma before the bracket",
            ),
            ("// hi\n{}", 1, 1, "expected a value; JSON has no comments"),
            ("{\"é\": 1 # hi\n}", 1, 9, "expected a comma or a closing bracket; JSON has no"),
            ("{'a': 1}", 1, 2, "expected a name in double quotes; strings take double quotes"),
            ("{a: 1}", 1, 2, "expected a name in double quotes"),
            ("{\"a\": \"b\n\"}", 1, 9, "a string holds a control character; a quote is not closed"),
            ("\"\u{1}\"", 1, 2, "a string holds a control character"),
            ("{\"a\": {\n", 1, 8, "expected a value; a bracket or quote is not closed"),
            ("[1\n\n", 1, 3, "expected a comma or a closing bracket; a bracket or quote is not"),
            ("\"ab", 1, 4, "a string does not end; a bracket or quote is not closed"),
            ("\"\\", 1, 2, "a string does not end"),
            ("{\"a\" 1}", 1, 6, "expected a colon"),
            ("{\"a\"", 1, 5, "expected a colon; a bracket or quote is not closed"),
            ("{} {}", 1, 4, "expected nothing more"),
            ("[1 2]", 1, 4, "expected a comma or a closing bracket"),
            ("[,1]", 1, 2, "expected a value"),
            ("[tru]", 1, 2, "expected a value"),
            ("[nulls]", 1, 6, "expected a comma or a closing bracket"),
            ("[NaN]", 1, 2, "expected a value"),
            ("[01]", 1, 3, "expected a comma or a closing bracket"),
            ("[1.]", 1, 4, "expected a digit"),
            ("[-]", 1, 3, "expected a digit"),
            ("[1e+]", 1, 5, "expected a digit"),
            ("[+1]", 1, 2, "expected a value"),
            ("\"C:\\Users\"", 1, 5, "no such escape; a backslash is written `\\\\`"),
            ("\"\\u12g4\"", 1, 6, "`\\u` takes four hexadecimal digits"),
            ("\"\\ud800\"", 1, 7, "half of a surrogate pair is not valid Unicode"),
            ("\"\\ud800\\u0041\"", 1, 13, "half of a surrogate pair is not valid Unicode"),
            ("\"\\udc00\"", 1, 7, "half of a surrogate pair is not valid Unicode"),
            ("\u{feff}{}", 1, 1, "expected a value"),
        ] {
            let wrong = read(source).unwrap_err();
            let told = format!("{}{}", wrong.message, wrong.hint);
            assert_eq!((wrong.line, wrong.column), (line, column), "{source}: {told}");
            assert!(told.starts_with(said), "{source}: {told}");
        }
        assert!(Json::read(b"\"\xff\"").is_err());
        assert!(Json::read(b"\xff").is_err());
    }

    #[test]
    fn what_only_ends_too_early_is_told_from_what_is_wrong() {
        let whole = r#"[{"a":"\u00e9\n","b":[true,false,null,-1.5e+3]},""]"#;
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).unwrap_err().is_cut, "{}", &whole[..length]);
        }
        for wrong in ["<html>", "[1 2", "{\"a\":tru}", "{'", "[nulL", "\"\\x", "{} {}", "[}"] {
            assert!(!read(wrong).unwrap_err().is_cut, "{wrong}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_danger() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(&nested(DEEPEST)).is_ok());
        let wrong = read(&nested(DEEPEST + 1)).unwrap_err();
        assert_eq!((wrong.column, wrong.message), (DEEPEST + 1, "it is nested too deep"));
        assert!(read(&"{\"a\":".repeat(100_000)).is_err());
    }
}
