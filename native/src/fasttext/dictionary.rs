//! The words and labels of a model, by number and by spelling.

use super::grams::Hash;
use super::reader::{require, Fault, Reader};

const LABEL: &[u8] = b"__label__";
const FREE: u32 = u32::MAX;
/// Steps of a search for a free place, on average: chosen words can take as many as there are words.
const STEPS: usize = 64;

/// A word of a text, as the model sees it.
pub enum Word {
    /// With a row of its own.
    Known(u32),
    Unknown,
    /// Looks like a label, and counts for nothing.
    Label,
}

pub struct Dictionary {
    /// The spellings, one after another; `ends` contains the end of each.
    spellings: Vec<u8>,
    ends: Vec<usize>,
    /// Hash and number of each spelling, by the first free place after the one that the hash points to.
    places: Vec<(u32, u32)>,
    /// Words come first, then labels.
    pub words: usize,
    /// Without their prefix.
    pub labels: Vec<String>,
    /// How often each label was seen in training.
    pub counts: Vec<i64>,
}

impl Dictionary {
    /// Read words and labels. Also returns the count of buckets that pruning left, which belongs to the n-grams.
    pub fn read(reader: &mut Reader) -> Result<(Self, i64), Fault> {
        let size = reader.size("words and labels")?;
        let (words, labels) = (reader.size("words")?, reader.size("labels")?);
        require(words.checked_add(labels) == Some(size), || format!("{words} words and {labels} labels are {size}"))?;
        require(labels > 0, || "it has no labels".to_owned())?;
        reader.long()?; // words of the training text
        let pruned = reader.long()?;
        let mut made = Dictionary::empty(words);
        for number in 0..size {
            made.read_entry(reader, number)?;
        }
        made.fill()?;
        Ok((made, pruned))
    }

    fn empty(words: usize) -> Self {
        let (spellings, ends, places) = (Vec::new(), Vec::new(), Vec::new());
        Dictionary { spellings, ends, places, words, labels: Vec::new(), counts: Vec::new() }
    }

    fn read_entry(&mut self, reader: &mut Reader, number: usize) -> Result<(), Fault> {
        let word = reader.word()?;
        let (count, kind) = (reader.long()?, reader.byte()?);
        let is_label = number >= self.words;
        require(kind == u8::from(is_label), || format!("entry {number} is of kind {kind}"))?;
        if is_label {
            let label = std::str::from_utf8(&word).map_err(|_| Fault(format!("label {number} is not UTF-8")))?;
            self.labels.push(label.strip_prefix("__label__").unwrap_or(label).to_owned());
            self.counts.push(count);
        }
        self.spellings.extend_from_slice(&word);
        self.ends.push(self.spellings.len());
        Ok(())
    }

    fn fill(&mut self) -> Result<(), Fault> {
        let size = self.ends.len();
        let last = u32::try_from(size).ok().filter(|&last| last < FREE);
        let last = last.ok_or_else(|| Fault(format!("damaged fastText model: {size} words")))?;
        self.places = vec![(0, FREE); (2 * size).next_power_of_two()];
        let (mask, mut left) = (self.places.len() - 1, STEPS.saturating_mul(size + 1));
        for number in 0..last {
            let hash = Hash::of(self.spelling(number));
            let place = self.place(self.spelling(number), hash);
            self.places[place] = (hash.0, number); // of equal spellings the last one counts
            let steps = place.wrapping_sub(first_place(hash.0)) & mask;
            require(steps <= left, || "its words have the same hash".to_owned())?;
            left -= steps;
        }
        Ok(())
    }

    /// The entry of a word, by its hash.
    pub fn find(&self, word: &[u8], hash: Hash) -> Word {
        match self.places[self.place(word, hash)].1 {
            FREE if word.starts_with(LABEL) => Word::Label,
            FREE => Word::Unknown,
            number if (number as usize) < self.words => Word::Known(number),
            _ => Word::Label,
        }
    }

    fn place(&self, word: &[u8], hash: Hash) -> usize {
        let mask = self.places.len() - 1;
        let mut place = first_place(hash.0) & mask;
        loop {
            let (other, number) = self.places[place];
            if number == FREE || (other == hash.0 && self.spelling(number) == word) {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn spelling(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        &self.spellings[start..self.ends[number]]
    }
}

/// The place at which a search for a hash begins, after division by the number of places.
#[inline(always)]
fn first_place(hash: u32) -> usize {
    (u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}
