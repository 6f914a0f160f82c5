//! Duplicates among 64-bit numbers in a few ascending runs.
//!
//! Intervals of the numbers' range are taken one after another out of all runs, so that the numbers that are compared
//! fit a core's cache and nothing is sorted or moved. Many runs, or numbers that were chosen to collide, are sorted.

use crate::dedup::radix::sorted;

/// Numbers of an interval, if they are spread evenly.
const INTERVAL: usize = 1 << 13;
/// Steps for each number, on average, before a sort takes over.
const PATIENCE: usize = 16;

/// A slice of a list: the number of the list, and the slice's first place and end.
type Piece = (usize, usize, usize);

/// For each list a byte for each value: 1 if it occurs more than once in all lists together, else 0. Of at most
/// 2**32 - 1 values.
pub fn duplicate_flags(lists: &[&[u64]]) -> Vec<Vec<u8>> {
    let mut marks: Vec<Vec<u8>> = lists.iter().map(|values| vec![0; values.len()]).collect();
    let mut runs = ascending(lists);
    let count: usize = lists.iter().map(|values| values.len()).sum();
    let intervals = count.div_ceil(INTERVAL).max(1);
    let all = || lists.iter().copied().flatten();
    let (Some(&least), Some(&most)) = (all().min(), all().max()) else {
        return marks;
    };
    if runs.len().saturating_mul(intervals) > count.saturating_mul(2).max(1 << 16) {
        mark_sorted(lists, &mut marks, &runs);
        return marks;
    }
    let width = (most - least) / intervals as u64;
    let mut table = Table::default();
    let mut taken = Vec::with_capacity(runs.len());
    for interval in 1..=intervals as u64 {
        let bound = if interval == intervals as u64 { most } else { least + width * interval };
        taken.clear();
        for (list, begin, end) in &mut runs {
            let size = leading(&lists[*list][*begin..*end], bound);
            if size > 0 {
                taken.push((*list, *begin, *begin + size));
                *begin += size;
            }
        }
        if !table.mark(lists, &mut marks, &taken) {
            mark_sorted(lists, &mut marks, &taken);
        }
    }
    marks
}

/// The ascending runs of all lists.
fn ascending(lists: &[&[u64]]) -> Vec<Piece> {
    let mut runs = Vec::new();
    for (list, values) in lists.iter().enumerate() {
        let mut begin = 0;
        for run in values.chunk_by(|a, b| a <= b) {
            runs.push((list, begin, begin + run.len()));
            begin += run.len();
        }
    }
    runs
}

/// The number of ascending numbers that are at most `bound`, in steps that grow with its logarithm.
fn leading(values: &[u64], bound: u64) -> usize {
    let mut reach = 1;
    while reach < values.len() && values[reach] <= bound {
        reach *= 2;
    }
    let end = values.len().min(reach);
    reach / 2 + values[reach / 2..end].partition_point(|&value| value <= bound)
}

/// Mark the numbers that occur more than once in these slices together.
fn mark_sorted(lists: &[&[u64]], marks: &mut [Vec<u8>], some: &[Piece]) {
    let parts: Vec<&[u64]> = some.iter().map(|&(list, begin, end)| &lists[list][begin..end]).collect();
    let sorted = sorted(&parts);
    let mut several: Vec<u64> = sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    several.dedup();
    for &(list, begin, end) in some {
        for (mark, value) in marks[list][begin..end].iter_mut().zip(&lists[list][begin..end]) {
            *mark = u8::from(several.binary_search(value).is_ok());
        }
    }
}

/// Numbers that were met, and how often: open addressing, at most half full.
#[derive(Default)]
struct Table {
    values: Vec<u64>,
    times: Vec<u8>, // 0 for a free slot, 2 for several
    slots: Vec<u32>,
}

impl Table {
    /// The same as `mark_sorted`. False, and nothing is marked, if that would take too many steps.
    fn mark(&mut self, lists: &[&[u64]], marks: &mut [Vec<u8>], some: &[Piece]) -> bool {
        let count: usize = some.iter().map(|(_, begin, end)| end - begin).sum();
        let bits = (2 * count).max(2).next_power_of_two().ilog2();
        let (size, mut steps) = (1 << bits, count.saturating_mul(PATIENCE));
        self.times.clear();
        self.times.resize(size, 0);
        self.values.resize(self.values.len().max(size), 0);
        self.slots.clear();
        for &(list, begin, end) in some {
            for &value in &lists[list][begin..end] {
                let mut slot = (value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - bits)) as usize;
                while self.times[slot] > 0 && self.values[slot] != value {
                    if steps == 0 {
                        return false;
                    }
                    steps -= 1;
                    slot = (slot + 1) & (size - 1);
                }
                self.values[slot] = value;
                self.times[slot] = (self.times[slot] + 1).min(2);
                self.slots.push(slot as u32);
            }
        }
        let mut slots = self.slots.iter();
        for &(list, begin, end) in some {
            for (mark, &slot) in marks[list][begin..end].iter_mut().zip(&mut slots) {
                *mark = u8::from(self.times[slot as usize] > 1);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{duplicate_flags, INTERVAL};
    use std::collections::HashMap;

    fn number(i: u64) -> u64 {
        (i ^ (i >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }

    /// Numbers that a table puts into one slot.
    fn colliding(i: u64) -> u64 {
        i.wrapping_mul(0xF1DE_83E1_9937_733D)
    }

    #[test]
    fn any_numbers_in_any_runs_are_found_as_by_counting() {
        let kinds: [fn(u64) -> u64; 6] =
            [|i| number(i / 3), |_| 7, |i| i / 2, |i| colliding(i / 2), |i| number(i) >> (i % 64), |i| u64::MAX - i];
        for kind in kinds {
            for (count, runs) in
                [(0, 1), (1, 1), (9, 2), (INTERVAL, 3), (5 * INTERVAL, 40), (3 * INTERVAL, 9 * INTERVAL)]
            {
                let mut values: Vec<u64> = (0..count as u64).map(|i| kind(i * 7919 % (count as u64 + 1))).collect();
                values.chunks_mut(count.div_ceil(runs).max(1)).for_each(|run| run.sort_unstable());
                let mut times: HashMap<u64, usize> = HashMap::new();
                values.iter().for_each(|&value| *times.entry(value).or_default() += 1);
                let expected: Vec<u8> = values.iter().map(|value| u8::from(times[value] > 1)).collect();
                assert!(duplicate_flags(&[&values]).concat() == expected);
                let lists: Vec<&[u64]> = values.chunks(count.div_ceil(runs).max(1)).collect();
                assert!(duplicate_flags(&lists).concat() == expected);
            }
        }
    }
}
