//! The words of a text, and the rows of the input matrix that each word and its n-grams have.

use std::ops::Range;

use super::dictionary::{Dictionary, Word};
use super::grams::{Grams, Hash};
use super::memo::Memo;

/// The mark for the end of a line.
pub const END: &[u8] = b"</s>";
/// Rows that are added together.
pub const ENOUGH: usize = 4096;

/// True for the bytes at which a word may end: white space, and the first one of the mark for the end of a line.
const STOPS: [bool; 256] = {
    let (mut stops, mut byte) = ([false; 256], 0);
    while byte < 256 {
        stops[byte] = is_space(byte as u8) || byte as u8 == END[0];
        byte += 1;
    }
    stops
};

/// The words of a text. fastText's white space parts them, which is less than Unicode's; its mark for the end of a
/// line does as well, as if the text were one line. Each comes with its hash.
pub struct Words<'a>(pub &'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = (&'a [u8], Hash);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], Hash)> {
        while let Some(&first) = self.0.first() {
            let passed = match first {
                _ if is_space(first) => 1,
                b'<' if self.0.starts_with(END) => END.len(),
                _ => break,
            };
            self.0 = &self.0[passed..];
        }
        let (mut length, mut hash) = (0, Hash::EMPTY);
        while let Some(&byte) = self.0.get(length) {
            if STOPS[usize::from(byte)] && (byte != END[0] || self.0[length..].starts_with(END)) {
                break;
            }
            hash = hash.with(byte);
            length += 1;
        }
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        (length > 0).then_some((word, hash))
    }
}

/// The words of a line, parted by white space only, each with its hash.
pub struct Tokens<'a>(pub &'a [u8]);

impl Tokens<'static> {
    /// The mark for the end of a line as a word.
    pub fn mark() -> (&'static [u8], Hash) {
        (END, Hash::of(END))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (&'a [u8], Hash);

    #[inline]
    fn next(&mut self) -> Option<(&'a [u8], Hash)> {
        let start = self.0.iter().position(|&byte| !is_space(byte))?;
        let (mut end, mut hash) = (start, Hash::EMPTY);
        while let Some(&byte) = self.0.get(end).filter(|&&byte| !is_space(byte)) {
            hash = hash.with(byte);
            end += 1;
        }
        let word = &self.0[start..end];
        self.0 = &self.0[end..];
        Some((word, hash))
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b'\x0b' | b'\x0c' | b'\0')
}

/// The rows of a line that are not added yet, and the state for those to come.
#[derive(Default)]
pub struct Line {
    pub rows: Vec<u32>,
    hashes: Vec<u32>,
    marked: Vec<u8>,
    memo: Memo,
}

impl Line {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.hashes.clear();
    }

    /// Append the rows of a word and of its n-grams of characters.
    #[inline]
    pub fn add_word(&mut self, (word, hash): (&[u8], Hash), dictionary: &Dictionary, grams: &Grams) {
        if let Some(rows) = self.memo.find(word, hash) {
            self.rows.extend_from_slice(rows);
        } else if !self.add_new(word, hash, dictionary, grams) {
            return;
        }
        if grams.words > 1 {
            self.hashes.push(hash.0);
        }
    }

    /// Append the rows of a word that the memo has not. False for one that counts for nothing.
    #[inline(never)]
    fn add_new(&mut self, word: &[u8], hash: Hash, dictionary: &Dictionary, grams: &Grams) -> bool {
        let start = self.rows.len();
        match dictionary.find(word, hash) {
            Word::Label => return false,
            Word::Known(row) => self.rows.push(row),
            Word::Unknown => {}
        }
        if grams.longest > 0 && word != END {
            self.mark(word);
            self.add_grams(0..self.marked.len(), grams);
        }
        self.memo.keep(word, hash, &self.rows[start..]);
        true
    }

    /// The same for a word of any length: passes on rows where they become many.
    pub fn add_long(
        &mut self,
        (word, hash): (&[u8], Hash),
        dictionary: &Dictionary,
        grams: &Grams,
        add: &mut impl FnMut(&[u32]),
    ) {
        if word.len() <= ENOUGH {
            return self.add_word((word, hash), dictionary, grams);
        }
        match dictionary.find(word, hash) {
            Word::Label => return,
            Word::Known(row) => self.rows.push(row),
            Word::Unknown => {}
        }
        self.mark(word);
        for start in (0..self.marked.len()).step_by(ENOUGH) {
            self.add_grams(start..(start + ENOUGH).min(self.marked.len()), grams);
            self.drain_if_long(add);
        }
        if grams.words > 1 {
            self.hashes.push(hash.0);
        }
    }

    /// The count of words that n-grams of words are made of, so far.
    pub fn words(&self) -> usize {
        self.hashes.len()
    }

    /// Pass on the rows if they are many.
    #[inline]
    pub fn drain_if_long(&mut self, add: &mut impl FnMut(&[u32])) {
        if self.rows.len() >= ENOUGH {
            add(&self.rows);
            self.rows.clear();
        }
    }

    /// Pass on all rows, then those of the end of a line and of n-grams of its words: those from number `first` on.
    pub fn end(&mut self, first: usize, dictionary: &Dictionary, grams: &Grams, add: &mut impl FnMut(&[u32])) {
        let words = self.hashes.len();
        self.add_word(Tokens::mark(), dictionary, grams);
        for start in first..self.hashes.len() {
            grams.of_words(&self.hashes[start..], &mut self.rows);
            self.drain_if_long(add);
        }
        add(&self.rows);
        self.rows.clear();
        self.hashes.truncate(words);
    }

    /// Write a word between the marks of its ends.
    fn mark(&mut self, word: &[u8]) {
        self.marked.clear();
        self.marked.push(b'<');
        self.marked.extend_from_slice(word);
        self.marked.push(b'>');
    }

    /// Append the rows of n-grams of the marked word that begin in a range of its bytes.
    fn add_grams(&mut self, starts: Range<usize>, grams: &Grams) {
        let marked = &self.marked[..];
        for start in starts {
            if is_inside(marked[start]) {
                continue;
            }
            let mut hash = Hash::EMPTY;
            let mut end = start;
            for characters in 1..=grams.longest {
                if end == marked.len() {
                    break;
                }
                hash = hash.with(marked[end]);
                end += 1;
                while end < marked.len() && is_inside(marked[end]) {
                    hash = hash.with(marked[end]);
                    end += 1;
                }
                let is_mark = characters == 1 && (start == 0 || end == marked.len());
                if characters >= grams.shortest && !is_mark {
                    grams.add(hash, &mut self.rows);
                }
            }
        }
    }
}

/// True if a byte continues a character.
fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
