//! A dictionary, and the cheapest way to divide letters into its words. Twin: `refinery.kernels.reference.dictionaries`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pyo3::exceptions::PyValueError;
use pyo3::{PyErr, PyResult};

use super::trie::{Trie, Words};
use crate::pages::inflate::{inflate, Stream, Wrapper};

/// Costs of letters that no word has, up to the next letter where a word may begin, and of a whole run of katakana.
/// The unit is an eighth of a nat, as in the dictionaries.
const UNKNOWN: u32 = 150;
const KATAKANA: u32 = 220;

const LETTERS: usize = 1 << 16;
const LARGEST: usize = 1 << 26;

/// The dictionaries by number, and those of Han.
pub const NAMES: [&str; 6] = ["burmese", "chinese", "japanese", "khmer", "lao", "thai"];
pub const CHINESE: usize = 1;
pub const JAPANESE: usize = 2;

/// The dictionaries of a folder, each of which is read when a text first needs it.
pub struct Dictionaries {
    folder: PathBuf,
    read: [OnceLock<Dictionary>; NAMES.len()],
}

impl Dictionaries {
    pub fn of(folder: PathBuf) -> Self {
        Dictionaries { folder, read: Default::default() }
    }

    pub fn get(&self, number: usize) -> PyResult<&Dictionary> {
        let place = &self.read[number];
        if let Some(dictionary) = place.get() {
            return Ok(dictionary);
        }
        let dictionary = Dictionary::read(&self.folder.join(format!("{}.txt.gz", NAMES[number])))?;
        Ok(place.get_or_init(|| dictionary))
    }
}

/// The words of a dictionary with their costs.
pub struct Dictionary {
    trie: Trie,
    /// Codes of the letters from the first one on; 0 for letters that no word has.
    codes: Vec<u16>,
    first: u32,
}

impl Dictionary {
    /// Read a compressed file: a line a word with its cost, or a letter with the letter that it is read as.
    fn read(path: &Path) -> PyResult<Dictionary> {
        let wrong = |problem: &str| PyValueError::new_err(format!("{}: {problem}", path.display()));
        let data = fs::read(path).map_err(PyErr::from)?;
        let mut text = Vec::new();
        let Stream::Whole { made, .. } = inflate(&data, Wrapper::Gzip, &mut text, LARGEST) else {
            return Err(wrong("not a sound gzip stream"));
        };
        let text = std::str::from_utf8(&text[..made]).map_err(|_| wrong("not UTF-8"))?;
        Dictionary::parse(text).map_err(wrong)
    }

    fn parse(text: &str) -> Result<Dictionary, &'static str> {
        let (mut words, mut readings, mut codes) = (Vec::new(), Vec::new(), vec![0; LETTERS]);
        for line in text.lines() {
            let (word, value) = line.split_once('\t').ok_or("a line without a tab")?;
            if let Ok(cost) = value.parse() {
                for letter in word.chars() {
                    *codes.get_mut(letter as usize).ok_or("a letter beyond U+FFFF")? = 1;
                }
                words.push((word, cost));
            } else {
                let letters = word.chars().next().zip(value.chars().next()).ok_or("a letter without a reading")?;
                readings.push(letters);
            }
        }
        for (code, number) in codes.iter_mut().filter(|code| **code > 0).zip(1..) {
            *code = number;
        }
        let mut coded = Words::default();
        for (word, cost) in words {
            coded.push(word.chars().map(|letter| codes[letter as usize]), cost)?;
        }
        for (variant, letter) in readings {
            let code = codes.get(letter as usize).copied().unwrap_or(0);
            *codes.get_mut(variant as usize).ok_or("a letter beyond U+FFFF")? = code;
        }
        let first = codes.iter().position(|code| *code > 0).ok_or("no words")?;
        Ok(Dictionary { trie: coded.trie()?, codes: codes.split_off(first), first: first as u32 })
    }

    #[inline]
    fn code(&self, letter: char) -> u16 {
        self.codes.get((letter as u32).wrapping_sub(self.first) as usize).copied().unwrap_or(0)
    }
}

/// A letter that is to be divided from others.
#[derive(Clone, Copy)]
pub struct Letter {
    /// Its place in the text, in bytes.
    pub at: u32,
    pub letter: char,
    /// A word may begin with it.
    pub open: bool,
    pub katakana: bool,
}

/// The cheapest way to divide letters, up to one of them: its cost, and the last word.
#[derive(Clone, Copy)]
struct Best {
    cost: u32,
    start: u32,
    known: bool,
}

/// Memory that divisions share.
#[derive(Default)]
pub struct Paths {
    codes: Vec<u16>,
    best: Vec<Best>,
}

impl Paths {
    /// Add where words begin after the first letter: at the least sum of costs, unknown letters side by side as one word.
    pub fn divide(&mut self, letters: &[Letter], dictionary: &Dictionary, found: &mut Vec<u32>) {
        self.codes.clear();
        self.codes.extend(letters.iter().map(|letter| dictionary.code(letter.letter)));
        self.best.clear();
        self.best.resize(letters.len() + 1, Best { cost: u32::MAX, start: 0, known: true });
        self.best[0].cost = 0;
        for start in 0..letters.len() {
            if self.best[start].cost < u32::MAX {
                self.extend(letters, start, &dictionary.trie);
            }
        }
        let first = found.len();
        let (mut at, mut known) = (letters.len(), true);
        while at > 0 {
            let word = self.best[at];
            if at < letters.len() && (known || word.known) {
                found.push(letters[at].at);
            }
            (at, known) = (word.start as usize, word.known);
        }
        found[first..].reverse();
    }

    /// Add the words that start at a letter.
    #[inline]
    fn extend(&mut self, letters: &[Letter], start: usize, trie: &Trie) {
        let rest = &letters[start..];
        let closed = rest[1..].iter().take_while(|letter| !letter.open).count();
        self.offer(start, start + 1 + closed, UNKNOWN, false);
        if rest[0].katakana && !(start > 0 && letters[start - 1].katakana) {
            let run = rest.iter().take_while(|letter| letter.katakana).count();
            self.offer(start, start + run, KATAKANA, true);
        }
        let mut node = trie.root();
        for end in start + 1..=letters.len() {
            let Some(child) = trie.child(node, self.codes[end - 1]) else { return };
            node = child;
            let cost = node.cost();
            if cost > 0 && letters.get(end).is_none_or(|letter| letter.open) {
                self.offer(start, end, cost, true);
            }
        }
    }

    /// Take a word if it is cheaper than what ends where it does.
    #[inline]
    fn offer(&mut self, start: usize, end: usize, cost: u32, known: bool) {
        let cost = self.best[start].cost + cost;
        if cost < self.best[end].cost {
            self.best[end] = Best { cost, start: start as u32, known };
        }
    }
}
