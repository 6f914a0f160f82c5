//! The text blocks of a page in document order: the text between the boundaries of block elements.

use std::ops::Range;

use super::clean::Cleaner;
use super::code::{codes, Codes, PREFORMATTED};
use super::code_lines::Lines;
use super::permalinks::Addition;
use super::scanner::Span;
use super::seams::{script, Seam};
use super::stats::{Counter, Stats};
use super::structure::inline::{kind_of, Origin, Recorder};
use super::structure::mark::Kind;
use super::structure::roles::{Role, Roles};
use super::tags::{self, Tag};
use super::tree::{Holder, Node, Piece, Tree};

/// A page has so many blocks in any case, and one more for so many bytes: beyond, neighbours are lines of one block.
const MOST_BLOCKS: usize = 2000;
const BYTES_A_BLOCK: usize = 320;

/// A block of text, with the inputs of its features.
#[derive(Clone, Copy)]
pub struct Block {
    /// The innermost block element, or the element whose block element ended before the text.
    pub node: u32,
    pub start: u32,
    pub end: u32,
    pub stats: Stats,
    /// Characters within links.
    pub linked: u32,
    /// Links that have text.
    pub links: u32,
    pub images: u32,
    pub breaks: u32,
    /// Characters in bold.
    pub strong: u32,
    /// Characters in code elements.
    pub code: u32,
    /// Elements in it: `time` 1, `code` 2.
    pub marks: u8,
    pub kept: bool,
    /// True if inline code in it has line breaks.
    pub broken: bool,
}

/// The blocks of a page, and for each node the blocks within it.
pub struct Blocks {
    pub text: String,
    pub blocks: Vec<Block>,
    pub first: Vec<u32>,
    pub last: Vec<u32>,
    pub images: u32,
    /// True if there would have been too many.
    pub cut: bool,
    /// Marks within blocks and between them; none if no structure is wanted.
    pub marks: Recorder,
    pub codes: Codes,
}

impl Blocks {
    /// The text of a block.
    pub fn text_of(&self, block: &Block) -> &str {
        &self.text[block.start as usize..block.end as usize]
    }
}

const BOLD: tags::Set = tags::set(&[Tag::B, Tag::Strong]);

#[derive(Default)]
struct Inside {
    linked: u32,
    links: u32,
    images: u32,
    breaks: u32,
    strong: u32,
    code: u32,
    marks: u8,
    broken: bool,
}

struct Walk<'a> {
    source: &'a str,
    tree: &'a Tree,
    nodes: &'a [Node],
    counter: &'a Counter,
    cleaner: Cleaner<'a>,
    made: Blocks,
    current: u32,
    /// Bytes of the source before here.
    seen: usize,
    inside: Inside,
    was_linked: bool,
    kept: u32, // preformatted elements that are open
    bold: u32,
    code: u32,
    seam: Seam,
    /// The place where a line of code begins unless text is written.
    line: bool,
    /// The code that is being written as one block.
    lines: Lines,
    /// The element without text that is or was open.
    gone: Range<u32>,
    /// The inline code with line breaks that is or was open.
    broken: u32,
    /// The beginning of the last piece of text.
    piece: usize,
    headings: u32, // that are open
    addition: Option<Addition>,
    /// The open element of a superscript or subscript, and the beginning of its text.
    script: Option<(u32, usize)>,
    /// Whether marks are noted.
    structure: bool,
    roles: Roles,
    /// The mark of an output of MathJax without text behind it, whose script may come.
    output: Option<usize>,
}

