//! Wholes: blocks that are likely text together or not at all. The scorer sees each for itself.

use super::blocks::Block;
use super::decode::weight;
use super::page::Page;
use super::sums::Order;
use super::tags::{self, Set, Tag};
use super::tree::{Node, Tree};

/// The least blocks of which the mean says something.
const FEWEST_ALIKE: usize = 3;

/// The share of the mean of all blocks with the same elements around them.
const OF_PATH: f64 = 0.5;

/// The share of the mean of the page's largest group of like elements: more on pages that are made of such groups.
const OF_SIBLINGS: f64 = 0.15;
const OF_SIBLINGS_ON_PAGES_OF_PARTS: f64 = 0.5;
const PAGES_OF_PARTS: [&str; 3] = ["collection", "product", "service"];

/// A group within an element of another group is the larger one if it has this share of the other's text.
const NEARLY_ALL: f64 = 0.95;

/// Elements that are kept or dropped as one, and so are innermost tables with header cells.
const UNITS: Set = tags::set(&[Tag::Ul, Tag::Ol, Tag::Dl, Tag::Figure]);

/// Elements of text and of rows, whose siblings are no group.
const NO_ITEMS: Set = tags::FORMATTING | tags::set(&[Tag::Span, Tag::Td, Tag::Th, Tag::Br]);

/// The group of each block; none if it is in none.
type Groups = Vec<Option<u64>>;

/// Move probabilities towards the means of what blocks are parts of; those of 0 are of copies, and stay.
pub fn settle(page: &Page, kind: Option<&str>, probabilities: &mut [f64]) {
    let blocks = &page.blocks.blocks;
    let is_made_of_parts = kind.is_some_and(|kind| PAGES_OF_PARTS.contains(&kind));
    let share = if is_made_of_parts { OF_SIBLINGS_ON_PAGES_OF_PARTS } else { OF_SIBLINGS };
    blend(blocks, &paths(page), FEWEST_ALIKE, OF_PATH, probabilities);
    blend(blocks, &siblings(page), FEWEST_ALIKE, share, probabilities);
    blend(blocks, &units(page), 2, 1.0, probabilities);
}

/// Move probabilities by some share of the way to the mean of their group, if it has so many blocks.
fn blend(blocks: &[Block], groups: &Groups, fewest: usize, share: f64, probabilities: &mut [f64]) {
    let keys = groups.iter().zip(0..).filter_map(|(group, at)| Some(((*group)?, at)));
    for same in Order::of(keys.filter(|&(_, at)| probabilities[at] > 0.0)).groups().filter(|same| same.len() >= fewest)
    {
        let (mut hits, mut all) = (0.0, 0.0);
        for at in same.clone() {
            hits += probabilities[at] * weight(&blocks[at]);
            all += weight(&blocks[at]);
        }
        let mean = hits / all;
        // Equal values for a share of 1, so that the choice does not part them.
        same.for_each(|at| probabilities[at] = (1.0 - share) * probabilities[at] + share * mean);
    }
}

/// The blocks with the same tags, classes and ids around them.
fn paths(page: &Page) -> Groups {
    let mut keys: Vec<u64> = Vec::with_capacity(page.tree.nodes.len());
    for node in &page.tree.nodes {
        let above = keys.get(node.parent as usize).copied().unwrap_or(0);
        keys.push(mixed(above, &page.tree, node));
    }
    page.blocks.blocks.iter().map(|block| Some(keys[block.node as usize])).collect()
}

fn mixed(key: u64, tree: &Tree, node: &Node) -> u64 {
    let name = tree.names[node.names as usize].hash;
    let mixed = (key.rotate_left(13) ^ (u64::from(name) << 8 | node.tag as u64)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 29
}

/// For each block the outermost group of siblings with the same tag, class and id that it is in.
fn siblings(page: &Page) -> Groups {
    let (nodes, made) = (&page.tree.nodes, &page.blocks);
    let mut sums = vec![0.0];
    made.blocks.iter().for_each(|block| sums.push(sums[sums.len() - 1] + weight(block)));
    let is_item = |at: usize| made.last[at] > made.first[at] && !nodes[at].tag.is(NO_ITEMS);
    let keys = (1..nodes.len()).filter(|&at| is_item(at));
    let order = Order::of(keys.map(|at| (mixed(u64::from(nodes[at].parent), &page.tree, &nodes[at]), at)));
    let mut texts = vec![0.0]; // of the groups, from 1 on
    let mut own = vec![0_u32; nodes.len()];
    for same in order.groups().filter(|same| same.len() >= FEWEST_ALIKE) {
        same.clone().for_each(|at| own[at] = texts.len() as u32);
        texts.push(same.map(|at| sums[made.last[at] as usize] - sums[made.first[at] as usize]).sum());
    }
    for at in 1..nodes.len() {
        let above = own[nodes[at].parent as usize];
        if own[at] == 0 || above != 0 && texts[own[at] as usize] <= NEARLY_ALL * texts[above as usize] {
            own[at] = above;
        }
    }
    let group = |block: &Block| own[block.node as usize];
    made.blocks.iter().map(|block| (group(block) > 0).then(|| apart(group(block)))).collect()
}

/// A key of a small number.
fn apart(number: u32) -> u64 {
    u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// For each block the outermost list, figure or table of data that it is in.
fn units(page: &Page) -> Groups {
    let nodes = &page.tree.nodes;
    let mut tables = vec![0_u32; nodes.len()];
    let mut is_data = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate().skip(1) {
        tables[at] = if node.tag == Tag::Table { at as u32 } else { tables[node.parent as usize] };
        is_data[tables[at] as usize] |= node.tag == Tag::Th;
    }
    for node in nodes.iter().skip(1).filter(|node| node.tag == Tag::Table) {
        is_data[tables[node.parent as usize] as usize] = false;
    }
    is_data[0] = false; // no table
    let mut units = vec![0_u32; nodes.len()];
    for (at, node) in nodes.iter().enumerate().skip(1) {
        let above = units[node.parent as usize];
        units[at] = if above == 0 && (node.tag.is(UNITS) || is_data[at]) { at as u32 } else { above };
    }
    let unit = |block: &Block| units[block.node as usize];
    page.blocks.blocks.iter().map(|block| (unit(block) > 0).then(|| apart(unit(block)))).collect()
}
