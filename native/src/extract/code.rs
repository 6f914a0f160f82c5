//! Elements that show code: which are one block with its line breaks and blanks, and what is in them that is no code.
//!
//! These are preformatted elements, and those whose children are lines by the names that highlighters give. Numbers of
//! lines, buttons, and popups beside the code have no text.

use std::collections::HashSet;

use super::code_names::{says, Says, ASIDE, CODE, CONTROL, LINE, LITERAL, NUMBER};
use super::scanner::Span;
use super::tags::{self, Set, Tag};
use super::tree::{Piece, Tree};

pub const PREFORMATTED: Set = tags::set(&[Tag::Pre, Tag::Listing, Tag::Xmp, Tag::Plaintext]);

/// Blocks that are lines of a preformatted element, or around some. One with others is no code as a whole.
const LINES: Set = PREFORMATTED
    | tags::set(&[
        Tag::Div,
        Tag::Table,
        Tag::Thead,
        Tag::Tbody,
        Tag::Tr,
        Tag::Td,
        Tag::Ol,
        Tag::Ul,
        Tag::Li,
        Tag::Button,
    ]);
/// Elements beside the code of a preformatted element that are no part of it.
const BESIDE: Set = tags::set(&[Tag::A, Tag::Div, Tag::Button]);
/// Elements that have lines as children, and those that are lines of them.
const AROUND: Set = tags::set(&[Tag::Div, Tag::Td, Tag::Table, Tag::Figure, Tag::Section, Tag::Ol]);
const CELLS: Set = tags::set(&[Tag::Td, Tag::Th]);

/// The elements above lines that may say that they are code.
const ABOVE: usize = 4;
/// The elements in which code is looked for beside numbers.
const NEAR: u32 = 20;
/// The elements around code that may have controls, and the most bytes of text beside it in them.
const WRAPPERS: Set = tags::set(&[Tag::Div, Tag::Figure]);
const AROUND_CODE: usize = 3;
const LARGEST_CAPTION: usize = 80;
/// The least lines that numbers without a name stand before.
const FEWEST_NUMBERED: usize = 3;

/// The elements of a page that show code, in document order.
#[derive(Default)]
pub struct Codes {
    /// Those that are one block.
    pub wholes: Vec<u32>,
    /// Those whose texts are none of the page.
    pub gone: Vec<u32>,
    /// Inline ones with line breaks.
    pub broken: Vec<u32>,
}

impl Codes {
    /// True if an element is code that is one block.
    pub fn is_whole(&self, at: u32) -> bool {
        self.wholes.binary_search(&at).is_ok()
    }
}

struct Search<'a> {
    source: &'a [u8],
    tree: &'a Tree,
    says: Vec<Says>,
    made: Codes,
    /// Elements whose children are not all lines.
    refused: HashSet<u32>,
}

/// Find the code of a page.
pub fn codes(source: &str, tree: &Tree) -> Codes {
    let source = source.as_bytes();
    let says = tree.names.iter().map(|name| says(name.class.of(source))).collect();
    let mut search = Search { source, tree, says, made: Codes::default(), refused: HashSet::new() };
    let mut at = 1;
    while (at as usize) < tree.nodes.len() {
        at = search.look(at).max(at + 1);
    }
    search.made.gone.sort_unstable();
    search.made.gone.dedup();
    search.made
}