/// Cut a page into its blocks.
pub fn blocks<'a>(source: &'a str, tree: &'a Tree, counter: &'a Counter, cleaner: Cleaner<'a>) -> Blocks {
    let nodes = &tree.nodes[..];
    let made = Blocks {
        text: String::new(),
        blocks: Vec::new(),
        first: vec![0; nodes.len()],
        last: vec![0; nodes.len()],
        images: 0,
        cut: false,
        marks: Recorder::default(),
        codes: codes(source, tree),
    };
    let mut walk = Walk {
        source,
        tree,
        nodes,
        counter,
        cleaner,
        made,
        current: 0,
        seen: 0,
        inside: Inside::default(),
        was_linked: false,
        kept: 0,
        bold: 0,
        code: 0,
        seam: Seam::default(),
        line: false,
        lines: Lines::default(),
        gone: 0..0,
        broken: 0,
        piece: 0,
        headings: 0,
        addition: None,
        script: None,
        structure: !tree.markup.is_empty(),
        roles: Roles::default(),
        output: None,
    };
    let mut stack: Vec<u32> = Vec::with_capacity(64);
    let mut pieces = tree.pieces.iter().peekable();
    let mut objects = (0_u32..).zip(&tree.objects).peekable();
    for at in 0..=nodes.len() as u32 {
        loop {
            let piece = pieces.peek().filter(|piece| piece.before == at);
            let earlier = |span: Span| piece.is_none_or(|piece| span.start < piece.span.start);
            let object = objects.next_if(|(_, object)| object.before == at && earlier(object.span));
            let Some(parent) = object.map(|(_, object)| object.parent).or(piece.map(|piece| piece.parent)) else {
                break;
            };
            while stack.last().is_some_and(|&top| top != parent) {
                walk.close(stack.pop().unwrap_or(0));
            }
            match (object, pieces.next_if(|_| object.is_none())) {
                (Some((object, _)), _) => walk.object(Kind::Formula, Origin::Object(object)),
                (None, Some(piece)) => walk.text(piece),
                (None, None) => break,
            }
        }
        let parent = nodes.get(at as usize).map(|node| node.parent);
        while stack.last().is_some_and(|&top| Some(top) != parent) {
            walk.close(stack.pop().unwrap_or(0));
        }
        if parent.is_some() {
            walk.open(at);
            stack.push(at);
        }
    }
    walk.finish();
    walk.made.text = walk.cleaner.text;
    walk.made
}

