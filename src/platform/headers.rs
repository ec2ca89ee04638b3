//! The headers of a response.

use std::fmt;

/// Headers as they came: names in lower case, values as text, in their order.
///
/// ```
/// use lockkeeper::Headers;
///
/// let headers = Headers::from_iter([("retry-after", "2"), ("x-request-id", "req_7")]);
/// assert_eq!(headers.get("retry-after"), Some("2"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    /// All names and values, one behind the other: there are dozens of them, and a text of its own for each
    /// would be half of what a response allocates.
    text: String,
    /// Where each name ends, and its value.
    ends: Vec<(usize, usize)>,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with room for so many, whose names and values are together so long.
    #[must_use]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ends: Vec::with_capacity(count) }
    }

    /// Adds one behind the others.
    pub fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        self.ends.push((name_end, self.text.len()));
    }

    /// The value of the first with this name, in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, end)| {
            let pair = (&self.text[start..name_end], &self.text[name_end..end]);
            start = end;
            pair
        })
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut headers = Self::new();
        pairs.into_iter().for_each(|(name, value)| headers.push(name.as_ref(), value.as_ref()));
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_keep_their_order_and_the_first_of_a_name_is_found() {
        let pairs = [("b", "1"), ("", ""), ("a", "ä"), ("b", "2")];
        let headers = Headers::from_iter(pairs);
        assert_eq!(headers.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(
            (headers.get("b"), headers.get("a"), headers.get("1")),
            (Some("1"), Some("ä"), None)
        );
        assert_eq!(format!("{headers:?}"), r#"{"b": "1", "": "", "a": "ä", "b": "2"}"#);
    }
}
