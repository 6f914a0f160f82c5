//! Short words, known by a number that is their very bytes: which of them are tokens, and which were merged before.
//!
//! No text can make either table slow. The first contains the vocabulary only; in the second, of fixed size, a new word
//! takes the place of an old one, so the worst is that each word is merged anew.

use crate::bpe::long_merge::LARGE;
use crate::bpe::merge::Merger;
use crate::bpe::vocabulary::{Token, Vocabulary, NONE};

/// Words shorter than this have a key.
pub const KEY: usize = 16;

const SLOTS: usize = 1 << 16;
const KEPT: usize = 7;

/// The tokens that have a key, in buckets of which few are full.
pub struct Known {
    /// A fingerprint of the key of each token, above the token: it distinguishes most keys without a look at them.
    buckets: Vec<[u32; BUCKET]>,
    keys: Vec<u128>, // of each token; 0 for long ones
}

const BUCKET: usize = 4;
const FREE: u32 = u32::MAX; // no key's print
/// Buckets that are looked at for a key.
const FURTHEST: usize = 32;

impl Known {
    /// From the bytes of each token in the order of ids, which are below `Token::MAX`. None for tokens that crowd some
    /// buckets, which only chosen ones do.
    pub fn new<'a>(tokens: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let short = |token: &[u8]| if token.len() < KEY { key(token, 0, token.len()) } else { 0 };
        let keys: Vec<u128> = tokens.map(short).collect();
        let count = (keys.len() / 2).next_power_of_two().max(2);
        let mut known = Known { buckets: vec![[FREE; BUCKET]; count], keys };
        for (token, &key) in (0..NONE).zip(&known.keys).filter(|(_, key)| **key != 0) {
            let (first, print) = known.look(key);
            // Of one print a bucket has one key at most.
            let room = |at: &usize| known.buckets[*at].iter().all(|entry| entry >> 16 != print) && known.is_open(*at);
            let at = (first..first + FURTHEST).map(|at| at % count).find(room)?;
            *known.buckets[at].iter_mut().find(|entry| **entry == FREE)? = print << 16 | u32::from(token);
        }
        Some(known)
    }

    /// The token that has the bytes of this key.
    #[inline]
    pub fn token(&self, key: u128) -> Option<Token> {
        let (first, print) = self.look(key);
        for at in first..first + FURTHEST {
            let at = at & (self.buckets.len() - 1);
            // No branch for each: which one it is cannot be predicted.
            let of_print = |found, &entry| if entry >> 16 == print { entry } else { found };
            let found = self.buckets[at].iter().fold(FREE, of_print);
            if found != FREE {
                let token = found as Token;
                if self.keys[usize::from(token)] == key {
                    return Some(token);
                }
            } else if self.is_open(at) {
                return None;
            }
        }
        None
    }

    /// True if a bucket has room: they are filled from the left.
    #[inline]
    fn is_open(&self, at: usize) -> bool {
        self.buckets[at][BUCKET - 1] == FREE
    }

    /// The first bucket to look for a key, and its print.
    #[inline]
    fn look(&self, key: u128) -> (usize, u32) {
        let mixed = mixed(key);
        ((mixed >> (u64::BITS - self.buckets.len().ilog2())) as usize, (mixed >> 24) as u32 & 0x7FFF)
    }
}

/// The tokens of words that were merged lately.
pub struct Words {
    slots: Vec<Word>,
    pub pieces: Pieces,
    merged: Vec<Token>,
    merger: Merger,
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
            pieces: Pieces::new(),
            merged: Vec::new(),
            merger: Merger::new(),
        }
    }

    /// The tokens that the bytes of this key merge to.
    #[inline]
    pub fn tokens(&mut self, key: u128, vocabulary: &Vocabulary, bytes: &[u8]) -> &[Token] {
        let at = slot(key, SLOTS);
        if self.slots[at].key != key {
            let count = self.merge(vocabulary, bytes).len();
            if count > KEPT {
                return &self.merged;
            }
            let word = &mut self.slots[at];
            word.key = key;
            word.count = count as u16;
            word.tokens[..count].copy_from_slice(&self.merged);
        }
        let word = &self.slots[at];
        &word.tokens[..usize::from(word.count)]
    }

    /// The tokens that any bytes merge to. Nothing is kept but memory.
    pub fn merge(&mut self, vocabulary: &Vocabulary, bytes: &[u8]) -> &[Token] {
        self.merged.clear();
        self.merged.shrink_to(LARGE);
        self.merger.merge(vocabulary, bytes, &mut self.merged);
        &self.merged
    }
}

