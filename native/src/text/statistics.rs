//! Word, line and n-gram statistics of documents. Twin: `refinery.kernels.reference.text`, which defines every figure.

use arrow_array::{Array, Float64Array, StringArray, UInt32Array};
use memchr::memchr2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, ALPHA, SPACE};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};
use crate::text::ngrams::Ngrams;
use crate::text::numbering::Strings;
use crate::text::stops::Stops;

const BULLETS: [char; 14] = ['•', '‣', '\u{2043}', '⁌', '⁍', '∙', '○', '●', '◘', '◦', '⦾', '⦿', '-', '*'];
const ELLIPSES: [&str; 3] = ["...", ". . .", "…"];
pub const TOP_NGRAMS: [usize; 3] = [2, 3, 4];
pub const LONGEST_NGRAM: usize = 10;

const QUALITY: usize = 6;
const DUPLICATES: usize = 4;
const SHARES: usize = QUALITY + DUPLICATES + LONGEST_NGRAM - 1;

/// The columns after `words`, in the order of the twin's `STATISTICS`.
type Row = [Option<f64>; SHARES];

/// Counts of one pass over the characters, from left to right.
#[derive(Default)]
struct Counts {
    characters: u64,
    hashes: u64,
    ellipses: u64,
    alpha_words: u64,
    words: u64,           // that are more than symbols
    word_characters: u64, // of these
    lines: u64,           // that are not blank
    bullet_lines: u64,
    ellipsis_lines: u64,
}

/// The state of measuring, kept from text to text for its memory only.
struct Measure<'a> {
    classes: Classes<'a>,
    by_byte: [u8; 256],
    symbols: Option<&'a [u8]>,
    vocabulary: Strings<'a>,
    pieces: Strings<'a>,
    ngrams: Ngrams,
    words: Vec<u32>,
    ends: Vec<u32>,       // characters of the first 0, 1, 2, ... words
    joined: Vec<u32>,     // the words without white space before them, but the first
    newlines: Vec<usize>, // where they are, in bytes
    core: (usize, usize), // the text without the white space at its ends, in bytes
}

impl<'a> Measure<'a> {
    fn new(classes: Classes<'a>, symbols: Option<&'a [u8]>) -> Self {
        Measure {
            classes,
            symbols,
            by_byte: classes.by_byte(),
            vocabulary: Strings::new(),
            pieces: Strings::new(),
            ngrams: Ngrams::new(),
            words: Vec::new(),
            ends: Vec::new(),
            joined: Vec::new(),
            newlines: Vec::new(),
            core: (0, 0),
        }
    }

    /// The number of words of a text, and its shares.
    fn row(&mut self, text: &'a str, cuts: Cuts<'_>) -> (u32, Row) {
        let counts = self.scan(text, cuts);
        let mut row = [None; SHARES];
        row[..QUALITY].copy_from_slice(&self.quality(&counts).map(Some));
        row[QUALITY..][..DUPLICATES].copy_from_slice(&self.duplicates(text, counts.characters).map(Some));
        self.repetition(counts.characters, &mut row[QUALITY + DUPLICATES..]);
        (counts.words as u32, row)
    }

    /// Count, number the words and note the newlines.
    fn scan(&mut self, text: &'a str, mut cuts: Cuts<'_>) -> Counts {
        self.vocabulary.clear();
        self.words.clear();
        self.ends.clear();
        self.ends.push(0);
        self.joined.clear();
        self.newlines.clear();
        self.core = (0, 0);
        let mut counts = Counts {
            characters: text.chars().count() as u64,
            hashes: text.bytes().filter(|byte| *byte == b'#').count() as u64,
            ellipses: ellipses(text),
            ..Counts::default()
        };
        let mut stops = Stops::new(text);
        let mut line = None; // start of its first word
        let mut at = 0;
        while let Some(byte) = text.as_bytes().get(at) {
            let (class, width) = self.look(text, *byte, at);
            if class & SPACE == 0 {
                line.get_or_insert(at);
                at = self.add_word(text, at, cuts.after(at), &mut stops, &mut counts);
                continue;
            }
            if *byte == b'\n' {
                self.newlines.push(at);
                counts.add_line(text, line.take(), self.core.1);
            }
            at += width;
        }
        counts.add_line(text, line, self.core.1);
        if self.symbols.is_none() {
            counts.words = self.words.len() as u64;
            counts.word_characters = u64::from(self.ends[self.words.len()]);
        }
        counts
    }

