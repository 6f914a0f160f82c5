//! The tree of a page as flat arrays in document order, built as the HTML standard builds it in the essentials.
//!
//! Left out: the tree never moves what it has (no foster parents, no adoption: an inline element whose end tag comes
//! outside of a block it was opened in is marked as closed), and has no `tbody` and `colgroup` that nobody wrote.
//! Dropped elements are not in it. Scripts count as off, so that `noscript` has its content, which is marked.
//! Depth, nodes and texts are limited: what is beyond becomes part of what is within.

use super::fragments::Fragments;
use super::lexicon::name_tokens;
use super::scanner::{Attributes, Scanner, Span, Token};
use super::tags::{self, Names, Set, Tag};

pub const MAX_DEPTH: usize = 250;
/// How far up the start tag of an inline element or a list item is looked for.
const REACH: usize = 64;
pub const MAX_NODES: usize = 400_000;
pub const MAX_TEXTS: usize = 400_000;

pub const HIDDEN: u8 = 1;
pub const NOSCRIPT: u8 = 2;
pub const ROLE_MAIN: u8 = 4;
pub const ROLE_CHROME: u8 = 8;
pub const PROP_ARTICLE: u8 = 16;
pub const PROP_TEXT: u8 = 32;
pub const PROP_OTHER: u8 = 64;
const INHERITED: u8 = HIDDEN | NOSCRIPT;

/// An element. Its subtree is the nodes from it up to `end`.
#[derive(Clone, Copy)]
pub struct Node {
    pub parent: u32,
    pub end: u32,
    /// What its class and id say, in `Tree::names`; 0 for nothing.
    pub names: u32,
    pub tag: Tag,
    pub flags: u8,
    pub depth: u16,
}

/// A piece of text, as the source has it.
#[derive(Clone, Copy)]
pub struct Piece {
    pub span: Span,
    pub parent: u32,
    /// Nodes that begin before it.
    pub before: u32,
    pub linked: bool,
}

/// What an element's class and id say.
#[derive(Clone, Copy, Default)]
pub struct Named {
    pub fragments: u128,
    pub hash: u32,
    /// Where its words are in `Tree::tokens`.
    pub tokens: (u32, u32),
}

#[derive(Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pub pieces: Vec<Piece>,
    pub names: Vec<Named>,
    pub tokens: Vec<u32>,
    pub head: Head,
    /// Whether a limit was met.
    pub cut: bool,
}

/// What a page says of itself outside of its text.
#[derive(Default, Clone)]
pub struct Head {
    pub title: Option<Span>,
    pub lang: Option<Span>,
    pub kind: Option<Span>,
    pub description: Option<Span>,
    pub data: Vec<Span>,
}

#[derive(Clone, Copy)]
struct Open {
    node: u32,
    /// Of the name, where the tag is `Other`.
    hash: u32,
    tag: Tag,
    /// Dropped, or within something that is.
    dropped: bool,
    /// Its end tag came, but it could not be taken off the stack.
    closed: bool,
}

/// The state of building.
pub struct Builder<'a> {
    source: &'a [u8],
    names: &'a Names,
    fragments: &'a Fragments,
    tree: Tree,
    stack: Vec<Open>,
    open: [u32; 128],
    /// Links that are open.
    links: u32,
    /// Start tags beyond the depth whose end tags are to come.
    beyond: usize,
    body: bool,
}

const HEAD_ONLY: Set = tags::set(&[
    Tag::Base,
    Tag::Link,
    Tag::Meta,
    Tag::Title,
    Tag::Style,
    Tag::Script,
    Tag::Noscript,
    Tag::Template,
    Tag::Head,
    Tag::Html,
]);
const TABLE_CONTEXT: Set = tags::SECTIONS | tags::set(&[Tag::Table, Tag::Template]);
const ROW_CONTEXT: Set = TABLE_CONTEXT | Tag::Tr.bit();
const FOREIGN: Set = tags::set(&[Tag::Svg, Tag::Math]);
const ITEM: Set = Tag::Li.bit();
const TERM: Set = tags::set(&[Tag::Dd, Tag::Dt]);
const THIN: Set = tags::set(&[Tag::Address, Tag::Div, Tag::P]);

