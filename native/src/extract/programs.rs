//! Programs in a text: preformatted blocks next to chosen text are chosen. The scorer learned from words, which programs
//! have few of.

use super::page::Page;

/// Choose the preformatted blocks in a row before or behind a chosen one. A probability of 0 is of what is not wanted.
pub fn settle(page: &Page, probabilities: &[f64], chosen: &mut [bool]) {
    let blocks = &page.blocks.blocks;
    let mut start = 0;
    for row in blocks.chunk_by(|a, b| a.kept == b.kept) {
        let end = start + row.len();
        let is_next = start.checked_sub(1).is_some_and(|before| chosen[before]) || chosen.get(end) == Some(&true);
        if row[0].kept && is_next {
            (start..end).for_each(|at| chosen[at] |= probabilities[at] > 0.0);
        }
        start = end;
    }
}
