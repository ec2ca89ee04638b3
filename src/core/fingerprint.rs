//! Names a key where the key must not stand: 64 bits that are the same everywhere and at any time.
//!
//! `SipHash-2-4` (Aumasson and Bernstein, 2012) under a key that is no secret. Whoever has a fingerprint can
//! check a guess against it, as with any hash; to tell the key, 64 bits are too few.

/// What every hash begins with, beside its key.
const START: [u64; 4] =
    [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];

/// The hash's key: bytes that say what it is for.
const PURPOSE: [u64; 2] = [u64::from_le_bytes(*b"lockkeep"), u64::from_le_bytes(*b"er: keys")];

const WORD: usize = size_of::<u64>();

/// The fingerprint of these texts in this order: 16 hexadecimal digits.
pub fn fingerprint(texts: &[&str]) -> String {
    let mut hash = SipHash::new(PURPOSE);
    for text in texts {
        // With its length before it no text is taken for the end of the one before. No copy is made: it
        // would have to be wiped.
        hash.word(text.len() as u64);
        text.as_bytes().chunks(WORD).for_each(|bytes| hash.word(word_of(bytes)));
    }
    format!("{:016x}", hash.finish())
}

fn word_of(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

struct SipHash {
    state: [u64; 4],
    words: usize,
}

impl SipHash {
    fn new([low, high]: [u64; 2]) -> Self {
        let [a, b, c, d] = START;
        Self { state: [a ^ low, b ^ high, c ^ low, d ^ high], words: 0 }
    }

    fn word(&mut self, word: u64) {
        self.words += 1;
        self.mix(word);
    }

    /// The last word is what the others have left over, here nothing, and how many bytes there were.
    fn finish(mut self) -> u64 {
        self.mix(((self.words * WORD) as u64) << 56);
        self.state[2] ^= 0xff;
        self.rounds(4);
        let [a, b, c, d] = self.state;
        a ^ b ^ c ^ d
    }

    fn mix(&mut self, word: u64) {
        self.state[3] ^= word;
        self.rounds(2);
        self.state[0] ^= word;
    }

    fn rounds(&mut self, count: usize) {
        let [a, b, c, d] = &mut self.state;
        for _ in 0..count {
            *a = a.wrapping_add(*b);
            *c = c.wrapping_add(*d);
            *b = b.rotate_left(13) ^ *a;
            *d = d.rotate_left(16) ^ *c;
            *a = a.rotate_left(32).wrapping_add(*d);
            *c = c.wrapping_add(*b);
            *b = b.rotate_left(17) ^ *c;
            *d = d.rotate_left(21) ^ *a;
            *c = c.rotate_left(32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_published_hash() {
        // The reference implementation's key, and its vectors of 0, 8 and 16 bytes.
        let of = |words: &[u64]| {
            let mut hash = SipHash::new([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908]);
            words.iter().for_each(|word| hash.word(*word));
            hash.finish()
        };
        let bytes = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        assert_eq!(of(&[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(of(&bytes[..1]), 0x93f5_f579_9a93_2462);
        assert_eq!(of(&bytes), 0x3f2a_cc7f_57c2_9bdb);
    }

    #[test]
    fn texts_are_told_apart_and_known_again() {
        assert_ne!(fingerprint(&["a", "bc"]), fingerprint(&["ab", "c"]));
        assert_ne!(fingerprint(&["a"]), fingerprint(&["a", ""]));
        assert_ne!(fingerprint(&["a"]), fingerprint(&["a\0"]));
        // What an earlier version has saved must be found again.
        let known = fingerprint(&["openai", "https://api.openai.com/v1", "sk-0123456789abcd"]);
        assert_eq!(known, "70f2bef10f9c7327");
    }
}
