//! The formulas of marks, of elements and of blocks.

use super::attributes::{decoded, raw};
use super::delimiters::displayed;
use super::inline::{Inline, Origin};
use super::mark::{Kind, Mark};
use super::roles::is_named;
use crate::extract::formula::{
    delimited, formula_of_script, may_contain, shows_ascii, shows_tex, tex_of_attributes, tex_of_flattened,
    tex_of_image, tex_of_mathml, Delimited, Evidence, Formula,
};
use crate::extract::page::Page;
use crate::extract::tags::Tag;
use crate::extract::tree::Holder;

/// Formulas within an element, at most, that are tried as the one it shows.
const FEW: usize = 4;

/// The formulas of a page.
pub struct Formulas<'a> {
    page: &'a Page<'a>,
    /// True if the page shows TeX, and AsciiMath, once that is wanted.
    tex: Option<bool>,
    ascii: Option<bool>,
    /// The last one that is no text: its origin, its place and its source.
    last: Option<(Origin, u32, Option<String>)>,
}

impl<'a> Formulas<'a> {
    pub fn of(page: &'a Page<'a>) -> Self {
        Formulas { page, tex: None, ascii: None, last: None }
    }

    fn shows_tex(&mut self) -> bool {
        *self.tex.get_or_insert_with(|| shows_tex(self.page.source))
    }

    fn shows_ascii(&mut self) -> bool {
        *self.ascii.get_or_insert_with(|| shows_ascii(self.page.source))
    }

    /// The formulas between delimiters in a text.
    pub fn between_delimiters(&mut self, text: &str) -> Vec<Delimited> {
        if may_contain(text) {
            delimited(text, Evidence { tex: self.shows_tex(), ascii: text.contains('`') && self.shows_ascii() })
        } else {
            Vec::new()
        }
    }

    /// Describe a mark by its formula. False if the same formula stood there: a picture that is in the page twice, or
    /// another block of the same element.
    pub fn is_new(&mut self, mark: &mut Mark, formula: Formula, origin: Origin) -> bool {
        mark.kind = Kind::Formula;
        mark.number = formula.display.then_some(1);
        mark.label = formula.ascii.then(|| "asciimath".to_owned());
        mark.value = Some(formula.tex);
        let again = self.last.as_ref().is_some_and(|(known, end, value)| {
            *known == origin || mark.start == mark.end && *end == mark.end && *value == mark.value
        });
        self.last = Some((origin, mark.end, mark.value.clone()));
        !again
    }

    /// The formulas that are all of a block.
    pub fn all_of(&mut self, block: usize) -> Vec<Formula> {
        let page = self.page;
        let (all, number) = (page.blocks.blocks[block], block as u32);
        let groups = &page.blocks.marks.groups;
        let group = groups[groups.partition_point(|group| group.block < number)..].iter();
        let own = group.take_while(|group| group.block == number).find(|group| group.between.is_none());
        let marks = own.map(|own| &page.blocks.marks.marks[own.first as usize..own.last as usize]).unwrap_or_default();
        if let Some((first, inside)) = marks.split_first() {
            let covers = (first.start, first.end) == (all.start, all.end);
            if let Some(formula) = covers.then(|| self.formula(first.origin, inside)).flatten() {
                return vec![formula];
            }
        }
        let text = page.blocks.text_of(&all);
        displayed(text, self.between_delimiters(text))
    }

