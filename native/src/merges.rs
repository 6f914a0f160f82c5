//! Byte-pair merging: of all neighbours that are a token together those of lowest rank are joined, the leftmost first,
//! until there are none. Twin: `tiktoken`, as `refinery.kernels.reference.bpe` uses it.
//!
//! Exact for any list of tokens: nothing is assumed of the order of ranks.

use std::collections::HashMap;

use crate::stretches::Stretch;

/// Rank of a token, which is also its id.
pub type Token = u16;

/// Instead of the rank of neighbours that are no token together, above all ranks.
pub const NONE: Token = Token::MAX;
const SINGLE: usize = 256;
/// Of short stretches it costs less to look at all neighbours for each merge than to queue them.
const SHORT: usize = 128;

/// Memory for merging, which is as it was when that is done.
pub struct Scratch {
    ranks: Ranks,
    stretch: Stretch,
}

impl Scratch {
    pub fn new() -> Self {
        Scratch { ranks: Ranks { placed: [i32::MAX; SHORT] }, stretch: Stretch::new() }
    }
}

/// All tokens and what merging asks of them.
pub struct Vocabulary {
    tokens: HashMap<Box<[u8]>, Token>,
    lengths: Vec<u32>,
    longest: u32,
    bytes: [Token; SINGLE],
    pairs: Pairs,
    /// The token that two bytes are, for each two.
    doubles: Vec<Token>,
    /// Whether two bytes stand side by side in some token, a bit each.
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

    /// The token that has these bytes.
    pub fn whole(&self, bytes: &[u8]) -> Option<Token> {
        if bytes.len() > self.longest as usize {
            return None;
        }
        self.tokens.get(bytes).copied()
    }

    /// The bytes cut wherever no token has the bytes on both sides: merging never joins across such a place.
    pub fn stretches<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        bytes.chunk_by(|&left, &right| {
            let (word, bit) = place(left, right);
            self.adjacent[word] & bit != 0
        })
    }

    /// How many bytes a token has.
    #[inline]
    pub fn length(&self, token: Token) -> usize {
        self.lengths[usize::from(token)] as usize
    }

    /// The token that two tokens side by side are together; `NONE` if they are none.
    #[inline]
    pub fn joined(&self, left: Token, right: Token) -> Token {
        self.pairs.joined(left, right)
    }

    /// Merge the bytes and append the tokens that are left.
    pub fn merge(&self, bytes: &[u8], scratch: &mut Scratch, found: &mut Vec<Token>) {
        let first = found.len();
        found.extend(bytes.iter().map(|byte| self.bytes[usize::from(*byte)]));
        if bytes.len() > SHORT {
            scratch.stretch.merge(self, found, first);
        } else {
            let left = self.merge_short(bytes, &mut scratch.ranks, &mut found[first..]);
            found.truncate(first + left);
        }
    }

    /// Merge the tokens of at most `SHORT` bytes in place, and give how many are left.
    fn merge_short(&self, bytes: &[u8], ranks: &mut Ranks, tokens: &mut [Token]) -> usize {
        if tokens.is_empty() {
            return 0;
        }
        let blocks = tokens.len().div_ceil(BLOCK);
        for (at, pair) in bytes.windows(2).enumerate() {
            ranks.set(at, self.doubles[number(pair[0], pair[1])]);
        }
        // A token is known by the place of its first byte, which has a bit here.
        let mut firsts = u128::MAX >> (SHORT - tokens.len());
        while let Some((at, joined)) = ranks.lowest(blocks) {
            let gone = place_after(firsts, at);
            tokens[at] = joined;
            firsts &= !(1 << gone);
            ranks.set(gone, NONE);
            let next = place_after(firsts, at);
            ranks.set(at, if next < SHORT { self.joined(joined, tokens[next]) } else { NONE });
            let before = firsts & ((1 << at) - 1);
            if before != 0 {
                let last = before.ilog2() as usize;
                ranks.set(last, self.joined(tokens[last], joined));
            }
        }
        let mut count = 0;
        while firsts != 0 {
            tokens[count] = tokens[firsts.trailing_zeros() as usize];
            count += 1;
            firsts &= firsts - 1;
        }
        count
    }
}

/// The first place after `at` that has a bit; at least `SHORT` if there is none.
#[inline]
fn place_after(bits: u128, at: usize) -> usize {
    (bits & (!1 << at)).trailing_zeros() as usize
}

/// The ranks of neighbours by the place of the first one, each with that place below it, so that of equal ranks the
/// leftmost is the lowest.
struct Ranks {
    placed: [i32; SHORT],
}

/// What a processor compares at once, or is made of that.
const BLOCK: usize = 8;
const PLACE_BITS: u32 = SHORT.ilog2();

impl Ranks {
    #[inline]
    fn set(&mut self, at: usize, rank: Token) {
        self.placed[at] = if rank == NONE { i32::MAX } else { i32::from(rank) << PLACE_BITS | at as i32 };
    }

    /// The lowest rank in so many blocks and its place; none if there is no rank.
    #[inline]
    fn lowest(&self, blocks: usize) -> Option<(usize, Token)> {
        let mut lowest = [i32::MAX; BLOCK];
        for block in self.placed.chunks_exact(BLOCK).take(blocks) {
            for (low, placed) in lowest.iter_mut().zip(block) {
                *low = (*low).min(*placed);
            }
        }
        let lowest = lowest.into_iter().fold(i32::MAX, i32::min);
        (lowest < i32::MAX).then_some((lowest as usize % SHORT, (lowest >> PLACE_BITS) as Token))
    }
}

/// Two bytes as one number.
#[inline]
fn number(left: u8, right: u8) -> usize {
    usize::from(left) << 8 | usize::from(right)
}

/// Where the bit of two bytes is.
#[inline]
fn place(left: u8, right: u8) -> (usize, u64) {
    let number = number(left, right);
    (number / 64, 1 << (number % 64))
}

/// From two tokens to the one that has the bytes of both: open addressing, at most half full.
///
/// What is sought comes from texts, but what is stored from the vocabulary only, so no text makes it slow.
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

    /// Where a key is, or would be.
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
