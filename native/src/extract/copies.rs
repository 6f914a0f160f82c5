//! Copies: texts that a page shows more than once, as quotes of earlier posts, or for wide and for narrow screens. They
//! count once.

use xxhash_rust::xxh3::xxh3_64;

use super::blocks::Block;
use super::page::Page;
use super::tags::{self, Set, Tag};
use super::whole::place;

/// Shorter texts, in terms, recur without being copies.
const FEWEST_TERMS: u32 = 3;

/// Shorter texts may recur in like places, as labels of a list's items do; longer ones are copies in any place.
const FEWEST_TERMS_IN_ONE_PLACE: u32 = 20;

/// Less likely blocks are kept on hardly any page.
const UNLIKELY: f64 = 0.05;

/// A heading this likely is kept, not its copy in a table of contents.
const LIKELY_HEADING: f64 = 0.25;

/// A page of which copies are a larger share repeats itself: that is for the filters to judge, which must see it.
const LARGEST_SHARE: f64 = 0.6;

/// Cells and lines of code recur: a table or program without them is another.
const EXEMPT: Set = tags::set(&[Tag::Td, Tag::Th]);

/// Set the probability of copies to 0, but for the likeliest of equal texts, the first of equally likely ones.
/// Nothing changes on a page that is mostly copies.
pub fn settle(page: &Page, probabilities: &mut [f64]) {
    let blocks = &page.blocks.blocks;
    let counts = |at: usize| blocks[at].stats.terms >= FEWEST_TERMS && probabilities[at] >= UNLIKELY;
    let mut order: Vec<(u64, usize)> = (0..blocks.len())
        .filter(|&at| counts(at))
        .map(|at| (xxh3_64(page.blocks.text_of(&blocks[at]).as_bytes()), at))
        .collect();
    order.sort_unstable();
    let recurs = |same: &&[(u64, usize)]| same.len() > 1;
    let mut groups = order.chunk_by(|a, b| a.0 == b.0).filter(recurs).peekable();
    if groups.peek().is_none() {
        return;
    }
    let exempt = exempt(page);
    let is_copy = |&at: &usize| !blocks[at].kept && !exempt[blocks[at].node as usize];
    let before = probabilities.to_vec();
    for same in groups {
        let same: Vec<usize> = same.iter().map(|&(_, at)| at).filter(is_copy).collect();
        drop_copies(page, &same, probabilities);
    }
    if expected_terms(blocks, probabilities) < (1.0 - LARGEST_SHARE) * expected_terms(blocks, &before) {
        probabilities.copy_from_slice(&before);
    }
}

fn expected_terms(blocks: &[Block], probabilities: &[f64]) -> f64 {
    blocks.iter().zip(probabilities).map(|(block, probability)| f64::from(block.stats.terms) * probability).sum()
}

/// Keep one of some equal blocks, which are in document order.
fn drop_copies(page: &Page, same: &[usize], probabilities: &mut [f64]) {
    let blocks = &page.blocks.blocks;
    let is_heading = |block: &Block| page.tree.nodes[block.node as usize].tag.is(tags::HEADINGS);
    let rank = |at: usize| {
        let probability = probabilities[at];
        (probability >= LIKELY_HEADING && is_heading(&blocks[at]), probability)
    };
    let better = |a: &usize, b: &usize| {
        let (a, b) = (rank(*a), rank(*b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    };
    let Some(kept) = same.iter().copied().rev().max_by(better) else { return };
    let place_of = |at: usize| place(&page.tree, blocks[at].node, true);
    let kept_place = place_of(kept);
    for &at in same.iter().filter(|&&at| at != kept) {
        if blocks[at].stats.terms >= FEWEST_TERMS_IN_ONE_PLACE || place_of(at) != kept_place {
            probabilities[at] = 0.0;
        }
    }
}

/// For each element true if it is in one whose texts may recur.
fn exempt(page: &Page) -> Vec<bool> {
    let mut made = Vec::with_capacity(page.tree.nodes.len());
    for node in &page.tree.nodes {
        made.push(node.tag.is(EXEMPT) || made.get(node.parent as usize).copied().unwrap_or(false));
    }
    made
}
