//! A credential that does not print itself.

use std::fmt;

/// An API key. `Debug` shows its last four characters (`…abcd`) and of a short one none (`…`).
///
/// ```
/// use lockkeeper::ApiKey;
///
/// let key = ApiKey::from("sk-proj-0123456789abcd");
/// assert_eq!(format!("{key:?}"), "…abcd");
/// assert_eq!(key.expose(), "sk-proj-0123456789abcd");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(String);

impl ApiKey {
    /// The key itself, for the header it is sent in and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for ApiKey {
    fn from(key: T) -> Self {
        Self(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Four characters of a short key would be a good part of it.
        let characters = self.0.chars().count();
        let shown = if characters < 16 { 0 } else { 4 };
        f.write_str("…")?;
        self.0.chars().skip(characters - shown).try_for_each(|c| write!(f, "{c}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_a_key() {
        assert_eq!(format!("{:?}", ApiKey::from("")), "…");
        assert_eq!(format!("{:?}", ApiKey::from("abcd")), "…");
        assert_eq!(format!("{:?}", ApiKey::from("sk-0123456789-wxyz")), "…wxyz");
        assert_eq!(format!("{:?}", ApiKey::from("0123456789abçdéf")), "…çdéf");
    }
}
