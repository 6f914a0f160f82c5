//! Builds the tree of a page as the HTML standard does in the essentials.
//!
//! Left out: the tree never moves what it has (no foster parents, no adoption: an inline element whose end tag comes
//! outside of a block it was opened in is marked as closed), and has no `tbody` and `colgroup` that nobody wrote.
//! Dropped elements are not in it. Scripts count as off, so that `noscript` has its content, which is marked.
//! Depth, nodes and texts are limited: content beyond is merged into the nearest element within.

use super::fragments::Fragments;
use super::lexicon::name_tokens;
use super::marks::flags_of;
use super::scanner::{Attributes, Scanner, Span, Token};
use super::tags::{self, Names, Set, Tag};
use super::tree::{hash, Holder, Named, Node, Object, Piece, Tree, INHERITED, MAX_DEPTH, MAX_NODES, MAX_TEXTS};
use xxhash_rust::xxh3::xxh3_64;

#[derive(Clone, Copy)]
pub(super) struct Open {
    pub(super) node: u32,
    /// Of the name, if the tag is `Other`.
    pub(super) hash: u32,
    pub(super) tag: Tag,
    /// Dropped, or within something that is.
    pub(super) dropped: bool,
    /// Its end tag came, but it could not be taken off the stack.
    pub(super) closed: bool,
}

/// A page has so many nodes in any case, and one more for so many bytes, but never more than `MAX_NODES`.
const SOME_NODES: usize = 10_000;
const BYTES_A_NODE: usize = 8;

/// Names that are remembered.
const RECENT: usize = 1024;

/// The state of building.
pub struct Builder<'a> {
    pub(super) source: &'a [u8],
    pub(super) names: &'a Names,
    pub(super) fragments: &'a Fragments,
    pub(super) tree: Tree,
    pub(super) stack: Vec<Open>,
    pub(super) open: [u32; 128],
    /// Links that are open.
    pub(super) links: u32,
    most_nodes: usize,
    /// The last names of each hash.
    recent: Vec<u32>,
    /// Start tags beyond the depth whose end tags are to come.
    pub(super) beyond: usize,
    pub(super) body: bool,
    /// True if the page declares itself XML, in which any tag may close itself.
    xml: bool,
    /// Whether the markup of elements and the objects are noted, for the structure of the text.
    structure: bool,
    /// The attributes of the tag that is being read, and the place where it begins.
    pub(super) markup: Span,
    pub(super) place: u32,
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
const FOREIGN: Set = tags::set(&[Tag::Svg, Tag::Math]);

/// Scripts of each kind that are recorded, and bytes of one that may contain a text.
const MOST_SCRIPTS: usize = 64;
const SHORTEST_SCRIPT: u32 = 100;

