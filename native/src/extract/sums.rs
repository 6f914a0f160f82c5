//! Sums over ranges of blocks, and over blocks with equal keys.

use super::blocks::Block;
use super::tree::MAX_TEXTS;

/// The bits of a block's place.
const PLACE: u64 = (MAX_TEXTS as u64).next_power_of_two() - 1;

/// A block this long, in characters, is likely prose.
pub const LONG: u32 = 150;

/// Prefix sums over blocks: entry `i` is of the first `i` blocks.
pub struct Sums(Vec<Sum>);

/// Sums over the first blocks.
#[derive(Clone, Copy, Default)]
pub struct Sum {
    pub characters: u32,
    pub linked: u32,
    pub marks: u32,
    pub long: u32,
    pub prose: u32,
}

/// Sums over a range of blocks.
#[derive(Clone, Copy, Default)]
pub struct Mass {
    pub blocks: f32,
    pub characters: f32,
    pub linked: f32,
    pub marks: f32,
    pub long: f32,
    pub prose: f32,
}

impl Mass {
    pub fn density(self) -> f32 {
        self.linked / self.characters.max(1.0)
    }
}

impl Sums {
    pub fn of(blocks: &[Block]) -> Self {
        let mut sum = Sum::default();
        let sums = blocks.iter().map(|block| {
            sum.characters += block.stats.characters;
            sum.linked += block.linked.min(block.stats.characters);
            sum.marks += block.stats.marks;
            let long = block.stats.characters > LONG && block.linked * 3 < block.stats.characters;
            sum.long += u32::from(long);
            sum.prose += if long { block.stats.characters } else { 0 };
            sum
        });
        Sums(std::iter::once(Sum::default()).chain(sums).collect())
    }

    /// The sums over the first blocks, so many.
    pub fn before(&self, at: usize) -> Sum {
        self.0[at]
    }

    #[inline]
    pub fn between(&self, from: usize, to: usize) -> Mass {
        let (start, end) = (self.0[from], self.0[to]);
        Mass {
            blocks: (to - from) as f32,
            characters: (end.characters - start.characters) as f32,
            linked: (end.linked - start.linked) as f32,
            marks: (end.marks - start.marks) as f32,
            long: (end.long - start.long) as f32,
            prose: (end.prose - start.prose) as f32,
        }
    }
}

/// Places in the order of their keys, which are hashes: their upper bits suffice, and the lower ones store the place.
pub struct Order(Vec<u64>);

impl Order {
    /// There may be at most `MAX_TEXTS` places.
    pub fn of(keys: impl Iterator<Item = (u64, usize)>) -> Self {
        let mut order: Vec<u64> = keys.map(|(key, place)| key & !PLACE | place as u64 & PLACE).collect();
        order.sort_unstable();
        Order(order)
    }

    /// The places of each key, ascending.
    pub fn groups(&self) -> impl Iterator<Item = impl ExactSizeIterator<Item = usize> + Clone + '_> {
        let same = self.0.chunk_by(|a, b| a & !PLACE == b & !PLACE);
        same.map(|same| same.iter().map(|entry| (entry & PLACE) as usize))
    }
}

/// For each block the number of blocks with its key, and the characters of those together.
pub fn groups(keys: impl Iterator<Item = u64>, blocks: &[Block]) -> Vec<(u32, u32)> {
    let mut groups = vec![(0, 0); blocks.len()];
    for places in Order::of(keys.zip(0..)).groups() {
        let characters = places.clone().map(|place| blocks[place].stats.characters).sum();
        let count = places.len() as u32;
        places.for_each(|place| groups[place] = (count, characters));
    }
    groups
}
