//! The words of a text, and the rows of the input matrix that each word and its n-grams have.

use super::dictionary::{Dictionary, Word};
use super::grams::{Grams, Hash};
use super::memo::Memo;

const END: &[u8] = b"</s>";

/// The words of a text. fastText's white space parts them, which is less than Unicode's; its mark for the end of a
/// line does as well, as if the text were one line.
pub struct Words<'a>(pub &'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some(&first) = self.0.first() {
            let passed = match first {
                _ if is_space(first) => 1,
                b'<' if self.0.starts_with(END) => END.len(),
                _ => break,
            };
            self.0 = &self.0[passed..];
        }
        let text = self.0;
        let ends = |at: &usize| is_space(text[*at]) || (text[*at] == b'<' && text[*at..].starts_with(END));
        let length = (0..text.len()).find(ends).unwrap_or(text.len());
        self.0 = &text[length..];
        Some(&text[..length]).filter(|word| !word.is_empty())
    }
}

fn is_space(byte: u8) -> bool {
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
    pub fn add_word(&mut self, word: &[u8], dictionary: &Dictionary, grams: &Grams) {
        let hash = word.iter().fold(Hash::EMPTY, |hash, &byte| hash.with(byte));
        if let Some(rows) = self.memo.find(word, hash) {
            self.rows.extend_from_slice(rows);
        } else {
            let start = self.rows.len();
            match dictionary.find(word, hash) {
                Word::Label => return,
                Word::Known(row) => self.rows.push(row),
                Word::Unknown => {}
            }
            if grams.longest > 0 && word != END {
                self.add_grams(word, grams);
            }
            self.memo.keep(word, hash, &self.rows[start..]);
        }
        if grams.words > 1 {
            self.hashes.push(hash.0);
        }
    }

    /// The count of words that n-grams of words are made of, so far.
    pub fn words(&self) -> usize {
        self.hashes.len()
    }

    /// Append the row of the end of a line, and the rows of n-grams of its words: those from number `first` on.
    pub fn end(&mut self, first: usize, dictionary: &Dictionary, grams: &Grams) {
        let words = self.hashes.len();
        self.add_word(END, dictionary, grams);
        grams.of_words(&self.hashes[first..], &mut self.rows);
        self.hashes.truncate(words);
    }

    fn add_grams(&mut self, word: &[u8], grams: &Grams) {
        self.marked.clear();
        self.marked.push(b'<');
        self.marked.extend_from_slice(word);
        self.marked.push(b'>');
        let marked = &self.marked[..];
        for start in 0..marked.len() {
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
                    self.rows.extend(grams.row(hash));
                }
            }
        }
    }
}

/// True if a byte continues a character.
fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}
