//! The outcome of a line: discarded as junk, cut, or kept. Twin: `_apply_rules` of
//! `refinery.kernels.reference.linewise`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pyo3::prelude::*;

use crate::classes::{Classes, ALPHA, BEYOND, DIGIT, MARK, SPACE, UPPER};
use crate::segmenter::cuts::Cuts;
use crate::text::counters::{numeric, Counters, NUMBER, OTHER};
use crate::text::phrases::{Edges, Phrases};
use crate::text::reason::Reason;
use crate::text::word_list::{Lengths, Undecided, WordList};

/// Marks that part a phrase from the rest of its line.
const DELIMITERS: &str = ".!?…:;|¦·•●▪‣«»‹›<>←→▶►▸❯–—―-()[]{}/\\。！？：；・｜＞";

/// The twin's `LineRules`, prepared for matching.
#[pyclass(frozen)]
pub struct PreparedLineRules {
    vocabulary: WordList, // of phrases and counters
    lengths: Lengths,
    phrases: Phrases,
    counters: Counters,
    max_uppercase: f64,
    shares_of_letters: bool,
    short_line: usize,
    kinds: u8, // a bit for each reason that is looked for in whole lines
}

#[pymethods]
impl PreparedLineRules {
    #[new]
    fn new(
        phrases: [Vec<Vec<String>>; 3],
        counters: Vec<Vec<String>>,
        lower: HashMap<char, String>,
        suffixes: String,
        uppercase: (f64, bool),
        short_line: usize,
        kinds: HashSet<String>,
    ) -> Self {
        let counted = counters.iter().flatten().filter(|word| *word != NUMBER.0);
        let mut words = phrases.iter().flatten().flatten().chain(counted).cloned().collect::<Vec<_>>();
        words.sort_unstable();
        words.dedup();
        let mut lengths = Lengths::none();
        words.iter().for_each(|word| lengths.add(word.as_bytes()));
        let numbers = words.iter().zip(0..).collect::<HashMap<_, u32>>();
        let number = |word: &String| numbers.get(word).copied().unwrap_or(NUMBER.1);
        let numbered = |place: &Vec<Vec<String>>| {
            place.iter().map(|phrase| phrase.iter().map(number).collect()).collect::<Vec<Vec<u32>>>()
        };
        PreparedLineRules {
            vocabulary: WordList::new(&words, lower),
            lengths,
            phrases: Phrases::new(phrases.each_ref().map(numbered)),
            counters: Counters::new(numbered(&counters), suffixes),
            max_uppercase: uppercase.0,
            shares_of_letters: uppercase.1,
            short_line,
            kinds: Reason::WHOLE.iter().filter(|reason| kinds.contains(reason.name())).fold(0, |all, r| all | r.bit()),
        }
    }
}

impl PreparedLineRules {
    fn wants(&self, reason: Reason) -> bool {
        self.kinds & reason.bit() != 0
    }

    fn number(&self, bare: &str, buffer: &mut String) -> Result<Option<u32>, Undecided> {
        let possible = if bare.is_ascii() {
            self.lengths.admit(bare.as_bytes())
        } else {
            self.lengths.admit_first(bare.as_bytes())
        };
        if possible {
            self.vocabulary.find(bare, buffer)
        } else {
            Ok(None)
        }
    }
}

/// Properties of some words.
#[derive(Clone, Copy, Default)]
struct Tally {
    letters: u32,
    uppercase: u32,
    classes: u8,
}

/// A range of the text in bytes, and why it is cut.
pub type Cut = (Range<usize>, Reason);

/// The outcome of a line.
pub enum Outcome {
    Stays,
    /// Loses this number of words.
    Cut(u32),
    Discarded(Reason),
}

/// Reads lines and applies the rules to them; the state is that of the last line.
pub struct LineMatcher<'a> {
    rules: &'a PreparedLineRules,
    classes: Classes<'a>,
    by_byte: [u8; 256],
    /// Words of the line.
    pub words: u32,
    tally: Tally,
    cuts: Cuts<'a>,           // of the text, from the line on
    spans: Vec<Range<usize>>, // of as many words as a short line has
    core: Vec<Option<u32>>,   // the words that are not all marks, if they are known ones
    places: Vec<usize>,       // which words of the line they are
    edges: Edges,
    reasons: Vec<Option<Reason>>,
    lower: String,
}

impl<'a> LineMatcher<'a> {
    pub fn new(rules: &'a PreparedLineRules, classes: Classes<'a>) -> Self {
        let mut by_byte = classes.by_byte();
        for byte in 0..128_u8 {
            by_byte[usize::from(byte)] = numeric(byte.into(), by_byte[usize::from(byte)]);
        }
        LineMatcher {
            rules,
            classes,
            by_byte,
            words: 0,
            tally: Tally::default(),
            cuts: Cuts::default(),
            spans: Vec::new(),
            core: Vec::new(),
            places: Vec::new(),
            edges: Edges::default(),
            reasons: Vec::new(),
            lower: String::new(),
        }
    }

