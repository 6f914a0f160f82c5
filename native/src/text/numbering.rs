//! Numbers for distinct things: 0 for the first, 1 for the next that is not equal to it, and so on.
//!
//! Equality is exact: a hash only selects where to look. Hashes are seeded at random, so that no text can be written
//! that makes the tables slow; the numbers do not depend on the seed.

use std::hash::{BuildHasher, Hasher, RandomState};

use xxhash_rust::xxh3::xxh3_64_with_seed;

const SLOTS: usize = 1024;
const SHORT: usize = 8; // bytes

/// An open-addressing table from hashes to numbers.
struct Table {
    slots: Vec<u32>, // number + 1; 0 is a free slot
    hashes: Vec<u64>,
}

impl Table {
    fn new() -> Self {
        Table { slots: vec![0; SLOTS], hashes: Vec::new() }
    }

    fn clear(&mut self) {
        // Back to the first size: a large text must not make the small ones after it pay for clearing its table.
        self.slots.clear();
        self.slots.resize(SLOTS, 0);
        self.hashes.clear();
    }

    /// The number of the item with this hash; `equal` is true for the number of an equal item.
    #[inline]
    fn number(&mut self, hash: u64, equal: impl Fn(usize) -> bool) -> u32 {
        let mask = self.slots.len() - 1;
        let mut slot = first_slot(hash, self.slots.len());
        while self.slots[slot] != 0 {
            let number = self.slots[slot] - 1;
            if self.hashes[number as usize] == hash && equal(number as usize) {
                return number;
            }
            slot = (slot + 1) & mask;
        }
        self.hashes.push(hash);
        self.slots[slot] = self.hashes.len() as u32;
        if self.hashes.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.hashes.len() as u32 - 1
    }

    #[cold]
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (number, hash) in self.hashes.iter().enumerate() {
            let mut slot = first_slot(*hash, size);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (size - 1);
            }
            self.slots[slot] = number as u32 + 1;
        }
    }
}

/// By the high bits: those of a product depend on all bits of its factors.
#[inline]
fn first_slot(hash: u64, slots: usize) -> usize {
    (hash >> (64 - slots.ilog2())) as usize
}

/// An odd number; multiplying by it loses nothing.
fn random_factor() -> u64 {
    RandomState::new().build_hasher().finish() | 1
}

/// Numbers of byte strings.
pub struct Strings<'a> {
    table: Table,
    strings: Vec<&'a [u8]>,
    factor: u64,
}

impl<'a> Strings<'a> {
    pub fn new() -> Self {
        Strings { table: Table::new(), strings: Vec::new(), factor: random_factor() }
    }

    /// Forget all strings.
    pub fn clear(&mut self) {
        self.table.clear();
        self.strings.clear();
    }

    /// The number of distinct strings.
    pub fn len(&self) -> usize {
        self.strings.len()
    }

    /// The number of `text[start..end]`.
    #[inline]
    pub fn number(&mut self, text: &'a [u8], start: usize, end: usize) -> u32 {
        let string = &text[start..end];
        let short = string.len() <= SHORT;
        let hash = if short {
            padded(text, start, end).wrapping_mul(self.factor)
        } else {
            xxh3_64_with_seed(string, self.factor)
        };
        let strings = &self.strings;
        // Short strings of one length and one product are equal, so only long ones need a look.
        let equal = |other: usize| strings[other].len() == string.len() && (short || strings[other] == string);
        let number = self.table.number(hash, equal);
        if number as usize == self.strings.len() {
            self.strings.push(string);
        }
        number
    }
}

/// At most eight bytes, with zeros after them, as a number.
#[inline]
fn padded(text: &[u8], start: usize, end: usize) -> u64 {
    match text.get(start..start + SHORT).map(<[u8; SHORT]>::try_from) {
        Some(Ok(bytes)) => u64::from_le_bytes(bytes) & u64::MAX.checked_shr(64 - 8 * (end - start) as u32).unwrap_or(0),
        _ => text[start..end].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)),
    }
}

/// Numbers of pairs of numbers.
pub struct Pairs {
    table: Table,
    factor: u64,
}

impl Pairs {
    pub fn new() -> Self {
        Pairs { table: Table::new(), factor: random_factor() }
    }

    /// Forget all pairs.
    pub fn clear(&mut self) {
        self.table.clear();
    }

    /// The number of distinct pairs.
    pub fn len(&self) -> usize {
        self.table.hashes.len()
    }

    #[inline]
    pub fn number(&mut self, first: u32, second: u32) -> u32 {
        // Equal products are equal pairs.
        self.table.number((u64::from(first) << 32 | u64::from(second)).wrapping_mul(self.factor), |_| true)
    }
}
