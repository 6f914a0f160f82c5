//! Metrics that tell prose from lists, spam and damaged text. Twin: `refinery.kernels.reference.prose`, which defines
//! every figure.

use std::collections::HashSet;
use std::ops::Range;

use arrow_array::{Array, Float64Array, StringArray};
use memchr::memchr;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, ALPHA, BEYOND, DIGIT, MARK, SPACE, SYMBOL, UPPER};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};
use crate::text::common_words::{CommonWords, Vocabulary};
use crate::text::statistics::share;

const COLUMNS: usize = 5;
const LONG_ITEM: u64 = 15;
const SENTENCE: usize = 2;
/// The classes of ASCII letters and digits.
const PLAIN: u8 = ALPHA | UPPER | DIGIT;
/// In the table by byte: a broken character.
const BROKEN: u8 = 64;
const ENDS: &str = ".!?…‽\u{37e}\u{589}\u{61f}\u{6d4}\u{964}\u{965}\u{f0d}\u{f0e}\u{104b}\
    \u{1362}\u{1367}\u{1368}\u{17d4}\u{17d5}\u{1803}\u{1809}\u{3002}\u{ff01}\u{ff1f}\u{ff0e}\u{ff61}";
const CLOSERS: &str = "\"'”’“‘»«›‹)]}）」』】〉》*_\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}";
const SEPARATORS: &str = "|¦·•∙●▪»›";
/// The separators that also close a quotation, with the marks that open it.
const QUOTATIONS: [(&str, char); 2] = [("»", '«'), ("›", '‹')];

/// Counts of a text.
#[derive(Default)]
struct Counts {
    words: u64,
    common: u64,
    odd: u64,
    item_words: u64,
    prose_words: u64,
    sentences: u64,
    duplicates: u64,
    characters: u64,
    broken: u64,
}

/// A word by its place in the text, in bytes.
#[derive(Clone, Copy)]
struct Word {
    start: usize,
    end: usize,
    classes: u8, // of the characters between the white space around it
}

/// What the last byte of a word says.
#[derive(Clone, Copy)]
enum Last {
    Ends,
    Goes, // on, as after a letter
    Open, // what is before it decides
}

/// The words of an item so far.
#[derive(Default)]
struct Item {
    words: u64,
    ended: bool, // by the last word that is not all closing marks
}

/// Measures one text after another.
struct Measure<'a> {
    common: &'a CommonWords,
    classes: Classes<'a>,
    by_byte: [u8; 256],
    last: [Last; 256],
    counts: Counts,
    item: Item,
    sentences: Vec<(usize, usize)>, // of the line, in bytes
    first: Option<usize>,           // start of the sentence
    length: usize,                  // words of the sentence
    seen: HashSet<&'a str>,
    folded: String,
}

impl<'a> Measure<'a> {
    fn new(common: &'a CommonWords, classes: Classes<'a>) -> Self {
        Measure {
            common,
            classes,
            by_byte: by_byte(classes),
            last: std::array::from_fn(|byte| last(byte as u8)),
            counts: Counts::default(),
            item: Item::default(),
            sentences: Vec::new(),
            first: None,
            length: 0,
            seen: HashSet::new(),
            folded: String::new(),
        }
    }

