//! Headings are kept with the text that they are about: the scorer sees few words in them.

use super::page::Page;
use super::tags::{self, Tag};

/// Less likely headings stay out, among them copies and those of comments that are dropped.
const UNLIKELY: f64 = 0.2;

/// The most blocks between a heading and the first one that is kept in its section, such as the line of an author.
const MOST_BETWEEN: usize = 3;
/// The same before all kept text, where the title of a page, its author and its date are.
const MOST_BETWEEN_AT_TOP: usize = 1;

/// Choose the headings whose sections begin with chosen blocks.
pub fn settle(page: &Page, probabilities: &[f64], chosen: &mut [bool]) {
    let blocks = &page.blocks;
    let Some(top) = chosen.iter().position(|&chosen| chosen) else { return };
    let mut levels = vec![u8::MAX; chosen.len()];
    for (at, node) in page.tree.nodes.iter().enumerate().rev().filter(|(_, node)| node.tag.is(tags::HEADINGS)) {
        let (first, last) = (blocks.first[at] as usize, blocks.last[at] as usize);
        if first >= last {
            continue;
        }
        let level = node.tag as u8 - Tag::H1 as u8;
        levels[first..last].fill(level);
        let between = if top < first { MOST_BETWEEN } else { MOST_BETWEEN_AT_TOP };
        let mut section = (last..chosen.len()).take(between + 1).take_while(|&block| levels[block] > level);
        if probabilities[first..last].iter().any(|&probability| probability >= UNLIKELY)
            && section.any(|block| chosen[block])
        {
            chosen[first..last].fill(true);
        }
    }
}
