//! GPT-2 token ids of texts, and their number. Twin: `refinery.kernels.reference.bpe`.
//!
//! Words repeat, so the tokens of short ones are kept in a table of fixed size where a new word takes the place of an
//! old one: whatever a text does, the worst is that each word is merged anew.

use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, StringArray, UInt32Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::lists::{unfit, Making};
use crate::merges::{Token, Vocabulary};
use crate::pieces::Classes;
use crate::text::text;

const SLOTS: usize = 1 << 15;
const KEY: usize = 16;
const KEPT: usize = 7;

/// GPT-2's tokenizer, or another one that differs in the tokens only.
#[pyclass(frozen)]
struct Tokenizer {
    classes: Classes,
    vocabulary: Vocabulary,
    /// Tables of words that no call has in use.
    idle: Mutex<Vec<Words>>,
}

#[pymethods]
impl Tokenizer {
    /// From the bytes of each token in the order of ids, and the class of each code point.
    #[new]
    fn new(tokens: Given, classes: Vec<u8>) -> PyResult<Self> {
        let tokens = tokens.0.as_binary_opt::<i32>().ok_or_else(|| unfit(tokens.0.data_type()))?;
        let vocabulary = Vocabulary::new(tokens.iter().map(Option::unwrap_or_default));
        let wrong = || PyValueError::new_err("expected less than 65,536 distinct tokens, all single bytes among them");
        let unknown = || PyValueError::new_err("expected a class for each code point");
        Ok(Tokenizer {
            classes: Classes::new(classes).ok_or_else(unknown)?,
            vocabulary: vocabulary.ok_or_else(wrong)?,
            idle: Mutex::default(),
        })
    }

    /// `list<uint16>`: the ids of each text, none for null.
    fn token_ids(&self, py: Python<'_>, texts: Given) -> PyResult<Made> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let mut made = Making::<UInt16Type>::with_capacity(0, texts.len());
            self.with_words(|words| {
                (0..texts.len()).try_for_each(|row| {
                    self.encode(text(texts, row)?, words, |tokens| made.values.extend_from_slice(tokens));
                    made.end()
                })
            })?;
            made.done().map(Made::new)
        })
    }

    /// How many ids each text has.
    fn count_tokens(&self, py: Python<'_>, texts: Given) -> PyResult<Made> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let counts = self.with_words(|words| {
                let count = |row| {
                    let mut count = 0;
                    self.encode(text(texts, row)?, words, |tokens| count += tokens.len() as u32);
                    Ok(count)
                };
                (0..texts.len()).map(count).collect::<PyResult<Vec<u32>>>()
            })?;
            Ok(Made::new(UInt32Array::from(counts)))
        })
    }
}

impl Tokenizer {
    /// Call with a table of words that was used before, or a new one. Never waits.
    fn with_words<T>(&self, call: impl FnOnce(&mut Words) -> T) -> T {
        let idle = self.idle.try_lock().ok().and_then(|mut idle| idle.pop());
        let mut words = idle.unwrap_or_else(Words::new);
        let result = call(&mut words);
        if let Ok(mut idle) = self.idle.try_lock() {
            idle.push(words);
        }
        result
    }

    /// Give the tokens of a text in order, some at a time.
    fn encode(&self, text: &str, words: &mut Words, mut found: impl FnMut(&[Token])) {
        let bytes = text.as_bytes();
        for piece in self.classes.pieces(text) {
            if piece.len() < KEY {
                let key = key(bytes, piece.start, piece.end);
                found(words.tokens(key, |made| self.vocabulary.piece(&bytes[piece], made)));
            } else {
                self.encode_long(&bytes[piece], words, &mut found);
            }
        }
    }

    /// The same for a piece that is too long to be kept.
    fn encode_long(&self, piece: &[u8], words: &mut Words, found: &mut impl FnMut(&[Token])) {
        if let Some(token) = self.vocabulary.whole(piece) {
            return found(&[token]);
        }
        let (vocabulary, mut start) = (&self.vocabulary, 0);
        for stretch in vocabulary.stretches(piece) {
            let end = start + stretch.len();
            if stretch.len() < KEY {
                // A token need not be what its bytes merge to, so a stretch is not the piece of the same bytes.
                let key = key(piece, start, end) | STRETCH;
                found(words.tokens(key, |made| vocabulary.merge(stretch, made)));
            } else {
                let mut made = Vec::with_capacity(stretch.len());
                vocabulary.merge(stretch, &mut made);
                found(&made);
            }
            start = end;
        }
    }
}

/// The tokens of short words.
struct Words {
    slots: Vec<Word>,
    made: Vec<Token>,
}

#[derive(Clone)]
struct Word {
    key: u128, // 0 for none
    tokens: [Token; KEPT],
    count: u16,
}

impl Words {
    fn new() -> Self {
        Words { slots: vec![Word { key: 0, tokens: [0; KEPT], count: 0 }; SLOTS], made: Vec::new() }
    }

    /// The tokens of the word with this key, which `make` appends if it is not there.
    #[inline]
    fn tokens(&mut self, key: u128, make: impl FnOnce(&mut Vec<Token>)) -> &[Token] {
        let word = &mut self.slots[slot(key)];
        if word.key != key {
            self.made.clear();
            make(&mut self.made);
            let count = self.made.len();
            if count > KEPT {
                return &self.made;
            }
            word.key = key;
            word.tokens[..count].copy_from_slice(&self.made);
            word.count = count as u16;
        }
        &word.tokens[..usize::from(word.count)]
    }
}

/// Sets a stretch of a long piece apart from the piece that has the same bytes.
const STRETCH: u128 = 1 << 127;

/// The bytes from `start` to `end`, fewer than 16, and how many they are, as one number.
#[inline]
fn key(bytes: &[u8], start: usize, end: usize) -> u128 {
    let size = end - start;
    let padded = match bytes.get(start..start + KEY).map(<[u8; KEY]>::try_from) {
        Some(Ok(sixteen)) => u128::from_le_bytes(sixteen) & ((1 << (8 * size)) - 1),
        _ => bytes[start..end].iter().rev().fold(0, |number, byte| number << 8 | u128::from(*byte)),
    };
    padded | (size as u128) << 120
}

/// Where the word with this key is kept.
#[inline]
fn slot(key: u128) -> usize {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let mixed = low.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(high.wrapping_mul(0xC2B2_AE3D_27D4_EB4F));
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> (u64::BITS - SLOTS.ilog2())) as usize
}

fn strings(texts: &Given) -> PyResult<&StringArray> {
    texts.0.as_string_opt::<i32>().ok_or_else(|| unfit(texts.0.data_type()))
}

/// Add this module's class.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Tokenizer>()
}