pub fn hash(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811C_9DC5, |hash, &byte| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}

impl<'a> Builder<'a> {
    pub fn new(source: &'a [u8], names: &'a Names, fragments: &'a Fragments) -> Self {
        let mut builder = Builder {
            source,
            names,
            fragments,
            tree: Tree { names: vec![Named::default()], ..Tree::default() },
            stack: Vec::with_capacity(64),
            open: [0; 128],
            links: 0,
            beyond: 0,
            body: false,
        };
        builder.tree.nodes.reserve(source.len() / 64);
        builder.tree.pieces.reserve(source.len() / 64);
        builder.push(Tag::Html, 0, &Attributes::default());
        builder
    }

    /// Build the tree of the whole source.
    pub fn build(mut self) -> Tree {
        let mut scanner = Scanner::new(self.source);
        loop {
            match scanner.next() {
                Token::Text(span) => self.text(span),
                Token::Start { name } => {
                    let name = name.of(self.source);
                    let tag = self.names.tag(name);
                    self.start(tag, name, &mut scanner);
                }
                Token::End { name } => {
                    let name = name.of(self.source);
                    let tag = self.names.tag(name);
                    self.end(tag, name);
                }
                Token::EndOfFile => break,
            }
        }
        self.pop_to(0);
        self.tree
    }

    fn top(&self) -> Open {
        self.stack[self.stack.len() - 1]
    }

    fn text(&mut self, span: Span) {
        let top = self.top();
        if top.dropped {
            return;
        }
        let blank = span.of(self.source).iter().all(u8::is_ascii_whitespace);
        if !self.body && !(top.tag == Tag::Noscript) {
            if blank {
                return;
            }
            self.ensure_body();
        }
        if self.tree.pieces.len() >= MAX_TEXTS {
            self.tree.cut = true;
            return;
        }
        let parent = self.top().node;
        let before = self.tree.nodes.len() as u32;
        self.tree.pieces.push(Piece { span, parent, before, linked: self.links > 0 });
    }

    fn ensure_body(&mut self) {
        if !self.body {
            self.pop_to(1);
            self.body = true;
            self.push(Tag::Body, 0, &Attributes::default());
        }
    }

    fn start(&mut self, tag: Tag, name: &[u8], scanner: &mut Scanner<'a>) {
        let attributes = scanner.attributes;
        if tag.is(FOREIGN) && scanner.self_closing() {
            return;
        }
        if self.top().tag.is(FOREIGN) && !self.leaves_foreign(tag, name) {
            return;
        }
        match tag {
            Tag::Html => {
                self.tree.head.lang = self.tree.head.lang.or(attributes.lang);
                return self.merge(0, &attributes);
            }
            Tag::Body => return self.start_body(&attributes),
            Tag::Head if self.body || self.stack.len() > 1 => return,
            Tag::Meta => return self.meta(&attributes),
            Tag::Frameset | Tag::Frame | Tag::Col => return,
            Tag::Form if self.open[Tag::Form as usize] > 0 => return,
            _ => {}
        }
        if !self.body && !tag.is(HEAD_ONLY) {
            self.ensure_body();
        }
        if !self.end_implied(tag) {
            return;
        }
        if tag.is(tags::RAW) {
            return self.raw(tag, name, &attributes, scanner);
        }
        if tag.is(tags::VOID) {
            if !tag.is(tags::DROPPED) && !self.top().dropped {
                self.leaf(tag);
            }
            return;
        }
        let hash = if tag == Tag::Other { hash(name) } else { 0 };
        self.push(tag, hash, &attributes);
    }

    /// In SVG or MathML most tags are not HTML's; some end it.
    fn leaves_foreign(&mut self, tag: Tag, name: &[u8]) -> bool {
        let integration = name.eq_ignore_ascii_case(b"foreignobject")
            || name.eq_ignore_ascii_case(b"desc")
            || name.eq_ignore_ascii_case(b"annotation-xml");
        if integration || tag.is(tags::RAW | FOREIGN) {
            return true;
        }
        let breaks = (tags::BLOCK | tags::FORMATTING | tags::set(&[Tag::Span, Tag::Br, Tag::Img, Tag::Sub, Tag::Sup]))
            & !tags::set(&[Tag::A, Tag::Article, Tag::Section]);
        if tag.is(breaks) {
            let mut depth = self.stack.len();
            while depth > 1 && self.stack[depth - 1].tag.is(FOREIGN) {
                depth -= 1;
            }
            self.pop_to(depth);
            return true;
        }
        false
    }

