//! Lines of code while it is written: each element that is one ends its line.

use std::ops::Range;

use super::clean::Cleaner;
use super::tags::{self, Set, Tag};
use super::tree::{Node, Piece};

/// Parts of tables and lists have no text of their own, and cells are parts of a line.
const TEXTLESS: Set = tags::set(&[Tag::Table, Tag::Thead, Tag::Tbody, Tag::Tr, Tag::Ol, Tag::Ul]);
const CELLS: Set = tags::set(&[Tag::Td, Tag::Th]);

/// The lines of the code that is being written.
#[derive(Default)]
pub struct Lines {
    /// The nodes of the code, of which the first is its element.
    nodes: Range<u32>,
    /// A line has ended, and text behind it is another.
    ended: bool,
    /// The place where the last line began.
    start: usize,
    /// Elements of lines that are open.
    depth: u32,
}

impl Lines {
    /// Code begins, an element of these nodes.
    pub fn begin(&mut self, nodes: Range<u32>) {
        *self = Lines { nodes, ..Lines::default() };
    }

    /// True if a node is in the code's element.
    pub fn contain(&self, node: u32) -> bool {
        self.has_text_of(node) && node > self.nodes.start
    }

    /// True if the text of a node is code.
    pub fn has_text_of(&self, node: u32) -> bool {
        self.nodes.contains(&node)
    }

    /// True within an element that is a line.
    pub fn in_line(&self) -> bool {
        self.depth > 0
    }

    /// A block element within the code begins.
    pub fn open(&mut self, tag: Tag, cleaner: &mut Cleaner) {
        if tag.is(CELLS) {
            return;
        }
        if self.ended || !cleaner.begins_line() {
            cleaner.push("\n", true);
        }
        self.ended = false;
        self.start = cleaner.text.len();
        self.depth += 1;
    }

    pub fn close(&mut self, tag: Tag, cleaner: &Cleaner) {
        if !tag.is(CELLS) {
            let broken = cleaner.text.len() > self.start && cleaner.begins_line();
            self.ended |= !broken;
            self.depth = self.depth.saturating_sub(1);
        }
    }

    /// The part of a text that belongs to the code: white space between lines does not.
    pub fn text<'a>(&mut self, source: &'a str, piece: &Piece, nodes: &[Node], cleaner: &mut Cleaner) -> &'a str {
        if source.bytes().all(|byte| byte.is_ascii_whitespace()) {
            let parent = nodes[piece.parent as usize].tag;
            let next = nodes.get(piece.before as usize).filter(|next| next.parent == piece.parent);
            let between = self.ended || next.is_some_and(|next| next.tag.is(tags::BLOCK));
            if parent.is(TEXTLESS) || between && source.contains('\n') {
                return "";
            }
        }
        if std::mem::take(&mut self.ended) {
            cleaner.push("\n", true);
        }
        source
    }
}
