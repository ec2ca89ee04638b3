//! Keeping secrets out of what others say: providers echo keys in their errors, as sent, escaped or
//! percent-encoded.

use std::fmt;
use std::sync::Arc;

use super::key::ApiKey;
use super::text;

/// So much of a secret at the end of a text is taken for one that was cut…
const LEAST_OF_A_SECRET: usize = 4;

/// …and so much of its beginning for one that was cut anywhere, if that is half of it.
const LEAST_OF_A_PART: usize = 16;

/// Shorter ones may well be words of an answer, which must come through as it is.
const LEAST_IN_AN_ANSWER: usize = 16;

/// The secrets of one attempt: its key, and what its settings send besides.
#[derive(Clone)]
pub struct Redaction {
    secrets: Arc<[ApiKey]>,
    key: ApiKey,
}

impl Redaction {
    /// The redaction of a key and of other secrets.
    pub fn new(secrets: Arc<[ApiKey]>, key: ApiKey) -> Self {
        Self { secrets, key }
    }

    /// `text` with each secret's label in its place, however it is spelled, and also where the text
    /// ends in the middle of it. To be done before a text is cut, so that no part of a secret stays.
    pub fn redacted(&self, text: impl AsRef<[u8]>) -> String {
        let (shown, _) = self.replaced(text.as_ref(), 1, true);
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// The same for a header's value, which is ASCII.
    pub fn redacted_value(&self, value: &str) -> String {
        text::replaced(&self.redacted(value), "…", "...")
    }

    /// The next piece of an answer that is passed on. What may be the beginning of a secret is left in
    /// `rest` until more has come, or nothing more (an empty piece).
    pub fn passed_on(&self, rest: &mut Vec<u8>, piece: &[u8]) -> Vec<u8> {
        rest.extend_from_slice(piece);
        let (shown, used) = self.replaced(rest, LEAST_IN_AN_ANSWER, piece.is_empty());
        rest.drain(..used);
        shown
    }

    /// Whether there is a secret in `text`.
    pub fn finds(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.longest(&text[at..], 1).is_some())
    }

    /// `text` with the labels of secrets that are not shorter than `least` in their places, and how
    /// much of it that is: if it does not end here, it is only shown as far as it is known.
    fn replaced(&self, text: &[u8], least: usize, ends: bool) -> (Vec<u8>, usize) {
        let (mut shown, mut kept, mut at) = (Vec::new(), 0, 0);
        while at < text.len() {
            let rest = &text[at..];
            if !ends && self.all(least).any(|secret| stands(secret, rest).0 == rest.len()) {
                break;
            }
            let Some((length, secret)) = self.longest(rest, least) else {
                at += 1;
                continue;
            };
            shown.extend_from_slice(&text[kept..at]);
            shown.extend_from_slice(secret.label().as_bytes());
            at += length;
            kept = at;
        }
        shown.extend_from_slice(&text[kept..at]);
        (shown, at)
    }

    /// The secrets that are not shorter than `least`.
    fn all(&self, least: usize) -> impl Iterator<Item = &ApiKey> {
        let all = self.secrets.iter().chain([&self.key]);
        all.filter(move |secret| secret.expose().len() >= least)
    }

    /// The secret that stands at the beginning of `text`, and how many bytes it takes there. One may
    /// be the beginning of another; of equals the whole one is meant.
    fn longest(&self, text: &[u8], least: usize) -> Option<(usize, &ApiKey)> {
        let mut longest = None;
        let mut best = (0, false);
        for secret in self.all(least) {
            let found = length_of(secret, text).filter(|found| *found > best);
            if let Some(found) = found {
                (best, longest) = (found, Some((found.0, secret)));
            }
        }
        longest
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.secrets.iter().chain([&self.key])).finish()
    }
}

/// How many bytes `secret` takes at the beginning of `text`, if that is where it stands, or enough of
/// it; and whether that is the whole of it.
fn length_of(secret: &ApiKey, text: &[u8]) -> Option<(usize, bool)> {
    let whole = secret.expose().len();
    let (length, shown) = stands(secret, text);
    let enough = match shown {
        _ if shown == whole => true,
        // The text ends here.
        _ if length == text.len() => shown >= LEAST_OF_A_SECRET,
        _ => shown >= LEAST_OF_A_PART && 2 * shown >= whole,
    };
    enough.then_some((length, shown == whole))
}

/// How many bytes at the beginning of `text` stand for `secret` or the beginning of it, and for how
/// many of its bytes. With an escape that has only begun, that is all of the text.
fn stands(secret: &ApiKey, text: &[u8]) -> (usize, usize) {
    let secret = secret.expose().as_bytes();
    if text.starts_with(secret) {
        return (secret.len(), secret.len());
    }
    let mut at = 0;
    for (index, byte) in secret.iter().enumerate() {
        match length_of_byte(*byte, &text[at..]) {
            Some(length) => at += length,
            None if breaks_off(&text[at..]) => return (text.len(), index),
            None => return (at, index),
        }
    }
    (at, secret.len())
}

