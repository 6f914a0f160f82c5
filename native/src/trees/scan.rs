//! Features of a text: statistics of its characters, words and lines. Twin: `refinery.kernels.reference.features`.

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;

use super::grams::{Grams, FACTOR};
use super::similar::Similar;
use super::tally::Tally;
use crate::classes::{Classes, ALPHA, BEYOND, DIGIT, MARK, SPACE, SYMBOL, UPPER};
use crate::text::prose::{ends_sentence, is_broken};
use crate::text::statistics::share;

pub const FEATURES: usize = 41;

const BROKEN: u8 = 64;
const SHORT_WORD: u64 = 3;
const LONG_WORD: u64 = 13;
const SHORT_LINE: u64 = 30;
const LONG_LINE: u64 = 60;
const NGRAMS: [usize; 3] = [2, 3, 5];
const CLAUSE_ENDS: &str = ",;:\u{b7}\u{387}\u{60c}\u{61b}\u{3001}\u{ff0c}\u{ff1b}\u{ff1a}";

/// Counts of a text.
#[derive(Default)]
struct Counts {
    characters: u64,
    in_words: u64,
    short_words: u64,
    long_words: u64,
    without_letters: u64,
    mark_words: u64,
    capital_words: u64,
    odd_words: u64,
    sentence_ends: u64,
    clause_ends: u64,
    lines: u64,
    short_lines: u64,
    capital_lines: u64,
    ended_lines: u64,
    ended_characters: u64,
    longest_line: u64,
}

/// A line so far: where its first word begins and its last one ends, in bytes and in characters.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    end: usize,
    first: u64,
    last: u64,
    is_capital: bool,
    is_ended: bool,
}

/// Measures one text after another.
pub struct Scan<'a> {
    classes: Classes<'a>,
    by_byte: [u8; 256],
    /// Characters by their classes.
    kinds: [u64; 256],
    counts: Counts,
    words: Vec<u64>,
    lines: Vec<u64>,
    tally: Tally,
    similar: Similar,
    pub grams: Grams,
}

impl<'a> Scan<'a> {
    pub fn new(classes: Classes<'a>) -> Self {
        let mut by_byte = classes.by_byte();
        for (byte, class) in (0_u8..128).zip(&mut by_byte) {
            *class |= if is_broken(byte.into()) && *class & SPACE == 0 { BROKEN } else { 0 };
        }
        Scan {
            classes,
            by_byte,
            kinds: [0; 256],
            counts: Counts::default(),
            words: Vec::new(),
            lines: Vec::new(),
            tally: Tally::default(),
            similar: Similar::default(),
            grams: Grams::default(),
        }
    }

    /// The features of a text, in the order of the twin's `FEATURES`; the tokens of its n-grams are in `grams`.
    pub fn features(&mut self, text: &str) -> [f32; FEATURES] {
        self.read(text);
        let mut row = [0.0; FEATURES];
        let (counts, words) = (&self.counts, self.words.len() as u64);
        let values = [counts.characters, words, counts.lines].map(|count| count as f64).into_iter();
        let values = values.chain(self.of_characters()).chain(self.of_words(text)).chain(self.repetition());
        for (place, value) in row.iter_mut().zip(values.chain(self.of_lines()).chain(self.similar.features())) {
            *place = value as f32;
        }
        row
    }

