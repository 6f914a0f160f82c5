//! Marks within blocks: links, emphasis, inline code, and the objects that stand in the text or between blocks.

use super::mark::{Kind, DEEPEST};
use crate::extract::tags::Tag;

/// What a mark comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    Node(u32),
    /// The place in `Tree::objects`.
    Object(u32),
}

/// A mark within a block.
#[derive(Clone, Copy, Debug)]
pub struct Inline {
    pub kind: Kind,
    pub origin: Origin,
    /// Bytes of the text of all blocks.
    pub start: u32,
    pub end: u32,
    /// The number of inline marks around it.
    pub depth: u8,
}

/// The marks of one block, or of the place before a block.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// The block, or the one that follows.
    pub block: u32,
    /// The innermost block element, if the marks stand between blocks.
    pub between: Option<u32>,
    /// The range of its marks.
    pub first: u32,
    pub last: u32,
}

struct Open {
    node: u32,
    kind: Kind,
    /// Its mark, once it has text.
    mark: Option<usize>,
}

/// Notes the marks of blocks while their text is written.
#[derive(Default)]
pub struct Recorder {
    pub marks: Vec<Inline>,
    pub groups: Vec<Group>,
    open: Vec<Open>,
    /// The first mark of the block that is being written.
    first: usize,
}

/// The kind of mark that an element makes.
pub fn kind_of(tag: Tag) -> Option<Kind> {
    match tag {
        Tag::A => Some(Kind::Link),
        Tag::B | Tag::Strong => Some(Kind::Strong),
        Tag::Em | Tag::I | Tag::Cite => Some(Kind::Emphasis),
        Tag::Code | Tag::Tt => Some(Kind::InlineCode),
        Tag::Sup => Some(Kind::Superscript),
        Tag::Sub => Some(Kind::Subscript),
        _ => None,
    }
}

impl Recorder {
    /// An inline element begins.
    pub fn open(&mut self, node: u32, kind: Kind) {
        if self.open.len() < DEEPEST {
            self.open.push(Open { node, kind, mark: None });
        }
    }

    /// An inline element ends, where the block's text is `text`, whose first byte has a place. Return the number of
    /// its mark, if it has one.
    pub fn close(&mut self, node: u32, text: &str, place: usize) -> Option<usize> {
        let mark = self.open.pop_if(|open| open.node == node)?.mark?;
        let last = self.marks.last().map_or(0, |last| last.end);
        self.marks[mark].end = end_of(text, place).max(last);
        Some(mark)
    }

    /// Text begins at a place: the marks that are open begin there, if they had none before.
    pub fn text(&mut self, place: usize) {
        for depth in 0..self.open.len() {
            if self.open[depth].mark.is_none() {
                self.open[depth].mark = Some(self.marks.len());
                let Open { node, kind, .. } = self.open[depth];
                self.push(kind, Origin::Node(node), place, depth);
            }
        }
    }

    /// An object stands at a place.
    pub fn object(&mut self, kind: Kind, origin: Origin, place: usize) {
        self.text(place);
        self.push(kind, origin, place, self.open.len());
    }

    fn push(&mut self, kind: Kind, origin: Origin, place: usize, depth: usize) {
        let place = place as u32;
        self.marks.push(Inline { kind, origin, start: place, end: place, depth: depth as u8 });
    }

    /// The text from a place on was written in another way: the marks within it go.
    pub fn rewritten(&mut self, node: u32, place: usize) {
        let mark = self.open.last().filter(|open| open.node == node).and_then(|open| open.mark);
        let keep =
            self.marks[self.first..].iter().take_while(|mark| (mark.start as usize) < place).count() + self.first;
        self.marks.truncate(mark.map_or(keep, |mark| mark + 1));
    }

    /// All marks but so many go, with the text they covered.
    pub fn cut(&mut self, keep: usize) {
        self.marks.truncate(keep.max(self.first));
        for open in &mut self.open {
            open.mark = open.mark.filter(|&mark| mark < keep);
        }
    }

    /// A block ends: number `block`, or the place before it if the text is empty, in the element `node`.
    pub fn finish(&mut self, block: usize, node: u32, text: &str, place: usize) {
        let end = end_of(text, place).max(self.marks.last().map_or(0, |last| last.end));
        for mark in self.open.iter_mut().filter_map(|open| open.mark.take()) {
            self.marks[mark].end = end;
        }
        let all = (place + text.len()) as u32;
        for mark in &mut self.marks[self.first..] {
            mark.start = within(text, place, mark.start.min(all));
            mark.end = within(text, place, mark.end.min(all)).max(mark.start);
        }
        if self.first < self.marks.len() {
            let between = text.is_empty().then_some(node);
            let (first, last) = (self.first as u32, self.marks.len() as u32);
            self.groups.push(Group { block: block as u32, between, first, last });
            self.first = self.marks.len();
        }
    }
}

/// The end of a block's text without the white space, or the end of a word, that may still be taken off.
fn end_of(text: &str, place: usize) -> u32 {
    (place + text.trim_end_matches(['\u{200B}', ' ', '\n']).len()) as u32
}

/// A place in the text, moved back to the beginning of a character.
fn within(text: &str, place: usize, mut at: u32) -> u32 {
    while !text.is_char_boundary((at as usize).saturating_sub(place)) {
        at -= 1;
    }
    at
}
