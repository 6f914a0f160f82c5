//! The tokens of a byte-pair encoding, by their bytes and by the pairs that merge to them.
//!
//! Exact for any list of tokens: nothing is assumed of the order of ranks.

use std::collections::HashMap;

/// Rank of a token, which is also its id.
pub type Token = u16;

/// In place of a rank where two neighbours merge to no token; above all ranks.
pub const NONE: Token = Token::MAX;

const SINGLE: usize = 256;

/// All tokens, indexed for merging.
pub struct Vocabulary {
    tokens: HashMap<Box<[u8]>, Token>,
    lengths: Vec<u32>,
    longest: u32,
    bytes: [Token; SINGLE],
    pairs: Pairs,
    /// The token that two bytes are, for each two.
    doubles: Vec<Token>,
    /// For each two bytes a bit: set if they are neighbours in some token.
    adjacent: Vec<u64>,
}

impl Vocabulary {
    /// From the bytes of each token in the order of ranks. None unless they are distinct and not empty, all single
    /// bytes are among them, and their ranks fit.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut ranks: HashMap<Box<[u8]>, Token> = HashMap::new();
        for token in tokens {
            let rank = Token::try_from(ranks.len()).ok().filter(|rank| *rank < NONE)?;
            if token.is_empty() || ranks.insert(token.into(), rank).is_some() {
                return None;
            }
        }
        let mut bytes = [NONE; SINGLE];
        for (byte, rank) in (0..=u8::MAX).zip(&mut bytes) {
            *rank = *ranks.get([byte].as_slice())?;
        }
        let mut adjacent = vec![0; SINGLE * SINGLE / 64];
        for pair in ranks.keys().flat_map(|token| token.windows(2)) {
            let (word, bit) = place(pair[0], pair[1]);
            adjacent[word] |= bit;
        }
        let mut lengths = vec![0; ranks.len()];
        for (token, rank) in &ranks {
            lengths[usize::from(*rank)] = token.len() as u32;
        }
        let longest = lengths.iter().copied().max()?;
        let mut doubles = vec![NONE; SINGLE * SINGLE];
        for (token, rank) in &ranks {
            if let [left, right] = **token {
                doubles[number(left, right)] = *rank;
            }
        }
        Some(Vocabulary { pairs: Pairs::of(&ranks), tokens: ranks, lengths, longest, bytes, doubles, adjacent })
    }

    /// The token of a single byte.
    #[inline]
    pub fn byte(&self, byte: u8) -> Token {
        self.bytes[usize::from(byte)]
    }

    /// The token of two bytes; `NONE` if they are none.
    #[inline]
    pub fn joined_bytes(&self, left: u8, right: u8) -> Token {
        self.doubles[number(left, right)]
    }

    /// The token that has these bytes.
    pub fn whole(&self, bytes: &[u8]) -> Option<Token> {
        if bytes.len() > self.longest as usize {
            return None;
        }
        self.tokens.get(bytes).copied()
    }

    /// The bytes cut wherever no token has the bytes on both sides: merging never joins across such a place.
    pub fn mergeable_runs<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        bytes.chunk_by(|&left, &right| {
            let (word, bit) = place(left, right);
            self.adjacent[word] & bit != 0
        })
    }

    /// The number of bytes of a token.
    #[inline]
    pub fn length(&self, token: Token) -> usize {
        self.lengths[usize::from(token)] as usize
    }

    /// The token that two tokens side by side are together; `NONE` if they are none.
    #[inline]
    pub fn joined(&self, left: Token, right: Token) -> Token {
        self.pairs.joined(left, right)
    }
}

/// Two bytes as one number.
#[inline]
fn number(left: u8, right: u8) -> usize {
    usize::from(left) << 8 | usize::from(right)
}

/// The place of the bit of two bytes.
#[inline]
fn place(left: u8, right: u8) -> (usize, u64) {
    let number = number(left, right);
    (number / 64, 1 << (number % 64))
}

/// From two tokens to the one that has the bytes of both: open addressing, at most half full.
///
/// Keys that are looked up come from texts, but stored keys from the vocabulary only, so no text makes it slow.
struct Pairs {
    slots: Vec<(u32, Token)>,
    shift: u32,
    /// A bit by another hash for each pair that is there: few enough for a near cache, and most pairs are not there.
    perhaps: Vec<u64>,
}

const PERHAPS: u32 = 20; // bits of that hash

impl Pairs {
    fn of(ranks: &HashMap<Box<[u8]>, Token>) -> Self {
        let mut found = Vec::new();
        for (token, rank) in ranks {
            for (left, right) in (1..token.len()).map(|at| token.split_at(at)) {
                if let (Some(left), Some(right)) = (ranks.get(left), ranks.get(right)) {
                    found.push((key(*left, *right), *rank));
                }
            }
        }
        let bits = (2 * found.len()).max(2).next_power_of_two().ilog2();
        let (slots, perhaps) = (vec![(0, NONE); 1 << bits], vec![0; (1 << PERHAPS) / 64]);
        let mut pairs = Pairs { slots, shift: u32::BITS - bits, perhaps };
        for (key, rank) in found {
            let slot = pairs.slot(key);
            pairs.slots[slot] = (key, rank);
            let (word, bit) = perhaps_place(key);
            pairs.perhaps[word] |= bit;
        }
        pairs
    }

    /// The rank of two tokens side by side; `NONE` if they are no token.
    #[inline]
    fn joined(&self, left: Token, right: Token) -> Token {
        let key = key(left, right);
        let (word, bit) = perhaps_place(key);
        if self.perhaps[word] & bit == 0 {
            return NONE;
        }
        self.slots[self.slot(key)].1
    }

    /// The slot of a key, or the one where it would be.
    #[inline]
    fn slot(&self, key: u32) -> usize {
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize;
        while self.slots[slot].1 != NONE && self.slots[slot].0 != key {
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        slot
    }
}

#[inline]
fn key(left: Token, right: Token) -> u32 {
    u32::from(left) << 16 | u32::from(right)
}

#[inline]
fn perhaps_place(key: u32) -> (usize, u64) {
    let hash = key.wrapping_mul(0x85EB_CA6B) >> (u32::BITS - PERHAPS);
    ((hash / 64) as usize, 1 << (hash % 64))
}
