//! Elements that show formulas, by their names, classes and attributes.

use crate::extract::tags::{self, Set, Tag};
use crate::extract::tree::Tree;

/// What an element has to do with formulas.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Role {
    #[default]
    None,
    /// It shows one, if there is TeX for it.
    Formula,
    /// It is the output of MathJax for the script behind it.
    Output,
}

/// Classes of elements around one formula: of KaTeX, MediaWiki, Pandoc, Sphinx, and editors.
const FORMULA: [&str; 13] = [
    "katex",
    "katex-display",
    "katex--inline",
    "katex--display",
    "mwe-math-element",
    "math",
    "math-inline",
    "math-display",
    "math-block",
    "math-tex",
    "ztext-math",
    "texmath",
    "ql-formula",
];

/// Classes of elements that MathJax makes.
const OUTPUT: [&str; 8] = [
    "MathJax",
    "MathJax_Display",
    "MathJax_SVG",
    "MathJax_SVG_Display",
    "MathJax_CHTML",
    "MathJax_Preview",
    "mjx-chtml",
    "MJXc-display",
];

/// Elements that have no mark of their own.
const SHOWING: Set = tags::set(&[Tag::Span, Tag::Div, Tag::P, Tag::Other, Tag::Nobr]);

/// The roles of elements, found once for each class.
#[derive(Default)]
pub struct Roles {
    known: Vec<Option<Role>>,
}

impl Roles {
    pub fn of(&mut self, source: &str, tree: &Tree, at: u32) -> Role {
        let node = tree.nodes[at as usize];
        if !node.tag.is(SHOWING) {
            return Role::None;
        }
        if !tree.formulas.is_empty() && tree.formulas.binary_search(&at).is_ok() {
            return Role::Formula;
        }
        if node.tag.is(tags::BLOCK) {
            return Role::None;
        }
        let start = tree.markup[at as usize].start as usize;
        if node.tag == Tag::Other && is_named(source, start, "d-math") {
            return Role::Formula;
        }
        if node.names == 0 {
            return Role::None;
        }
        self.known.resize(self.known.len().max(tree.names.len()), None);
        let class = tree.names[node.names as usize].class;
        *self.known[node.names as usize].get_or_insert_with(|| role(class.of(source.as_bytes())))
    }
}

fn role(class: &[u8]) -> Role {
    let has = |names: &[&str]| {
        class.split(u8::is_ascii_whitespace).any(|word| names.iter().any(|name| word == name.as_bytes()))
    };
    match () {
        () if has(&OUTPUT) => Role::Output,
        () if has(&FORMULA) => Role::Formula,
        () => Role::None,
    }
}

/// True if the start tag whose attributes begin at a place has a name.
pub fn is_named(source: &str, end: usize, name: &str) -> bool {
    let start = end.checked_sub(name.len() + 1).unwrap_or(end);
    let tag = source.as_bytes().get(start..end).unwrap_or_default();
    tag.split_first().is_some_and(|(first, rest)| *first == b'<' && rest.eq_ignore_ascii_case(name.as_bytes()))
}
