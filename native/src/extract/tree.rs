//! The tree of a page as flat arrays in document order. `builder` makes it.

use super::scanner::Span;
use super::tags::Tag;

pub const MAX_DEPTH: usize = 250;
pub const MAX_NODES: usize = 400_000;
pub const MAX_TEXTS: usize = 400_000;

pub const HIDDEN: u8 = 1;
pub const NOSCRIPT: u8 = 2;
pub const ROLE_MAIN: u8 = 4;
pub const ROLE_CHROME: u8 = 8;
pub const PROP_ARTICLE: u8 = 16;
pub const PROP_TEXT: u8 = 32;
pub const PROP_OTHER: u8 = 64;
pub const COMMENT: u8 = 128;
pub const INHERITED: u8 = HIDDEN | NOSCRIPT;

/// An element. Its subtree is the nodes from it up to `end`.
#[derive(Clone, Copy)]
pub struct Node {
    pub parent: u32,
    pub end: u32,
    /// The place of its class and id in `Tree::names`; 0 for none.
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

/// The flags and words of an element's class and id.
#[derive(Clone, Copy, Default)]
pub struct Named {
    pub fragments: u128,
    pub hash: u32,
    /// The range of its words in `Tree::tokens`.
    pub tokens: (u32, u32),
    /// The attributes themselves.
    pub class: Span,
    pub id: Span,
}

/// What holds an object, something that the tree has no text of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// MathML.
    Math,
    /// A script of a type that begins with `math/`.
    Script,
}

/// MathML, or a formula in a script, in the place of a text. It is no node, so the tree is the same without it.
#[derive(Clone, Copy)]
pub struct Object {
    pub holder: Holder,
    /// Nodes that begin before it.
    pub before: u32,
    pub parent: u32,
    /// MathML with its tags, or the text of a script.
    pub span: Span,
    /// The attributes of its start tag.
    pub markup: Span,
}

#[derive(Default)]
pub struct Tree {
    pub nodes: Vec<Node>,
    pub pieces: Vec<Piece>,
    /// The attributes of each node, as the source has them; empty if no structure is wanted.
    pub markup: Vec<Span>,
    /// In the order of the source; none if no structure is wanted.
    pub objects: Vec<Object>,
    /// The nodes that have TeX or MathML in an attribute; none if no structure is wanted.
    pub formulas: Vec<u32>,
    /// The nodes whose role is that of a heading; none if no structure is wanted.
    pub headings: Vec<u32>,
    pub names: Vec<Named>,
    pub tokens: Vec<u32>,
    pub head: Head,
    /// True if a limit was met.
    pub cut: bool,
}

impl Tree {
    /// The words of an element's class.
    pub fn class_words<'a>(&self, source: &'a str, node: u32) -> impl Iterator<Item = &'a [u8]> {
        let class = self.names[self.nodes[node as usize].names as usize].class;
        class.of(source.as_bytes()).split(u8::is_ascii_whitespace)
    }

    /// End the MathML that is open.
    pub fn end_object(&mut self, end: u32) {
        if let Some(object) = self.objects.iter_mut().rev().find(|object| object.holder == Holder::Math) {
            object.span.end = object.span.end.min(end.max(object.span.start));
        }
    }
}

/// The metadata of a page.
#[derive(Default, Clone)]
pub struct Head {
    pub title: Option<Span>,
    pub lang: Option<Span>,
    pub kind: Option<Span>,
    /// The URL that those of the page are relative to.
    pub base: Option<Span>,
    pub description: Option<Span>,
    /// JSON-LD.
    pub data: Vec<Span>,
    /// Other scripts that may contain data.
    pub scripts: Vec<Span>,
}

/// A hash of a name in any case.
pub fn hash(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0x811C_9DC5, |hash, &byte| (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193))
}
