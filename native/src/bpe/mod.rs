//! GPT-2 token ids of texts, and their number. Twin: `refinery.kernels.reference.bpe`.
//!
//! Most pieces are a token, and those that are not repeat: merging is for the rest.

mod long_merge;
mod merge;
mod pieces;
mod recent;
mod vocabulary;

use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt16Type;
use arrow_array::{Array, UInt32Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::{unfit, ListsBuilder};
use crate::strings::{strings, text, total_bytes};
use pieces::Classes;
use recent::{key, plain_word, Known, Words, KEY, LONGEST, RUN};
use vocabulary::{Token, Vocabulary};

/// Bytes of text for a token, in all but odd texts at least.
const FEWEST: usize = 3;

/// GPT-2's tokenizer, or another one that differs in the tokens only.
#[pyclass(frozen)]
pub struct Tokenizer {
    classes: Classes,
    vocabulary: Vocabulary,
    known: Known,
    /// Tables of words that no call has in use.
    idle: Mutex<Vec<Words>>,
}

#[pymethods]
impl Tokenizer {
    /// From the bytes of each token in the order of ids, and the class of each code point.
    #[new]
    fn new(tokens: InputArray, classes: Vec<u8>) -> PyResult<Self> {
        let tokens = tokens.0.as_binary_opt::<i32>().ok_or_else(|| unfit(tokens.0.data_type()))?;
        let all = || tokens.iter().map(Option::unwrap_or_default);
        let wrong = || PyValueError::new_err("expected less than 65,536 distinct tokens, all single bytes among them");
        let unknown = || PyValueError::new_err("expected a class for each code point");
        Ok(Tokenizer {
            classes: Classes::new(classes).ok_or_else(unknown)?,
            vocabulary: Vocabulary::new(all()).ok_or_else(wrong)?,
            known: Known::new(all()).ok_or_else(wrong)?,
            idle: Mutex::default(),
        })
    }

    /// `list<uint16>`: the ids of each text, none for null.
    fn token_ids(&self, py: Python<'_>, texts: InputArray) -> PyResult<OutputArray> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            // Pages that are never written to cost nothing, and moving to a larger place does.
            let mut made = ListsBuilder::<UInt16Type>::with_capacity(total_bytes(texts) / FEWEST, texts.len());
            self.with_words(|words| {
                (0..texts.len()).try_for_each(|row| {
                    self.encode(text(texts, row)?, words, |tokens| made.values.extend_from_slice(tokens));
                    made.end()
                })
            })?;
            made.finish().map(OutputArray::new)
        })
    }

    /// The number of ids of each text.
    fn count_tokens(&self, py: Python<'_>, texts: InputArray) -> PyResult<OutputArray> {
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
            Ok(OutputArray::new(UInt32Array::from(counts)))
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

    /// Emit the tokens of a text in order, some at a time.
    fn encode(&self, text: &str, words: &mut Words, mut found: impl FnMut(&[Token])) {
        let (bytes, mut start) = (text.as_bytes(), 0);
        loop {
            let (key, end) = match plain_word(bytes, start) {
                Some((key, size)) => (key, start + size),
                None => match self.classes.piece_end(text, start) {
                    Some(end) if end - start < KEY => (key(bytes, start, end), end),
                    Some(end) => {
                        self.encode_long(&bytes[start..end], words, &mut found);
                        start = end;
                        continue;
                    }
                    None => return,
                },
            };
            match self.known.token(key) {
                Some(token) => found(&[token]),
                None => found(words.tokens(key, &self.vocabulary, &bytes[start..end])),
            }
            start = end;
        }
    }

    /// The same for a piece that has no key.
    fn encode_long(&self, piece: &[u8], words: &mut Words, found: &mut impl FnMut(&[Token])) {
        if piece.len() > LONGEST {
            return self.merge_long(piece, words, found);
        }
        if let Some(tokens) = words.pieces.tokens(piece) {
            return found(tokens);
        }
        let mut made = Vec::with_capacity(LONGEST);
        self.merge_long(piece, words, &mut |tokens: &[Token]| made.extend_from_slice(tokens));
        words.pieces.keep(piece, &made);
        found(&made);
    }

    /// The same for one that was not met lately.
    fn merge_long(&self, piece: &[u8], words: &mut Words, found: &mut impl FnMut(&[Token])) {
        if let Some(token) = self.vocabulary.whole(piece) {
            return found(&[token]);
        }
        let (vocabulary, mut start) = (&self.vocabulary, 0);
        for run in vocabulary.mergeable_runs(piece) {
            let end = start + run.len();
            if run.len() < KEY {
                // A token need not be what its bytes merge to, so a run differs from the piece of the same bytes.
                let key = key(piece, start, end) | RUN;
                found(words.tokens(key, vocabulary, run));
            } else {
                found(words.merge(vocabulary, run));
            }
            start = end;
        }
    }
}
