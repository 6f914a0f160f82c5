//! Ends of sentences. Twin: `refinery.kernels.reference.sentences`, which defines them.

use std::collections::HashSet;

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, ALPHA, BEYOND, MARK, SPACE, SYMBOL};
use crate::lists::ListsBuilder;
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};

const FULL_STOP: char = '.';
/// A mark that is no punctuation.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// Finds the ends of one text after another.
struct Finder<'a> {
    classes: Classes<'a>,
    by_byte: [u8; 256],
    ends: HashSet<char>,
    tokens: bool,
    lines: bool,
    /// The last word ended a sentence, or followed one that did and is all punctuation.
    ended: bool,
    /// The end of the last word.
    last: usize,
}

impl Finder<'_> {
    fn find(&mut self, text: &str, mut cuts: Cuts<'_>, found: &mut Vec<u32>) {
        (self.ended, self.last) = (false, 0);
        let (mut start, mut at) = (0, 0);
        while at <= text.len() {
            let (class, width) = self.look(text, at);
            if class & SPACE != 0 {
                cuts.divide(start, at, |start, end| self.word(text, start, end, found));
                start = at + width;
            }
            at += width;
        }
        if self.last > 0 {
            found.push(self.last as u32);
        }
    }

    /// The classes of the character at a place and its length in bytes; at the end of the text white space.
    #[inline]
    fn look(&self, text: &str, at: usize) -> (u8, usize) {
        let Some(&byte) = text.as_bytes().get(at) else { return (SPACE, 1) };
        let class = self.by_byte[usize::from(byte)];
        if class & BEYOND == 0 {
            return (class, 1);
        }
        let (character, class) = self.classes.at(text, at);
        (class, character.len_utf8())
    }

    #[inline]
    fn word(&mut self, text: &str, start: usize, end: usize, found: &mut Vec<u32>) {
        let (word, gap) = (&text[start..end], &text[self.last..start]);
        let marks = word.chars().all(|character| self.is_punctuation(character));
        let spaced = !matches!(gap, "" | " ");
        let divided = (self.ended && (spaced || !marks)) || (self.lines && spaced && gap.contains('\n'));
        if self.last > 0 && divided {
            found.push(self.last as u32);
            self.ended = false;
        }
        self.ended = (self.ended && marks) || if self.tokens { self.is_end(word) } else { self.closes(word) };
        self.last = end;
    }

    /// True if a token is an end.
    fn is_end(&self, token: &str) -> bool {
        let mut characters = token.chars();
        characters.next().is_some_and(|first| self.ends.contains(&first)) && characters.next().is_none()
    }

    /// True if a word ends a sentence by the punctuation at its end.
    fn closes(&self, word: &str) -> bool {
        let core = word.trim_end_matches(|character| self.is_punctuation(character));
        if core.len() == word.len() {
            return false;
        }
        let mut letters = core.chars().rev();
        let alone = letters.next().is_some_and(|last| self.classes.of(last) & ALPHA != 0)
            && letters.next().is_none_or(|before| self.is_punctuation(before));
        let mut before = '\0';
        let mut marks = word[core.len()..].chars().peekable();
        let mut first = true;
        while let Some(mark) = marks.next() {
            let is_end = self.ends.contains(&mark);
            let single = !(alone && first) && before != FULL_STOP && marks.peek() != Some(&FULL_STOP);
            if is_end && (mark != FULL_STOP || single) {
                return true;
            }
            (before, first) = (mark, false);
        }
        false
    }

    /// True for category P.
    #[inline]
    fn is_punctuation(&self, character: char) -> bool {
        self.classes.of(character) & (MARK | SYMBOL) == MARK && character != ZERO_WIDTH_SPACE
    }
}

fn found(texts: &StringArray, cuts: &TextCuts<'_>, mut finder: Finder<'_>) -> PyResult<ListArray> {
    let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
    for row in 0..texts.len() {
        let text = text(texts, row)?;
        finder.find(text, cuts.row(row, text.as_bytes())?, &mut found.values);
        found.end()?;
    }
    found.finish()
}

#[pyfunction]
pub fn sentence_ends(
    py: Python<'_>,
    texts: InputArray,
    ends: &str,
    cuts: Option<InputArray>,
    tokens: bool,
    lines: bool,
    classes: &[u8],
) -> PyResult<OutputArray> {
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    let (by_byte, ends) = (classes.by_byte(), ends.chars().collect());
    py.allow_threads(|| {
        let cuts = TextCuts::of(cuts.as_ref(), texts.len())?;
        let finder = Finder { classes, by_byte, ends, tokens, lines, ended: false, last: 0 };
        found(texts, &cuts, finder).map(OutputArray::new)
    })
}