    /// The classes of the character at a place, which starts with this byte, and its length in bytes.
    #[inline]
    fn look(&self, text: &str, byte: u8, at: usize) -> (u8, usize) {
        if byte.is_ascii() {
            return (self.by_byte[usize::from(byte)], 1);
        }
        let (character, class) = self.classes.at(text, at);
        (class, character.len_utf8())
    }

    /// Add the word that starts at `start` and has no character at `limit`, and return its end.
    #[inline]
    fn add_word(
        &mut self,
        text: &'a str,
        start: usize,
        limit: usize,
        stops: &mut Stops<'_>,
        counts: &mut Counts,
    ) -> usize {
        let bytes = text.as_bytes();
        let mut at = stops.next(start).min(limit);
        let mut beyond = 0; // bytes beyond one a character
        let mut letters = bytes[start..at].iter().any(|byte| self.by_byte[usize::from(*byte)] & ALPHA != 0);
        if bytes.get(at).is_some_and(|byte| !byte.is_ascii()) {
            let bytes = &bytes[..limit.min(bytes.len())];
            while let Some(byte) = bytes.get(at) {
                let (class, width) = self.look(text, *byte, at);
                if class & SPACE != 0 {
                    break;
                }
                letters |= class & ALPHA != 0;
                beyond += width - 1;
                at += width;
            }
        }
        if self.words.is_empty() {
            self.core.0 = start;
        } else if self.core.1 == start && self.symbols.is_none() {
            self.joined.push(self.words.len() as u32);
        }
        self.core.1 = at;
        counts.alpha_words += u64::from(letters);
        if let Some(symbols) = self.symbols {
            if letters || text[start..at].chars().any(|character| symbols[character as usize] == 0) {
                counts.words += 1;
                counts.word_characters += (at - start - beyond) as u64;
            }
        }
        self.words.push(self.vocabulary.number(bytes, start, at));
        self.ends.push(self.ends[self.ends.len() - 1] + (at - start - beyond) as u32);
        at
    }

    fn quality(&self, counts: &Counts) -> [f64; QUALITY] {
        let words = self.words.len() as u64;
        [
            share(counts.word_characters, counts.words),
            share(counts.hashes, words),
            share(counts.ellipses, words),
            share(counts.bullet_lines, counts.lines),
            share(counts.ellipsis_lines, counts.lines),
            share(counts.alpha_words, words),
        ]
    }

    /// Shares of lines, paragraphs, characters of lines and of paragraphs that occurred before.
    fn duplicates(&mut self, text: &'a str, characters: u64) -> [f64; DUPLICATES] {
        let mut lines = Pieces::start(&mut self.pieces, 0);
        for newline in &self.newlines {
            lines.add(text, *newline, newline + 1);
        }
        lines.add(text, text.len(), text.len());
        let (line_share, line_characters) = lines.shares(characters);

        let (start, end) = self.core;
        let mut paragraphs = Pieces::start(&mut self.pieces, start);
        let inner = self.newlines.iter().copied().filter(|newline| (start..end).contains(newline));
        let (mut run, mut run_end) = (start, start); // the newlines in a row before here
        for newline in inner {
            if newline != run_end {
                run = newline;
            }
            run_end = newline + 1;
            if text.as_bytes()[run_end] != b'\n' && run_end - run >= 2 {
                paragraphs.add(text, run, run_end);
            }
        }
        paragraphs.add(text, end, end);
        let (paragraph_share, paragraph_characters) = paragraphs.shares(characters);
        [line_share, paragraph_share, line_characters, paragraph_characters]
    }

