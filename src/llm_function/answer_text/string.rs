//! Reads strings as models write them: raw control characters, unknown escapes, cut anywhere.

/// What has been read.
pub(super) enum Read {
    /// The string.
    Closed(String),
    /// As much of it as is certain, where the text has ended within it.
    Open(String),
}

/// Reads from behind the opening `quote`; also how many bytes that took.
pub(super) fn read_string(text: &str, quote: char) -> (Read, usize) {
    let mut string = String::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let Some(next) = rest.find([quote, '\\']) else {
            string.push_str(rest);
            return (Read::Open(string), text.len());
        };
        string.push_str(&rest[..next]);
        at += next;
        if text[at..].starts_with(quote) {
            return (Read::Closed(string), at + 1);
        }
        match read_escape(&text[at..]) {
            Some((chars, length)) => {
                string.push_str(&chars);
                at += length;
            }
            None => return (Read::Open(string), text.len()),
        }
    }
}

/// The characters that an escape stands for, and its length; none where the text may end within it.
fn read_escape(text: &str) -> Option<(String, usize)> {
    let letter = text[1..].chars().next()?;
    let char = match letter {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        '"' | '\'' | '\\' | '/' => letter,
        'u' => return read_unicode(text),
        // Models forget to double the backslashes of paths and formulas.
        other => return Some((format!("\\{other}"), 1 + other.len_utf8())),
    };
    Some((char.to_string(), 2))
}

/// The character of a `\uXXXX`, or of two that make a pair.
fn read_unicode(text: &str) -> Option<(String, usize)> {
    let Some(first) = read_unit(text)? else { return Some(("\\u".to_owned(), 2)) };
    let is_high = (0xd800..0xdc00).contains(&first);
    if is_high && let Some(second) = second_unit(&text[6..])? {
        let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((to_text(code), 12));
    }
    Some((to_text(first), 6))
}

/// The low half of a pair, if there is one; the outer none where the text may end within it.
fn second_unit(text: &str) -> Option<Option<u32>> {
    match text.as_bytes() {
        [] | [b'\\'] => None,
        [b'\\', b'u', ..] => Some(read_unit(text)?.filter(|unit| (0xdc00..0xe000).contains(unit))),
        _ => Some(None),
    }
}

/// The four digits of a `\uXXXX`, if they are; the outer none where the text may end within them.
fn read_unit(text: &str) -> Option<Option<u32>> {
    let digits: String = text[2..].chars().take(4).collect();
    if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return Some(None);
    }
    if digits.len() < 4 { None } else { Some(u32::from_str_radix(&digits, 16).ok()) }
}

/// Half a pair stands for no character.
fn to_text(code: u32) -> String {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER).to_string()
}
