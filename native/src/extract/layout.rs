//! The main text as it is written: a line a block, with blank lines between paragraphs where they are wanted.

use super::blocks::{Block, Blocks};
use super::page::Page;
use super::tags::{self, Set, Tag};
use super::tree::Tree;

/// Elements that are a line of a list or a table, if they have one.
const ITEMS: Set = tags::set(&[Tag::Li, Tag::Dt, Tag::Dd, Tag::Td, Tag::Th, Tag::Caption]);
const WHOLES: Set = tags::set(&[Tag::Ul, Tag::Ol, Tag::Menu, Tag::Dir, Tag::Dl, Tag::Table]);

/// The text of the chosen blocks. With `paragraphs`, there is a blank line between two of them, unless both are lines of
/// one list or table: an item or a cell that is a single block, or the text that an item begins with.
pub fn written(page: &Page, chosen: &[bool], paragraphs: bool) -> String {
    let mut text = String::new();
    let mut before = None;
    for (block, _) in page.blocks.blocks.iter().zip(chosen).filter(|(_, &chosen)| chosen) {
        if let Some(before) = before {
            let apart = paragraphs && !together(page, before, block);
            text.push_str(if apart { "\n\n" } else { "\n" });
        }
        text.push_str(page.blocks.text_of(block));
        before = Some(block);
    }
    text
}

fn together(page: &Page, a: &Block, b: &Block) -> bool {
    let holds = |whole: u32, block: &Block| (whole..page.tree.nodes[whole as usize].end).contains(&block.node);
    match (whole_of(&page.tree, &page.blocks, a), whole_of(&page.tree, &page.blocks, b)) {
        (Some(one), Some(other)) => holds(one, b) || holds(other, a),
        _ => false,
    }
}

/// The list or table that a block is a line of.
fn whole_of(tree: &Tree, blocks: &Blocks, block: &Block) -> Option<u32> {
    let above = |node: u32| std::iter::successors(Some(node), |&at| (at > 0).then(|| tree.nodes[at as usize].parent));
    let item = above(block.node).find(|&at| tree.nodes[at as usize].tag.is(ITEMS))?;
    let single = blocks.last[item as usize] - blocks.first[item as usize] == 1;
    if item != block.node && !single {
        return None;
    }
    above(item).find(|&at| tree.nodes[at as usize].tag.is(WHOLES))
}