    /// Read the line that starts at `start`, and return its end. Moves `cuts` to the line.
    pub fn read(&mut self, text: &str, start: usize, cuts: &mut Cuts<'a>) -> usize {
        let bytes = text.as_bytes();
        self.cuts = *cuts;
        self.words = 0;
        self.tally = Tally::default();
        self.spans.clear();
        let mut at = start;
        while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'\n') {
            let (class, width) = self.look(text, *byte, at);
            if class & SPACE != 0 {
                at += width;
                continue;
            }
            let word = at;
            let mut tally = self.tally;
            at = self.add(text, at, cuts.after(at), &mut tally);
            self.tally = tally;
            self.words += 1;
            if self.spans.len() < self.rules.short_line {
                self.spans.push(word..at);
            }
        }
        at
    }

    /// The classes of the character at a place, which starts with this byte, and its length in bytes.
    #[inline]
    fn look(&self, text: &str, byte: u8, at: usize) -> (u8, usize) {
        let class = self.by_byte[usize::from(byte)];
        if class & BEYOND == 0 {
            return (class, 1);
        }
        let (character, class) = self.classes.at(text, at);
        (numeric(character, class), character.len_utf8())
    }

    /// Add the characters from a place to the next white space, or to `limit`, to a tally, and return its place.
    #[inline]
    fn add(&self, text: &str, start: usize, limit: usize, tally: &mut Tally) -> usize {
        let bytes = &text.as_bytes()[..limit.min(text.len())];
        let mut at = start;
        while let Some(byte) = bytes.get(at) {
            let (class, width) = self.look(text, *byte, at);
            if class & SPACE != 0 {
                break;
            }
            let letter = class & ALPHA != 0;
            tally.letters += u32::from(letter);
            tally.uppercase += u32::from(letter & (class & UPPER != 0));
            tally.classes |= class;
            at += width;
        }
        at
    }

    /// Apply the rules to the line that was read, and add its cuts to `cuts`.
    pub fn apply(&mut self, text: &str, line: Range<usize>, cuts: &mut Vec<Cut>) -> Result<Outcome, Undecided> {
        if let Some(reason) = self.junk(text, line.clone())? {
            return Ok(Outcome::Discarded(reason));
        }
        if self.words as usize > self.rules.short_line || !self.find_phrases(text)? {
            return Ok(Outcome::Stays);
        }
        let junk = if self.core.is_empty() { self.reasons.iter().find_map(|reason| *reason) } else { self.rest(text)? };
        if let Some(reason) = junk {
            return Ok(Outcome::Discarded(reason));
        }
        self.cut_words(cuts);
        Ok(Outcome::Cut(self.reasons.iter().flatten().count() as u32))
    }

    /// Why the line is discarded.
    fn junk(&mut self, text: &str, line: Range<usize>) -> Result<Option<Reason>, Undecided> {
        if let Some(reason) = self.by_characters(self.tally, || text[line.clone()].to_owned()) {
            return Ok(Some(reason));
        }
        let counter = self.rules.wants(Reason::Counter) && self.tally.classes & DIGIT != 0 && {
            let words = self.words_of(text, line);
            self.is_counter(words)?
        };
        Ok(if counter { Some(Reason::Counter) } else { self.one_word(self.words as usize) })
    }

    /// The words of the line that was read.
    fn words_of<'t>(&self, text: &'t str, line: Range<usize>) -> impl Iterator<Item = &'t str> + use<'t, 'a> {
        let (classes, mut cuts, mut at) = (self.classes, self.cuts, line.start);
        std::iter::from_fn(move || {
            let is_space = |character: char| classes.of(character) & SPACE != 0;
            at += text[at..line.end].find(|character| !is_space(character))?;
            let start = at;
            let limit = cuts.after(start).min(line.end);
            at = text[start..limit].find(is_space).map_or(limit, |length| start + length);
            Some(&text[start..at])
        })
    }

    /// Why the words that the phrases leave are discarded.
    fn rest(&mut self, text: &str) -> Result<Option<Reason>, Undecided> {
        let mut tally = Tally::default();
        let reasons = std::mem::take(&mut self.reasons);
        let spans = std::mem::take(&mut self.spans);
        let kept = || spans.iter().zip(&reasons).filter(|(_, reason)| reason.is_none()).map(|(span, _)| span.clone());
        kept().for_each(|span| {
            self.add(text, span.start, span.end, &mut tally);
        });
        let joined = || kept().map(|span| &text[span]).collect::<Vec<_>>().join(" ");
        let junk = match self.by_characters(tally, joined) {
            Some(reason) => Some(reason),
            None if self.rules.wants(Reason::Counter) && self.is_counter(kept().map(|span| &text[span]))? => {
                Some(Reason::Counter)
            }
            None => self.one_word(kept().count()),
        };
        (self.reasons, self.spans) = (reasons, spans);
        Ok(junk)
    }

    fn by_characters(&self, tally: Tally, line: impl Fn() -> String) -> Option<Reason> {
        let (whole, number) = if self.rules.shares_of_letters {
            (tally.letters, tally.classes & (DIGIT | OTHER) == DIGIT)
        } else {
            let line = line();
            let digits = |character| self.classes.of(character) & DIGIT != 0;
            (line.chars().count() as u32, tally.classes & DIGIT != 0 && line.chars().all(digits))
        };
        let share = f64::from(tally.uppercase) / f64::from(whole);
        if self.rules.wants(Reason::Uppercase) && tally.letters > 0 && share > self.rules.max_uppercase {
            Some(Reason::Uppercase)
        } else {
            (self.rules.wants(Reason::Numeric) && number).then_some(Reason::Numeric)
        }
    }

    fn one_word(&self, words: usize) -> Option<Reason> {
        (words == 1 && self.rules.wants(Reason::OneWord)).then_some(Reason::OneWord)
    }

    /// True if the words are a counter.
    fn is_counter<'t>(&mut self, words: impl Iterator<Item = &'t str>) -> Result<bool, Undecided> {
        let (rules, lower) = (self.rules, &mut self.lower);
        rules.counters.contain(words, self.classes, |word| rules.number(word, lower))
    }

    /// Find for each word of the line the phrase that takes it, and return true if there is one.
    fn find_phrases(&mut self, text: &str) -> Result<bool, Undecided> {
        self.reasons.clear();
        self.reasons.resize(self.spans.len(), None);
        loop {
            self.read_core(text)?;
            if self.core.iter().all(Option::is_none) {
                break;
            }
            self.find_edges(text);
            let Some((reason, range)) = self.rules.phrases.find(&self.core, &self.edges) else { break };
            for taken in self.taken(&range) {
                self.reasons[taken].get_or_insert(reason);
            }
        }
        Ok(self.reasons.iter().any(Option::is_some))
    }

    /// The words that stay so far and are not all marks.
    fn read_core(&mut self, text: &str) -> Result<(), Undecided> {
        self.core.clear();
        self.places.clear();
        for place in (0..self.spans.len()).filter(|&place| self.reasons[place].is_none()) {
            let bare = self.classes.bare(&text[self.spans[place].clone()]);
            if !bare.is_empty() {
                self.core.push(self.rules.number(bare, &mut self.lower)?);
                self.places.push(place);
            }
        }
        Ok(())
    }

    /// Find the delimiters between words, and where a phrase may begin because the word before has no letter.
    fn find_edges(&mut self, text: &str) {
        let mut edges = std::mem::take(&mut self.edges);
        edges.begins.clear();
        edges.ends.clear();
        edges.begins.push(true);
        edges.ends.push(true);
        let word = |place: usize| &text[self.spans[place].clone()];
        let mark = |character: char| self.classes.of(character) & MARK != 0;
        let parts = |character: char| DELIMITERS.contains(character);
        for pair in self.places.windows(2) {
            let (left, right) = (word(pair[0]), word(pair[1]));
            let parted = left.chars().rev().take_while(|&end| mark(end)).any(parts)
                || right.chars().take_while(|&start| mark(start)).any(parts)
                || (pair[0] + 1..pair[1]).any(|place| self.reasons[place].is_none() && word(place).contains(parts));
            edges.ends.push(parted);
            edges.begins.push(parted || !left.chars().any(|letter| self.classes.of(letter) & ALPHA != 0));
        }
        edges.begins.push(true);
        edges.ends.push(true);
        self.edges = edges;
    }

    /// The words that a phrase takes: at the end of the line those of marks before it, elsewhere those after it.
    fn taken(&self, core: &Range<usize>) -> Range<usize> {
        let start = match (core.start, self.places.get(core.end)) {
            (0, _) => 0,
            (first, Some(_)) => self.places[first],
            (first, None) => self.places[first - 1] + 1,
        };
        start..self.places.get(core.end).copied().unwrap_or(self.spans.len())
    }

    /// Cuts of whole words with the white space after them, or before them if no word stays after them.
    fn cut_words(&self, cuts: &mut Vec<Cut>) {
        let last_kept = self.reasons.iter().rposition(Option::is_none).unwrap_or(0);
        let mut place = 0;
        while place < self.reasons.len() {
            let run = self.reasons[place..].iter().take_while(|reason| **reason == self.reasons[place]).count();
            if let Some(reason) = self.reasons[place] {
                let cut = if place > last_kept {
                    self.spans[place - 1].end..self.spans[place + run - 1].end
                } else {
                    self.spans[place].start..self.spans[place + run].start
                };
                cuts.push((cut, reason));
            }
            place += run;
        }
    }
}