    fn start_body(&mut self, attributes: &Attributes) {
        if !self.body {
            self.pop_to(1);
            self.body = true;
            self.push(Tag::Body, 0, attributes);
        } else if let Some(open) = self.stack.get(1).filter(|open| open.tag == Tag::Body) {
            self.merge(open.node, attributes);
        }
    }

    /// Give an element that is there the names of a second start tag.
    fn merge(&mut self, node: u32, attributes: &Attributes) {
        if self.tree.nodes[node as usize].names == 0 {
            self.tree.nodes[node as usize].names = self.named(attributes);
        }
    }

    fn meta(&mut self, attributes: &Attributes) {
        let Some(name) = attributes.property.or(attributes.name) else { return };
        let name = name.of(self.source);
        let head = &mut self.tree.head;
        if name.eq_ignore_ascii_case(b"og:type") {
            head.kind = head.kind.or(attributes.content);
        } else if name.eq_ignore_ascii_case(b"description") || name.eq_ignore_ascii_case(b"og:description") {
            head.description = head.description.or(attributes.content);
        }
    }

    fn raw(&mut self, tag: Tag, name: &[u8], attributes: &Attributes, scanner: &mut Scanner<'a>) {
        let span = if tag == Tag::Plaintext { scanner.rest() } else { scanner.raw_text(name, tag == Tag::Script) };
        match tag {
            Tag::Title if !self.top().dropped => self.tree.head.title = self.tree.head.title.or(Some(span)),
            Tag::Script => {
                let kind = attributes.kind.map(|kind| kind.of(self.source)).unwrap_or_default();
                if kind.eq_ignore_ascii_case(b"application/ld+json") && self.tree.head.data.len() < 64 {
                    self.tree.head.data.push(span);
                }
            }
            Tag::Xmp | Tag::Plaintext => {
                let depth = self.stack.len();
                self.push(tag, 0, attributes);
                self.text(span);
                if self.stack.len() > depth {
                    self.pop_to(depth);
                } else {
                    self.beyond -= 1; // its end tag is ahead, but does not count
                }
            }
            _ => {}
        }
    }

    /// End what a start tag ends without an end tag. False where the start tag has no place here.
    fn end_implied(&mut self, tag: Tag) -> bool {
        if tag.is(tags::ENDS_P) && self.open[Tag::P as usize] > 0 {
            if tag.is(ITEM | TERM) {
                self.end_items(tag);
            }
            self.close(Tag::P.bit(), tags::BUTTON_SCOPE);
            if tag.is(tags::HEADINGS) && self.top().tag.is(tags::HEADINGS) {
                self.pop_to(self.stack.len() - 1);
            }
            if tag == Tag::Table {
                self.end_table_in_table();
            }
            return true;
        }
        match tag {
            Tag::Li | Tag::Dd | Tag::Dt => self.end_items(tag),
            Tag::A if self.links > 0 => self.end_formatting(Tag::A),
            Tag::Button => self.close(Tag::Button.bit(), tags::SCOPE),
            Tag::Option if self.top().tag == Tag::Option => self.pop_to(self.stack.len() - 1),
            Tag::Table => self.end_table_in_table(),
            _ if tag.is(tags::HEADINGS) && self.top().tag.is(tags::HEADINGS) => self.pop_to(self.stack.len() - 1),
            _ if tag.is(tags::TABLE_PARTS) => return self.end_table_parts(tag),
            _ => {}
        }
        true
    }

