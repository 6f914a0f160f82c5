//! Words in URLs. Twin: `refinery.kernels.reference.urls`, functions `spoken`, `squeezed` and `whole_words`.

use std::collections::HashMap;

use aho_corasick::AhoCorasick;
use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

use crate::classes::{Classes, SPACE};

/// Set for letters and digits, as defined by `str.isalnum`.
const WORD: u8 = 2;

/// The one letter whose lower case depends on the letters around it.
const CAPITAL_SIGMA: char = 'Σ';

/// Words of one kind and which of them a URL has.
struct Kind<'a> {
    words: &'a [String],
    seen: Vec<bool>,
    found: Vec<usize>,
}

impl<'a> Kind<'a> {
    fn new(words: &'a [String]) -> Self {
        Kind { seen: vec![false; words.len()], found: Vec::new(), words }
    }

    fn add(&mut self, number: usize) {
        if !std::mem::replace(&mut self.seen[number], true) {
            self.found.push(number);
        }
    }

    fn clear(&mut self) {
        for number in self.found.drain(..) {
            self.seen[number] = false;
        }
    }
}

/// The words of a URL, kept from URL to URL only for its memory.
pub struct Finding<'a> {
    words: &'a Words,
    classes: Classes<'a>,
    kinds: [Kind<'a>; KINDS.len()],
    decoded: String,
    text: String,
    squeezed: String,
}

/// How evidence names the kinds of words.
pub const KINDS: [&str; 3] = ["strict", "hard", "soft"];
const STRICT: usize = 0;

/// The words that are looked for.
pub struct Words {
    lists: [Vec<String>; KINDS.len()],
    inside: AhoCorasick,
    /// Of each word that is looked for alone: which one it is of each kind.
    alone: HashMap<String, Vec<(usize, usize)>>,
    lower: HashMap<char, String>,
}

impl Words {
    /// `lists` of words by kind, and the lower case of all characters beyond ASCII that are not their own.
    pub fn new(lists: [Vec<String>; KINDS.len()], lower: HashMap<char, String>) -> PyResult<Self> {
        let inside = AhoCorasick::new(&lists[STRICT]).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let mut alone: HashMap<String, Vec<(usize, usize)>> = HashMap::new();
        for (kind, words) in lists.iter().enumerate().filter(|(kind, _)| *kind != STRICT) {
            for (number, word) in words.iter().enumerate() {
                alone.entry(word.clone()).or_default().push((kind, number));
            }
        }
        Ok(Words { lists, inside, alone, lower })
    }
}

impl<'a> Finding<'a> {
    pub fn new(words: &'a Words, classes: Classes<'a>) -> Self {
        let kinds = words.lists.each_ref().map(|list| Kind::new(list));
        Finding { words, classes, kinds, decoded: String::new(), text: String::new(), squeezed: String::new() }
    }

    /// Look for all words in a URL. None if that depends on the case of a sigma, which the twin decides.
    pub fn look(&mut self, url: &str) -> Option<()> {
        self.kinds.iter_mut().for_each(Kind::clear);
        self.speak(url)?;
        self.squeeze();
        for found in self.words.inside.find_overlapping_iter(&self.squeezed) {
            self.kinds[STRICT].add(found.pattern().as_usize());
        }
        self.kinds.iter_mut().for_each(|kind| kind.found.sort_unstable());
        Some(())
    }

    /// The number of distinct words of a kind in the URL.
    pub fn count(&self, kind: usize) -> u32 {
        self.kinds[kind].found.len() as u32
    }

    /// The words in the URL, by kind and then in the order of the lists.
    pub fn found(&self) -> impl Iterator<Item = (&'static str, &str)> {
        KINDS
            .into_iter()
            .zip(&self.kinds)
            .flat_map(|(name, kind)| kind.found.iter().map(move |number| (name, kind.words[*number].as_str())))
    }

    /// Write the text that is searched for words to `text`.
    fn speak(&mut self, url: &str) -> Option<()> {
        let spoken = match url.split_once("://") {
            Some((_, rest)) if !rest.is_empty() => rest,
            _ => url,
        };
        self.decoded.clear();
        percent_decode(spoken, &mut self.decoded);
        self.text.clear();
        if self.decoded.is_ascii() {
            self.text.push_str(&self.decoded);
            self.text.make_ascii_lowercase();
            return Some(());
        }
        for character in self.decoded.chars() {
            match self.words.lower.get(&character) {
                _ if character.is_ascii() => self.text.push(character.to_ascii_lowercase()),
                _ if character == CAPITAL_SIGMA => return None,
                Some(lower) => self.text.push_str(lower),
                None => self.text.push(character),
            }
        }
        Some(())
    }

    /// Put the text without separators into `squeezed`, and look for the words that stand alone.
    fn squeeze(&mut self) {
        let text = std::mem::take(&mut self.text);
        self.squeezed.clear();
        let mut word = 0; // where the run of letters and digits begins
        for (at, character) in text.char_indices() {
            let class = self.classes.of(character);
            if class & WORD == 0 {
                self.add_alone(&text[word..at]);
                word = at + character.len_utf8();
            }
            if class & SPACE == 0 && !matches!(character, '-' | '.' | '_' | '~' | '+' | ',') {
                self.squeezed.push(character);
            }
        }
        self.add_alone(&text[word..]);
        self.text = text;
    }

    fn add_alone(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        for (kind, number) in self.words.alone.get(word).into_iter().flatten() {
            self.kinds[*kind].add(*number);
        }
    }
}

/// Decode `%XX` once. Each run of ASCII is decoded by itself, and invalid UTF-8 is replaced.
fn percent_decode(text: &str, decoded: &mut String) {
    if !text.contains('%') {
        decoded.push_str(text);
        return;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(ascii);
        bytes.clear();
        unescape(run.as_bytes(), &mut bytes);
        decoded.push_str(&String::from_utf8_lossy(&bytes));
        let other = after.bytes().position(|byte| byte.is_ascii()).unwrap_or(after.len());
        decoded.push_str(&after[..other]);
        rest = &after[other..];
    }
}

fn unescape(text: &[u8], bytes: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let digits = text.get(at + 1).copied().and_then(digit).zip(text.get(at + 2).copied().and_then(digit));
        match (byte, digits) {
            (b'%', Some((high, low))) => {
                bytes.push(high << 4 | low);
                at += 3;
            }
            _ => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}
