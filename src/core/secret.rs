//! A text that leaves no trace in memory.

use std::ops::Deref;

use crate::platform;

/// A secret, which is written over with zeros where it is dropped (on wasm32 it is not: JavaScript's
/// own copies stay anyway). It has no `Debug` and no `Display`.
#[derive(PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Its text, for where it can no longer be looked after.
    pub fn into_text(mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

impl From<String> for Secret {
    /// The very same text: nothing is copied, so that nothing is left.
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// For transports that take bytes.
impl AsRef<[u8]> for Secret {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        platform::wipe(&mut self.0);
    }
}
