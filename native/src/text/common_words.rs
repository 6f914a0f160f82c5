//! The common words of languages, looked up in any case.
//!
//! Most words of a text are short words of ASCII letters, and are compared as numbers.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pyo3::prelude::*;

use crate::classes::{Classes, UPPER};
use crate::text::word_list::Lengths;

/// Bytes of the longest word that is compared as a number.
const SHORT: usize = 8;
/// Places for each word, so that few share one.
const SPARSE: usize = 8;
/// How many times fewer bytes the lower case of a character may have: the sign of Kelvin has three.
const MOST_SHRINKING: usize = 3;

/// The common words of each language.
#[pyclass(frozen)]
pub struct CommonWords {
    pub languages: HashMap<String, Vocabulary>,
    lower: HashMap<char, String>, // of all characters beyond ASCII that differ from it
}

/// The common words of one language.
pub struct Vocabulary {
    words: HashSet<String>,
    longest: usize,   // in bytes
    lengths: Lengths, // of ASCII words
    short: ShortWords,
}

impl Vocabulary {
    fn new(words: HashSet<String>) -> Self {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let mut lengths = Lengths::none();
        words.iter().for_each(|word| lengths.add(word.as_bytes()));
        let short = ShortWords::new(words.iter().map(|word| word.as_bytes()));
        Vocabulary { words, longest, lengths, short }
    }

    /// True if a word without marks at its ends is one of these; `fold` returns it in lower case.
    pub fn has<'a>(&self, bare: &str, fold: impl FnOnce() -> &'a str) -> bool {
        let may = if bare.is_ascii() {
            self.lengths.admit(bare.as_bytes())
        } else {
            bare.len() <= MOST_SHRINKING * self.longest
        };
        may && self.words.contains(fold())
    }

    /// `has` for a word of ASCII letters and digits, at its place in a text.
    #[inline]
    pub fn has_plain<'a>(&self, text: &[u8], word: Range<usize>, fold: impl FnOnce() -> &'a str) -> bool {
        if word.len() <= SHORT {
            return self.short.has(key(text, word));
        }
        self.lengths.admit(&text[word]) && self.words.contains(fold())
    }
}

/// A word of at most `SHORT` ASCII letters and digits as a number, which is that of its lower case.
#[inline]
fn key(text: &[u8], word: Range<usize>) -> u64 {
    let letters = match text[word.start..].first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight) & (u64::MAX >> (8 * (SHORT - word.len()).min(SHORT - 1))),
        None => text[word].iter().rev().fold(0, |letters, &byte| letters << 8 | u64::from(byte)),
    };
    // Letters have this bit in lower case only, digits always.
    letters | 0x2020_2020_2020_2020
}

/// The keys of short words, by the first free place after the one that a key points to; 0 is no key.
struct ShortWords(Vec<u64>);

impl ShortWords {
    fn new<'a>(words: impl Iterator<Item = &'a [u8]>) -> Self {
        let is_short = |word: &&[u8]| (1..=SHORT).contains(&word.len()) && word.iter().all(u8::is_ascii_alphanumeric);
        let keys: Vec<u64> = words.filter(is_short).map(|word| key(word, 0..word.len())).collect();
        let mut short = ShortWords(vec![0; (SPARSE * keys.len() + 1).next_power_of_two()]);
        for key in keys {
            let place = short.place(key);
            short.0[place] = key;
        }
        short
    }

    #[inline]
    fn has(&self, key: u64) -> bool {
        self.0[self.place(key)] == key
    }

    /// The place of a key, or the free one where it would be.
    #[inline]
    fn place(&self, key: u64) -> usize {
        let mask = self.0.len() - 1;
        let mut place = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize & mask;
        while self.0[place] != key && self.0[place] != 0 {
            place = (place + 1) & mask;
        }
        place
    }
}

#[pymethods]
impl CommonWords {
    #[new]
    fn new(languages: HashMap<String, HashSet<String>>, lower: HashMap<char, String>) -> Self {
        let languages = languages.into_iter().map(|(code, words)| (code, Vocabulary::new(words))).collect();
        CommonWords { languages, lower }
    }
}

impl CommonWords {
    /// Write a word to `folded`, its uppercase letters in lower case.
    pub fn fold<'a>(&self, word: &str, classes: Classes<'_>, folded: &'a mut String) -> &'a str {
        folded.clear();
        for character in word.chars() {
            if character.is_ascii() {
                folded.push(character.to_ascii_lowercase());
                continue;
            }
            let upper = classes.of(character) & UPPER != 0;
            match upper.then(|| self.lower.get(&character)).flatten() {
                Some(small) => folded.push_str(small),
                None => folded.push(if character == 'ς' { 'σ' } else { character }),
            }
        }
        folded
    }
}