/// How many bytes at the beginning of `text` stand for `byte`: it may be percent-encoded, or escaped
/// as in JSON.
fn length_of_byte(byte: u8, text: &[u8]) -> Option<usize> {
    let is_byte = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok();
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) == Some(byte)
    };
    match text {
        [b'%', digits @ ..] if digits.get(..2).is_some_and(is_byte) => Some(3),
        [b'\\', b'u', b'0', b'0', digits @ ..] if digits.get(..2).is_some_and(is_byte) => Some(6),
        [b'\\', escaped, ..] if *escaped == byte && !byte.is_ascii_alphanumeric() => Some(2),
        [first, ..] if *first == byte => Some(1),
        _ => None,
    }
}

/// Whether the text ends here, or in an escape that has begun.
fn breaks_off(rest: &[u8]) -> bool {
    match rest {
        [] => true,
        [b'%', rest @ ..] => rest.len() < 2,
        [b'\\', rest @ ..] => rest.is_empty() || (rest.len() < 5 && rest.starts_with(b"u")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(secrets: &[&str], text: &str) -> String {
        let secrets = secrets.iter().map(|secret| ApiKey::new(secret)).collect();
        Redaction::new(secrets, ApiKey::none()).redacted(text)
    }

    #[test]
    fn a_secret_is_found_however_it_is_spelled() {
        let key = r#"bce/v3+0="1\2&abcd"#;
        for spelled in [
            key,
            r#"bce/v3+0=\"1\\2&abcd"#,
            r#"bce\/v3+0=\"1\\2\u0026abcd"#,
            r#"bce\u002fv3\u002B0\u003d\u00221\u005C2\u0026abcd"#,
            "bce%2Fv3%2B0%3D%221%5C2%26abcd",
            "bce%2fv3%2b0%3d%221%5c2%26abcd",
            r#"bce/v3%2b0=%221%5c2%26%61bcd"#,
        ] {
            let shown = redacted(&[key], &format!("ä {spelled} and {spelled}!"));
            assert_eq!(shown, "ä …abcd and …abcd!", "{spelled}");
        }
        let twice = r"a\\b-0123456789";
        assert_eq!(redacted(&[twice], twice), "…6789", "as it is, before any escape");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in ["", "nothing to hide", "sk-0123", "100 % of sk-9", "%zz \\u00 \\", "ä…"] {
            assert_eq!(
                redacted(&["sk-0123456789abcd", ""], &format!("{text} ")),
                format!("{text} ")
            );
        }
        assert_eq!(redacted(&[""], "x"), "x");
    }

    #[test]
    fn a_secret_that_was_cut_does_not_stay_either() {
        let key = r"sk-/456789abcd";
        for whole in [key, "sk-%2F456789abcd", r"sk-\/456789abcd", r"sk-\u002f456789abcd"] {
            for length in whole.len() - "456789abcd".len()..=whole.len() {
                let shown = redacted(&[key], &format!("no {}", &whole[..length]));
                assert_eq!(shown, "no …abcd", "{}", &whole[..length]);
            }
        }
        assert_eq!(redacted(&[key], "no sk-"), "no sk-", "how every key begins");
    }

    #[test]
    fn a_secret_that_was_cut_in_the_middle_of_a_text_does_not_stay_if_it_is_half() {
        let key = "sk-proj-0123456789-0123456789-abcd"; // 34 characters
        for length in 17..34 {
            let shown = redacted(&[key], &format!("no {}... here", &key[..length]));
            assert_eq!(shown, "no …abcd... here", "{length}");
        }
        for less in ["sk-proj-01234567", "sk-proj-"] {
            let text = format!("no {less}... here");
            assert_eq!(redacted(&[key], &text), text, "how many keys begin");
        }
        assert_eq!(redacted(&["ä".repeat(20).as_str()], &"äö".repeat(20)), "äö".repeat(20));
    }

    #[test]
    fn an_answer_is_passed_on_in_whatever_pieces_it_comes() {
        let key = "sk-/0123456789-abcd";
        let redaction = Redaction::new([ApiKey::new("word")].into(), ApiKey::new(key));
        let answer = r"\ä s sk a word: sk-\/0123456789-abcd% sk-%2f0123456789-abcd, sk-/01 \u00";
        let answer = &[answer.as_bytes(), b"\xff"].concat()[..];
        let expected = [r"\ä s sk a word: …abcd% …abcd, sk-/01 \u00".as_bytes(), b"\xff"].concat();
        for length in 1..answer.len() {
            let (mut rest, mut shown) = (Vec::new(), Vec::new());
            for piece in answer.chunks(length).chain([&[][..]]) {
                shown.extend(redaction.passed_on(&mut rest, piece));
                assert!(rest.len() < 6 * key.len());
            }
            assert_eq!(String::from_utf8_lossy(&shown), String::from_utf8_lossy(&expected));
            assert_eq!((shown == expected, rest.len()), (true, 0), "{length}");
        }
    }

    #[test]
    fn the_longest_secret_wins() {
        let secrets = ["sk-0123456789", "sk-0123456789-abcd", "6789-abcdefgh"];
        assert_eq!(redacted(&secrets, "sk-0123456789-abcdefgh"), "…abcdefgh");
        assert_eq!(redacted(&secrets, "sk-0123456789!"), "…6789!");
    }
}