impl<'a> Builder<'a> {
    pub fn new(source: &'a [u8], names: &'a Names, fragments: &'a Fragments, structure: bool) -> Self {
        let mut builder = Builder {
            source,
            names,
            fragments,
            tree: Tree { names: vec![Named::default()], ..Tree::default() },
            stack: Vec::with_capacity(64),
            open: [0; 128],
            links: 0,
            most_nodes: MAX_NODES.min(SOME_NODES + source.len() / BYTES_A_NODE),
            recent: vec![0; RECENT],
            beyond: 0,
            body: false,
            xml: source.trim_ascii_start().starts_with(b"<?xml"),
            structure,
            markup: Span::default(),
            place: 0,
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
                    self.place = name.start - 1;
                    self.markup = Span { start: name.end, end: scanner.place() };
                    let name = name.of(self.source);
                    let tag = self.names.tag(name);
                    self.start(tag, name, &mut scanner);
                }
                Token::End { name } => {
                    self.place = name.start - 2;
                    self.markup = Span::default();
                    let name = name.of(self.source);
                    let tag = self.names.tag(name);
                    self.end(tag, name);
                }
                Token::EndOfFile => break,
            }
        }
        self.place = self.source.len() as u32;
        self.pop_to(0);
        self.tree
    }

    pub(super) fn top(&self) -> Open {
        self.stack[self.stack.len() - 1]
    }

    fn text(&mut self, span: Span) {
        let top = self.top();
        if top.dropped {
            return;
        }
        if !self.body && !(top.tag == Tag::Noscript) {
            if span.of(self.source).iter().all(u8::is_ascii_whitespace) {
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
            let markup = std::mem::take(&mut self.markup);
            self.push(Tag::Body, 0, &Attributes::default());
            self.markup = markup;
        }
    }

    fn start(&mut self, tag: Tag, name: &[u8], scanner: &mut Scanner<'a>) {
        let attributes = scanner.attributes;
        let closed = scanner.self_closing();
        if closed && (tag.is(FOREIGN) || self.xml && tag.is(tags::RAW)) {
            return;
        }
        if self.top().tag.is(FOREIGN) && !self.leaves_foreign(tag, name, closed) {
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
            Tag::Base => self.tree.head.base = self.tree.head.base.or(attributes.href),
            Tag::Frameset | Tag::Frame | Tag::Col => return,
            Tag::Form if self.open[Tag::Form as usize] > 0 => return,
            // The content of a shadow root is shown in place of its host.
            Tag::Template if self.open[Tag::Template as usize] == 0 && self.is_shadow_root(&attributes) => return,
            _ => {}
        }
        if !self.body && !tag.is(HEAD_ONLY) && !self.top().dropped {
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

    fn is_shadow_root(&self, attributes: &Attributes) -> bool {
        let mode = attributes.shadow.unwrap_or_default().of(self.source);
        mode.eq_ignore_ascii_case(b"open") || mode.eq_ignore_ascii_case(b"closed")
    }

    /// In SVG or MathML most tags are not HTML's, and may close themselves; some end it.
    fn leaves_foreign(&mut self, tag: Tag, name: &[u8], closed: bool) -> bool {
        let is = |names: &[&[u8]]| names.iter().any(|one| name.eq_ignore_ascii_case(one));
        if tag.is(tags::RAW | FOREIGN) || is(&[b"foreignobject", b"desc", b"annotation-xml"]) {
            return !closed;
        }
        let breaks = (tags::BLOCK | tags::FORMATTING | tags::set(&[Tag::Span, Tag::Br, Tag::Img, Tag::Sub, Tag::Sup]))
            & !tags::set(&[Tag::A, Tag::Article, Tag::Section]);
        let ends = tag.is(breaks) || is(&[b"ruby", b"strike", b"var"]);
        if ends {
            self.leave_foreign();
        }
        ends
    }

    /// End the SVG or MathML that is open.
    pub(super) fn leave_foreign(&mut self) {
        let mut depth = self.stack.len();
        while depth > 1 && self.stack[depth - 1].tag.is(FOREIGN) {
            depth -= 1;
        }
        self.pop_to(depth);
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

    /// Add the names of a second start tag to an existing element.
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
                let head = &mut self.tree.head;
                if kind.eq_ignore_ascii_case(b"application/ld+json") {
                    if head.data.len() < MOST_SCRIPTS {
                        head.data.push(span);
                    }
                } else if kind.len() >= 5 && kind[..5].eq_ignore_ascii_case(b"math/") {
                    self.object(Holder::Script, span);
                } else if span.end - span.start >= SHORTEST_SCRIPT && head.scripts.len() < MOST_SCRIPTS {
                    head.scripts.push(span);
                }
            }
            Tag::Xmp | Tag::Plaintext => {
                let depth = self.stack.len();
                self.push(tag, 0, attributes);
                self.text(span);
                if self.stack.len() > depth {
                    self.pop_to(depth);
                } else {
                    self.beyond -= 1; // the end tag is ahead, but does not count
                }
            }
            _ => {}
        }
    }

    /// An element without content.
    pub(super) fn leaf(&mut self, tag: Tag) {
        let top = self.top();
        if self.tree.nodes.len() >= self.most_nodes {
            self.tree.cut = true;
            return;
        }
        let end = self.tree.nodes.len() as u32 + 1;
        let flags = self.tree.nodes[top.node as usize].flags & INHERITED;
        self.tree.nodes.push(Node { parent: top.node, end, names: 0, tag, flags, depth: self.stack.len() as u16 });
        self.note_markup();
    }

    fn note_markup(&mut self) {
        if self.structure {
            self.tree.markup.push(self.markup);
        }
    }

    /// Note an object where the text is now. The span of one that is open ends with it.
    fn object(&mut self, holder: Holder, span: Span) {
        let top = self.top();
        if self.structure && !top.dropped && self.tree.objects.len() < MAX_TEXTS {
            let before = self.tree.nodes.len() as u32;
            self.tree.objects.push(Object { holder, before, parent: top.node, span, markup: self.markup });
        }
    }

    /// Begin an element without a tag.
    pub(super) fn implied(&mut self, tag: Tag) {
        let markup = std::mem::take(&mut self.markup);
        self.push(tag, 0, &Attributes::default());
        self.markup = markup;
    }

    pub(super) fn push(&mut self, tag: Tag, hash: u32, attributes: &Attributes) {
        if self.stack.len() >= MAX_DEPTH || self.tree.nodes.len() >= self.most_nodes {
            self.tree.cut = true;
            self.beyond += 1;
            return;
        }
        let above = self.stack.last().copied();
        let dropped = tag.is(tags::DROPPED) || above.is_some_and(|above| above.dropped);
        let parent = above.map_or(0, |above| above.node);
        let mut node = parent;
        if tag == Tag::Math && self.open[tag as usize] == 0 && self.body {
            let end = self.source.len() as u32;
            self.object(Holder::Math, Span { start: self.place, end });
        }
        if !dropped {
            node = self.tree.nodes.len() as u32;
            let inherited = self.tree.nodes.get(parent as usize).map_or(0, |node| node.flags & INHERITED);
            let flags = inherited | flags_of(self.source, tag, attributes);
            let names = self.named(attributes);
            self.tree.nodes.push(Node { parent, end: 0, names, tag, flags, depth: self.stack.len() as u16 });
            self.note_markup();
            if self.structure && attributes.tex.is_some() {
                self.tree.formulas.push(node);
            }
            let is_heading = |role: Span| role.of(self.source).trim_ascii().eq_ignore_ascii_case(b"heading");
            if self.structure && attributes.role.is_some_and(is_heading) {
                self.tree.headings.push(node);
            }
        }
        self.open[tag as usize] += 1;
        self.links += u32::from(tag == Tag::A);
        self.stack.push(Open { node, hash, tag, dropped, closed: false });
    }

    /// The flags of a class and an id, computed once for the elements that share them.
    fn named(&mut self, attributes: &Attributes) -> u32 {
        let (class, id) = (attributes.class.unwrap_or_default(), attributes.id.unwrap_or_default());
        if class.is_empty() && id.is_empty() {
            return 0;
        }
        let (own_class, own_id) = (class.of(self.source), id.of(self.source));
        let slot = (xxh3_64(own_class).rotate_left(1) ^ xxh3_64(own_id)) as usize % RECENT;
        let known = self.recent[slot];
        let named = &self.tree.names[known as usize];
        if known > 0 && named.class.of(self.source) == own_class && named.id.of(self.source) == own_id {
            return known;
        }
        let fragments = self.fragments.find(own_class) | self.fragments.find(own_id);
        let start = self.tree.tokens.len() as u32;
        name_tokens(own_class, &mut self.tree.tokens);
        name_tokens(own_id, &mut self.tree.tokens);
        let tokens = (start, self.tree.tokens.len() as u32);
        self.recent[slot] = self.tree.names.len() as u32;
        self.tree.names.push(Named { fragments, hash: hash(own_class), tokens, class, id });
        self.recent[slot]
    }
}
