//! The elements around a text, which are entered and left as its blocks come, and their marks.

use super::headings;
use super::mark::{Kind, Mark, DEEPEST};
use super::objects;
use super::tables::Tables;
use crate::extract::code::PREFORMATTED;
use crate::extract::page::Page;
use crate::extract::tags::Tag;

/// An element around the text that is being marked.
struct Around {
    node: u32,
    mark: usize,
    /// Of a table or a row: the node from which on it has rows or cells without marks.
    next: u32,
}

/// The elements around a text, and the marks so far.
pub struct Elements<'a> {
    page: &'a Page<'a>,
    tables: Tables<'a>,
    around: Vec<Around>,
    pub marks: Vec<Mark>,
    /// The end of the text before.
    pub end: usize,
}

impl<'a> Elements<'a> {
    pub fn new(page: &'a Page<'a>, chosen: &[bool]) -> Self {
        Elements { page, tables: Tables::of(page, chosen), around: Vec::new(), marks: Vec::new(), end: 0 }
    }

    /// The number of elements around the text.
    pub fn depth(&self) -> usize {
        self.around.len()
    }

    /// The kind of the innermost mark around the text.
    pub fn kind(&self) -> Option<Kind> {
        self.around.last().map(|around| self.marks[around.mark].kind)
    }

    /// Leave the elements that do not contain a node.
    pub fn leave_for(&mut self, node: u32) {
        let nodes = &self.page.tree.nodes;
        let holds = |at: u32| (at..nodes[at as usize].end).contains(&node);
        let keep = self.around.iter().take_while(|around| holds(around.node)).count();
        self.leave(keep);
    }

    /// Enter the elements that contain a node, from the outermost.
    pub fn enter_to(&mut self, node: u32, place: usize) {
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
            _ if tag.is(PREFORMATTED) || self.page.blocks.codes.is_whole(node) => Some(Kind::Code),
            (Tag::Ul | Tag::Ol | Tag::Menu | Tag::Dir, _) if !objects::navigates(self.page, node) => Some(Kind::List),
            (Tag::Li, Some(Kind::List)) => Some(Kind::Item),
            (Tag::Dl, _) => Some(Kind::Terms),
            (Tag::Dt, Some(Kind::Terms)) => Some(Kind::Term),
            (Tag::Dd, Some(Kind::Terms)) => Some(Kind::Definition),
            (Tag::Blockquote, _) => Some(Kind::Quote),
            (Tag::Table, _) if self.tables.is_data(node) => Some(Kind::Table),
            (Tag::Tr, Some(Kind::Table)) => Some(Kind::Row),
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

    /// Add the mark of a range that is no element of its own.
    pub fn mark(&mut self, kind: Kind, start: usize, end: usize) {
        let mut mark = Mark::new(kind, start, self.around.len());
        mark.end = end as u32;
        self.marks.push(mark);
    }

    /// Leave all but the outermost `keep` elements.
    pub fn leave(&mut self, keep: usize) {
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
    }
}