    /// The columns of the twin's `PROSE`.
    fn row(&mut self, text: &'a str, language: &str, mut cuts: Cuts<'_>) -> [Option<f64>; COLUMNS] {
        self.counts = Counts::default();
        self.seen.clear();
        let known = self.common.languages.get(language);
        let mut start = 0;
        while start <= text.len() {
            let end = memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |more| start + more);
            self.line(text, start..end, &mut cuts, known);
            start = end + 1;
        }
        let counts = &self.counts;
        [
            known.map(|_| share(counts.common, counts.words)),
            Some(share(counts.prose_words, counts.item_words)),
            Some(share(counts.duplicates, counts.sentences)),
            Some(share(counts.odd, counts.words)),
            Some(share(counts.broken, counts.characters)),
        ]
    }

    fn line(&mut self, text: &'a str, line: Range<usize>, cuts: &mut Cuts<'_>, known: Option<&Vocabulary>) {
        self.item = Item::default();
        self.sentences.clear();
        (self.first, self.length) = (None, 0);
        let (mut start, mut at, mut classes, mut last) = (line.start, line.start, 0, line.start);
        loop {
            let (class, width) = if at < line.end { self.look(text, at) } else { (SPACE, 1) };
            if class & SPACE == 0 {
                classes |= class;
                at += width;
                continue;
            }
            let classes_of_all = classes; // a copy: what a closure borrows is in no register
            cuts.divide(start, at, |start, end| {
                self.word(text, &line, Word { start, end, classes: classes_of_all }, known);
                last = end;
            });
            if at >= line.end {
                break;
            }
            at += width;
            (start, classes) = (at, 0);
        }
        self.end_item();
        self.end_sentence(last);
        if self.sentences.len() > 1 {
            for (start, end) in self.sentences.drain(..) {
                self.counts.sentences += 1;
                self.counts.duplicates += u64::from(!self.seen.insert(&text[start..end]));
            }
        }
    }

    /// The classes of the character at a place, with `BEYOND`, and its length in bytes.
    #[inline]
    fn look(&self, text: &str, at: usize) -> (u8, usize) {
        let class = self.by_byte[usize::from(text.as_bytes()[at])];
        if class & BEYOND == 0 {
            return (class, 1);
        }
        let (character, class) = self.classes.at(text, at);
        (class | BEYOND, character.len_utf8())
    }

    #[inline]
    fn word(&mut self, text: &str, line: &Range<usize>, word: Word, known: Option<&Vocabulary>) {
        let spelling = &text[word.start..word.end];
        self.counts.words += 1;
        self.counts.odd += u64::from(self.characters(spelling, word.classes));
        if let Some(vocabulary) = known {
            self.counts.common += u64::from(self.is_common(text, word, vocabulary));
        }
        let ends = self.in_item(&text[line.start..line.end], spelling);
        self.in_sentence(word.start, word.end, ends);
    }

    #[inline]
    fn is_common(&mut self, text: &str, word: Word, vocabulary: &Vocabulary) -> bool {
        let Word { mut start, mut end, classes } = word;
        let bytes = text.as_bytes();
        let mark = |at: usize| self.by_byte[usize::from(bytes[at])] & MARK != 0;
        while start < end && mark(start) {
            start += 1;
        }
        while start < end && mark(end - 1) {
            end -= 1;
        }
        let plain = classes & !PLAIN == 0 || bytes[start..end].iter().all(u8::is_ascii_alphanumeric);
        if plain && start < end {
            let bare = &text[start..end];
            return vocabulary.has_plain(bytes, start..end, || self.common.fold(bare, self.classes, &mut self.folded));
        }
        let bare = self.classes.bare(&text[word.start..word.end]);
        vocabulary.has(bare, || self.common.fold(bare, self.classes, &mut self.folded))
    }

    /// Count the characters of a word, and return true if they make it odd.
    fn characters(&mut self, word: &str, classes: u8) -> bool {
        if classes & (BEYOND | SYMBOL | BROKEN) == 0 {
            self.counts.characters += word.len() as u64; // for speed: nothing odd or broken
            return false;
        }
        // A word gets odd from a letter to a symbol after it to any letter.
        let (mut letter, mut symbol, mut odd, mut alphabets) = (false, false, false, 0_u8);
        for character in word.chars() {
            let class = self.classes.of(character);
            self.counts.characters += 1;
            self.counts.broken += u64::from(is_broken(character));
            symbol |= letter & (class & SYMBOL != 0);
            letter = class & ALPHA != 0;
            odd |= symbol & letter;
            alphabets |= alphabet(character);
        }
        odd || alphabets.count_ones() > 1
    }

    /// Add a word to its item, and return true if it ends a sentence.
    fn in_item(&mut self, line: &str, word: &str) -> bool {
        let last = word.bytes().next_back().map_or(Last::Goes, |byte| self.last[usize::from(byte)]);
        if !matches!(last, Last::Open) {
            self.item.words += 1;
            self.item.ended = matches!(last, Last::Ends);
            return self.item.ended;
        }
        if is_separator(word, line) {
            self.end_item();
            return false;
        }
        self.item.words += 1;
        if word.ends_with(|character| self.classes.of(character) & (ALPHA | DIGIT) != 0) {
            self.item.ended = false; // for speed: neither closes nor ends
            return false;
        }
        let rest = word.trim_end_matches(|character| CLOSERS.contains(character));
        let ends = rest.ends_with(|character| ENDS.contains(character));
        self.item.ended = if rest.is_empty() { self.item.ended } else { ends };
        ends
    }

    fn end_item(&mut self) {
        let item = std::mem::take(&mut self.item);
        self.counts.item_words += item.words;
        if item.words >= LONG_ITEM || item.ended {
            self.counts.prose_words += item.words;
        }
    }

    fn in_sentence(&mut self, start: usize, end: usize, ends: bool) {
        self.first.get_or_insert(start);
        self.length += 1;
        if ends {
            self.end_sentence(end);
        }
    }

    fn end_sentence(&mut self, end: usize) {
        if let Some(start) = self.first.take().filter(|_| self.length >= SENTENCE) {
            self.sentences.push((start, end));
        }
        self.length = 0;
    }
}

