//! The layout of the main text: a line per block, with optional blank lines between paragraphs.

use std::ops::Range;

use super::blocks::{Block, Blocks};
use super::options::Options;
use super::page::Page;
use super::structure::mark::Mark;
use super::structure::outline::{marks, Place};
use super::tags::{self, Set, Tag};
use super::tree::Tree;

/// Elements that are a line of a list or a table, if they have one.
const ITEMS: Set = tags::set(&[Tag::Li, Tag::Dt, Tag::Dd, Tag::Td, Tag::Th, Tag::Caption]);
const WHOLES: Set = tags::set(&[Tag::Ul, Tag::Ol, Tag::Menu, Tag::Dir, Tag::Dl, Tag::Table]);

/// A text, its spans that are no prose (their bytes and kinds), and its structure.
pub struct Written {
    pub text: String,
    pub protected: Vec<(Range<usize>, &'static str)>,
    pub marks: Vec<Mark>,
}

/// The text of the chosen blocks. With `options.paragraphs`, there is a blank line between two of them, unless both are lines
/// of one list or table: an item or a cell that is a single block, or the text that an item begins with.
pub fn written(page: &Page, chosen: &[bool], options: &Options) -> Written {
    let mut text = String::new();
    let mut protected: Vec<(Range<usize>, _)> = Vec::new();
    let tables = DataTables::of(&page.tree);
    let mut before = None;
    let mut places = Vec::new();
    for (at, block) in page.blocks.blocks.iter().enumerate().filter(|&(at, _)| chosen[at]) {
        if let Some(before) = before {
            let apart = options.paragraphs && !together(page, before, block);
            text.push_str(if apart { "\n\n" } else { "\n" });
        }
        let start = text.len();
        places.push(Place { block: at, start });
        text.push_str(page.blocks.text_of(block));
        let kind = if is_code(block) { Some(CODE) } else { tables.contains(block).then_some(TABLE) };
        match (kind, protected.last_mut()) {
            (Some(kind), Some((last, same))) if *same == kind && last.end + 1 == start => last.end = text.len(),
            (Some(kind), _) => protected.push((start..text.len(), kind)),
            (None, _) => {}
        }
        before = Some(block);
    }
    let marks = if page.tree.markup.is_empty() { Vec::new() } else { marks(page, &places, options.links) };
    Written { text, protected, marks }
}

const CODE: &str = "code";
const TABLE: &str = "table";

/// True if a block is preformatted, or all of it in code elements.
fn is_code(block: &Block) -> bool {
    block.kept || block.code > 0 && block.code >= block.stats.characters
}

/// The tables of a page that contain data: those with a header cell, a head or a caption. Others may lay out the page.
struct DataTables {
    /// For each node true if its table contains data; empty for a page without such tables.
    of: Vec<bool>,
}

impl DataTables {
    fn of(tree: &Tree) -> Self {
        const HEADERS: Set = tags::set(&[Tag::Th, Tag::Thead, Tag::Caption]);
        if !tree.nodes.iter().any(|node| node.tag.is(HEADERS)) {
            return DataTables { of: Vec::new() };
        }
        let mut table: Vec<usize> = Vec::with_capacity(tree.nodes.len());
        for (at, node) in tree.nodes.iter().enumerate() {
            table.push(if node.tag == Tag::Table || at == 0 { at } else { table[node.parent as usize] });
        }
        let mut holds = vec![false; tree.nodes.len()];
        for (node, &table) in tree.nodes.iter().zip(&table) {
            holds[table] |= node.tag.is(HEADERS) && tree.nodes[table].tag == Tag::Table;
        }
        DataTables { of: table.into_iter().map(|table| holds[table]).collect() }
    }

    fn contains(&self, block: &Block) -> bool {
        self.of.get(block.node as usize).is_some_and(|&holds| holds)
    }
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
