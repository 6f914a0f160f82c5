//! The texts of items as numbers of words, the weight of each word, and the places of their trigrams.

use std::collections::{HashMap, HashSet};

use super::numerals::{number, Numeral};
use super::units::{append_units, extended, number_key, Kind, Unit};

/// The weight of a word that one item has.
pub const ONE: u32 = 1024;
/// The most that a common word weighs.
const COMMON: u32 = ONE / 4;
/// Places of a trigram in different texts; one that has more begins no search.
const HOT: usize = 64;
/// Marks the word of a number, with its place among these.
const NUMERAL: u32 = 1 << 31;
/// Units of the longest answer that is only looked for beside its question.
pub const SHORT: usize = 8;

pub const QUESTION: u8 = 0;
pub const PASSAGE: u8 = 1;
pub const ANSWER: u8 = 2;

/// A text of an item: the group and the row that have it, and the text without repetitions.
#[derive(Clone, Copy)]
pub struct Role {
    pub group: u32,
    pub kind: u8,
    pub row: u32,
    pub piece: u32,
}

/// A place of a trigram.
#[derive(Clone, Copy)]
pub struct Place {
    pub piece: u32,
    pub at: u32,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    start: u32,
    count: u16,
    weight: u16,
}

pub struct Index {
    words: Words,
    /// The weight of each word; 0 is no word of an item.
    pub weights: Vec<u32>,
    pieces: Vec<u32>,
    offsets: Vec<usize>,
    pub totals: Vec<u64>,
    /// Roles by piece, and by group.
    roles: Vec<Role>,
    role_offsets: Vec<usize>,
    answers: Vec<Role>,
    answer_offsets: Vec<usize>,
    slots: Vec<Slot>,
    seen: Vec<u64>,
    pub places: Vec<Place>,
}

impl Index {
    pub fn new(
        texts: &[&str],
        kinds: &[u8],
        groups: &[u32],
        folds: &[u32],
        numerals: Vec<(u64, Numeral)>,
        common: &[String],
    ) -> Self {
        let mut words = Words::new(numerals);
        let (mut pieces, mut offsets, mut roles) = (Vec::new(), vec![0], Vec::new());
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        let (mut units, mut ids, mut shares) = (Vec::new(), Vec::new(), HashMap::new());
        for (row, text) in texts.iter().enumerate() {
            words.add(text, folds, &mut units, &mut ids);
            shares.extend(units.iter().zip(&ids).filter_map(|(unit, id)| Some((*id, share_of(unit.kind)?))));
            let next = known.len() as u32;
            let piece = *known.entry(ids.clone()).or_insert(next);
            if piece == next {
                pieces.extend_from_slice(&ids);
                offsets.push(pieces.len());
            }
            roles.push(Role { group: groups[row], kind: kinds[row], row: row as u32, piece });
        }
        let mut common_ids = HashSet::new();
        for word in common {
            words.find(word, folds, &mut units, &mut ids);
            common_ids.extend(ids.iter().filter(|_| ids.len() == 1).copied());
        }
        let mut index = Index {
            weights: vec![0; words.count as usize + 1],
            words,
            totals: Vec::new(),
            role_offsets: Vec::new(),
            answers: roles.iter().filter(|role| role.kind == ANSWER).copied().collect(),
            answer_offsets: Vec::new(),
            slots: Vec::new(),
            seen: Vec::new(),
            places: Vec::new(),
            pieces,
            offsets,
            roles,
        };
        index.weigh(&common_ids, &shares);
        index.group();
        index.note_trigrams();
        index
    }

    /// The rarity of each word: 1 where one group has it, 0 where all have it; less for common words and characters.
    fn weigh(&mut self, common: &HashSet<u32>, shares: &HashMap<u32, u32>) {
        let (mut counts, mut last) = (vec![0_u32; self.weights.len()], vec![u32::MAX; self.weights.len()]);
        let mut groups = 0_u32;
        let mut before = None;
        for role in &self.roles {
            groups += u32::from(before != Some(role.group));
            before = Some(role.group);
            for &word in self.piece(role.piece) {
                if last[word as usize] != role.group {
                    last[word as usize] = role.group;
                    counts[word as usize] += 1;
                }
            }
        }
        let all = f64::from(groups + 1);
        for (word, &count) in counts.iter().enumerate() {
            if count > 0 {
                let rarity = (all / f64::from(count)).ln() / all.ln();
                let mut weight = (rarity * f64::from(ONE)).round() as u32;
                if common.contains(&(word as u32)) {
                    weight = weight.min(COMMON);
                }
                self.weights[word] = weight / shares.get(&(word as u32)).unwrap_or(&1);
            }
        }
        let total = |piece: &[usize]| {
            self.pieces[piece[0]..piece[1]].iter().map(|&word| u64::from(self.weights[word as usize])).sum()
        };
        self.totals = self.offsets.windows(2).map(total).collect();
    }

