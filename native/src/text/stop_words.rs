//! The number of distinct stop words in each text. Twin: `refinery.kernels.reference.text.distinct_words`.
//!
//! Few words are looked up: a word without the first byte and the length of a stop word not yet seen is skipped, and
//! the search ends when all have been seen.

use std::collections::HashMap;

use arrow_array::{Array, StringArray, UInt32Array};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, MARK, SPACE};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{strings, text};
use crate::text::stops::Stops;
use crate::text::word_list::{Lengths, Undecided, WordList};

/// The stop words.
#[pyclass(frozen)]
pub struct StopWords {
    words: Vec<String>,
    spelled: bool, // words of a text are compared as they are, not in lower case and without marks at their ends
    vocabulary: WordList,
    lengths: Lengths,
    groups: Vec<usize>, // of each word: which first byte and length it has
    sizes: Vec<usize>,  // words by group
}

#[pymethods]
impl StopWords {
    #[new]
    fn new(words: Vec<String>, lower: HashMap<char, String>, spelled: bool) -> Self {
        let mut lengths = Lengths::none();
        let mut numbers = HashMap::new();
        let mut groups = Vec::new();
        let mut sizes = Vec::new();
        for word in &words {
            lengths.add(word.as_bytes());
            let group = *numbers.entry((word.as_bytes().first(), word.len().min(63))).or_insert(sizes.len());
            sizes.resize(sizes.len().max(group + 1), 0);
            sizes[group] += 1;
            groups.push(group);
        }
        let vocabulary = WordList::new(&words, lower);
        StopWords { vocabulary, spelled, lengths, groups, sizes, words }
    }
}

impl StopWords {
    /// The part of a word that is looked up.
    fn compared<'t>(&self, word: &'t str, classes: Classes<'_>) -> &'t str {
        if self.spelled {
            word
        } else {
            classes.bare(word)
        }
    }
}

/// A search for the stop words in one text after another.
struct Search<'a> {
    stop_words: &'a StopWords,
    classes: Classes<'a>,
    by_byte: [u8; 256],
    seen: Vec<bool>,
    left: Vec<usize>, // words not seen, by group
    lengths: Lengths, // of words not seen
    count: usize,
    lower: String,
}

impl<'a> Search<'a> {
    fn new(stop_words: &'a StopWords, classes: Classes<'a>) -> Self {
        Search {
            stop_words,
            classes,
            by_byte: classes.by_byte(),
            seen: Vec::new(),
            left: Vec::new(),
            lengths: Lengths::none(),
            count: 0,
            lower: String::new(),
        }
    }

    /// The number of distinct stop words in a text.
    fn count(&mut self, text: &str, cuts: Cuts<'_>) -> Result<u32, Undecided> {
        self.seen.clear();
        self.seen.resize(self.stop_words.words.len(), false);
        self.left.clone_from(&self.stop_words.sizes);
        self.lengths.clone_from(&self.stop_words.lengths);
        self.count = 0;
        if !cuts.is_empty() {
            return self.count_divided(text, cuts);
        }
        let bytes = text.as_bytes();
        let mut stops = Stops::new(text);
        let mut at = 0;
        while at < bytes.len() && self.count < self.stop_words.words.len() {
            let start = at;
            at = stops.next(at);
            if bytes.get(at).is_some_and(|byte| !byte.is_ascii()) {
                at = self.word(text, start, at)?;
                continue;
            }
            if start < at {
                self.ascii_word(&text[start..at])?;
            }
            at += 1; // white space
        }
        Ok(self.count as u32)
    }

    /// The same number where white space is not all that divides the text.
    fn count_divided(&mut self, text: &str, mut cuts: Cuts<'_>) -> Result<u32, Undecided> {
        let (mut words, classes, stop_words) = (Vec::new(), self.classes, self.stop_words);
        for run in text.split(|character| classes.of(character) & SPACE != 0) {
            let start = run.as_ptr() as usize - text.as_ptr() as usize;
            words.clear();
            cuts.divide(start, start + run.len(), |start, end| {
                words.push(stop_words.compared(&text[start..end], classes))
            });
            for word in &words {
                if self.lengths.admit_first(word.as_bytes()) {
                    self.look_up(word)?;
                }
            }
        }
        Ok(self.count as u32)
    }

    #[inline]
    fn ascii_word(&mut self, word: &str) -> Result<(), Undecided> {
        let bytes = word.as_bytes();
        let is_mark = |byte: &u8| !self.stop_words.spelled && self.by_byte[usize::from(*byte)] & MARK != 0;
        let (mut start, mut end) = (0, bytes.len());
        while start < end && is_mark(&bytes[start]) {
            start += 1;
        }
        while start < end && is_mark(&bytes[end - 1]) {
            end -= 1;
        }
        if self.lengths.admit(&bytes[start..end]) {
            self.look_up(&word[start..end])?;
        }
        Ok(())
    }

    /// Look up a word that has or ends before a character beyond ASCII, which is at `at`; return where the next may
    /// start.
    fn word(&mut self, text: &str, start: usize, at: usize) -> Result<usize, Undecided> {
        let rest = text[at..].find(|character| self.classes.of(character) & SPACE != 0);
        let end = rest.map_or(text.len(), |length| at + length);
        let word = self.stop_words.compared(&text[start..end], self.classes);
        if start < end && self.lengths.admit_first(word.as_bytes()) {
            self.look_up(word)?;
        }
        Ok(end + text[end..].chars().next().map_or(0, char::len_utf8))
    }

    fn look_up(&mut self, word: &str) -> Result<(), Undecided> {
        let vocabulary = &self.stop_words.vocabulary;
        let found =
            if self.stop_words.spelled { vocabulary.spelled(word) } else { vocabulary.find(word, &mut self.lower)? };
        let Some(number) = found else { return Ok(()) };
        if std::mem::replace(&mut self.seen[number as usize], true) {
            return Ok(());
        }
        self.count += 1;
        let group = self.stop_words.groups[number as usize];
        self.left[group] -= 1;
        if self.left[group] == 0 {
            self.lengths.remove(self.stop_words.words[number as usize].as_bytes());
        }
        Ok(())
    }
}

/// The counts of all texts, null for those that are left to the twin.
fn counts(
    texts: &StringArray,
    cuts: &TextCuts<'_>,
    stop_words: &StopWords,
    classes: Classes<'_>,
) -> PyResult<UInt32Array> {
    let mut search = Search::new(stop_words, classes);
    let mut counted = |row| {
        let text = text(texts, row)?;
        Ok(search.count(text, cuts.row(row, text.as_bytes())?).ok())
    };
    (0..texts.len()).map(&mut counted).collect()
}

#[pyfunction]
pub fn distinct_words(
    py: Python<'_>,
    texts: InputArray,
    cuts: Option<InputArray>,
    stop_words: &Bound<'_, StopWords>,
    classes: &[u8],
) -> PyResult<OutputArray> {
    let stop_words = stop_words.get();
    let classes = Classes::try_from(classes)?;
    let texts = strings(&texts)?;
    py.allow_threads(|| {
        counts(texts, &TextCuts::of(cuts.as_ref(), texts.len())?, stop_words, classes).map(OutputArray::new)
    })
}
