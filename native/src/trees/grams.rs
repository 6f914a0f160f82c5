//! Hashed n-grams of one and two tokens, and the linear score that weights give them.

use xxhash_rust::xxh3::xxh3_64;

use super::tally::Tally;
use crate::classes::{Classes, MARK, UPPER};

/// Odd; spreads hashes, and joins those of words to those of n-grams.
pub const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// The buckets of the n-grams of a text, with room to work in.
#[derive(Default)]
pub struct Grams {
    tokens: Vec<u64>,
    lower: Vec<u8>,
    counts: Tally,
}

impl Grams {
    pub fn clear(&mut self) {
        self.tokens.clear();
    }

    /// Add the tokens of a word, whose characters have these classes; `hash` is the hash of the whole word.
    #[inline]
    pub fn add_word(&mut self, word: &str, classes: u8, hash: u64, of: Classes<'_>) {
        if classes & MARK == 0 {
            self.add_token(word, classes, hash);
            return;
        }
        for token in word.split(|character| of.of(character) & MARK != 0).filter(|token| !token.is_empty()) {
            self.add_token(token, UPPER, xxh3_64(token.as_bytes()));
        }
    }

    #[inline]
    fn add_token(&mut self, token: &str, classes: u8, hash: u64) {
        if classes & UPPER == 0 || !token.bytes().any(|byte| byte.is_ascii_uppercase()) {
            self.tokens.push(hash);
            return;
        }
        self.lower.clear();
        self.lower.extend(token.bytes().map(|byte| byte.to_ascii_lowercase()));
        self.tokens.push(xxh3_64(&self.lower));
    }

    /// Count the n-grams in `2 ** bits` buckets, and return how many n-grams there are.
    pub fn count(&mut self, bits: u32) -> usize {
        let all = (2 * self.tokens.len()).saturating_sub(1);
        self.counts.clear(all);
        let shift = u64::BITS - bits;
        let mut before = None;
        for &token in &self.tokens {
            self.counts.add(token.wrapping_mul(FACTOR) >> shift);
            if let Some(before) = before.replace(token) {
                let pair = u64::wrapping_mul(before, FACTOR).wrapping_add(token);
                self.counts.add(pair.wrapping_mul(FACTOR) >> shift);
            }
        }
        all
    }

    /// The buckets that have n-grams and how many, in the order in which they were first met.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.counts.iter()
    }

    /// The linear score: the weights of the buckets times the roots of their shares of the n-grams.
    pub fn score(&mut self, weights: &[f32], bits: u32, bias: f32) -> f32 {
        let all = self.count(bits);
        let mut sum = 0.0;
        for (bucket, count) in self.counts.iter() {
            let weight = weights.get(bucket as usize).copied().unwrap_or_default();
            sum += f64::from(weight) * f64::from(count).sqrt();
        }
        let score = if all == 0 { 0.0 } else { sum / (all as f64).sqrt() };
        (f64::from(bias) + score) as f32
    }
}
