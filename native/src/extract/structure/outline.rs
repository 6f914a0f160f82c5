//! The marks of a text: those of the elements around its blocks, and those within.

use std::ops::Range;

use super::delimiters;
use super::elements::Elements;
use super::formulas::Formulas;
use super::headings;
use super::inline::{Group, Inline, Origin};
use super::links::Base;
use super::mark::{Kind, Mark};
use crate::extract::blocks::Block;
use crate::extract::formula::Formula;
use crate::extract::page::Page;

/// The number of a block, and the place of its text.
pub struct Place {
    pub block: usize,
    pub start: usize,
}

/// True if a block is inline code with line breaks, and no cell.
fn is_broken_code(block: &Block, around: Option<Kind>) -> bool {
    const NONE: [Kind; 4] = [Kind::Code, Kind::Heading, Kind::Cell, Kind::Header];
    block.broken && block.code >= block.stats.characters && !around.is_some_and(|kind| NONE.contains(&kind))
}

struct Outline<'a> {
    page: &'a Page<'a>,
    elements: Elements<'a>,
    base: Base<'a>,
    links: bool,
    /// The first of the marks that move to the next text, if that is in the element of the first, which is the
    /// n-th around.
    waiting: Option<(usize, usize)>,
    formulas: Formulas<'a>,
}

/// The marks of a text that has these blocks at these places.
pub fn marks(page: &Page, places: &[Place], links: bool) -> Vec<Mark> {
    let mut chosen = vec![false; page.blocks.blocks.len() + 1];
    places.iter().for_each(|place| chosen[place.block] = true);
    let mut outline = Outline {
        page,
        elements: Elements::new(page, &chosen),
        base: Base::of(page),
        links,
        waiting: None,
        formulas: Formulas::of(page),
    };
    let mut groups = page.blocks.marks.groups.iter().peekable();
    let mut before = None;
    for place in places {
        let mut own = None;
        outline.left_out(before.replace(place.block + 1).unwrap_or(place.block)..place.block);
        while let Some(group) = groups.next_if(|group| group.block as usize <= place.block) {
            match group.between {
                Some(node) if outline.is_among(group, node, &chosen) => outline.between(group, node),
                None if group.block as usize == place.block => own = Some(group),
                _ => {}
            }
        }
        outline.block(place, own);
    }
    for group in groups {
        if let Some(node) = group.between.filter(|&node| outline.is_among(group, node, &chosen)) {
            outline.between(group, node);
        }
    }
    let mut elements = outline.elements;
    elements.leave(0);
    headings::normalise(&mut elements.marks);
    elements.marks
}

impl<'a> Outline<'a> {
    /// Mark a block.
    fn block(&mut self, place: &Place, group: Option<&Group>) {
        let page = self.page;
        let block = &page.blocks.blocks[place.block];
        self.leave_for(block.node);
        if let Some((_, first)) = self.waiting.take() {
            for mark in &mut self.elements.marks[first..] {
                (mark.start, mark.end) = (place.start as u32, place.start as u32);
            }
        }
        self.elements.enter_to(block.node, place.start);
        let end = place.start + (block.end - block.start) as usize;
        let kind = self.elements.kind();
        if is_broken_code(block, kind) {
            self.elements.mark(Kind::Code, place.start, end);
        } else if kind != Some(Kind::Code) {
            let several = kind != Some(Kind::Heading) && page.blocks.text_of(block).contains('\n');
            let depth = self.elements.depth() + usize::from(several);
            if several {
                self.elements.mark(Kind::Paragraph, place.start, end);
            }
            let first = self.elements.marks.len();
            if let Some(group) = group {
                self.inline(group, depth, |at| place.start + (at - block.start) as usize);
            }
            let text = page.blocks.text_of(block);
            let found = self.formulas.between_delimiters(text);
            if !found.is_empty() {
                delimiters::insert(&mut self.elements.marks, first, depth, place.start, text, found);
            }
        }
        self.elements.end = end;
    }

    /// Mark formulas that are all of the blocks between two chosen ones. Choosing goes by words, of which they have few.
    fn left_out(&mut self, blocks: Range<usize>) {
        const MOST: usize = 4;
        if blocks.len() > MOST || self.elements.kind() == Some(Kind::Code) {
            return;
        }
        let found: Vec<Vec<Formula>> = blocks.clone().map(|block| self.formulas.all_of(block)).collect();
        if found.iter().any(Vec::is_empty) {
            return;
        }
        for (block, formulas) in blocks.zip(found) {
            self.stand(self.page.blocks.blocks[block].node);
            for formula in formulas {
                let mut mark = Mark::new(Kind::Formula, self.elements.end, self.elements.depth());
                (mark.number, mark.value) = (Some(1), Some(formula.tex));
                self.elements.marks.push(mark);
            }
        }
    }

