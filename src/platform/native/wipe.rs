//! Writing over what must not stay in memory.

use zeroize::Zeroize;

/// Fills a text's memory with zeros, all that it ever took, and empties it. The compiler would leave
/// out what is written last and never read; this it may not.
pub fn wipe(text: &mut String) {
    text.zeroize();
}
