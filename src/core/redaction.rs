//! Keeping secrets out of what others say: providers echo keys in their errors, as sent, escaped or
//! percent-encoded.

use std::fmt;
use std::sync::Arc;

use super::key::ApiKey;

/// So much of a secret at the end of a text is taken for one that was cut.
const LEAST_OF_A_SECRET: usize = 4;

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
        let text = String::from_utf8_lossy(text.as_ref());
        let (mut shown, mut kept, mut at) = (String::new(), 0, 0);
        while at < text.len() {
            let rest = &text.as_bytes()[at..];
            let Some((length, secret)) = self.longest(rest) else {
                at += 1;
                continue;
            };
            shown.push_str(&text[kept..at]);
            shown.push_str(&secret.label());
            at += length;
            kept = at;
        }
        shown.push_str(&text[kept..]);
        shown
    }

    /// Whether there is a secret in `text`.
    pub fn finds(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.longest(&text[at..]).is_some())
    }

    /// The secret that stands at the beginning of `text`, and how many bytes it takes there. One may
    /// be the beginning of another.
    fn longest(&self, text: &[u8]) -> Option<(usize, &ApiKey)> {
        let mut longest = None;
        for secret in self.secrets.iter().chain([&self.key]) {
            let Some(length) = length_of(secret, text) else { continue };
            let rank = (length, secret.expose().len());
            if longest.is_none_or(|(length, other): (usize, &ApiKey)| {
                rank > (length, other.expose().len())
            }) {
                longest = Some((length, secret));
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

/// How many bytes `secret` takes at the beginning of `text`, if that is where it stands.
fn length_of(secret: &ApiKey, text: &[u8]) -> Option<usize> {
    let secret = secret.expose().as_bytes();
    if secret.is_empty() {
        return None;
    }
    if text.starts_with(secret) {
        return Some(secret.len());
    }
    let mut at = 0;
    for (index, byte) in secret.iter().enumerate() {
        match length_of_byte(*byte, &text[at..]) {
            Some(length) => at += length,
            None if index >= LEAST_OF_A_SECRET && breaks_off(&text[at..]) => {
                return Some(text.len());
            }
            None => return None,
        }
    }
    Some(at)
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
    fn the_longest_secret_wins() {
        let secrets = ["sk-0123456789", "sk-0123456789-abcd", "6789-abcdefgh"];
        assert_eq!(redacted(&secrets, "sk-0123456789-abcdefgh"), "…abcdefgh");
        assert_eq!(redacted(&secrets, "sk-0123456789!"), "…6789!");
    }
}
