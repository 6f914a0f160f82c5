//! The rows of words that were met before. Most words of a text are few words, met again and again.
//!
//! A place has two words, and a new one replaces the one that was not met last: no choice of words makes a search long.

use super::grams::Hash;

const PLACES: usize = 1 << 13;
const LONGEST: usize = 48;
const MOST_ROWS: usize = 1 << 20;

pub struct Memo {
    places: Vec<[Entry; 2]>,
    spellings: Vec<u8>,
    rows: Vec<u32>,
}

/// Where a word's spelling and its rows are in the memo, and their lengths.
#[derive(Clone, Copy, Default)]
struct Entry {
    hash: u32,
    spelling: u32,
    rows: u32,
    length: u16,
    count: u16,
}

impl Default for Memo {
    fn default() -> Self {
        Memo { places: vec![Default::default(); PLACES], spellings: Vec::new(), rows: Vec::new() }
    }
}

impl Memo {
    /// The rows of a word, if they are there.
    #[inline]
    pub fn find(&mut self, word: &[u8], hash: Hash) -> Option<&[u32]> {
        let is_word = |entry: &Entry| {
            let may = entry.hash == hash.0 && usize::from(entry.length) == word.len();
            may && self.spellings[entry.spelling as usize..][..word.len()] == *word
        };
        let entries = &mut self.places[place(hash)];
        if !is_word(&entries[0]) {
            if !is_word(&entries[1]) {
                return None;
            }
            entries.swap(0, 1);
        }
        Some(&self.rows[entries[0].rows as usize..][..usize::from(entries[0].count)])
    }

    /// Remember the rows of a word.
    pub fn keep(&mut self, word: &[u8], hash: Hash, rows: &[u32]) {
        let (Ok(length), Ok(count)) = (u16::try_from(word.len()), u16::try_from(rows.len())) else { return };
        if word.len() > LONGEST {
            return;
        }
        if self.rows.len() + rows.len() > MOST_ROWS || self.spellings.len() > MOST_ROWS {
            self.places.fill(Default::default());
            self.spellings.clear();
            self.rows.clear();
        }
        let (spelling, first) = (self.spellings.len() as u32, self.rows.len() as u32);
        let entries = &mut self.places[place(hash)];
        *entries = [Entry { hash: hash.0, spelling, rows: first, length, count }, entries[0]];
        self.spellings.extend_from_slice(word);
        self.rows.extend_from_slice(rows);
    }
}

fn place(hash: Hash) -> usize {
    (hash.0 ^ (hash.0 >> 16)) as usize % PLACES
}
