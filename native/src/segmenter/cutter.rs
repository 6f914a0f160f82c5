//! The rules of words around the dictionaries: which letters are divided, and by which of them.

use memchr::{memchr, memrchr};
use pyo3::PyResult;

use super::dictionary::{Dictionaries, Letter, Paths, CHINESE, JAPANESE, NAMES};
use super::spaceless::{
    is_binding, is_dependent, is_final, is_japanese, is_joiner, is_katakana, is_numeral, script_of, Script,
};
use crate::classes::{Classes, ALPHA, DIGIT, MARK, SPACE};

/// Bytes that are tested at once, and the first byte of the first letter of a script without spaces.
const BLOCK: usize = 64;
const FIRST: u8 = 0xE0;
/// Letters that are divided at once, so that memory and sums of costs stay small.
const MOST: usize = 4096;
const DOT_BELOW: char = '\u{1037}';

/// How letters are divided.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Dictionary(usize),
    /// Each letter is a word.
    Letters,
    /// Not at all: Tibetan has a mark after each syllable.
    Whole,
}

impl Way {
    fn of(script: Script, japanese: bool) -> Way {
        match script {
            Script::Burmese => Way::Dictionary(0),
            Script::Han => Way::Dictionary(if japanese { JAPANESE } else { CHINESE }),
            Script::Kana => Way::Dictionary(JAPANESE),
            Script::Khmer => Way::Dictionary(3),
            Script::Lao => Way::Dictionary(4),
            Script::Thai => Way::Dictionary(NAMES.len() - 1),
            Script::Other => Way::Letters,
            Script::Tibetan => Way::Whole,
        }
    }
}

/// The kind of the last letter or digit of a run.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    None,
    /// A letter of a script without spaces.
    Spaceless,
    Other,
}

/// Finds where words begin without white space before them.
pub struct Cutter<'a> {
    dictionaries: &'a Dictionaries,
    classes: Classes<'a>,
    paths: Paths,
    /// Letters that are not divided yet, and how they will be.
    letters: Vec<Letter>,
    way: Way,
    /// The last character binds the next letter.
    bound: bool,
    /// True in a line of Japanese, which ends at a byte.
    japanese: bool,
    line: usize,
}

impl<'a> Cutter<'a> {
    pub fn new(dictionaries: &'a Dictionaries, classes: Classes<'a>) -> Self {
        let (paths, letters) = (Paths::default(), Vec::new());
        Cutter { dictionaries, classes, paths, letters, way: Way::Whole, bound: false, japanese: false, line: 0 }
    }

    /// Add the cuts of a text.
    pub fn cut(&mut self, text: &str, found: &mut Vec<u32>) -> PyResult<()> {
        self.line = 0;
        let mut from = 0;
        while let Some(letter) = next_letter(text, from) {
            let before = text[from..letter].char_indices();
            let space = before.rev().find(|(_, character)| self.classes.of(*character) & SPACE != 0);
            let start = space.map_or(from, |(at, character)| from + at + character.len_utf8());
            if letter >= self.line {
                let bytes = text.as_bytes();
                let first = memrchr(b'\n', &bytes[..letter]).map_or(0, |at| at + 1);
                self.line = memchr(b'\n', &bytes[letter..]).map_or(text.len(), |at| letter + at);
                self.japanese = is_japanese(&text[first..self.line]);
            }
            from = self.cut_run(text, start, found)?;
        }
        Ok(())
    }

    /// Add the cuts from a place to the next white space, and return where that is.
    fn cut_run(&mut self, text: &str, start: usize, found: &mut Vec<u32>) -> PyResult<usize> {
        let mut before = Kind::None;
        self.bound = false;
        for (place, character) in text[start..].char_indices() {
            let (at, class) = ((start + place) as u32, self.classes.of(character));
            if class & SPACE != 0 {
                self.divide(found)?;
                return Ok(start + place);
            }
            let script = if class & (MARK | DIGIT) == 0 { script_of(character) } else { None };
            if let Some(script) = script {
                if self.letter(at, character, class, script, before, found)? {
                    before = Kind::Spaceless;
                }
            } else if is_joiner(character) && !self.letters.is_empty() {
                self.push(at, character, false);
            } else {
                self.divide(found)?;
                if class & (ALPHA | DIGIT) != 0 {
                    if before == Kind::Spaceless && !self.bound {
                        found.push(at);
                    }
                    before = Kind::Other;
                }
                self.bound = false;
            }
        }
        self.divide(found)?;
        Ok(text.len())
    }

    /// Take a letter or a mark of a script without spaces. Return false for one that only ends the word before it.
    #[inline]
    fn letter(
        &mut self,
        at: u32,
        letter: char,
        class: u8,
        script: Script,
        before: Kind,
        found: &mut Vec<u32>,
    ) -> PyResult<bool> {
        let is_letter = class & ALPHA != 0 || is_numeral(letter);
        let open = is_letter && !self.bound && !is_dependent(letter);
        self.bound = is_binding(letter) || (self.bound && !is_letter);
        if open {
            let way = Way::of(script, self.japanese);
            if self.letters.is_empty() {
                if before != Kind::None {
                    found.push(at);
                }
            } else if way != self.way || self.letters.len() >= MOST {
                self.divide(found)?;
                found.push(at);
            }
            self.way = way;
        } else if self.letters.is_empty() {
            return Ok(false);
        }
        if is_final(letter) {
            if let Some(consonant) = self.letters.iter_mut().rfind(|letter| letter.letter != DOT_BELOW) {
                consonant.open = false;
            }
        }
        self.push(at, letter, open);
        Ok(true)
    }

    #[inline]
    fn push(&mut self, at: u32, letter: char, open: bool) {
        let katakana = if open { is_katakana(letter) } else { self.letters.last().is_some_and(|last| last.katakana) };
        self.letters.push(Letter { at, letter, open, katakana });
    }

    /// Add where words begin after the first of the letters.
    fn divide(&mut self, found: &mut Vec<u32>) -> PyResult<()> {
        if self.letters.len() > 1 {
            match self.way {
                Way::Dictionary(number) => {
                    self.paths.divide(&self.letters, self.dictionaries.get(number)?, found);
                }
                Way::Letters => {
                    found.extend(self.letters[1..].iter().filter(|letter| letter.open).map(|letter| letter.at));
                }
                Way::Whole => {}
            }
        }
        self.letters.clear();
        Ok(())
    }
}

/// The first character of a script without spaces at a place or after it.
fn next_letter(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        let block = &bytes[at..bytes.len().min(at + BLOCK)];
        if block.iter().fold(false, |any, byte| any | (*byte >= FIRST)) {
            let is_first = |at: &usize| match bytes[*at] {
                0xE0 => bytes.get(*at + 1).is_some_and(|next| *next >= 0xB8), // from U+0E00 on
                0xEB | 0xEC => false,                                         // Hangul
                0x00..FIRST => false,
                _ => text[*at..].chars().next().is_some_and(|letter| script_of(letter).is_some()),
            };
            if let Some(found) = (at..at + block.len()).find(is_first) {
                return Some(found);
            }
        }
        at += block.len();
    }
    None
}
