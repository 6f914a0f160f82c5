//! The marks of a text: those of the elements around its blocks, and those within.

use std::ops::Range;

use super::delimiters;
use super::formulas::Formulas;
use super::headings;
use super::inline::{Group, Inline, Origin};
use super::links::Base;
use super::mark::{Kind, Mark, DEEPEST};
use super::objects;
use super::tables::Tables;
use crate::extract::formula::Formula;
use crate::extract::page::Page;
use crate::extract::tags::{self, Set, Tag};

const CODE: Set = tags::set(&[Tag::Pre, Tag::Listing, Tag::Xmp, Tag::Plaintext]);

/// An element around the text that is being marked.
struct Around {
    node: u32,
    mark: usize,
    /// Of a table or a row: the node from which on it has rows or cells without marks.
    next: u32,
}

/// The number of a block, and the place of its text.
pub struct Place {
    pub block: usize,
    pub start: usize,
}

struct Outline<'a> {
    page: &'a Page<'a>,
    tables: Tables<'a>,
    base: Base<'a>,
    marks: Vec<Mark>,
    around: Vec<Around>,
    /// The end of the text before.
    end: usize,
    /// The first of the marks that move to the next text, if that is in the element of the first, which is the
    /// n-th around.
    waiting: Option<(usize, usize)>,
    formulas: Formulas<'a>,
}

