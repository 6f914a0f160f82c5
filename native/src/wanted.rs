//! How many of some wanted words occur in each text. Twin: `refinery.kernels.reference.text.distinct_words`.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray, UInt32Array};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::classes::{Classes, MARK, SPACE};
use crate::text::text;

/// The one letter whose lower case depends on the letters around it.
const CAPITAL_SIGMA: char = 'Σ';

/// The wanted words, and what it takes to find them.
struct Wanted<'a> {
    classes: Classes<'a>,
    numbers: HashMap<String, usize>,
    lengths: [u64; 256], // for each first byte a bit for each length in bytes; lengths from 63 share one
    longest: usize,      // in characters
    lower: HashMap<char, String>, // of all characters beyond ASCII that can be in a wanted word
}

impl<'a> Wanted<'a> {
    fn new(words: Vec<String>, lower: HashMap<char, String>, classes: Classes<'a>) -> Self {
        let mut lengths = [0; 256];
        for word in &words {
            lengths[usize::from(first_byte(word))] |= length_bit(word);
        }
        let longest = words.iter().map(|word| word.chars().count()).max().unwrap_or(0);
        Wanted { classes, numbers: words.into_iter().zip(0..).collect(), lengths, longest, lower }
    }

    /// How many wanted words a text has; none where that depends on the case of a sigma, which the twin decides.
    fn count(&self, text: &str, seen: &mut [bool], word: &mut String) -> Option<u32> {
        seen.fill(false);
        let mut count = 0;
        for piece in text.split(|character| self.classes.of(character) & SPACE != 0) {
            if piece.is_empty() || !self.lower(self.bare(piece), word)? {
                continue;
            }
            if let Some(number) = self.numbers.get(word.as_str()) {
                count += u32::from(!std::mem::replace(&mut seen[*number], true));
            }
        }
        Some(count)
    }

    fn bare<'t>(&self, word: &'t str) -> &'t str {
        word.trim_matches(|character| self.classes.of(character) & MARK != 0)
    }

    /// Put the lower case of a word into `lower` and say whether it can be a wanted word; none if a sigma matters.
    fn lower(&self, word: &str, lower: &mut String) -> Option<bool> {
        lower.clear();
        if word.is_ascii() {
            let possible = self.lengths[usize::from(first_byte(word).to_ascii_lowercase())] & length_bit(word) != 0;
            lower.push_str(if possible { word } else { "" });
            lower.make_ascii_lowercase();
            return Some(possible);
        }
        let mut sigma = false;
        for (position, character) in word.chars().enumerate() {
            // Lower case never has fewer characters.
            if position >= self.longest {
                return Some(false);
            }
            if character.is_ascii() {
                lower.push(character.to_ascii_lowercase());
                continue;
            }
            sigma |= character == CAPITAL_SIGMA;
            match self.lower.get(&character) {
                Some(letters) => lower.push_str(letters),
                None => return Some(false),
            }
        }
        if sigma {
            None
        } else {
            Some(true)
        }
    }
}

fn first_byte(word: &str) -> u8 {
    word.as_bytes().first().copied().unwrap_or(0)
}

fn length_bit(word: &str) -> u64 {
    1 << word.len().min(63)
}

fn counts(texts: &StringArray, wanted: &Wanted<'_>) -> PyResult<UInt32Array> {
    let mut seen = vec![false; wanted.numbers.len()];
    let mut word = String::new();
    (0..texts.len()).map(|row| Ok(wanted.count(text(texts, row)?, &mut seen, &mut word))).collect()
}

#[pyfunction]
fn distinct_words(
    py: Python<'_>,
    texts: Given,
    wanted: Vec<String>,
    lower: HashMap<char, String>,
    classes: &[u8],
) -> PyResult<Made> {
    let wanted = Wanted::new(wanted, lower, Classes::try_from(classes)?);
    let texts = texts.0.as_string_opt::<i32>().ok_or_else(|| PyTypeError::new_err("texts must be a string array"))?;
    py.allow_threads(|| counts(texts, &wanted).map(Made::new))
}

/// Add this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(distinct_words, module)?)
}