    fn end_items(&mut self, tag: Tag) {
        let items = if tag == Tag::Li { ITEM } else { TERM };
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth].tag;
            if open.is(items) {
                return self.pop_to(depth);
            }
            if open.is(tags::SPECIAL & !THIN) {
                return;
            }
        }
    }

    fn end_table_in_table(&mut self) {
        if self.top().tag.is(ROW_CONTEXT & !Tag::Template.bit()) {
            self.close(Tag::Table.bit(), tags::TABLE_SCOPE);
        }
    }

    fn end_table_parts(&mut self, tag: Tag) -> bool {
        if self.open[Tag::Table as usize] == 0 {
            return false;
        }
        let context = match tag {
            Tag::Td | Tag::Th => ROW_CONTEXT,
            Tag::Tr => TABLE_CONTEXT,
            _ => tags::set(&[Tag::Table, Tag::Template]),
        };
        if let Some(depth) = self.stack.iter().rposition(|open| open.tag.is(context)) {
            self.pop_to(depth + 1);
        }
        true
    }

    fn end(&mut self, tag: Tag, name: &[u8]) {
        if self.beyond > 0 && !tag.is(tags::VOID | tags::RAW) {
            self.beyond -= 1;
            return;
        }
        match tag {
            Tag::Html | Tag::Body => return,
            Tag::P if self.open[Tag::P as usize] == 0 => {
                if self.body && !self.top().dropped {
                    self.leaf(Tag::P); // it ends the line
                }
                return;
            }
            Tag::Br if !self.top().dropped => return self.leaf(Tag::Br),
            _ if tag.is(tags::HEADINGS) => return self.close(tags::HEADINGS, tags::SCOPE),
            _ if self.open[tag as usize] == 0 => return,
            _ => {}
        }
        match tag {
            Tag::P => self.close(Tag::P.bit(), tags::BUTTON_SCOPE),
            Tag::Li => self.close(ITEM, tags::LIST_SCOPE),
            Tag::Form => self.end_form(),
            Tag::Other => self.end_other(hash(name)),
            _ if tag.is(tags::FORMATTING) => self.end_formatting(tag),
            _ if tag.is(tags::TABLE_PARTS) || tag == Tag::Table => self.close(tag.bit(), tags::TABLE_SCOPE),
            _ if tag.is(tags::SPECIAL | tags::DROPPED) => self.close(tag.bit(), tags::SCOPE),
            _ => self.end_inline(tag),
        }
    }

    /// Take everything off the stack down to the nearest open element of a set, unless a barrier is nearer.
    fn close(&mut self, wanted: Set, barriers: Set) {
        for depth in (1..self.stack.len()).rev() {
            let open = self.stack[depth].tag;
            if open.is(wanted) {
                return self.pop_to(depth);
            }
            if open.is(barriers) {
                return;
            }
        }
    }

    fn end_inline(&mut self, tag: Tag) {
        self.close(tag.bit(), tags::SPECIAL);
    }

    fn end_other(&mut self, hash: u32) {
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth];
            if open.tag == Tag::Other && open.hash == hash {
                return self.pop_to(depth);
            }
            if open.tag.is(tags::SPECIAL) {
                return;
            }
        }
    }

    fn end_formatting(&mut self, tag: Tag) {
        let mut inside = true;
        for depth in (1..self.stack.len()).rev().take(REACH) {
            let open = self.stack[depth];
            if open.tag == tag && !open.closed {
                if inside {
                    return self.pop_to(depth);
                }
                return self.mark_closed(depth);
            }
            if open.tag.is(tags::SCOPE) {
                return;
            }
            inside &= !open.tag.is(tags::SPECIAL);
        }
    }

    fn end_form(&mut self) {
        if let Some(depth) = self.stack.iter().rposition(|open| open.tag == Tag::Form && !open.closed) {
            if depth + 1 == self.stack.len() {
                self.pop_to(depth);
            } else {
                self.mark_closed(depth);
            }
        }
    }

    fn mark_closed(&mut self, depth: usize) {
        self.stack[depth].closed = true;
        self.forget(self.stack[depth].tag);
    }

    fn forget(&mut self, tag: Tag) {
        self.open[tag as usize] -= 1;
        self.links -= u32::from(tag == Tag::A);
    }

    fn pop_to(&mut self, depth: usize) {
        while self.stack.len() > depth {
            let Some(open) = self.stack.pop() else { return };
            if !open.closed {
                self.forget(open.tag);
            }
            let own = !open.dropped;
            if own {
                self.tree.nodes[open.node as usize].end = self.tree.nodes.len() as u32;
            }
        }
    }

    /// An element without content.
    fn leaf(&mut self, tag: Tag) {
        let top = self.top();
        if self.tree.nodes.len() >= MAX_NODES {
            self.tree.cut = true;
            return;
        }
        let end = self.tree.nodes.len() as u32 + 1;
        let flags = self.tree.nodes[top.node as usize].flags & INHERITED;
        self.tree.nodes.push(Node { parent: top.node, end, names: 0, tag, flags, depth: self.stack.len() as u16 });
    }

    fn push(&mut self, tag: Tag, hash: u32, attributes: &Attributes) {
        if self.stack.len() >= MAX_DEPTH || self.tree.nodes.len() >= MAX_NODES {
            self.tree.cut = true;
            self.beyond += 1;
            return;
        }
        let above = self.stack.last().copied();
        let dropped = tag.is(tags::DROPPED) || above.is_some_and(|above| above.dropped);
        let parent = above.map_or(0, |above| above.node);
        let mut node = parent;
        if !dropped {
            node = self.tree.nodes.len() as u32;
            let inherited = self.tree.nodes.get(parent as usize).map_or(0, |node| node.flags & INHERITED);
            let flags = inherited | self.flags(tag, attributes);
            let names = self.named(attributes);
            self.tree.nodes.push(Node { parent, end: 0, names, tag, flags, depth: self.stack.len() as u16 });
        }
        self.open[tag as usize] += 1;
        self.links += u32::from(tag == Tag::A);
        self.stack.push(Open { node, hash, tag, dropped, closed: false });
    }

    fn named(&mut self, attributes: &Attributes) -> u32 {
        let (class, id) = (attributes.class.unwrap_or_default(), attributes.id.unwrap_or_default());
        if class.is_empty() && id.is_empty() {
            return 0;
        }
        let (class, id) = (class.of(self.source), id.of(self.source));
        let fragments = self.fragments.find(class) | self.fragments.find(id);
        let start = self.tree.tokens.len() as u32;
        name_tokens(class, &mut self.tree.tokens);
        name_tokens(id, &mut self.tree.tokens);
        let tokens = (start, self.tree.tokens.len() as u32);
        self.tree.names.push(Named { fragments, hash: hash(class), tokens });
        self.tree.names.len() as u32 - 1
    }

    fn flags(&self, tag: Tag, attributes: &Attributes) -> u8 {
        let value = |span: Option<Span>| span.map(|span| span.of(self.source)).unwrap_or_default();
        let mut flags = if tag == Tag::Noscript { NOSCRIPT } else { 0 };
        let hidden = attributes.hidden.is_some()
            || value(attributes.aria_hidden).eq_ignore_ascii_case(b"true")
            || attributes.style.is_some_and(|style| is_display_none(style.of(self.source)));
        flags |= if hidden { HIDDEN } else { 0 };
        if attributes.role.is_some() {
            flags |= match &value(attributes.role).to_ascii_lowercase()[..] {
                b"main" => ROLE_MAIN,
                b"navigation" | b"banner" | b"contentinfo" | b"complementary" | b"search" => ROLE_CHROME,
                _ => 0,
            };
        }
        if attributes.itemprop.is_some() {
            let property = value(attributes.itemprop).to_ascii_lowercase();
            let has = |part: &[u8]| memchr::memmem::find(&property, part).is_some();
            flags |= match () {
                () if has(b"article") => PROP_ARTICLE,
                () if has(b"text") || has(b"description") || has(b"reviewbody") => PROP_TEXT,
                () => PROP_OTHER,
            };
        }
        flags
    }
}

/// Whether a style attribute says `display: none`.
fn is_display_none(style: &[u8]) -> bool {
    let mut rest = style;
    while let Some(at) = memchr::memmem::find(rest, b"none") {
        let before = rest[..at].trim_ascii_end();
        if let Some(before) = before.strip_suffix(b":") {
            let before = before.trim_ascii_end();
            if before[before.len().saturating_sub(7)..].eq_ignore_ascii_case(b"display") {
                return true;
            }
        }
        rest = &rest[at + 4..];
    }
    false
}
