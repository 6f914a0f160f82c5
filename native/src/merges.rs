//! Byte-pair merging: of all neighbours that are a token together those of lowest rank are joined, the leftmost first,
//! until there are none. Twin: `tiktoken`, as `refinery.kernels.reference.bpe` uses it.
//!
//! Exact for any list of tokens: nothing is assumed of the order of ranks. Time is n log n in the longest stretch
//! that tokens could span, and linear otherwise.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Rank of a token, which is also its id.
pub type Token = u16;

/// Instead of the rank of neighbours that are no token together, above all ranks.
const NONE: Token = Token::MAX;
const SINGLE: usize = 256;
/// Longer stretches take a heap: that of short ones costs more than to look at all neighbours for each merge.
const SHORT: usize = 64;

/// All tokens and what merging asks of them.
pub struct Vocabulary {
    tokens: HashMap<Box<[u8]>, Token>,
    longest: usize,
    bytes: [Token; SINGLE],
    pairs: Pairs,
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
        let longest = ranks.keys().map(|token| token.len()).max()?;
        Some(Vocabulary { pairs: Pairs::of(&ranks), tokens: ranks, longest, bytes, adjacent })
    }

    /// The token that has these bytes.
    pub fn whole(&self, bytes: &[u8]) -> Option<Token> {
        if bytes.len() > self.longest {
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

    /// Merge the bytes and append the tokens that are left.
    pub fn merge(&self, bytes: &[u8], found: &mut Vec<Token>) {
        let first = found.len();
        found.extend(bytes.iter().map(|byte| self.bytes[usize::from(*byte)]));
        if bytes.len() > SHORT {
            let left = Chain::of(&found[first..], &self.pairs).merged();
            found.truncate(first);
            found.extend(left);
        } else {
            let left = self.merge_short(&mut found[first..]);
            found.truncate(first + left);
        }
    }

    /// Merge at most `SHORT` tokens in place, and give how many are left.
    fn merge_short(&self, tokens: &mut [Token]) -> usize {
        let mut ranks = [NONE; SHORT];
        for (rank, pair) in ranks.iter_mut().zip(tokens.windows(2)) {
            *rank = self.pairs.joined(pair[0], pair[1]);
        }
        let mut count = tokens.len();
        while count > 1 {
            let ranked = &ranks[..count - 1];
            let lowest = ranked.iter().copied().fold(NONE, Token::min);
            let Some(at) = ranked.iter().position(|rank| *rank == lowest).filter(|_| lowest != NONE) else { break };
            tokens[at] = lowest;
            tokens.copy_within(at + 2..count, at + 1);
            ranks.copy_within(at + 1..count - 1, at);
            count -= 1;
            ranks[at] = if at + 1 < count { self.pairs.joined(lowest, tokens[at + 1]) } else { NONE };
            if at > 0 {
                ranks[at - 1] = self.pairs.joined(tokens[at - 1], lowest);
            }
        }
        count
    }
}

/// Where the bit of two bytes is.
#[inline]
fn place(left: u8, right: u8) -> (usize, u64) {
    let number = usize::from(left) << 8 | usize::from(right);
    (number / 64, 1 << (number % 64))
}

/// From two tokens to the one that has the bytes of both: open addressing, at most half full.
///
/// What is sought comes from texts, but what is stored from the vocabulary only, so no text makes it slow.
struct Pairs {
    slots: Vec<(u32, Token)>,
    shift: u32,
}

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
        let mut pairs = Pairs { slots: vec![(0, NONE); 1 << bits], shift: u32::BITS - bits };
        for (key, rank) in found {
            let slot = pairs.slot(key);
            pairs.slots[slot] = (key, rank);
        }
        pairs
    }

    /// The rank of two tokens side by side; `NONE` if they are no token.
    #[inline]
    fn joined(&self, left: Token, right: Token) -> Token {
        self.slots[self.slot(key(left, right))].1
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

/// A long stretch being merged: tokens in a doubly linked list, the ranks of neighbours in a heap.
///
/// A token is known by the place of its first byte. Entries of the heap whose rank is no longer that of the place are
/// passed over.
struct Chain<'a> {
    pairs: &'a Pairs,
    tokens: Vec<Token>,
    ranks: Vec<Token>, // with the next token; NONE at places where no token begins
    next: Vec<u32>,
    last: Vec<u32>, // the place of the token before
    heap: BinaryHeap<Reverse<(Token, u32)>>,
}

impl<'a> Chain<'a> {
    fn of(tokens: &[Token], pairs: &'a Pairs) -> Self {
        let count = tokens.len() as u32;
        let mut ranks: Vec<Token> = tokens.windows(2).map(|pair| pairs.joined(pair[0], pair[1])).collect();
        let heap = (0..count).zip(&ranks).filter(|(_, rank)| **rank != NONE).map(|(at, rank)| Reverse((*rank, at)));
        let heap = heap.collect();
        ranks.push(NONE);
        let last = (0..count).map(|at| at.wrapping_sub(1)).collect();
        Chain { pairs, tokens: tokens.to_vec(), ranks, next: (1..=count).collect(), last, heap }
    }

    /// The tokens that are left when nothing can be joined.
    fn merged(mut self) -> impl Iterator<Item = Token> + 'a {
        while let Some(Reverse((rank, at))) = self.heap.pop() {
            if self.ranks[at as usize] == rank {
                self.join(at, rank);
            }
        }
        let mut at = 0;
        std::iter::from_fn(move || {
            let token = *self.tokens.get(at)?;
            at = self.next[at] as usize;
            Some(token)
        })
    }

    /// Join the token at a place with the next one.
    fn join(&mut self, at: u32, joined: Token) {
        let gone = self.next[at as usize];
        let next = self.next[gone as usize];
        self.tokens[at as usize] = joined;
        self.next[at as usize] = next;
        self.ranks[gone as usize] = NONE;
        self.ranks[at as usize] = NONE;
        if let Some(last) = self.last.get_mut(next as usize) {
            *last = at;
            self.rank(at, next);
        }
        if at > 0 {
            self.rank(self.last[at as usize], at);
        }
    }

    /// Rank a token with the next one.
    fn rank(&mut self, at: u32, next: u32) {
        let rank = self.pairs.joined(self.tokens[at as usize], self.tokens[next as usize]);
        self.ranks[at as usize] = rank;
        if rank != NONE {
            self.heap.push(Reverse((rank, at)));
        }
    }
}