    fn read(&mut self, text: &str) {
        self.kinds = [0; 256];
        self.counts = Counts::default();
        self.words.clear();
        self.lines.clear();
        self.similar.clear();
        self.grams.clear();
        let mut line: Option<Line> = None;
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            let (class, width) = self.look(text, byte, at);
            if class & SPACE == 0 {
                at = self.word(text, at, &mut line);
                continue;
            }
            self.kinds[usize::from(class)] += 1;
            self.counts.characters += 1;
            if byte == b'\n' {
                self.end_line(text, line.take());
            }
            at += width;
        }
        self.end_line(text, line);
    }

    /// The classes of the character at a place, with `BEYOND` and `BROKEN`, and its length in bytes.
    #[inline]
    fn look(&self, text: &str, byte: u8, at: usize) -> (u8, usize) {
        if byte.is_ascii() {
            return (self.by_byte[usize::from(byte)], 1);
        }
        let (character, class) = self.classes.at(text, at);
        let broken = if class == 0 && is_broken(character) || character == '\u{fffd}' { BROKEN } else { 0 };
        (class | BEYOND | broken, character.len_utf8())
    }

    /// Count the word that starts at a place, and return its end.
    #[inline]
    fn word(&mut self, text: &str, start: usize, line: &mut Option<Line>) -> usize {
        let (mut at, mut classes) = (start, 0);
        let before = self.counts.characters;
        while let Some(&byte) = text.as_bytes().get(at) {
            let (class, width) = self.look(text, byte, at);
            if class & SPACE != 0 {
                break;
            }
            self.kinds[usize::from(class)] += 1;
            self.counts.characters += 1;
            classes |= class;
            at += width;
        }
        let word = &text[start..at];
        let hash = xxh3_64(word.as_bytes());
        self.words.push(hash);
        self.grams.add_word(word, classes, hash, self.classes);
        let is_capital = classes & UPPER != 0 && word.starts_with(|character| self.classes.of(character) & UPPER != 0);
        let is_ended = self.count_word(word, classes, is_capital, self.counts.characters - before);
        let line = line.get_or_insert(Line { start, end: at, first: before, last: 0, is_capital, is_ended });
        (line.end, line.last, line.is_ended) = (at, self.counts.characters, is_ended);
        at
    }

    /// Count a word, and return true if it ends a sentence.
    #[inline]
    fn count_word(&mut self, word: &str, classes: u8, is_capital: bool, length: u64) -> bool {
        let counts = &mut self.counts;
        counts.in_words += length;
        counts.short_words += u64::from(length <= SHORT_WORD);
        counts.long_words += u64::from(length >= LONG_WORD);
        counts.without_letters += u64::from(classes & ALPHA == 0);
        counts.mark_words += u64::from(classes & (ALPHA | DIGIT) == 0);
        counts.capital_words += u64::from(is_capital);
        counts.odd_words += u64::from(classes & SYMBOL != 0 && is_odd(word, self.classes));
        // For speed: most words end with a letter or digit of ASCII.
        if word.bytes().next_back().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
            return false;
        }
        counts.clause_ends += u64::from(word.ends_with(|character| CLAUSE_ENDS.contains(character)));
        let ends = ends_sentence(word);
        counts.sentence_ends += u64::from(ends);
        ends
    }

    fn end_line(&mut self, text: &str, line: Option<Line>) {
        let Some(Line { start, end, first, last, is_capital, is_ended }) = line else { return };
        let length = last - first;
        let counts = &mut self.counts;
        counts.lines += 1;
        counts.short_lines += u64::from(length <= SHORT_LINE);
        counts.capital_lines += u64::from(is_capital);
        counts.ended_lines += u64::from(is_ended);
        counts.ended_characters += if is_ended { length } else { 0 };
        counts.longest_line = counts.longest_line.max(length);
        let line = &text.as_bytes()[start..end];
        self.lines.push(xxh3_64(line));
        if length >= LONG_LINE {
            self.similar.add_line(line);
        }
    }

    fn of_characters(&self) -> [f64; 8] {
        let of = |bit: u8| (0..=u8::MAX).zip(&self.kinds).filter(|(class, _)| class & bit != 0).map(|(_, n)| n).sum();
        let all = self.counts.characters;
        let letters: u64 = of(ALPHA);
        [
            share(letters, all),
            share(of(UPPER), letters),
            share(of(DIGIT), all),
            share(of(SPACE), all),
            share(of(MARK), all),
            share(of(SYMBOL), all),
            share(of(BEYOND), all),
            share(of(BROKEN), all),
        ]
    }

    fn of_words(&self, text: &str) -> [f64; 11] {
        let (counts, bytes) = (&self.counts, text.as_bytes());
        let of = |what: &str| memmem::find_iter(bytes, what).count() as u64;
        [
            counts.in_words,
            counts.short_words,
            counts.long_words,
            counts.without_letters,
            counts.mark_words,
            counts.capital_words,
            counts.odd_words,
            counts.sentence_ends,
            counts.clause_ends,
            of("...") + of("…"),
            of("#"),
        ]
        .map(|count| share(count, self.words.len() as u64))
    }

    fn repetition(&mut self) -> [f64; 7] {
        let words = self.words.len() as u64;
        self.tally.clear(self.words.len());
        self.words.iter().for_each(|&word| self.tally.add(word));
        let (mut single, mut top, mut equal) = (0, 0, 0);
        for count in self.tally.iter().map(|(_, count)| u64::from(count)) {
            single += u64::from(count == 1);
            top = top.max(count);
            equal += count * (count - 1);
        }
        let distinct = share(self.tally.len() as u64, words);
        let pairs = words * words.saturating_sub(1);
        let [twos, threes, fives] = NGRAMS.map(|n| self.repeated_ngrams(n));
        [distinct, share(single, words), share(top, words), share(equal, pairs), twos, threes, fives]
    }

    fn repeated_ngrams(&mut self, n: usize) -> f64 {
        let ngrams = (self.words.len() + 1).saturating_sub(n);
        self.tally.clear(ngrams);
        for words in self.words.windows(n) {
            self.tally.add(words.iter().fold(0, |hash: u64, &word| hash.wrapping_mul(FACTOR).wrapping_add(word)));
        }
        share((ngrams - self.tally.len()) as u64, ngrams as u64)
    }

    fn of_lines(&mut self) -> [f64; 7] {
        self.tally.clear(self.lines.len());
        self.lines.iter().for_each(|&line| self.tally.add(line));
        let counts = &self.counts;
        let repeated = counts.lines - self.tally.len() as u64;
        [
            share(self.words.len() as u64, counts.lines),
            share(counts.short_lines, counts.lines),
            share(counts.capital_lines, counts.lines),
            share(counts.ended_lines, counts.lines),
            share(repeated, counts.lines),
            share(counts.ended_characters, counts.characters),
            share(counts.longest_line, counts.characters),
        ]
    }
}

/// A word is odd from a letter to a symbol right after it to any letter.
fn is_odd(word: &str, classes: Classes<'_>) -> bool {
    let (mut letter, mut symbol) = (false, false);
    word.chars().any(|character| {
        let class = classes.of(character);
        symbol |= letter && class & SYMBOL != 0;
        letter = class & ALPHA != 0;
        symbol && letter
    })
}
