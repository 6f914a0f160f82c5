//! Repeated n-grams of the numbered words of one text.
//!
//! An n-gram can only repeat where the two (n-1)-grams inside it repeat, so each step from n-1 to n looks only at the
//! places that are left, and an n-gram's number comes from the numbers of those two: nothing can collide, time does not
//! grow with n, and once nothing repeats the longer n-grams cost nothing.

use crate::text::numbering::Pairs;

/// A position in the text, in words, and the number of the n-gram that starts there.
#[derive(Clone, Copy)]
struct Place {
    position: u32,
    number: u32,
}

/// The places of the n-grams that occur more than once, for one n after the other.
pub struct Ngrams {
    n: usize,
    places: Vec<Place>, // in the order of positions
    counts: Vec<u32>,   // by number
    pairs: Pairs,
    seen: Vec<bool>, // by number
}

impl Ngrams {
    pub fn new() -> Self {
        Ngrams { n: 1, places: Vec::new(), counts: Vec::new(), pairs: Pairs::new(), seen: Vec::new() }
    }

    /// Start a text with n = 1: the words as numbers below `distinct`.
    pub fn start(&mut self, words: &[u32], distinct: usize) {
        self.n = 1;
        self.places.clear();
        self.places.extend((0..).zip(words).map(|(position, number)| Place { position, number: *number }));
        self.keep_repeated(distinct);
    }

    /// Go from n to n + 1.
    pub fn lengthen(&mut self) {
        self.n += 1;
        if self.places.is_empty() {
            return;
        }
        self.pairs.clear();
        let mut kept = 0;
        for at in 1..self.places.len() {
            let (first, second) = (self.places[at - 1], self.places[at]);
            if first.position + 1 == second.position {
                let number = self.pairs.number(first.number, second.number);
                self.places[kept] = Place { position: first.position, number };
                kept += 1;
            }
        }
        self.places.truncate(kept);
        self.keep_repeated(self.pairs.len());
    }

    fn keep_repeated(&mut self, distinct: usize) {
        self.counts.clear();
        self.counts.resize(distinct, 0);
        for place in &self.places {
            self.counts[place.number as usize] += 1;
        }
        let mut kept = 0;
        for at in 0..self.places.len() {
            // No branch: repeats cannot be predicted.
            let place = self.places[at];
            self.places[kept] = place;
            kept += usize::from(self.counts[place.number as usize] > 1);
        }
        self.places.truncate(kept);
    }

    /// Length, with a space for the white space between words, times count of the most frequent n-gram; of several, the
    /// one that comes first.
    ///
    /// `ends` are the characters of the first 0, 1, 2, ... words, `joined` the words without white space before them.
    /// The text has at least n words.
    pub fn top_characters(&self, ends: &[u32], joined: &[u32]) -> u64 {
        let (mut position, mut count) = (0, 1);
        for place in &self.places {
            if self.counts[place.number as usize] > count {
                (position, count) = (place.position as usize, self.counts[place.number as usize]);
            }
        }
        let joined_before = |word: usize| joined.partition_point(|&other| (other as usize) < word);
        let spaces = self.n - 1 - (joined_before(position + self.n) - joined_before(position + 1));
        u64::from(count) * (self.characters(ends, position) + spaces as u64)
    }

    /// Characters, without spaces, of n-grams that occurred before, from left to right and never overlapping.
    pub fn duplicate_characters(&mut self, ends: &[u32]) -> u64 {
        self.seen.clear();
        self.seen.resize(self.counts.len(), false);
        let (mut next, mut characters) = (0, 0);
        for place in &self.places {
            let position = place.position as usize;
            if position < next {
                continue;
            }
            if self.seen[place.number as usize] {
                characters += self.characters(ends, position);
                next = position + self.n;
            }
            self.seen[place.number as usize] = true;
        }
        characters
    }

    /// Length times count of the most frequent n-gram; of several, the longest. 0 where none repeats.
    pub fn longest_top_characters(&self, ends: &[u32]) -> u64 {
        let each = self.places.iter();
        let top =
            each.map(|place| (self.counts[place.number as usize], self.characters(ends, place.position as usize)));
        top.max().map_or(0, |(count, characters)| u64::from(count) * characters)
    }

    /// Characters of all words in n-grams that repeat.
    pub fn covered_characters(&self, ends: &[u32]) -> u64 {
        let (mut from, mut characters) = (0, 0);
        for place in &self.places {
            let end = place.position as usize + self.n;
            characters += u64::from(ends[end] - ends[from.max(place.position as usize)]);
            from = end;
        }
        characters
    }

    fn characters(&self, ends: &[u32], position: usize) -> u64 {
        u64::from(ends[position + self.n] - ends[position])
    }
}
