//! The rows of words that were met before. Most words of a text are few words, met again and again.
//!
//! A slot contains one word, and a new one replaces the old: no choice of words makes a search long.

use super::grams::Hash;

const PLACES: usize = 1 << 13;
const LONGEST: usize = 48;
const MOST_ROWS: usize = 1 << 18;

pub struct Memo {
    places: Vec<Place>,
    spellings: Vec<u8>,
    rows: Vec<u32>,
}

/// The place of a word's spelling and of its rows in the memo, and their lengths.
#[derive(Clone, Copy, Default)]
struct Place {
    hash: u32,
    spelling: u32,
    rows: u32,
    length: u16,
    count: u16,
}

impl Default for Memo {
    fn default() -> Self {
        Memo { places: vec![Place::default(); PLACES], spellings: Vec::new(), rows: Vec::new() }
    }
}

impl Memo {
    /// The rows of a word, if they are there.
    pub fn find(&self, word: &[u8], hash: Hash) -> Option<&[u32]> {
        let place = &self.places[place(hash)];
        if place.hash != hash.0 || usize::from(place.length) != word.len() {
            return None;
        }
        let (spelling, rows) = (place.spelling as usize, place.rows as usize);
        let same = self.spellings[spelling..][..word.len()] == *word;
        same.then(|| &self.rows[rows..][..usize::from(place.count)])
    }

    /// Remember the rows of a word.
    pub fn keep(&mut self, word: &[u8], hash: Hash, rows: &[u32]) {
        let (Ok(length), Ok(count)) = (u16::try_from(word.len()), u16::try_from(rows.len())) else { return };
        if word.len() > LONGEST {
            return;
        }
        if self.rows.len() + rows.len() > MOST_ROWS || self.spellings.len() > MOST_ROWS {
            self.places.fill(Place::default());
            self.spellings.clear();
            self.rows.clear();
        }
        let (spelling, first) = (self.spellings.len() as u32, self.rows.len() as u32);
        self.places[place(hash)] = Place { hash: hash.0, spelling, rows: first, length, count };
        self.spellings.extend_from_slice(word);
        self.rows.extend_from_slice(rows);
    }
}

fn place(hash: Hash) -> usize {
    (hash.0 ^ (hash.0 >> 16)) as usize % PLACES
}