    /// Sort roles by piece, and answers by group.
    fn group(&mut self) {
        self.roles.sort_by_key(|role| (role.piece, role.row));
        self.role_offsets = ends(self.roles.iter().map(|role| role.piece), self.totals.len());
        let groups = self.roles.iter().map(|role| role.group as usize + 1).max().unwrap_or(0);
        self.answer_offsets = ends(self.answers.iter().map(|role| role.group), groups);
    }

    fn note_trigrams(&mut self) {
        let mut found = Vec::new();
        for piece in 0..self.totals.len() as u32 {
            let words = self.piece(piece);
            if words.len() <= SHORT && self.roles_of(piece).iter().all(|role| role.kind == ANSWER) {
                continue;
            }
            found.extend(words.windows(3).enumerate().map(|(at, words)| (trigram(words), piece, at as u32)));
        }
        found.sort_unstable();
        let runs = found.chunk_by(|a, b| a.0 == b.0).count();
        let size = (runs * 2).next_power_of_two().max(2);
        self.slots = vec![Slot::default(); size];
        self.seen = vec![0; (size * 8).div_ceil(64)];
        for run in found.chunk_by(|a, b| a.0 == b.0) {
            if run.len() > HOT {
                continue;
            }
            let (key, start) = (run[0].0, self.places.len() as u32);
            self.places.extend(run.iter().map(|&(_, piece, at)| Place { piece, at }));
            let at = run[0].2 as usize;
            let weight: u32 = self.piece(run[0].1)[at..at + 3].iter().map(|&word| self.weights[word as usize]).sum();
            let mut slot = slot_of(key, size);
            while self.slots[slot].key != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = Slot { key, start, count: run.len() as u16, weight: weight as u16 };
            let bit = slot_of(key, size * 8);
            self.seen[bit / 64] |= 1 << (bit % 64);
        }
    }

    /// The words of a text without repetitions.
    #[inline]
    pub fn piece(&self, piece: u32) -> &[u32] {
        &self.pieces[self.offsets[piece as usize]..self.offsets[piece as usize + 1]]
    }

    /// What a text is, of which groups.
    pub fn roles_of(&self, piece: u32) -> &[Role] {
        &self.roles[self.role_offsets[piece as usize]..self.role_offsets[piece as usize + 1]]
    }

    /// The answers of a group.
    pub fn answers_of(&self, group: u32) -> &[Role] {
        &self.answers[self.answer_offsets[group as usize]..self.answer_offsets[group as usize + 1]]
    }

    /// The places of a trigram, and its weight.
    #[inline]
    pub fn places_of(&self, words: &[u32]) -> Option<(std::ops::Range<u32>, u32)> {
        let (key, size) = (trigram(words), self.slots.len());
        let bit = slot_of(key, size * 8);
        if self.seen[bit / 64] >> (bit % 64) & 1 == 0 {
            return None;
        }
        let mut at = slot_of(key, size);
        loop {
            let slot = self.slots[at];
            if slot.key == key {
                return Some((slot.start..slot.start + u32::from(slot.count), u32::from(slot.weight)));
            }
            if slot.key == 0 {
                return None;
            }
            at = (at + 1) & (size - 1);
        }
    }

    /// The words of a text as numbers, 0 for words of no item, with the units that they are.
    pub fn find(&self, text: &str, folds: &[u32], units: &mut Vec<Unit>, ids: &mut Vec<u32>) {
        self.words.find(text, folds, units, ids);
    }
}

/// Numbers of words, from 1.
struct Words {
    slots: Vec<(u64, u32)>,
    numerals: Vec<Numeral>,
    used: usize,
    count: u32,
}

