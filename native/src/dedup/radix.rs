//! A stable sort by 64-bit keys, in linear time for keys that are spread evenly, as hashes are.
//!
//! Keys are divided by their leading bits into partitions that fit a core's cache, and each partition is sorted there
//! by as many bits as distinguish most of its keys; the few that are then out of order are inserted in their place. All
//! bits are counted from the smallest and the largest key at hand. Keys that were chosen to defeat this (many different
//! ones with the same leading bits) go to the sort of the standard library: n log n at worst.

/// An item to sort.
pub trait Keyed: Copy + Default {
    fn key(&self) -> u64;
}

impl Keyed for u64 {
    #[inline(always)]
    fn key(&self) -> u64 {
        *self
    }
}

/// A key and its original place.
#[derive(Clone, Copy, Default)]
pub struct Placed {
    pub key: u64,
    pub place: u32,
}

impl Keyed for Placed {
    #[inline(always)]
    fn key(&self) -> u64 {
        self.key
    }
}

/// Items of a partition: with a copy of them, about half of a core's second cache.
const PARTITION: usize = 1 << 14;
/// Partitions with this many times as many items are divided again.
const UNEVEN: usize = 8;
/// Places that are written to in turn: more would not fit the processor's table of pages.
const MOST_BITS: u32 = 11;
/// Steps of insertion for each item, on average, before the standard library takes over.
const PATIENCE: usize = 8;

/// All items in ascending order of their keys; those with the same key stay in their order.
pub fn sorted<T: Keyed>(parts: &[&[T]]) -> Vec<T> {
    let mut scratch = Vec::new();
    let count: usize = parts.iter().map(|items| items.len()).sum();
    let partitions = count / PARTITION;
    let range = Range::of(parts);
    if partitions < 2 || range.bits() == 0 {
        let mut items = parts.concat();
        arrange(&mut items, &mut scratch);
        return items;
    }
    let bits = (partitions.ilog2() + 1).min(MOST_BITS).min(range.bits());
    let digit = range.digit(range.bits() - bits, bits);
    let mut made = vec![T::default(); count];
    let ends = scatter(parts, &mut made, digit);
    let mut rest = made.as_mut_slice();
    let mut begin = 0;
    for end in ends {
        let (partition, others) = rest.split_at_mut(end - begin);
        if partition.len() > PARTITION * UNEVEN && range.bits() > bits {
            partition.copy_from_slice(&sorted(&[partition]));
        } else {
            arrange(partition, &mut scratch);
        }
        (rest, begin) = (others, end);
    }
    made
}

/// Sort items that fit a cache.
fn arrange<T: Keyed>(items: &mut [T], scratch: &mut Vec<T>) {
    let range = Range::of(&[items]);
    if range.bits() == 0 {
        return;
    }
    // Four values for each item: then few items share one.
    let bits = (items.len().ilog2() + 2).min(range.bits());
    let (low, shift) = (bits / 2, range.bits() - bits);
    if bits > 4 {
        if scratch.len() < items.len() {
            scratch.resize(items.len(), T::default());
        }
        let scratch = &mut scratch[..items.len()];
        scatter(&[items], scratch, range.digit(shift, low));
        scatter(&[scratch], items, range.digit(shift + low, bits - low));
    }
    if shift > 0 || bits <= 4 {
        insert(items);
    }
}

/// Sort items of which few are out of order.
fn insert<T: Keyed>(items: &mut [T]) {
    let mut steps = items.len() * PATIENCE;
    for at in 1..items.len() {
        let item = items[at];
        let mut place = at;
        while place > 0 && items[place - 1].key() > item.key() {
            items[place] = items[place - 1];
            place -= 1;
        }
        items[place] = item;
        if at - place > steps {
            items.sort_by_key(T::key);
            return;
        }
        steps -= at - place;
    }
}

/// Some bits of a key.
#[derive(Clone, Copy)]
struct Digit {
    least: u64,
    shift: u32,
    bits: u32,
}

impl Digit {
    #[inline(always)]
    fn of(self, key: u64) -> usize {
        ((key.wrapping_sub(self.least) >> self.shift) & ((1 << self.bits) - 1)) as usize
    }
}

/// The smallest and the largest key.
#[derive(Clone, Copy)]
struct Range {
    least: u64,
    most: u64,
}

impl Range {
    fn of<T: Keyed>(parts: &[&[T]]) -> Self {
        let start = Range { least: u64::MAX, most: 0 };
        parts
            .iter()
            .copied()
            .flatten()
            .fold(start, |range, item| Range { least: range.least.min(item.key()), most: range.most.max(item.key()) })
    }

    /// The number of bits that distinguish the keys.
    fn bits(self) -> u32 {
        u64::BITS - self.most.saturating_sub(self.least).leading_zeros()
    }

    fn digit(self, shift: u32, bits: u32) -> Digit {
        Digit { least: self.least, shift, bits }
    }
}

/// Copy the items in the order of a digit, and return the end of those of each value.
fn scatter<T: Keyed>(parts: &[&[T]], to: &mut [T], digit: Digit) -> Vec<usize> {
    let mut places = vec![0; 1 << digit.bits];
    for items in parts {
        for item in *items {
            places[digit.of(item.key())] += 1;
        }
    }
    let mut begin = 0;
    for place in &mut places {
        begin += std::mem::replace(place, begin);
    }
    for items in parts {
        for item in *items {
            let place = &mut places[digit.of(item.key())];
            to[*place] = *item;
            *place += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::{sorted, Keyed, Placed, PARTITION};

    fn number(i: u64) -> u64 {
        (i ^ (i >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    #[test]
    fn any_keys_are_sorted_as_by_the_standard_library() {
        let kinds: [fn(u64) -> u64; 7] = [
            number,
            |_| 7,
            |i| i / 3,
            |i| u64::MAX - i * i,
            |i| number(i) >> (i % 64),
            |i| if i == 5 { u64::MAX } else { number(i) >> 40 },
            |i| (i % 5) << 40 | (number(i) & 0xFF) << 32 | (i * 7919) % 50_000,
        ];
        for kind in kinds {
            for count in [0, 1, 2, 9, 31, 1_000, PARTITION, 5 * PARTITION, 20 * PARTITION + 17] {
                let items: Vec<Placed> =
                    (0..count as u32).map(|place| Placed { key: kind(u64::from(place)), place }).collect();
                let mut expected = items.clone();
                expected.sort_by_key(Placed::key);
                let found = sorted(&[&items]);
                let halves = items.split_at(items.len() / 3);
                let again = sorted(&[halves.0, &[], halves.1]);
                assert!(found.iter().zip(&again).all(|(a, b)| (a.key, a.place) == (b.key, b.place)));
                assert!(found.iter().zip(&expected).all(|(a, b)| (a.key, a.place) == (b.key, b.place)));
                assert_eq!(found.len(), items.len());
            }
        }
    }
}
