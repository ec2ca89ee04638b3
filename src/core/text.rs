//! Looking into texts. What is looked for is ASCII, and found by bytes: the standard library's
//! searchers are for more than that, and the wasm file would carry all of it.

/// Where `part` begins in `text`.
pub fn find(text: &str, part: &str) -> Option<usize> {
    text.as_bytes().windows(part.len()).position(|window| window == part.as_bytes())
}

/// `text` with `by` in place of each `part`.
pub fn replaced(text: &str, part: &str, by: &str) -> String {
    let (mut whole, mut rest) = (String::new(), text);
    while let Some(at) = find(rest, part) {
        whole += &rest[..at];
        whole += by;
        rest = &rest[at + part.len()..];
    }
    whole + rest
}

/// `text` before the first of the ASCII characters `marks`, and what is behind that, if there is one.
pub fn cut<'t>(text: &'t str, marks: &str) -> (&'t str, Option<&'t str>) {
    match text.bytes().position(|byte| marks.as_bytes().contains(&byte)) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// The parts of `text` between the ASCII characters `marks`.
pub fn split<'t>(text: &'t str, marks: &str) -> Vec<&'t str> {
    let (mut parts, mut rest) = (Vec::new(), Some(text));
    while let Some(text) = rest {
        let (part, behind) = cut(text, marks);
        parts.push(part);
        rest = behind;
    }
    parts
}

/// At most so many characters of `text`.
pub fn start(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_cut_and_replaced() {
        assert_eq!((find("äbcbc", "bc"), find("ab", "abc"), find("", "a")), (Some(2), None, None));
        assert_eq!(replaced("a%2e%2eb", "%2e", "."), "a..b");
        assert_eq!(cut("ä?b#c", "#?"), ("ä", Some("b#c")));
        assert_eq!(cut("a", "#?"), ("a", None));
        assert_eq!(split("/a//b", "/"), ["", "a", "", "b"]);
        assert_eq!(split("", "/"), [""]);
        assert_eq!((start("äöü", 2), start("äöü", 3), start("", 1)), ("äö", "äöü", ""));
    }
}
