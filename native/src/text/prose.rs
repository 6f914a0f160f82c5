//! Metrics that tell prose from lists, spam and damaged text. Twin: `refinery.kernels.reference.prose`, which defines
//! every figure.

use std::collections::{HashMap, HashSet};

use arrow_array::{Array, Float64Array, StringArray};
use memchr::memchr;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, ALPHA, BEYOND, DIGIT, SPACE, SYMBOL, UPPER};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};
use crate::text::statistics::share;

const COLUMNS: usize = 5;
const LONG_ITEM: u64 = 15;
const SENTENCE: usize = 2;
const ENDS: &str = ".!?…‽\u{37e}\u{589}\u{61f}\u{6d4}\u{964}\u{965}\u{f0d}\u{f0e}\u{104b}\
    \u{1362}\u{1367}\u{1368}\u{17d4}\u{17d5}\u{1803}\u{1809}\u{3002}\u{ff01}\u{ff1f}\u{ff0e}\u{ff61}";
const CLOSERS: &str = "\"'”’“‘»«›‹)]}）」』】〉》*_\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}";
const SEPARATORS: &str = "|¦·•∙●▪»›";
/// The separators that also close a quotation, with the marks that open it.
const QUOTATIONS: [(&str, char); 2] = [("»", '«'), ("›", '‹')];

/// The common words of each language.
#[pyclass(frozen)]
pub struct CommonWords {
    languages: HashMap<String, Vocabulary>,
    lower: HashMap<char, String>, // of all characters beyond ASCII that differ from it
}

struct Vocabulary {
    words: HashSet<String>,
    longest: usize,      // in bytes
    lengths: [u64; 128], // by the first byte of ASCII words, a bit for each length in bytes
}

impl Vocabulary {
    fn new(words: HashSet<String>) -> Self {
        let longest = words.iter().map(String::len).max().unwrap_or(0);
        let mut lengths = [0; 128];
        for word in &words {
            if let Some(of_first) = lengths.get_mut(first_byte(word)) {
                *of_first |= length_bit(word.len());
            }
        }
        Vocabulary { words, longest, lengths }
    }

    /// False for most words that are none of these, at little cost.
    fn may_have(&self, word: &str) -> bool {
        let first = word.bytes().next().map_or(0, |byte| byte.to_ascii_lowercase());
        let lengths = self.lengths.get(usize::from(first));
        word.len() <= self.longest
            && (!word.is_ascii() || lengths.is_none_or(|bits| bits & length_bit(word.len()) != 0))
    }
}

/// The first byte in lower case, 0 for the empty word.
fn first_byte(word: &str) -> usize {
    word.bytes().next().map_or(0, |byte| usize::from(byte.to_ascii_lowercase()))
}

/// A bit for a length; long ones share the last.
fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

#[pymethods]
impl CommonWords {
    #[new]
    fn new(languages: HashMap<String, HashSet<String>>, lower: HashMap<char, String>) -> Self {
        let languages = languages.into_iter().map(|(code, words)| (code, Vocabulary::new(words))).collect();
        CommonWords { languages, lower }
    }
}

impl CommonWords {
    /// Write a word to `folded`, its uppercase letters in lower case.
    fn fold(&self, word: &str, classes: Classes<'_>, folded: &mut String) {
        folded.clear();
        for character in word.chars() {
            if character.is_ascii() {
                folded.push(character.to_ascii_lowercase());
                continue;
            }
            let upper = classes.of(character) & UPPER != 0;
            match upper.then(|| self.lower.get(&character)).flatten() {
                Some(small) => folded.push_str(small),
                None => folded.push(if character == 'ς' { 'σ' } else { character }),
            }
        }
    }
}

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
            by_byte: classes.by_byte(),
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
        let (mut start, mut words) = (0, Vec::new());
        while start <= text.len() {
            let end = memchr(b'\n', &text.as_bytes()[start..]).map_or(text.len(), |more| start + more);
            self.find_words(text, start, end, &mut cuts, &mut words);
            self.line(text, &words, known);
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

    /// The places of the words of a line, in bytes.
    fn find_words(&self, text: &str, start: usize, end: usize, cuts: &mut Cuts<'_>, words: &mut Vec<(usize, usize)>) {
        words.clear();
        let (mut run, mut at) = (start, start);
        while at < end {
            let (class, width) = self.look(text, at);
            if class & SPACE != 0 {
                cuts.divide(run, at, |from, to| words.push((from, to)));
                run = at + width;
            }
            at += width;
        }
        cuts.divide(run, end, |from, to| words.push((from, to)));
    }

    /// The classes of the character at a place, and its length in bytes.
    #[inline]
    fn look(&self, text: &str, at: usize) -> (u8, usize) {
        let class = self.by_byte[usize::from(text.as_bytes()[at])];
        if class & BEYOND == 0 {
            return (class, 1);
        }
        let (character, class) = self.classes.at(text, at);
        (class, character.len_utf8())
    }

    fn line(&mut self, text: &'a str, words: &[(usize, usize)], known: Option<&Vocabulary>) {
        self.item = Item::default();
        self.sentences.clear();
        (self.first, self.length) = (None, 0);
        let line = words.first().zip(words.last()).map_or("", |(first, last)| &text[first.0..last.1]);
        for &(start, end) in words {
            self.word(&text[start..end], known);
            let ends = self.in_item(line, &text[start..end]);
            self.in_sentence(start, end, ends);
        }
        self.end_item();
        if let Some((_, end)) = words.last() {
            self.end_sentence(*end);
        }
        if self.sentences.len() > 1 {
            for (start, end) in self.sentences.drain(..) {
                self.counts.sentences += 1;
                self.counts.duplicates += u64::from(!self.seen.insert(&text[start..end]));
            }
        }
    }

    /// Count a word by itself.
    fn word(&mut self, word: &str, known: Option<&Vocabulary>) {
        self.counts.words += 1;
        self.counts.odd += u64::from(self.characters(word));
        if let Some(vocabulary) = known {
            let bare = self.classes.bare(word);
            if vocabulary.may_have(bare) {
                self.common.fold(bare, self.classes, &mut self.folded);
                self.counts.common += u64::from(vocabulary.words.contains(&self.folded));
            }
        }
    }

    /// Count the characters of a word, and return true if they make it odd.
    fn characters(&mut self, word: &str) -> bool {
        if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
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

fn is_separator(word: &str, line: &str) -> bool {
    let opened = |mark: &str| QUOTATIONS.iter().any(|(close, open)| *close == mark && line.contains(*open));
    let mut characters = word.chars();
    let alone = characters.next().filter(|_| characters.next().is_none());
    alone.is_some_and(|character| SEPARATORS.contains(character)) && !opened(word)
}

fn is_broken(character: char) -> bool {
    character.is_control() || matches!(character, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..='\u{10ffff}')
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