    fn repetition(&mut self, characters: u64, shares: &mut [Option<f64>]) {
        self.ngrams.start(&self.words, self.vocabulary.len());
        for (n, column) in (2..=self.words.len()).zip(shares) {
            self.ngrams.lengthen();
            let part = if TOP_NGRAMS.contains(&n) {
                self.ngrams.top_characters(&self.ends, &self.joined)
            } else {
                self.ngrams.duplicate_characters(&self.ends)
            };
            *column = Some(share(part, characters));
        }
    }
}

impl Counts {
    /// Count a line that is not blank, from the start of its first word to the end of its last.
    fn add_line(&mut self, text: &str, start: Option<usize>, end: usize) {
        if let Some(start) = start {
            let line = &text[start..end];
            self.lines += 1;
            self.bullet_lines += u64::from(line.starts_with(BULLETS));
            self.ellipsis_lines += u64::from(ELLIPSES.iter().any(|mark| line.ends_with(mark)));
        }
    }
}

/// The number of marks of ellipsis, from left to right and never overlapping.
fn ellipses(text: &str) -> u64 {
    let (mut count, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while let Some(more) = memchr2(ELLIPSES[0].as_bytes()[0], ELLIPSES[2].as_bytes()[0], &bytes[at..]) {
        at += more;
        match ELLIPSES.iter().find(|mark| bytes[at..].starts_with(mark.as_bytes())) {
            Some(mark) => (count, at) = (count + 1, at + mark.len()),
            None => at += 1,
        }
    }
    count
}

/// Lines or paragraphs, with the number that occurred before, and the characters in those.
struct Pieces<'s, 'a> {
    seen: &'s mut Strings<'a>,
    from: usize,
    all: u64,
    duplicates: u64,
    characters: u64,
}

impl<'s, 'a> Pieces<'s, 'a> {
    fn start(seen: &'s mut Strings<'a>, from: usize) -> Self {
        seen.clear();
        Pieces { seen, from, all: 0, duplicates: 0, characters: 0 }
    }

    /// The piece that ends at `to`, unless it is empty; the next one starts at `next`.
    fn add(&mut self, text: &'a str, to: usize, next: usize) {
        let from = std::mem::replace(&mut self.from, next);
        if from == to {
            return;
        }
        self.all += 1;
        let before = self.seen.len();
        self.seen.number(text.as_bytes(), from, to);
        if self.seen.len() == before {
            self.duplicates += 1;
            self.characters += text[from..to].chars().count() as u64;
        }
    }

    fn shares(&self, characters: u64) -> (f64, f64) {
        (share(self.duplicates, self.all), share(self.characters, characters))
    }
}

/// The nearest double, as Python's division of integers: both are below 2^53.
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn statistics(
    texts: &StringArray,
    cuts: &TextCuts<'_>,
    symbols: Option<&[u8]>,
    classes: Classes<'_>,
) -> PyResult<Vec<OutputArray>> {
    if symbols.is_some_and(|symbols| symbols.len() != char::MAX as usize + 1) {
        return Err(PyValueError::new_err("symbols are a byte for each code point"));
    }
    let mut measure = Measure::new(classes, symbols);
    let measured = |row| {
        let text = text(texts, row)?;
        Ok(measure.row(text, cuts.row(row, text.as_bytes())?))
    };
    let rows = (0..texts.len()).map(measured).collect::<PyResult<Vec<_>>>()?;
    let words = rows.iter().map(|(words, _)| *words).collect::<Vec<_>>();
    let shares = (0..SHARES).map(|column| rows.iter().map(|(_, row)| row[column]).collect::<Float64Array>());
    Ok(std::iter::once(OutputArray::new(UInt32Array::from(words))).chain(shares.map(OutputArray::new)).collect())
}

#[pyfunction]
pub fn text_statistics(
    py: Python<'_>,
    texts: InputArray,
    cuts: Option<InputArray>,
    symbols: Option<&[u8]>,
    classes: &[u8],
) -> PyResult<Vec<OutputArray>> {
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    py.allow_threads(|| statistics(texts, &TextCuts::of(cuts.as_ref(), texts.len())?, symbols, classes))
}
