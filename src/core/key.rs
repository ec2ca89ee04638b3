//! A key that never shows itself, and the label that it shows instead.

use std::fmt;
use std::sync::Arc;

use super::names::Names;
use super::secret::Secret;

/// Shorter keys would show too much of themselves by their last four characters.
const SHORTEST_WITH_A_TAIL: usize = 12;

/// An API key. It has no `Display`, and its `Debug` shows its last four characters (`…abcd`), of a
/// short one none (`…`). The empty key stands for "no key": the servers on one's own machine that
/// want none. Clones share one text, which is written over with zeros when the last of them is
/// dropped (natively).
///
/// ```
/// use lockkeeper::ApiKey;
///
/// let key = ApiKey::from("sk-proj-0123456789abcd");
/// assert_eq!(format!("{key:?}"), "…abcd");
/// assert_eq!(key.expose(), "sk-proj-0123456789abcd");
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKey(Arc<Secret>);

impl ApiKey {
    /// A key.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self::from(key.to_owned())
    }

    /// No key, for a server that wants none.
    pub(crate) fn none() -> Self {
        Self::new("")
    }

    /// Whether it stands for no key.
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// What is shown in its place: its last characters, where it is long enough to have some.
    pub(crate) fn label(&self) -> String {
        let mut characters = self.0.char_indices();
        match characters.nth_back(3) {
            _ if self.is_none() => "no key".to_owned(),
            Some((tail, _)) if characters.count() >= SHORTEST_WITH_A_TAIL - 4 => {
                format!("…{}", &self.0[tail..])
            }
            _ => "…".to_owned(),
        }
    }

    /// The key itself, for the header it is sent in and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<&String> for ApiKey {
    fn from(key: &String) -> Self {
        Self::new(key)
    }
}

/// Takes the text over: unlike that of a `&str`, no copy of it stays behind.
impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Secret::from(key).into()
    }
}

impl From<Secret> for ApiKey {
    fn from(key: Secret) -> Self {
        Self(Arc::new(key))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label())
    }
}

/// A key of a pool, and the label by which logs know it.
#[derive(Debug)]
pub struct LabelledKey {
    pub key: ApiKey,
    pub label: Arc<str>,
}

/// Gives each key of a pool a label of its own.
#[derive(Debug, Default)]
pub struct Labels(Names<()>);

impl Labels {
    /// `…abcd`, and `…abcd#2` for the next key that ends so.
    pub fn give(&mut self, key: &ApiKey) -> Arc<str> {
        let tail = key.label();
        let numbered = (2..).map(|number| format!("{tail}#{number}"));
        let mut names = std::iter::once(tail.clone()).chain(numbered);
        let free = names.find(|name| self.0.get(name).is_none());
        let name: Arc<str> = free.unwrap_or(tail).into();
        self.0.insert(name.clone(), ());
        name
    }

    /// The key of this label is gone.
    pub fn take_back(&mut self, label: &str) {
        self.0.remove(label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_tell_keys_apart_without_showing_them() {
        let mut labels = Labels::default();
        let mut of = |key: &str| labels.give(&ApiKey::new(key)).to_string();
        assert_eq!(of("sk-0123456789abcd"), "…abcd");
        assert_eq!(of("sk-9876543210abcd"), "…abcd#2");
        assert_eq!(of("short"), "…");
        assert_eq!(of("brief"), "…#2");
        assert_eq!(of(""), "no key");
    }

    #[test]
    fn never_prints_itself() {
        let key = ApiKey::new("sk-0123456789abcd");
        assert_eq!(format!("{key:?}"), "…abcd");
    }
}
