//! Tables of data are kept with the text around them, and with all of their cells.

use super::decode::weight;
use super::page::Page;
use super::structure::tables::Tables;

/// The least mean probability of a table between kept texts, and of one behind a kept text.
const UNLIKELY: f64 = 0.2;
const UNLIKELY_AT_END: f64 = 0.3;

/// The most blocks between a table and the text around it, such as a caption.
const MOST_BETWEEN: usize = 1;

/// Choose all of a table of which most is chosen, or nothing but the text around it.
pub fn settle(page: &Page, probabilities: &[f64], chosen: &mut [bool]) {
    let (blocks, all) = (&page.blocks.blocks, &page.blocks);
    for table in Tables::grids(page) {
        let (first, last) = (all.first[table] as usize, all.last[table] as usize);
        let sum = |value: &dyn Fn(usize) -> f64| (first..last).map(|at| value(at) * weight(&blocks[at])).sum::<f64>();
        let size = sum(&|_| 1.0);
        let kept = sum(&|at| f64::from(u8::from(chosen[at])));
        let mean = sum(&|at| probabilities[at]) / size;
        let before = chosen[first.saturating_sub(MOST_BETWEEN + 1)..first].contains(&true);
        let after = chosen[last..chosen.len().min(last + MOST_BETWEEN + 1)].contains(&true);
        let likely = before && mean >= if after { UNLIKELY } else { UNLIKELY_AT_END };
        if kept >= size / 2.0 || kept == 0.0 && likely {
            (first..last).filter(|&at| probabilities[at] > 0.0).for_each(|at| chosen[at] = true);
        }
    }
}
