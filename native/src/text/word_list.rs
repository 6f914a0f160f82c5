//! Lists of words that are looked up in any case and with any marks around them. Twin:
//! `refinery.kernels.reference.text.bare`.

use std::collections::HashMap;

/// The one letter whose lower case depends on the letters around it.
const CAPITAL_SIGMA: char = 'Σ';

/// The result depends on the case of a sigma, which the twin decides.
pub struct Undecided;

/// Words by number: without marks at their ends, in lower case, but for those that are looked up as spelled.
pub struct WordList {
    numbers: HashMap<String, u32>,
    longest: usize,               // in characters
    lower: HashMap<char, String>, // of all characters beyond ASCII that can be in one of the words
}

impl WordList {
    /// The words get the numbers 0, 1, 2, ...; `lower` is the lower case of all characters beyond ASCII in them.
    pub fn new(words: &[String], lower: HashMap<char, String>) -> Self {
        let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
        WordList { numbers: words.iter().cloned().zip(0..).collect(), longest, lower }
    }

    /// The number of a word that has no marks at its ends; `buffer` is for its lower case.
    pub fn find(&self, bare: &str, buffer: &mut String) -> Result<Option<u32>, Undecided> {
        Ok(if self.lower(bare, buffer)? { self.numbers.get(buffer.as_str()).copied() } else { None })
    }

    /// The number of a word that is in the list as it is spelled.
    pub fn spelled(&self, word: &str) -> Option<u32> {
        self.numbers.get(word).copied()
    }

    /// Write the lower case of a word to `lower`, and return true if that can be one of the words.
    fn lower(&self, word: &str, lower: &mut String) -> Result<bool, Undecided> {
        lower.clear();
        if word.is_ascii() {
            // Lower case never has fewer characters.
            if word.len() > self.longest {
                return Ok(false);
            }
            lower.push_str(word);
            lower.make_ascii_lowercase();
            return Ok(true);
        }
        let mut sigma = false;
        for (position, character) in word.chars().enumerate() {
            if position >= self.longest {
                return Ok(false);
            }
            if character.is_ascii() {
                lower.push(character.to_ascii_lowercase());
                continue;
            }
            sigma |= character == CAPITAL_SIGMA;
            match self.lower.get(&character) {
                Some(letters) => lower.push_str(letters),
                None => return Ok(false),
            }
        }
        if sigma {
            Err(Undecided)
        } else {
            Ok(true)
        }
    }
}

/// For each first byte a bit for each length in bytes; lengths from 63 share one. It quickly excludes most words.
#[derive(Clone)]
pub struct Lengths([u64; 256]);

impl Lengths {
    pub fn none() -> Self {
        Lengths([0; 256])
    }

    pub fn add(&mut self, word: &[u8]) {
        self.0[first_byte(word)] |= length_bit(word);
    }

    pub fn remove(&mut self, word: &[u8]) {
        self.0[first_byte(word)] &= !length_bit(word);
    }

    /// True if the lower case of an ASCII word has the first byte and the length of one that was added.
    #[inline]
    pub fn admit(&self, ascii: &[u8]) -> bool {
        self.0[first_byte(ascii)] & length_bit(ascii) != 0
    }

    /// True if the lower case of any word may have the first byte of one that was added.
    #[inline]
    pub fn admit_first(&self, word: &[u8]) -> bool {
        word.first().is_some_and(|byte| !byte.is_ascii()) || self.0[first_byte(word)] != 0
    }
}

#[inline]
fn first_byte(word: &[u8]) -> usize {
    usize::from(word.first().map_or(0, u8::to_ascii_lowercase))
}

#[inline]
fn length_bit(word: &[u8]) -> u64 {
    1 << word.len().min(63)
}