    /// True if the blocks next to a place between blocks, within the nearest element that has any, are chosen.
    fn is_among(&self, group: &Group, node: u32, chosen: &[bool]) -> bool {
        let blocks = &self.page.blocks;
        let range = |at: u32| blocks.first[at as usize] as usize..blocks.last[at as usize] as usize;
        let mut at = node;
        while range(at).is_empty() && at > 0 {
            at = self.page.tree.nodes[at as usize].parent;
        }
        let (block, range) = (group.block as usize, range(at));
        let before = block.checked_sub(1).filter(|before| range.contains(before));
        let after = Some(block).filter(|after| range.contains(after));
        let mut next = before.into_iter().chain(after).peekable();
        next.peek().is_some() && next.all(|block| chosen[block])
    }

    /// Mark objects between blocks.
    fn between(&mut self, group: &Group, node: u32) {
        self.stand(node);
        let made = self.elements.marks.len();
        let framed = self.elements.kind() != Some(Kind::Figure)
            && self.marks_of(group).iter().any(|mark| mark.kind == Kind::Image);
        let (depth, end) = (self.elements.depth() + usize::from(framed), self.elements.end);
        if framed {
            self.elements.mark(Kind::Figure, end, end);
        }
        self.inline(group, depth, |_| end);
        if framed && !self.elements.marks[made..].iter().any(|mark| mark.kind == Kind::Image) {
            self.elements.marks.remove(made); // the pictures are formulas
            self.elements.marks[made..].iter_mut().for_each(|mark| mark.depth -= 1);
        }
        for mark in &mut self.elements.marks[made..] {
            mark.number = if mark.kind == Kind::Formula { Some(1) } else { mark.number };
        }
    }

    /// Enter an element of things without text. What is entered first may go on with the next text.
    fn stand(&mut self, node: u32) {
        self.leave_for(node);
        let (around, first) = (self.elements.depth(), self.elements.marks.len());
        self.elements.enter_to(node, self.elements.end);
        if self.elements.depth() > around {
            self.waiting = self.waiting.or(Some((around, first)));
        }
    }

    /// Leave the elements that do not contain a node. The marks that wait for text in one of them wait no longer.
    fn leave_for(&mut self, node: u32) {
        self.elements.leave_for(node);
        self.waiting = self.waiting.filter(|&(around, _)| around < self.elements.depth());
    }

    fn marks_of(&self, group: &Group) -> &'a [Inline] {
        &self.page.blocks.marks.marks[group.first as usize..group.last as usize]
    }

    /// Add the marks of a group. One without a value goes, and leaves those within it.
    fn inline(&mut self, group: &Group, depth: usize, place: impl Fn(u32) -> usize) {
        let mut gone: Vec<u8> = Vec::new();
        let mut rest = self.marks_of(group);
        while let Some((inline, after)) = rest.split_first() {
            rest = after;
            gone.retain(|&depth| depth < inline.depth);
            let mut mark = Mark::new(inline.kind, place(inline.start), depth + usize::from(inline.depth) - gone.len());
            mark.end = place(inline.end) as u32;
            if matches!(mark.kind, Kind::Formula | Kind::Image) {
                let (inside, behind) =
                    after.split_at(after.iter().take_while(|mark| mark.depth > inline.depth).count());
                if let Some(formula) = self.formulas.formula(inline.origin, inside) {
                    rest = behind;
                    if self.formulas.is_new(&mut mark, formula, inline.origin) {
                        self.elements.marks.push(mark);
                    }
                    continue;
                }
            }
            if mark.kind != Kind::Formula && self.fill(&mut mark, inline.origin) {
                self.elements.marks.push(mark);
            } else {
                gone.push(inline.depth);
            }
        }
    }

    /// Give a mark its value. False if it is none.
    fn fill(&self, mark: &mut Mark, origin: Origin) -> bool {
        match (mark.kind, origin) {
            (Kind::Link, _) if !self.links => return false,
            (Kind::Link, Origin::Node(node)) => mark.value = self.base.target(node),
            (Kind::Image, Origin::Node(node)) => (mark.value, mark.label) = self.base.image(node),
            _ => return true,
        }
        mark.value.is_some()
    }
}
