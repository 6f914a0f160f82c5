//! Shares of lines, paragraphs and n-grams that occur more than once. Twin: `refinery.kernels.reference.copies`.

use arrow_array::{Array, Float64Array, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, SPACE};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};
use crate::text::ngrams::Ngrams;
use crate::text::numbering::Strings;
use crate::text::statistics::{share, LONGEST_NGRAM, TOP_NGRAMS};

const PIECES: usize = 4;
const SHARES: usize = PIECES + LONGEST_NGRAM - 1;

/// The columns of the twin's `COPIES`.
type Row = [Option<f64>; SHARES];

/// The state of measuring, kept from text to text for its memory only.
struct Measure<'a> {
    classes: Classes<'a>,
    begins: &'a [u8], // 1 for the characters that a word begins with
    numbers: Strings<'a>,
    pieces: Vec<(u32, u64)>, // number and characters of each
    counts: Vec<u64>,        // by number
    ngrams: Ngrams,
    words: Vec<u32>,
    ends: Vec<u32>, // characters of the first 0, 1, 2, ... words
}

impl<'a> Measure<'a> {
    fn row(&mut self, text: &'a str, cuts: Cuts<'_>) -> Row {
        let mut row = [None; SHARES];
        let (lines, line_characters) = self.pieces(text, "\n");
        let (paragraphs, paragraph_characters) = self.pieces(text, "\n\n");
        row[..PIECES].copy_from_slice(&[lines, paragraphs, line_characters, paragraph_characters].map(Some));
        self.read_words(text, cuts);
        self.repetition(&mut row[PIECES..]);
        row
    }

    /// Shares of the pieces between separators, and of their characters.
    fn pieces(&mut self, text: &'a str, separator: &str) -> (f64, f64) {
        self.numbers.clear();
        self.pieces.clear();
        self.counts.clear();
        let classes = self.classes;
        let is_space = |character: char| classes.of(character) & SPACE != 0;
        for piece in text.split(separator).map(|piece| piece.trim_matches(is_space)).filter(|piece| !piece.is_empty()) {
            let number = self.numbers.number(piece.as_bytes(), 0, piece.len());
            self.counts.resize(self.numbers.len(), 0);
            self.counts[number as usize] += 1;
            self.pieces.push((number, piece.chars().count() as u64));
        }
        let (mut copies, mut part, mut characters) = (0, 0, 0);
        for (number, length) in &self.pieces {
            characters += length;
            if self.counts[*number as usize] > 1 {
                copies += 1;
                part += length;
            }
        }
        (share(copies, self.pieces.len() as u64), share(part, characters))
    }

    /// Number the words that begin with a letter or a digit.
    fn read_words(&mut self, text: &'a str, mut cuts: Cuts<'_>) {
        self.numbers.clear();
        self.words.clear();
        self.ends.clear();
        self.ends.push(0);
        let mut at = 0;
        while at < text.len() {
            let (first, class) = self.classes.at(text, at);
            if class & SPACE != 0 {
                at += first.len_utf8();
                continue;
            }
            let (start, limit) = (at, cuts.after(at).min(text.len()));
            let mut characters = 0;
            while at < limit {
                let (character, class) = self.classes.at(text, at);
                if class & SPACE != 0 {
                    break;
                }
                characters += 1;
                at += character.len_utf8();
            }
            if self.begins[first as usize] != 0 {
                self.words.push(self.numbers.number(text.as_bytes(), start, at));
                self.ends.push(self.ends[self.ends.len() - 1] + characters);
            }
        }
    }

    fn repetition(&mut self, shares: &mut [Option<f64>]) {
        let characters = u64::from(self.ends[self.words.len()]);
        self.ngrams.start(&self.words, self.numbers.len());
        for (n, column) in (2..=self.words.len()).zip(shares) {
            self.ngrams.lengthen();
            let part = if TOP_NGRAMS.contains(&n) {
                self.ngrams.longest_top_characters(&self.ends)
            } else {
                self.ngrams.covered_characters(&self.ends)
            };
            *column = Some(share(part, characters));
        }
    }
}

fn measured(
    texts: &StringArray,
    cuts: &TextCuts<'_>,
    begins: &[u8],
    classes: Classes<'_>,
) -> PyResult<Vec<OutputArray>> {
    if begins.len() != char::MAX as usize + 1 {
        return Err(PyValueError::new_err("begins is a byte for each code point"));
    }
    let mut measure = Measure {
        classes,
        begins,
        numbers: Strings::new(),
        pieces: Vec::new(),
        counts: Vec::new(),
        ngrams: Ngrams::new(),
        words: Vec::new(),
        ends: Vec::new(),
    };
    let one = |row| {
        let text = text(texts, row)?;
        Ok(measure.row(text, cuts.row(row, text.as_bytes())?))
    };
    let rows = (0..texts.len()).map(one).collect::<PyResult<Vec<_>>>()?;
    let column = |column: usize| rows.iter().map(|row| row[column]).collect::<Float64Array>();
    Ok((0..SHARES).map(column).map(OutputArray::new).collect())
}

#[pyfunction]
pub fn copy_shares(
    py: Python<'_>,
    texts: InputArray,
    cuts: Option<InputArray>,
    begins: &[u8],
    classes: &[u8],
) -> PyResult<Vec<OutputArray>> {
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    py.allow_threads(|| measured(texts, &TextCuts::of(cuts.as_ref(), texts.len())?, begins, classes))
}