    /// The formula of a mark, with the marks within it.
    pub fn formula(&mut self, origin: Origin, inside: &[Inline]) -> Option<Formula> {
        let page = self.page;
        let node = match origin {
            Origin::Object(object) => return of_object(page, object),
            Origin::Node(node) => node,
        };
        let markup = page.tree.markup[node as usize];
        let tag = page.text(markup);
        if page.tree.nodes[node as usize].tag == Tag::Img {
            let (tex, display) = tex_of_image(tag, page.entities)?;
            return Some(Formula { tex, display, ascii: false });
        }
        let display = is_display(page, node);
        let known = tex_of_attributes(tag, page.entities).or_else(|| {
            let mathml = decoded(raw(page.source, markup, "data-mathml")?, page.entities);
            tex_of_mathml(&mathml, page.entities).map(|found| found.0)
        });
        if let Some(tex) = known {
            return Some(Formula { tex, display, ascii: false });
        }
        let mut found = inside.iter().filter(|mark| matches!(mark.kind, Kind::Formula | Kind::Image));
        let few: Vec<Inline> = found.by_ref().take(FEW).copied().collect();
        if few.is_empty() {
            let tex = self.of_text(node)?;
            return Some(Formula { tex, display, ascii: false });
        }
        let mut made = few.iter().filter_map(|mark| self.formula(mark.origin, &[]));
        let first = made.next()?;
        let one = found.next().is_none() && made.all(|other| other.tex == first.tex);
        one.then_some(Formula { display: display || first.display, ..first })
    }

    /// The TeX that the text of an element is, or has behind the text of its MathML.
    fn of_text(&mut self, node: u32) -> Option<String> {
        let page = self.page;
        let nodes = &page.tree.nodes;
        let (start, end) = (page.tree.markup[node as usize].start as usize, nodes[node as usize].end);
        let class = |at: u32| page.text(page.tree.names[nodes[at as usize].names as usize].class);
        let has = |at: u32, name: &str| class(at).split_ascii_whitespace().any(|word| word == name);
        let part = |name: &str| (node..end).find(|&at| has(at, name));
        if let Some(mathml) = part("katex-mathml") {
            let shown = part("katex-html").map(|shown| text_of(page, shown));
            return tex_of_flattened(&text_of(page, mathml), &shown.unwrap_or_default());
        }
        // Programs for KaTeX read the text of these.
        let read = node + 1 == end
            && ["inline", "display", "math-tex", "math-inline", "math-display"].iter().any(|name| has(node, name));
        let text = text_of(page, node);
        let text = text.trim();
        let is_tex = is_named(page.source, start, "d-math") || read && !is_delimited(text) && self.shows_tex();
        (is_tex && !text.is_empty()).then(|| text.to_owned())
    }
}

fn of_object(page: &Page, object: u32) -> Option<Formula> {
    let object = page.tree.objects[object as usize];
    let source = page.text(object.span);
    match object.holder {
        Holder::Script => {
            let kind = raw(page.source, object.markup, "type").unwrap_or_default();
            formula_of_script(kind, source, page.entities)
        }
        Holder::Math => {
            let (tex, display) = tex_of_mathml(source, page.entities)?;
            Some(Formula { tex, display, ascii: false })
        }
    }
}

fn is_delimited(text: &str) -> bool {
    ["\\(", "\\[", "$"].iter().any(|open| text.starts_with(open))
}

/// The text of an element as the source has it.
fn text_of(page: &Page, node: u32) -> String {
    let within = node..page.tree.nodes[node as usize].end;
    let first = page.tree.pieces.partition_point(|piece| piece.before <= node);
    let pieces = page.tree.pieces[first..].iter().take_while(|piece| piece.before <= within.end);
    let pieces = pieces.filter(|piece| within.contains(&piece.parent));
    pieces.map(|piece| decoded(page.text(piece.span), page.entities).into_owned()).collect()
}

/// True if an element, or one just around it, shows a formula on lines of its own.
fn is_display(page: &Page, node: u32) -> bool {
    const NEAR: usize = 2;
    let above = std::iter::successors(Some(node), |&at| (at > 0).then(|| page.tree.nodes[at as usize].parent));
    raw(page.source, page.tree.markup[node as usize], "block").is_some()
        || above.take(NEAR).any(|at| {
            let class = page.text(page.tree.names[page.tree.nodes[at as usize].names as usize].class);
            let has = |words: &[&str]| words.iter().any(|word| class.contains(word));
            has(&["display", "Display", "block"]) && (at == node || has(&["math", "Math", "katex"]))
        })
}
