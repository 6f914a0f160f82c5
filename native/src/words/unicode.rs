//! Words by the boundaries of UAX #29. Twin: `refinery.kernels.reference.unicode_words`, which names the classes.

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, SPACE};
use crate::lists::ListsBuilder;
use crate::strings::{strings, text};

const OTHER: u8 = 0;
const LETTER: u8 = 1;
const HEBREW: u8 = 2;
const NUMBER: u8 = 3;
const KATAKANA: u8 = 4;
const CONNECTOR: u8 = 5;
const EXTEND: u8 = 6;
const ZWJ: u8 = 8;
const QUOTE: u8 = 9;
const QUOTES: u8 = 10;
const MID_BOTH: u8 = 11;
const MID_LETTER: u8 = 12;
const MID_NUMBER: u8 = 13;
const REGIONAL: u8 = 14;
const PICTOGRAPH: u8 = 32;

/// Finds boundaries with the class of each code point.
struct Breaker<'a> {
    breaks: &'a [u8],
    classes: Classes<'a>,
}

impl Breaker<'_> {
    /// Add the cuts of a text.
    fn text(&self, text: &str, found: &mut Vec<u32>) {
        let mut at = 0;
        while at < text.len() {
            let rest = text[at..].find(|character| self.classes.of(character) & SPACE != 0);
            let end = rest.map_or(text.len(), |length| at + length);
            self.chunk(text, at, end, found);
            at = end + text[end..].chars().next().map_or(0, char::len_utf8);
        }
    }

    /// Add the cuts between two places without white space.
    fn chunk(&self, text: &str, start: usize, end: usize, found: &mut Vec<u32>) {
        let mut characters = text[start..end].char_indices();
        let Some((_, first)) = characters.next() else { return };
        let mut previous = self.breaks[first as usize];
        let (mut before, mut last) = (OTHER, previous & !PICTOGRAPH);
        let mut flags = u32::from(last == REGIONAL);
        for (place, character) in characters {
            let class = self.breaks[character as usize];
            let kind = class & !PICTOGRAPH;
            let pictograph = previous & !PICTOGRAPH == ZWJ && class & PICTOGRAPH != 0;
            previous = class;
            if (EXTEND..=ZWJ).contains(&kind) {
                continue;
            }
            let after = start + place + character.len_utf8();
            let following = || self.following(&text[after..end]);
            let joined = pictograph || joins(before, last, kind, following) || (kind == REGIONAL && flags % 2 == 1);
            if !joined {
                found.push((start + place) as u32);
            }
            flags = if kind == REGIONAL { flags + 1 } else { 0 };
            (before, last) = (last, kind);
        }
    }

    /// The class of the first character that counts.
    fn following(&self, rest: &str) -> u8 {
        let kinds = rest.chars().map(|character| self.breaks[character as usize] & !PICTOGRAPH);
        kinds.into_iter().find(|kind| !(EXTEND..=ZWJ).contains(kind)).unwrap_or(OTHER)
    }
}

/// True if no word begins with a class after two others and before another: rules WB5 to WB13b.
#[inline]
fn joins(before: u8, last: u8, kind: u8, following: impl Fn() -> u8) -> bool {
    let is_letter = |kind: u8| matches!(kind, LETTER | HEBREW);
    let in_words = |kind: u8| matches!(kind, MID_LETTER | MID_BOTH | QUOTE);
    let in_numbers = |kind: u8| matches!(kind, MID_NUMBER | MID_BOTH | QUOTE);
    let in_word = |kind: u8| matches!(kind, LETTER | HEBREW | NUMBER | KATAKANA);
    match (last, kind) {
        (LETTER | HEBREW | NUMBER, LETTER | HEBREW | NUMBER) | (HEBREW, QUOTE) | (KATAKANA, KATAKANA) => true,
        (CONNECTOR, CONNECTOR) => true,
        (_, CONNECTOR) => in_word(last),
        (CONNECTOR, _) => in_word(kind),
        (HEBREW, QUOTES) => following() == HEBREW,
        (LETTER | HEBREW, _) if in_words(kind) => is_letter(following()),
        (NUMBER, _) if in_numbers(kind) => following() == NUMBER,
        (QUOTES, HEBREW) => before == HEBREW,
        (_, LETTER | HEBREW) if in_words(last) => is_letter(before),
        (_, NUMBER) if in_numbers(last) => before == NUMBER,
        _ => false,
    }
}

#[pyfunction]
pub fn unicode_cuts(py: Python<'_>, texts: InputArray, breaks: &[u8], classes: &[u8]) -> PyResult<OutputArray> {
    let classes = Classes::try_from(classes)?;
    if breaks.len() != char::MAX as usize + 1 {
        return Err(PyValueError::new_err(format!("{} classes given for all code points", breaks.len())));
    }
    let texts = strings(&texts)?;
    py.allow_threads(|| cuts_of(texts, &Breaker { breaks, classes }).map(OutputArray::new))
}

fn cuts_of(texts: &StringArray, breaker: &Breaker<'_>) -> PyResult<ListArray> {
    let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
    for row in 0..texts.len() {
        breaker.text(text(texts, row)?, &mut found.values);
        found.end()?;
    }
    found.finish()
}