/// The classes by byte, with `BROKEN`.
fn by_byte(classes: Classes<'_>) -> [u8; 256] {
    let mut by_byte = classes.by_byte();
    for (byte, class) in (0_u8..128).zip(&mut by_byte) {
        *class |= if is_broken(byte.into()) { BROKEN } else { 0 };
    }
    by_byte
}

fn last(byte: u8) -> Last {
    match char::from(byte) {
        mark if !mark.is_ascii() || CLOSERS.contains(mark) || SEPARATORS.contains(mark) => Last::Open,
        mark if ENDS.contains(mark) => Last::Ends,
        _ => Last::Goes,
    }
}

fn is_separator(word: &str, line: &str) -> bool {
    let opened = |mark: &str| QUOTATIONS.iter().any(|(close, open)| *close == mark && line.contains(*open));
    let mut characters = word.chars();
    let alone = characters.next().filter(|_| characters.next().is_none());
    alone.is_some_and(|character| SEPARATORS.contains(character)) && !opened(word)
}

/// U+FFFD, a control character, or one for private use.
pub fn is_broken(character: char) -> bool {
    character.is_control() || matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..='\u{10ffff}')
}

/// A word ends a sentence by its last character, but for those that close a quotation or a bracket.
pub fn ends_sentence(word: &str) -> bool {
    let rest = word.trim_end_matches(|character| CLOSERS.contains(character));
    rest.ends_with(|character| ENDS.contains(character))
}

/// A bit for the alphabet of a letter: Latin, Greek, Cyrillic.
fn alphabet(character: char) -> u8 {
    match character {
        'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => 1,
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => 2,
        '\u{400}'..='\u{52f}' => 4,
        _ => 0,
    }
}

fn statistics(
    texts: &StringArray,
    languages: &StringArray,
    cuts: &TextCuts<'_>,
    common: &CommonWords,
    classes: Classes<'_>,
) -> PyResult<Vec<OutputArray>> {
    let mut measure = Measure::new(common, classes);
    let mut rows = Vec::with_capacity(texts.len());
    for row in 0..texts.len() {
        let text_of_row = text(texts, row)?;
        rows.push(measure.row(text_of_row, text(languages, row)?, cuts.row(row, text_of_row.as_bytes())?));
    }
    let column = |column: usize| rows.iter().map(|row| row[column]).collect::<Float64Array>();
    Ok((0..COLUMNS).map(|place| OutputArray::new(column(place))).collect())
}

#[pyfunction]
pub fn prose_statistics(
    py: Python<'_>,
    texts: InputArray,
    languages: InputArray,
    cuts: Option<InputArray>,
    common: &Bound<'_, CommonWords>,
    classes: &[u8],
) -> PyResult<Vec<OutputArray>> {
    let common = common.get();
    let classes = Classes::try_from(classes)?;
    let (texts, languages) = (strings(&texts)?, strings(&languages)?);
    if texts.len() != languages.len() {
        return Err(pyo3::exceptions::PyValueError::new_err("texts and languages are of different numbers"));
    }
    py.allow_threads(|| statistics(texts, languages, &TextCuts::of(cuts.as_ref(), texts.len())?, common, classes))
}
