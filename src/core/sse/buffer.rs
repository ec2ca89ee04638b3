//! What was read from the network and is not done with.

use std::ops::Deref;

use bytes::Bytes;

/// The network's own bytes, as long as they are done with before more come: they are not copied, and a
/// stream that waits holds none of them.
#[derive(Debug)]
pub(super) enum Buffer {
    Read(Bytes),
    /// The rest of what was read before, and what was read since.
    Kept(Vec<u8>),
}

impl Default for Buffer {
    fn default() -> Self {
        Self::Read(Bytes::new())
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Kept(bytes) => bytes,
        }
    }
}

impl Buffer {
    /// Adds bytes behind what is there.
    pub fn push(&mut self, bytes: Bytes) {
        match self {
            Self::Kept(kept) => kept.extend_from_slice(&bytes),
            Self::Read(read) if read.is_empty() => *read = bytes,
            Self::Read(read) => *self = Self::Kept([&**read, &*bytes].concat()),
        }
    }

    /// Drops so many of the first bytes. What is left of the network's own is copied, since it may be a few
    /// bytes that keep many from being freed.
    pub fn drop_first(&mut self, done: usize) {
        match self {
            _ if done == self.len() => *self = Self::default(),
            Self::Kept(kept) => drop(kept.drain(..done)),
            Self::Read(read) => *self = Self::Kept(read[done..].to_vec()),
        }
    }

    /// The bytes that it holds, used or not.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn memory(&self) -> usize {
        match self {
            Self::Read(bytes) => bytes.len(),
            Self::Kept(bytes) => bytes.capacity(),
        }
    }
}
