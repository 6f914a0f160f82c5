//! Tables with data, their rows and cells.

use super::attributes::raw;
use super::mark::Kind;
use crate::extract::page::Page;
use crate::extract::tags::{self, Set, Tag};

const HEADERS: Set = tags::set(&[Tag::Th, Tag::Thead, Tag::Caption]);
const CELLS: Set = tags::set(&[Tag::Td, Tag::Th]);

/// The most columns or rows that a cell spans.
const LONGEST_SPAN: u32 = 1000;

/// The tables of a page.
pub struct Tables<'a> {
    page: &'a Page<'a>,
    /// For each node true if it is a table with data; empty for a page without tables.
    data: Vec<bool>,
}

impl<'a> Tables<'a> {
    pub fn of(page: &'a Page<'a>) -> Self {
        let nodes = &page.tree.nodes;
        if !nodes.iter().any(|node| node.tag == Tag::Table) {
            return Tables { page, data: Vec::new() };
        }
        let mut table: Vec<usize> = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            table.push(if node.tag == Tag::Table || at == 0 { at } else { table[node.parent as usize] });
        }
        let mut data = vec![false; nodes.len()];
        for (node, &table) in nodes.iter().zip(&table) {
            data[table] |= node.tag.is(HEADERS) && nodes[table].tag == Tag::Table;
        }
        Tables { page, data }
    }

    /// True if a table contains data, and does not lay out the page.
    pub fn is_data(&self, table: u32) -> bool {
        self.data.get(table as usize).is_some_and(|&is| is)
    }

    /// The kind of a cell: a header if it names its row.
    pub fn cell(&self, cell: u32) -> Kind {
        let nodes = &self.page.tree.nodes;
        let row = nodes[cell as usize].parent;
        let all = || self.cells(row + 1, nodes[row as usize].end).all(|cell| nodes[cell as usize].tag == Tag::Th);
        if nodes[cell as usize].tag == Tag::Th && !all() {
            Kind::Header
        } else {
            Kind::Cell
        }
    }

    /// The rows that begin from one node up to another, of the table that these are in.
    pub fn rows(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + 'a {
        self.parts(from, to, Tag::Tr.bit(), tags::SECTIONS)
    }

    /// The cells that begin from one node up to another, of the row that these are in.
    pub fn cells(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + 'a {
        self.parts(from, to, CELLS, 0)
    }

    fn parts(&self, from: u32, to: u32, parts: Set, wholes: Set) -> impl Iterator<Item = u32> + 'a {
        let nodes = &self.page.tree.nodes;
        let mut at = from;
        std::iter::from_fn(move || {
            while at < to {
                let (this, node) = (at, nodes[at as usize]);
                at = if node.tag.is(wholes) { at + 1 } else { node.end };
                if node.tag.is(parts) {
                    return Some(this);
                }
            }
            None
        })
    }

    /// The number of the rows at the top of a table that only name its columns.
    pub fn header_rows(&self, table: u32) -> i32 {
        let nodes = &self.page.tree.nodes;
        let heads = |&row: &u32| {
            let mut cells = self.cells(row + 1, nodes[row as usize].end).peekable();
            nodes[nodes[row as usize].parent as usize].tag == Tag::Thead
                || cells.peek().is_some() && cells.all(|cell| nodes[cell as usize].tag == Tag::Th)
        };
        self.rows(table + 1, nodes[table as usize].end).take_while(heads).count() as i32
    }

    /// The columns and rows that a cell spans.
    pub fn spans(&self, cell: u32) -> (u32, u32) {
        let markup = self.page.tree.markup[cell as usize];
        let span = |name| {
            let given = raw(self.page.source, markup, name).unwrap_or_default().trim();
            let digits = given.find(|c: char| !c.is_ascii_digit()).unwrap_or(given.len());
            given[..digits].parse::<u32>().unwrap_or(1).clamp(1, LONGEST_SPAN)
        };
        (span("colspan"), span("rowspan"))
    }
}