impl Walk<'_> {
    fn text(&mut self, piece: &Piece) {
        let (span, linked) = (piece.span, piece.linked);
        let Some(source) = self.source.get(span.start as usize..span.end as usize) else { return };
        self.seen = span.end as usize;
        if self.gone.contains(&piece.parent) {
            return;
        }
        let source = match () {
            () if self.lines.has_text_of(piece.parent) => self.lines.text(source, piece, self.nodes, &mut self.cleaner),
            () if self.cleaner.indented && self.cleaner.begins_line() => source.trim_ascii_start(),
            () => source,
        };
        if self.cleaner.newlines() > 1 && source.bytes().any(|byte| !byte.is_ascii_whitespace()) {
            self.flush(); // an empty line between lines
        }
        let before = self.cleaner.text.len();
        self.cleaner.push(source, self.kept > 0);
        if self.cleaner.text.len() <= before {
            return; // nothing new, or blanks at the end of a preformatted line taken off
        }
        self.join(before);
        if self.structure && self.kept == 0 {
            let new = self.cleaner.text.get(before..).unwrap_or_default();
            self.output = None;
            self.made.marks.text(self.cleaner.text.len() - new.trim_start().len());
        }
        let counted = linked || self.bold > 0 || self.code > 0;
        let new = self.cleaner.text.get(before..).filter(|_| counted);
        let size = new.map_or(0, |new| new.chars().count() as u32);
        if linked {
            self.inside.linked += size;
            self.inside.links += u32::from(!self.was_linked);
        }
        self.was_linked = linked;
        self.inside.strong += if self.bold > 0 { size } else { 0 };
        self.inside.code += if self.code > 0 { size } else { 0 };
    }

    /// Write the gap that the page shows between the text before a place and the next piece.
    fn join(&mut self, at: usize) {
        let (seam, line) = (std::mem::take(&mut self.seam), std::mem::take(&mut self.line));
        if !self.cleaner.text.is_char_boundary(at) {
            return; // blanks at the end of a preformatted line were taken off
        }
        let (written, piece) = self.cleaner.text.split_at(at);
        let block = &written[self.cleaner.start()..];
        let before = written.get(self.piece..).filter(|piece| piece.len() < block.len()).unwrap_or(block);
        if let (Some(last), Some(first)) = (block.chars().next_back(), piece.chars().next()) {
            let mark = match (self.kept > 0, seam.is_between_code()) {
                (true, between) => (between && !self.lines.in_line() || line) && last != '\n' && first != '\n',
                (false, between) => (between || self.code == 0) && seam.shows_gap(before, first),
            };
            if mark {
                self.cleaner.text.insert(at, if self.kept > 0 { '\n' } else { ' ' });
            }
        }
        self.piece = at;
    }

    /// Write raised or lowered text as such.
    fn end_script(&mut self, node: u32, start: usize) {
        let Some(inside) = self.cleaner.text.get(start..).filter(|_| start >= self.cleaner.start()) else { return };
        let blank = inside.len() - inside.trim_start().len();
        let before = self.cleaner.text[self.cleaner.start()..start].chars().next_back().filter(|_| blank == 0);
        let raised = self.nodes[node as usize].tag == Tag::Sup;
        if let Some(made) = script(&inside[blank..], before, raised) {
            self.cleaner.text.replace_range(start + blank.., &made);
            self.made.marks.rewritten(node, start + blank);
        }
    }

    /// Note an object where the text is now.
    fn object(&mut self, kind: Kind, origin: Origin) {
        if let (Some(output), Origin::Object(object)) = (self.output, origin) {
            if self.tree.objects[object as usize].holder == Holder::Script {
                self.made.marks.marks[output].origin = origin;
                return;
            }
        }
        if self.structure && self.kept == 0 {
            self.made.marks.object(kind, origin, self.cleaner.next());
        }
    }

    /// True if the class of an element marks it as a line of code.
    fn is_line(&self, at: u32) -> bool {
        self.tree.class_words(self.source, at).any(|word| word == b"line" || word.ends_with(b"-line"))
    }

    /// Take back the text of an element in a heading that is none of the heading.
    fn end_addition(&mut self, Addition { start, marks, .. }: Addition) {
        self.cleaner.cut(start);
        self.made.marks.cut(marks);
        self.piece = self.piece.min(start);
        self.output = None;
    }

    /// True if an element that begins has no text.
    fn is_gone(&mut self, at: u32) -> bool {
        if !self.gone.contains(&at) && self.made.codes.gone.binary_search(&at).is_ok() {
            self.gone = at..self.nodes[at as usize].end;
        }
        self.gone.contains(&at)
    }

    fn open(&mut self, at: u32) {
        let tag = self.nodes[at as usize].tag;
        let (block, within) = (tag.is(tags::BLOCK), self.lines.contain(at));
        if self.is_gone(at) {
            if block && !within {
                self.flush();
            }
        } else if block && within {
            self.lines.open(tag, &mut self.cleaner);
            self.kept += u32::from(tag.is(PREFORMATTED));
        } else if block {
            self.flush();
            self.current = at;
            let whole = self.made.codes.is_whole(at);
            if whole {
                self.lines.begin(at..self.nodes[at as usize].end);
            }
            self.kept += u32::from(whole || tag.is(PREFORMATTED));
            self.headings += u32::from(tag.is(tags::HEADINGS));
            self.open_mark(at, None);
        } else {
            self.seam.begin(tag);
            self.open_mark(at, kind_of(tag));
            self.line |= self.kept > 0 && self.is_line(at);
            if self.headings > 0 && self.kept == 0 && self.addition.is_none() {
                let place = self.cleaner.text.len();
                self.addition = Addition::of(self.source, self.tree, at, place, &self.made.marks);
            }
            match tag {
                Tag::Br => {
                    if self.kept > 0 || self.cleaner.indented {
                        self.cleaner.push("\n", true);
                        self.inside.code += u32::from(self.code > 0);
                    } else {
                        self.cleaner.newline();
                    }
                    self.inside.breaks += u32::from(!self.cleaner.is_empty());
                }
                Tag::Img => {
                    self.inside.images += 1;
                    self.made.images += 1;
                    self.object(Kind::Image, Origin::Node(at));
                }
                Tag::A => self.was_linked = false,
                Tag::Time => self.inside.marks |= 1,
                Tag::Code => {
                    self.inside.marks |= 2;
                    self.code += 1;
                    if self.kept == 0 && self.made.codes.broken.binary_search(&at).is_ok() {
                        (self.broken, self.cleaner.indented, self.inside.broken) = (at, true, true);
                    }
                }
                Tag::Sup | Tag::Sub => {
                    self.script = self.script.or(Some((at, self.cleaner.text.len())));
                }
                _ => self.bold += u32::from(tag.is(BOLD)),
            }
        }
        self.made.first[at as usize] = self.made.blocks.len() as u32;
    }

    fn close(&mut self, at: u32) {
        let node = self.nodes[at as usize];
        let (block, within) = (node.tag.is(tags::BLOCK), self.lines.contain(at));
        if self.gone.contains(&at) {
            if block && !within {
                self.flush();
                self.current = node.parent;
            }
        } else if block && within {
            self.lines.close(node.tag, &self.cleaner);
            self.kept -= u32::from(node.tag.is(PREFORMATTED));
        } else if block {
            self.close_mark(at);
            self.flush();
            self.current = node.parent;
            let whole = self.made.codes.is_whole(at);
            self.kept -= u32::from(whole || node.tag.is(PREFORMATTED));
            self.headings -= u32::from(node.tag.is(tags::HEADINGS));
        } else {
            self.cleaner.indented &= self.broken != at;
            self.seam.end(node.tag);
            self.bold -= u32::from(node.tag.is(BOLD));
            self.code -= u32::from(node.tag == Tag::Code);
            if let Some((_, start)) = self.script.filter(|&(open, _)| open == at) {
                self.script = None;
                self.end_script(at, start);
            }
            self.close_mark(at);
            if let Some(addition) = self.addition.take_if(|addition| addition.node == at) {
                let text = self.cleaner.text.get(addition.start..).filter(|_| addition.start >= self.cleaner.start());
                if text.is_some_and(|text| addition.is_one(text)) {
                    self.end_addition(addition);
                }
            }
        }
        self.made.last[at as usize] = self.made.blocks.len() as u32;
    }

    /// Open the mark of an element: the one of its tag, or that of a formula.
    fn open_mark(&mut self, at: u32, kind: Option<Kind>) {
        if self.structure && self.kept == 0 {
            let role = self.roles.of(self.source, self.tree, at);
            if let Some(kind) = if role == Role::None { kind } else { Some(Kind::Formula) } {
                self.made.marks.open(at, kind);
            }
        }
    }

    fn close_mark(&mut self, at: u32) {
        if self.structure {
            let start = self.cleaner.start();
            if let Some(mark) = self.made.marks.close(at, &self.cleaner.text[start..], start) {
                if self.roles.of(self.source, self.tree, at) == Role::Output {
                    self.output = Some(mark);
                }
            }
        }
    }

    /// End the block, if there may be another.
    fn flush(&mut self) {
        if self.made.blocks.len() < MOST_BLOCKS + self.seen / BYTES_A_BLOCK {
            self.finish();
        } else if !self.cleaner.is_empty() {
            self.made.cut = true;
            self.cleaner.newline();
        }
    }

    fn finish(&mut self) {
        self.cleaner.trim();
        let inside = std::mem::take(&mut self.inside);
        let (start, end) = self.cleaner.finish();
        self.was_linked = false;
        (self.seam, self.line) = (Seam::default(), false);
        if self.structure {
            self.made.marks.finish(self.made.blocks.len(), self.current, &self.cleaner.text[start..end], start);
        }
        if start == end {
            return;
        }
        let stats = self.counter.count(&self.cleaner.text[start..end]);
        self.made.blocks.push(Block {
            node: self.current,
            start: start as u32,
            end: end as u32,
            stats,
            linked: inside.linked,
            links: inside.links,
            images: inside.images,
            breaks: inside.breaks,
            strong: inside.strong,
            code: inside.code,
            marks: inside.marks,
            kept: self.kept > 0,
            broken: inside.broken,
        });
    }
}
