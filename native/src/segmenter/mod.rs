//! The words of a text, also in scripts that put no white space between them. Twin:
//! `refinery.kernels.reference.segmenter`.

pub mod cuts;

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, ALPHA, DIGIT, MARK, SPACE};
use crate::lists::ListsBuilder;
use crate::strings::{strings, text};

/// Code points of scripts without spaces between words, in order: first and last of each range.
const SPACELESS: [(char, char); 23] = [
    ('\u{E00}', '\u{109F}'),
    ('\u{1780}', '\u{17FF}'),
    ('\u{1950}', '\u{19FF}'),
    ('\u{1A20}', '\u{1AAF}'),
    ('\u{1B00}', '\u{1B7F}'),
    ('\u{2E80}', '\u{2FDF}'),
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{3029}'),
    ('\u{3031}', '\u{3035}'),
    ('\u{303B}', '\u{303C}'),
    ('\u{3041}', '\u{312F}'),
    ('\u{31A0}', '\u{31BF}'),
    ('\u{31F0}', '\u{31FF}'),
    ('\u{3400}', '\u{4DBF}'),
    ('\u{4E00}', '\u{A4CF}'),
    ('\u{A980}', '\u{A9FF}'),
    ('\u{AA60}', '\u{AADF}'),
    ('\u{F900}', '\u{FAFF}'),
    ('\u{FF66}', '\u{FF9F}'),
    ('\u{11700}', '\u{1174F}'),
    ('\u{16FE0}', '\u{18D8F}'),
    ('\u{1AFF0}', '\u{1B16F}'),
    ('\u{20000}', '\u{3FFFF}'),
];
/// Bytes that are tested at once, and the first byte of the first letter of such a script.
const BLOCK: usize = 64;
const FIRST: u8 = 0xE0;

/// What a character is to the words around it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A letter of a script without spaces, or a mark of one.
    Letter,
    /// Another letter, or a digit.
    Other,
    /// Belongs to the word before it.
    Attached,
}

impl Kind {
    #[inline]
    fn of(character: char, class: u8) -> Kind {
        if class & DIGIT != 0 {
            Kind::Other
        } else if is_spaceless(character) {
            if class & MARK != 0 {
                Kind::Attached
            } else {
                Kind::Letter
            }
        } else if class & ALPHA != 0 {
            Kind::Other
        } else {
            Kind::Attached
        }
    }
}

/// True for code points of scripts without spaces.
#[inline]
fn is_spaceless(character: char) -> bool {
    character >= SPACELESS[0].0 && {
        let place = SPACELESS.partition_point(|range| range.1 < character);
        SPACELESS.get(place).is_some_and(|range| range.0 <= character)
    }
}

/// Add to `found` where words begin without white space before them, in bytes.
pub fn find_cuts(text: &str, classes: Classes<'_>, found: &mut Vec<u32>) {
    let mut from = 0;
    while let Some(letter) = next_letter(text, from) {
        let space = text[from..letter].char_indices().rfind(|(_, character)| classes.of(*character) & SPACE != 0);
        let start = space.map_or(from, |(at, character)| from + at + character.len_utf8());
        from = cut_run(text, start, classes, found);
    }
}

/// The first character of a script without spaces at a place or after it.
fn next_letter(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let block = &bytes[at..bytes.len().min(at + BLOCK)];
        if block.iter().fold(false, |any, byte| any | (*byte >= FIRST)) {
            let first = |at: &usize| bytes[*at] >= FIRST && text[*at..].chars().next().is_some_and(is_spaceless);
            if let Some(found) = (at..at + block.len()).find(first) {
                return Some(found);
            }
        }
        at += block.len();
    }
    None
}

/// Add the cuts from a place to the next white space, and return its place.
fn cut_run(text: &str, start: usize, classes: Classes<'_>, found: &mut Vec<u32>) -> usize {
    let mut before = Kind::Attached; // the kind of the last letter or digit
    let mut letters = None; // where those of scripts without spaces began
    for (place, character) in text[start..].char_indices() {
        let (at, class) = (start + place, classes.of(character));
        let kind = Kind::of(character, class);
        if kind != Kind::Letter || class & SPACE != 0 {
            if let Some(first) = letters.take() {
                divide(text, first, at, classes, found);
            }
        }
        if class & SPACE != 0 {
            return at;
        }
        if kind == Kind::Letter && letters.is_none() {
            letters = Some(at);
            if before != Kind::Attached {
                found.push(at as u32);
            }
        }
        if kind == Kind::Other && before == Kind::Letter {
            found.push(at as u32);
        }
        if kind != Kind::Attached {
            before = kind;
        }
    }
    if let Some(first) = letters {
        divide(text, first, text.len(), classes, found);
    }
    text.len()
}

/// Add where words begin between two places with only letters, and their marks, of scripts without spaces.
fn divide(text: &str, start: usize, end: usize, classes: Classes<'_>, found: &mut Vec<u32>) {
    let letters = text[start..end].char_indices().skip(1).filter(|(_, letter)| classes.of(*letter) & ALPHA != 0);
    found.extend(letters.map(|(at, _)| (start + at) as u32));
}

fn cuts_of(texts: &StringArray, classes: Classes<'_>) -> PyResult<ListArray> {
    let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
    for row in 0..texts.len() {
        find_cuts(text(texts, row)?, classes, &mut found.values);
        found.end()?;
    }
    found.finish()
}

#[pyfunction]
pub fn word_cuts(py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<OutputArray> {
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    py.allow_threads(|| cuts_of(texts, classes).map(OutputArray::new))
}