impl Words {
    fn new(numerals: Vec<(u64, Numeral)>) -> Self {
        let mut words = Words { slots: vec![(0, 0); 1024], numerals: Vec::new(), used: 0, count: 0 };
        for (key, numeral) in numerals {
            if words.get(key) == 0 {
                words.insert(key, NUMERAL | words.numerals.len() as u32);
                words.numerals.push(numeral);
            }
        }
        words
    }

    #[inline]
    fn get(&self, key: u64) -> u32 {
        let mut at = slot_of(key, self.slots.len());
        loop {
            let (found, number) = self.slots[at];
            if (found == key) | (found == 0) {
                return if found == key { number } else { 0 };
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn insert(&mut self, key: u64, number: u32) {
        if self.used * 2 >= self.slots.len() {
            let size = self.slots.len() * 2;
            let slots = std::mem::replace(&mut self.slots, vec![(0, 0); size]);
            self.used = 0;
            for (key, number) in slots.into_iter().filter(|(key, _)| *key != 0) {
                self.insert(key, number);
            }
        }
        let mut at = slot_of(key, self.slots.len());
        while self.slots[at].0 != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = (key, number);
        self.used += 1;
    }

    /// The words of a text, with numbers for those that are new.
    fn add(&mut self, text: &str, folds: &[u32], units: &mut Vec<Unit>, ids: &mut Vec<u32>) {
        self.find(text, folds, units, ids);
        for (unit, id) in units.iter().zip(ids.iter_mut()).filter(|(_, id)| **id == 0) {
            *id = self.get(unit.key);
            if *id == 0 {
                self.count += 1;
                *id = self.count;
                self.insert(unit.key, self.count);
            }
        }
    }

    fn find(&self, text: &str, folds: &[u32], units: &mut Vec<Unit>, ids: &mut Vec<u32>) {
        units.clear();
        append_units(text, folds, units);
        ids.clear();
        ids.extend(units.iter().map(|unit| self.get(unit.key)));
        if ids.iter().any(|id| id & NUMERAL != 0) {
            self.join_numbers(text, units, ids);
        }
    }

    /// Take the words of a number for one, which is written with digits.
    fn join_numbers(&self, text: &str, units: &mut Vec<Unit>, ids: &mut Vec<u32>) {
        let numeral = |ids: &[u32], at: usize| {
            let id = ids.get(at).filter(|id| **id & NUMERAL != 0)?;
            self.numerals.get((id & !NUMERAL) as usize).copied()
        };
        let (mut from, mut to) = (0, 0);
        while from < ids.len() {
            (units[to], ids[to]) = (units[from], ids[from]);
            let begins =
                ids[from] & NUMERAL != 0 || (units[from].kind == Kind::Digits && numeral(ids, from + 1).is_some());
            let number = if begins { number(&units[from..], text, |at| numeral(ids, from + at)) } else { None };
            if let Some((value, size)) = number {
                let key = number_key(value);
                units[to] = Unit { key, end: units[from + size - 1].end, kind: Kind::Digits, ..units[from] };
                ids[to] = self.get(key);
                from += size;
            } else {
                if ids[to] & NUMERAL != 0 {
                    units[to].key = extended(units[to].key, 0); // `and` alone, a word as others
                    ids[to] = self.get(units[to].key);
                }
                from += 1;
            }
            to += 1;
        }
        units.truncate(to);
        ids.truncate(to);
    }
}

/// How many units are about a word, in scripts without spaces.
fn share_of(kind: Kind) -> Option<u32> {
    match kind {
        Kind::Han => Some(2),
        Kind::Letters => Some(4),
        Kind::Digits | Kind::Word => None,
    }
}

/// The key of three words, never 0.
#[inline]
fn trigram(words: &[u32]) -> u64 {
    words[..3].iter().fold(1, |key, &word| extended(key, word)) | 1
}

/// A place of a table, whose size is a power of two, for a key.
#[inline]
fn slot_of(key: u64, size: usize) -> usize {
    ((key ^ (key >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 32) as usize & (size - 1)
}

/// Offsets of the runs of equal numbers below `count` in a sorted sequence.
fn ends(numbers: impl Iterator<Item = u32>, count: usize) -> Vec<usize> {
    let mut offsets = vec![0; count + 1];
    numbers.for_each(|number| offsets[number as usize + 1] += 1);
    for at in 0..count {
        offsets[at + 1] += offsets[at];
    }
    offsets
}