/// The marks of a text that has these blocks at these places.
pub fn marks(page: &Page, places: &[Place]) -> Vec<Mark> {
    let mut chosen = vec![false; page.blocks.blocks.len() + 1];
    places.iter().for_each(|place| chosen[place.block] = true);
    let mut outline = Outline {
        page,
        tables: Tables::of(page, &chosen),
        base: Base::of(page),
        marks: Vec::new(),
        around: Vec::new(),
        end: 0,
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
    outline.leave(0);
    headings::normalise(&mut outline.marks);
    outline.marks
}

impl<'a> Outline<'a> {
    /// Mark a block.
    fn block(&mut self, place: &Place, group: Option<&Group>) {
        let page = self.page;
        let block = &page.blocks.blocks[place.block];
        self.leave_for(block.node);
        if let Some((_, first)) = self.waiting.take() {
            for mark in &mut self.marks[first..] {
                (mark.start, mark.end) = (place.start as u32, place.start as u32);
            }
        }
        self.enter_to(block.node, place.start);
        let end = place.start + (block.end - block.start) as usize;
        let kind = self.kind();
        if kind != Some(Kind::Code) {
            let several = kind != Some(Kind::Heading) && page.blocks.text_of(block).contains('\n');
            let depth = self.around.len() + usize::from(several);
            if several {
                self.mark(Kind::Paragraph, place.start, end);
            }
            let first = self.marks.len();
            if let Some(group) = group {
                self.inline(group, depth, |at| place.start + (at - block.start) as usize);
            }
            let text = page.blocks.text_of(block);
            let found = self.formulas.between_delimiters(text);
            if !found.is_empty() {
                delimiters::insert(&mut self.marks, first, depth, place.start, text, found);
            }
        }
        self.end = end;
    }

    /// Mark formulas that are all of the blocks between two chosen ones. Choosing goes by words, of which they have few.
    fn left_out(&mut self, blocks: Range<usize>) {
        const MOST: usize = 4;
        if blocks.len() > MOST || self.kind() == Some(Kind::Code) {
            return;
        }
        let found: Vec<Vec<Formula>> = blocks.clone().map(|block| self.formulas.all_of(block)).collect();
        if found.iter().any(Vec::is_empty) {
            return;
        }
        for (block, formulas) in blocks.zip(found) {
            self.stand(self.page.blocks.blocks[block].node);
            for formula in formulas {
                let mut mark = Mark::new(Kind::Formula, self.end, self.around.len());
                (mark.number, mark.value) = (Some(1), Some(formula.tex));
                self.marks.push(mark);
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
        let made = self.marks.len();
        let framed =
            self.kind() != Some(Kind::Figure) && self.marks_of(group).iter().any(|mark| mark.kind == Kind::Image);
        let (depth, end) = (self.around.len() + usize::from(framed), self.end);
        if framed {
            self.mark(Kind::Figure, end, end);
        }
        self.inline(group, depth, |_| end);
        if framed && !self.marks[made..].iter().any(|mark| mark.kind == Kind::Image) {
            self.marks.remove(made); // the pictures are formulas
            self.marks[made..].iter_mut().for_each(|mark| mark.depth -= 1);
        }
        for mark in &mut self.marks[made..] {
            mark.number = if mark.kind == Kind::Formula { Some(1) } else { mark.number };
        }
    }

    /// Enter an element of things without text. What is entered first may go on with the next text.
    fn stand(&mut self, node: u32) {
        self.leave_for(node);
        let (around, first) = (self.around.len(), self.marks.len());
        self.enter_to(node, self.end);
        if self.around.len() > around {
            self.waiting = self.waiting.or(Some((around, first)));
        }
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
                        self.marks.push(mark);
                    }
                    continue;
                }
            }
            if mark.kind != Kind::Formula && self.fill(&mut mark, inline.origin) {
                self.marks.push(mark);
            } else {
                gone.push(inline.depth);
            }
        }
    }

    /// Give a mark its value. False if it is none.
    fn fill(&self, mark: &mut Mark, origin: Origin) -> bool {
        match (mark.kind, origin) {
            (Kind::Link, Origin::Node(node)) => mark.value = self.base.target(node),
            (Kind::Image, Origin::Node(node)) => (mark.value, mark.label) = self.base.image(node),
            _ => return true,
        }
        mark.value.is_some()
    }

    /// The kind of the innermost mark around the text.
    fn kind(&self) -> Option<Kind> {
        self.around.last().map(|around| self.marks[around.mark].kind)
    }

    /// Leave the elements that do not contain a node.
    fn leave_for(&mut self, node: u32) {
        let nodes = &self.page.tree.nodes;
        let holds = |at: u32| (at..nodes[at as usize].end).contains(&node);
        let keep = self.around.iter().take_while(|around| holds(around.node)).count();
        self.leave(keep);
    }

    /// Enter the elements that contain a node, from the outermost.
    fn enter_to(&mut self, node: u32, place: usize) {
        let nodes = &self.page.tree.nodes;
        let top = self.around.last().map_or(0, |around| around.node);
        let above = std::iter::successors(Some(node), |&at| (at > 0).then(|| nodes[at as usize].parent));
        let path: Vec<u32> = above.take_while(|&at| at > top).collect();
        for &at in path.iter().rev() {
            if let Some(kind) = self.kind_of(at) {
                self.enter(at, kind, place);
            }
        }
    }

    fn kind_of(&self, node: u32) -> Option<Kind> {
        let tag = self.page.tree.nodes[node as usize].tag;
        let above = self.kind();
        let is_heading = headings::is_one(self.page, node);
        match (tag, above) {
            (_, Some(Kind::Code | Kind::Heading)) => None,
            (_, Some(Kind::Cell | Kind::Header)) if is_heading && self.fills(node) => None,
            _ if is_heading => Some(Kind::Heading),
            _ if tag.is(CODE) => Some(Kind::Code),
            (Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dir, _) if !objects::navigates(self.page, node) => Some(Kind::List),
            (Tag::Li, Some(Kind::List)) => Some(Kind::Item),
            (Tag::Dl, _) => Some(Kind::Terms),
            (Tag::Dt, Some(Kind::Terms)) => Some(Kind::Term),
            (Tag::Dd, Some(Kind::Terms)) => Some(Kind::Definition),
            (Tag::Blockquote, _) => Some(Kind::Quote),
            (Tag::Table, _) if self.tables.is_data(node) => Some(Kind::Table),
            (_, Some(Kind::Table)) if self.tables.is_row(node) => Some(Kind::Row),
            (Tag::Td | Tag::Th, Some(Kind::Row)) => Some(self.tables.cell(node)),
            (Tag::Caption, Some(Kind::Table)) | (Tag::Figcaption, Some(Kind::Figure)) => Some(Kind::Caption),
            (Tag::Figure, _) => Some(Kind::Figure),
            (Tag::Details, _) => Some(Kind::Details),
            (Tag::Summary, Some(Kind::Details)) => Some(Kind::Summary),
            _ => None,
        }
    }

    /// True if an element has all text of the innermost element around it that has a mark.
    fn fills(&self, node: u32) -> bool {
        let blocks = &self.page.blocks;
        let size = |at: u32| blocks.last[at as usize].saturating_sub(blocks.first[at as usize]);
        self.around.last().is_some_and(|around| size(around.node) == size(node))
    }

    fn enter(&mut self, node: u32, kind: Kind, place: usize) {
        if self.around.len() >= DEEPEST {
            return;
        }
        if let (Kind::Row | Kind::Cell | Kind::Header, Some(table)) = (kind, self.around.last()) {
            let from = table.next;
            self.empty(from, node, kind, place);
        }
        let end = self.page.tree.nodes[node as usize].end;
        if let Some(around) = self.around.last_mut() {
            around.next = end;
        }
        let mark = self.element(node, kind, place);
        self.around.push(Around { node, mark, next: node + 1 });
    }

    /// Mark rows or cells of a table without text, from one node to another.
    fn empty(&mut self, from: u32, to: u32, kind: Kind, place: usize) {
        let parts: Vec<u32> = match kind {
            Kind::Row => self.tables.rows(from, to),
            _ => self.tables.cells(from, to).collect(),
        };
        for part in parts {
            let kind = if kind == Kind::Row { kind } else { self.tables.cell(part) };
            let mark = self.element(part, kind, place);
            if kind == Kind::Row {
                self.around.push(Around { node: part, mark, next: part + 1 });
                self.empty(part + 1, self.page.tree.nodes[part as usize].end, Kind::Cell, place);
                self.around.pop();
            }
        }
    }

    /// Add the mark of an element.
    fn element(&mut self, node: u32, kind: Kind, place: usize) -> usize {
        let mut mark = Mark::new(kind, place, self.around.len());
        objects::describe(self.page, &self.tables, node, &mut mark);
        self.marks.push(mark);
        self.marks.len() - 1
    }

    fn mark(&mut self, kind: Kind, start: usize, end: usize) {
        let mut mark = Mark::new(kind, start, self.around.len());
        mark.end = end as u32;
        self.marks.push(mark);
    }

    /// Leave all but the outermost `keep` elements.
    fn leave(&mut self, keep: usize) {
        while self.around.len() > keep {
            let Some(&Around { node, mark, next }) = self.around.last() else { return };
            let end = self.page.tree.nodes[node as usize].end;
            match self.marks[mark].kind {
                Kind::Table => self.empty(next, end, Kind::Row, self.end),
                Kind::Row => self.empty(next, end, Kind::Cell, self.end),
                _ => {}
            }
            self.marks[mark].end = self.marks[mark].start.max(self.end as u32);
            self.around.pop();
        }
        self.waiting = self.waiting.filter(|&(around, _)| around < keep);
    }
}