impl Search<'_> {
    fn says(&self, at: u32) -> Says {
        self.says[self.tree.nodes[at as usize].names as usize]
    }

    fn tag(&self, at: u32) -> Tag {
        self.tree.nodes[at as usize].tag
    }

    fn end(&self, at: u32) -> u32 {
        self.tree.nodes[at as usize].end
    }

    fn parent(&self, at: u32) -> u32 {
        self.tree.nodes[at as usize].parent
    }

    fn children(&self, at: u32) -> impl Iterator<Item = u32> + '_ {
        let end = self.end(at);
        let within = move |at: u32| Some(at).filter(|&at| at < end);
        std::iter::successors(within(at + 1), move |&child| within(self.end(child)))
    }

    /// The texts in an element.
    fn pieces(&self, at: u32) -> impl Iterator<Item = &Piece> {
        let (pieces, end) = (&self.tree.pieces, self.end(at));
        let first = pieces.partition_point(|piece| piece.before <= at);
        pieces[first..]
            .iter()
            .take_while(move |piece| piece.before <= end)
            .filter(move |piece| (at..end).contains(&piece.parent))
    }

    fn text(&self, span: Span) -> &[u8] {
        span.of(self.source).trim_ascii()
    }

    fn is_empty(&self, at: u32) -> bool {
        self.pieces(at).all(|piece| self.text(piece.span).is_empty())
    }

    /// True if an element has nothing but numbers, alone or as `In [1]:` in notebooks.
    fn is_numbers(&self, at: u32) -> bool {
        self.pieces(at).all(|piece| {
            let text = self.text(piece.span);
            text.iter().all(|&byte| byte.is_ascii_digit() || byte.is_ascii_whitespace() || byte == b'.')
                || text == b"&nbsp;"
                || is_prompt(text)
        })
    }

    /// Look at an element, and return the next one to look at.
    fn look(&mut self, at: u32) -> u32 {
        let (tag, said) = (self.tag(at), self.says(at));
        if said & NUMBER != 0 && self.is_numbers(at) && self.stands_by_code(at) {
            self.made.gone.push(at);
            return self.end(at);
        }
        if said & LINE != 0 || said & CODE != 0 && self.is_behind_number(at) {
            match self.whole_of(at).filter(|whole| !self.refused.contains(whole)) {
                Some(whole) if self.are_lines(whole) => {
                    self.whole(whole);
                    return self.end(whole);
                }
                Some(other) => _ = self.refused.insert(other),
                None => {}
            }
        }
        if tag.is(PREFORMATTED) {
            if (at + 1..self.end(at)).all(|inner| !self.tag(inner).is(tags::BLOCK & !LINES)) {
                self.whole(at);
            }
            return self.end(at);
        }
        if tag == Tag::Code && (at + 1..self.end(at)).any(|inner| self.tag(inner) == Tag::Br) {
            self.made.broken.push(at);
        }
        at + 1
    }

    /// True if the text of an element is a prompt of a notebook, or code is next to it.
    fn stands_by_code(&self, at: u32) -> bool {
        let next = self.end(at);
        let is_code = |at: u32| self.tag(at).is(PREFORMATTED) || self.says(at) & (CODE | LINE) != 0;
        let limit = self.end(self.parent(at)).min(next + NEAR);
        self.pieces(at).any(|piece| is_prompt(self.text(piece.span))) || (next..limit).any(is_code)
    }

    /// True for a cell of a row that begins with a number.
    fn is_behind_number(&self, at: u32) -> bool {
        self.tag(at).is(CELLS) && self.says(self.parent(at) + 1) & NUMBER != 0
    }

    /// The element around a line and those like it, if something around says that they are code.
    fn whole_of(&self, line: u32) -> Option<u32> {
        let up = |at: u32| Some(self.parent(at)).filter(|&at| at > 0);
        let mut whole = up(line)?;
        if self.tag(line).is(CELLS | Tag::Tr.bit()) {
            whole = std::iter::successors(Some(whole), |&at| up(at)).take(3).find(|&at| self.tag(at) == Tag::Table)?;
        }
        let above = std::iter::successors(Some(line), |&at| up(at)).take(ABOVE);
        let is_code = above.fold(0, |said, at| said | self.says(at)) & CODE != 0;
        let is_whole = self.tag(whole).is(AROUND) && self.tag(line).is(LINES);
        (is_code && is_whole).then_some(whole)
    }

    /// True if an element has nothing but lines.
    fn are_lines(&self, whole: u32) -> bool {
        let is_line = |at: u32| match self.tag(at) {
            Tag::Tr => self.says(at) & LINE != 0 || self.children(at).any(|cell| self.says(cell) & (LINE | CODE) != 0),
            Tag::Tbody | Tag::Thead | Tag::Colgroup => true,
            _ => self.says(at) & (LINE | NUMBER | ASIDE) != 0,
        };
        let rows = |at: u32| self.tag(at) != Tag::Tbody || self.children(at).all(is_line);
        self.pieces(whole).filter(|piece| piece.parent == whole).all(|piece| self.text(piece.span).is_empty())
            && self.children(whole).all(|child| (is_line(child) || self.is_empty(child)) && rows(child))
            && (whole + 1..self.end(whole)).all(|at| !self.tag(at).is(tags::BLOCK & !LINES))
    }

    /// Note code that is one block.
    fn whole(&mut self, at: u32) {
        self.made.wholes.push(at);
        if self.is_empty(at) {
            return;
        }
        let first = self.made.gone.len();
        let mut inner = at + 1;
        while inner < self.end(at) {
            let said = self.says(inner);
            let numbers = said & NUMBER != 0 && self.is_numbers(inner);
            if numbers || said & ASIDE != 0 || self.tag(inner) == Tag::Button {
                self.made.gone.push(inner);
                inner = self.end(inner);
            } else {
                inner += 1;
            }
        }
        let (beside, controls) = (self.beside(at), self.controls(at));
        self.made.gone.extend(beside.into_iter().chain(controls));
        if self.made.gone.len() == first {
            let numbers = self.numbers(at);
            self.made.gone.extend(numbers);
        }
    }

    /// The elements next to the `code` of a preformatted element, which has no text of its own.
    fn beside(&self, at: u32) -> Vec<u32> {
        let codes = self.children(at).filter(|&child| self.tag(child) == Tag::Code).count();
        let bare = |piece: &Piece| piece.parent == at && !self.text(piece.span).is_empty();
        if codes != 1 || self.pieces(at).any(bare) {
            return Vec::new();
        }
        self.children(at).filter(|&child| self.tag(child).is(BESIDE & !Tag::Button.bit())).collect()
    }

    /// Buttons, links and names of languages right around code, in elements that have hardly any other text.
    fn controls(&self, code: u32) -> Vec<u32> {
        let outside = |wrapper: u32| {
            let first = self.tree.pieces.partition_point(|piece| piece.before <= wrapper);
            let before = self.tree.pieces[first..].iter().take_while(move |piece| piece.before <= code);
            let last = self.tree.pieces.partition_point(|piece| piece.before < self.end(code));
            let after = self.tree.pieces[last..].iter().take_while(move |piece| piece.before <= self.end(wrapper));
            let inside = move |piece: &&Piece| {
                (wrapper..self.end(wrapper)).contains(&piece.parent) && !(code..self.end(code)).contains(&piece.parent)
            };
            before.chain(after).filter(inside)
        };
        let is_small = |wrapper: u32| {
            let mut size = 0; // each text counts, so that the search ends soon
            outside(wrapper).all(|piece| {
                size += self.text(piece.span).len() + 1;
                size < LARGEST_CAPTION
            })
        };
        let above = std::iter::successors(Some(self.parent(code)), |&at| Some(self.parent(at)));
        let wrappers = above.take(AROUND_CODE).take_while(|&at| self.tag(at).is(WRAPPERS) && is_small(at));
        let Some(wrapper) = wrappers.last() else { return Vec::new() };
        let is_control = |&at: &u32| {
            let link = self.tag(at) == Tag::A && self.parent(at) == self.parent(code);
            link || self.tag(at) == Tag::Button || self.says(at) & CONTROL != 0 && self.is_short(at)
        };
        (wrapper + 1..code).chain(self.end(code)..self.end(wrapper)).filter(is_control).collect()
    }

    /// True if an element has hardly any text.
    fn is_short(&self, at: u32) -> bool {
        self.pieces(at).map(|piece| self.text(piece.span).len()).take(NEAR as usize).sum::<usize>() < LARGEST_CAPTION
    }

    /// Elements without a name with the numbers of all lines.
    fn numbers(&self, at: u32) -> Vec<u32> {
        let mut found: Vec<(u32, u64)> = Vec::new();
        let (mut others, mut line) = (false, true);
        for piece in self.pieces(at) {
            let raw = piece.span.of(self.source);
            let text = raw.trim_ascii();
            let inner = piece.parent;
            let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok());
            let own = inner > at && self.end(inner) == inner + 1 && self.says(inner) & LITERAL == 0;
            let first = self.tree.nodes[inner as usize].parent != at && inner == self.parent(inner) + 1;
            match value {
                Some(value) if own && (line || first) && text.len() < 7 => {
                    if found.last().is_some_and(|&(_, last)| last + 1 != value) {
                        return Vec::new();
                    }
                    found.push((inner, value));
                }
                _ if found.is_empty() && !text.is_empty() => return Vec::new(),
                _ => others |= !text.is_empty(),
            }
            line = raw.ends_with(b"\n") || line && text.is_empty();
        }
        let enough = others && found.len() >= FEWEST_NUMBERED;
        if enough {
            found.into_iter().map(|(at, _)| at).collect()
        } else {
            Vec::new()
        }
    }
}

/// True for what notebooks write before a cell: `In [1]:`, `[1]:`.
fn is_prompt(text: &[u8]) -> bool {
    let plain = String::from_utf8_lossy(text).replace("&nbsp;", " ").replace('\u{a0}', " ");
    let text = plain.trim().as_bytes();
    let rest = text.strip_prefix(b"In").or(text.strip_prefix(b"Out")).unwrap_or(text).trim_ascii_start();
    let Some(inside) = rest.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]:").or(rest.strip_suffix(b"]")))
    else {
        return false;
    };
    inside.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'*'))
}