/// The tokens of pieces that have no key, if they were met lately: links above all, which a page has again and again.
pub struct Pieces {
    slots: Vec<Piece>,
}

/// Longer pieces, and those of more tokens, are not kept.
pub const LONGEST: usize = 64;
const MOST: usize = 30;
const PIECES: usize = 1 << 12;

#[derive(Clone)]
struct Piece {
    bytes: [u8; LONGEST],
    tokens: [Token; MOST],
    size: u16, // 0 for none
    count: u16,
}

impl Pieces {
    pub fn new() -> Self {
        Pieces { slots: vec![Piece { bytes: [0; LONGEST], tokens: [0; MOST], size: 0, count: 0 }; PIECES] }
    }

    /// The tokens of a piece, if it is there.
    #[inline]
    pub fn tokens(&self, bytes: &[u8]) -> Option<&[Token]> {
        let piece = &self.slots[piece_slot(bytes)];
        (piece.bytes.get(..usize::from(piece.size)) == Some(bytes)).then(|| &piece.tokens[..usize::from(piece.count)])
    }

    /// Keep the tokens of a piece, and forget another one.
    pub fn keep(&mut self, bytes: &[u8], tokens: &[Token]) {
        if bytes.len() <= LONGEST && tokens.len() <= MOST {
            let piece = &mut self.slots[piece_slot(bytes)];
            piece.bytes[..bytes.len()].copy_from_slice(bytes);
            piece.tokens[..tokens.len()].copy_from_slice(tokens);
            (piece.size, piece.count) = (bytes.len() as u16, tokens.len() as u16);
        }
    }
}

/// The place of a piece of at least eight bytes.
#[inline]
fn piece_slot(bytes: &[u8]) -> usize {
    let (eights, _) = bytes.split_at(bytes.len() & !7);
    let number = |eight: &[u8]| eight.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let last = bytes.get(bytes.len().saturating_sub(8)..).map_or(0, number);
    let mixed = eights.chunks_exact(8).map(number).fold(last ^ bytes.len() as u64, |hash, number| {
        (hash.rotate_left(23) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    });
    (mixed >> (u64::BITS - PIECES.ilog2())) as usize
}

/// Distinguishes the key of a run inside a long piece from that of a piece with the same bytes.
pub const RUN: u128 = 1 << 127;

/// The bytes from `start` to `end`, fewer than 16, and their count, as one number.
#[inline]
pub fn key(bytes: &[u8], start: usize, end: usize) -> u128 {
    let size = end - start;
    let padded = match bytes.get(start..start + KEY).map(<[u8; KEY]>::try_from) {
        Some(Ok(sixteen)) => u128::from_le_bytes(sixteen) & ((1 << (8 * size)) - 1),
        _ => bytes[start..end].iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)),
    };
    padded | (size as u128) << 120
}

const LOW: u128 = u128::MAX / 0xFF; // the lowest bit of each byte
const HIGH: u128 = LOW << 7;

/// The key and the size of the word that begins here: ASCII letters, with a space before them or not.
///
/// None unless fewer than 16 bytes are followed by one that is ASCII and no letter, and all that is in the next 16.
#[inline]
pub fn plain_word(bytes: &[u8], start: usize) -> Option<(u128, usize)> {
    let sixteen = u128::from_le_bytes(bytes.get(start..start + KEY)?.try_into().ok()?);
    let space = u32::from(sixteen as u8 == b' ');
    let word = sixteen >> (8 * space);
    let others = !letters(word) & HIGH;
    let size = others.trailing_zeros() / 8;
    let end = size + space;
    // The next byte has its high bit if it is beyond ASCII; it may be a letter as well.
    if size == 0 || end as usize >= KEY || word & others & others.wrapping_neg() != 0 {
        return None;
    }
    Some((sixteen & ((1 << (8 * end)) - 1) | u128::from(end) << 120, end as usize))
}

/// The high bit of each byte that is an ASCII letter, and no other bit.
#[inline]
fn letters(bytes: u128) -> u128 {
    let lower = (bytes | LOW << 5) & !HIGH;
    let from_a = lower + LOW * (0x80 - b'a' as u128);
    let beyond_z = lower + LOW * (0x7F - b'z' as u128);
    from_a & !beyond_z & !bytes & HIGH
}

/// The first place to look for a key, of so many; a power of two, and more than one.
#[inline]
fn slot(key: u128, slots: usize) -> usize {
    (mixed(key) >> (u64::BITS - slots.ilog2())) as usize
}

#[inline]
fn mixed(key: u128) -> u64 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = low.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    (mixed ^ mixed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
