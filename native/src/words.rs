//! Short words, known by a number that is their very bytes: which of them are tokens, and which were merged before.
//!
//! No text can make either table slow. The first holds the vocabulary only; in the second, of fixed size, a new word
//! takes the place of an old one, so the worst is that each word is merged anew.

use crate::merges::{Token, Vocabulary, NONE};
use crate::stretches::{Stretch, LARGE};

/// Words shorter than this have a key.
pub const KEY: usize = 16;

const SLOTS: usize = 1 << 16;
const KEPT: usize = 7;

/// The tokens that have a key: open addressing, at most half full.
pub struct Known {
    slots: Vec<Token>, // NONE is a free slot
    keys: Vec<u128>,   // of each token; 0 for long ones
}

impl Known {
    /// From the bytes of each token in the order of ids, which are below `Token::MAX`.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Self {
        let short = |token: &[u8]| if token.len() < KEY { key(token, 0, token.len()) } else { 0 };
        let keys: Vec<u128> = tokens.map(short).collect();
        let mut known = Known { slots: vec![NONE; (2 * keys.len()).next_power_of_two()], keys };
        for (token, &key) in (0..NONE).zip(&known.keys) {
            if key != 0 {
                let mut at = slot(key, known.slots.len());
                while known.slots[at] != NONE {
                    at = (at + 1) & (known.slots.len() - 1);
                }
                known.slots[at] = token;
            }
        }
        known
    }

    /// The token that has the bytes of this key.
    #[inline]
    pub fn token(&self, key: u128) -> Option<Token> {
        let mut at = slot(key, self.slots.len());
        while self.slots[at] != NONE {
            let token = self.slots[at];
            if self.keys[usize::from(token)] == key {
                return Some(token);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        None
    }
}

/// The tokens of words that were merged lately.
pub struct Words {
    slots: Vec<Word>,
    made: Vec<Token>,
    stretch: Stretch,
}

#[derive(Clone)]
struct Word {
    key: u128, // 0 for none
    tokens: [Token; KEPT],
    count: u16,
}

impl Words {
    pub fn new() -> Self {
        Words {
            slots: vec![Word { key: 0, tokens: [0; KEPT], count: 0 }; SLOTS],
            made: Vec::new(),
            stretch: Stretch::new(),
        }
    }

    /// The tokens that the bytes of this key merge to.
    #[inline]
    pub fn tokens(&mut self, key: u128, vocabulary: &Vocabulary, bytes: &[u8]) -> &[Token] {
        let at = slot(key, SLOTS);
        if self.slots[at].key != key {
            let count = self.merged(vocabulary, bytes).len();
            if count > KEPT {
                return &self.made;
            }
            let word = &mut self.slots[at];
            word.key = key;
            word.count = count as u16;
            word.tokens[..count].copy_from_slice(&self.made);
        }
        let word = &self.slots[at];
        &word.tokens[..usize::from(word.count)]
    }

    /// The tokens that any bytes merge to. Nothing is kept but memory.
    pub fn merged(&mut self, vocabulary: &Vocabulary, bytes: &[u8]) -> &[Token] {
        self.made.clear();
        self.made.shrink_to(LARGE);
        vocabulary.merge(bytes, &mut self.stretch, &mut self.made);
        &self.made
    }
}

/// Sets a stretch of a long piece apart from the piece that has the same bytes.
pub const STRETCH: u128 = 1 << 127;

/// The bytes from `start` to `end`, fewer than 16, and how many they are, as one number.
#[inline]
pub fn key(bytes: &[u8], start: usize, end: usize) -> u128 {
    let size = end - start;
    let padded = match bytes.get(start..start + KEY).map(<[u8; KEY]>::try_from) {
        Some(Ok(sixteen)) => u128::from_le_bytes(sixteen) & ((1 << (8 * size)) - 1),
        _ => bytes[start..end].iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)),
    };
    padded | (size as u128) << 120
}

/// The first place to look for a key, of so many; a power of two, and more than one.
#[inline]
fn slot(key: u128, slots: usize) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = low.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - slots.ilog2())) as usize
}
