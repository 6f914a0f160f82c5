//! Merging of long runs of bytes, in little more than linear time: places are queued by the rank of the tokens there.
//!
//! Joining tokens hardly ever makes neighbours of a rank that is not higher, so ranks are taken in ascending order and
//! the places of each from left to right. The exceptions, which a vocabulary in an odd order has, go first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::bpe::vocabulary::{Token, Vocabulary, NONE};

const NOWHERE: u32 = u32::MAX;
/// Memory for more bytes than this is released after each run.
pub const LARGE: usize = 1 << 20;
const WORD: usize = u64::BITS as usize;

/// Merges one run of less than 2^30 bytes at a time. A token is known by the place of its first byte.
pub struct LongMerger {
    tokens: Vec<Token>, // at the first and at the last byte of each
    ranks: Vec<Token>,  // at the first byte: with the next token; NONE elsewhere
    queue: Queue,
    /// Places whose rank is not above the one that is being taken.
    first: BinaryHeap<Reverse<(Token, u32)>>,
}

impl LongMerger {
    pub fn new() -> Self {
        LongMerger { tokens: Vec::new(), ranks: Vec::new(), queue: Queue::new(), first: BinaryHeap::new() }
    }

    /// Merge the tokens from `start` on, each of a single byte.
    pub fn merge(&mut self, vocabulary: &Vocabulary, tokens: &mut Vec<Token>, start: usize) {
        self.tokens.extend(tokens.drain(start..));
        for (at, pair) in (0..).zip(self.tokens.windows(2)) {
            let rank = vocabulary.joined(pair[0], pair[1]);
            self.ranks.push(rank);
            self.queue.push(rank, at);
        }
        self.ranks.push(NONE);
        let mut places = Vec::new();
        while let Some(rank) = self.queue.take_lowest(&mut places) {
            places.retain(|at| self.ranks[*at as usize] == rank);
            places.sort();
            for at in places.drain(..) {
                self.first.push(Reverse((rank, at)));
                while let Some(Reverse((lower, at))) = self.first.pop() {
                    if self.ranks[at as usize] == lower {
                        self.join(vocabulary, at as usize, lower, rank);
                    }
                }
            }
        }
        let mut at = 0;
        while let Some(token) = self.tokens.get(at) {
            tokens.push(*token);
            at += vocabulary.length(*token);
        }
        self.clear();
    }

    /// Join the token at a place with the next one, while a rank is being taken.
    fn join(&mut self, vocabulary: &Vocabulary, at: usize, joined: Token, taken: Token) {
        let gone = at + vocabulary.length(self.tokens[at]);
        let next = at + vocabulary.length(joined);
        self.tokens[at] = joined;
        self.tokens[next - 1] = joined;
        self.ranks[gone] = NONE;
        self.ranks[at] = NONE;
        if at > 0 {
            let last = self.tokens[at - 1];
            self.rank(at - vocabulary.length(last), vocabulary.joined(last, joined), taken);
        }
        if let Some(next) = self.tokens.get(next) {
            self.rank(at, vocabulary.joined(joined, *next), taken);
        }
    }

    fn rank(&mut self, at: usize, rank: Token, taken: Token) {
        self.ranks[at] = rank;
        if rank > taken {
            self.queue.push(rank, at as u32);
        } else {
            self.first.push(Reverse((rank, at as u32)));
        }
    }

    fn clear(&mut self) {
        if self.tokens.len() > LARGE {
            *self = Self::new();
        }
        self.tokens.clear();
        self.ranks.clear();
        self.queue.entries.clear();
    }
}

/// Places by rank. Ranks may be added while lower ones are taken, in no order.
struct Queue {
    entries: Vec<(u32, u32)>, // a place, and the entry of the same rank before it
    heads: Vec<u32>,          // the last entry of each rank
    present: Vec<u64>,        // a bit for each rank that has entries
}

impl Queue {
    fn new() -> Self {
        let ranks = usize::from(NONE) + 1;
        Queue { entries: Vec::new(), heads: vec![NOWHERE; ranks], present: vec![0; ranks / WORD] }
    }

    /// Add a place, unless its rank is `NONE`.
    #[inline]
    fn push(&mut self, rank: Token, at: u32) {
        if rank != NONE {
            let rank = usize::from(rank);
            let head = std::mem::replace(&mut self.heads[rank], self.entries.len() as u32);
            self.entries.push((at, head));
            self.present[rank / WORD] |= 1 << (rank % WORD);
        }
    }

    /// Take all places of the lowest rank.
    fn take_lowest(&mut self, places: &mut Vec<u32>) -> Option<Token> {
        let word = self.present.iter().position(|bits| *bits != 0)?;
        let bit = self.present[word].trailing_zeros() as usize;
        self.present[word] &= self.present[word] - 1;
        let rank = word * WORD + bit;
        let mut entry = std::mem::replace(&mut self.heads[rank], NOWHERE);
        while let Some(&(at, before)) = self.entries.get(entry as usize) {
            places.push(at);
            entry = before;
        }
        Some(rank as Token)
    }
}
