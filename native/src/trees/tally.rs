//! Counts of 64-bit keys, in the order in which the keys were first met.
//!
//! Keys are spread over the table by a factor that is drawn at random, so that no text can be written that makes it slow.

use std::hash::{BuildHasher, RandomState};

/// A key and its count; 0 for a slot without a key.
#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    count: u32,
}

pub struct Tally {
    slots: Vec<Slot>,
    /// Slots that are in use, in order.
    order: Vec<u32>,
    shift: u32,
    factor: u64,
}

impl Default for Tally {
    fn default() -> Self {
        let factor = RandomState::new().hash_one(0_u8) | 1;
        Tally { slots: Vec::new(), order: Vec::new(), shift: 0, factor }
    }
}

impl Tally {
    /// Forget all keys, and make room for so many.
    pub fn clear(&mut self, keys: usize) {
        let size = (2 * keys).next_power_of_two().max(2);
        self.slots.clear();
        self.slots.resize(size, Slot::default());
        self.order.clear();
        self.shift = u64::BITS - size.trailing_zeros();
    }

    /// Count a key, of which there is one of those that `clear` made room for.
    #[inline]
    pub fn add(&mut self, key: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (key.wrapping_mul(self.factor) >> self.shift) as usize;
        while self.slots[at].count > 0 && self.slots[at].key != key {
            at = (at + 1) & mask;
        }
        let slot = &mut self.slots[at];
        if slot.count == 0 {
            slot.key = key;
            self.order.push(at as u32);
        }
        slot.count += 1;
    }

    /// The number of distinct keys.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Keys and counts, in the order in which the keys were first met.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u32)> + '_ {
        self.order.iter().map(|&at| self.slots[at as usize]).map(|slot| (slot.key, slot.count))
    }
}
