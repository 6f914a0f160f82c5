//! Tables with data, their rows and cells.

use super::attributes::raw;
use super::mark::Kind;
use crate::extract::page::Page;
use crate::extract::tags::{self, Set, Tag};

/// Elements that a table to lay out a page does not have.
const HEADERS: Set = tags::set(&[Tag::Th, Tag::Thead, Tag::Caption]);
/// Elements that the cells of a table without headers do not have, beside headings below the first row.
const FOREIGN: Set = tags::set(&[Tag::Form, Tag::Input, Tag::Textarea, Tag::Select]);
const CELLS: Set = tags::set(&[Tag::Td, Tag::Th]);

/// The most columns or rows that a cell spans.
const LONGEST_SPAN: u32 = 1000;
/// The most bytes of a cell in a table without headers.
const LONGEST_CELL: u32 = 1500;

/// A table with data, for which the node is.
const DATA: u8 = 1;
/// A row that has header cells.
const HEADED: u8 = 2;
/// A row that has other cells, beside an empty corner.
const MIXED: u8 = 4;

/// What decides whether a table contains data.
#[derive(Default)]
struct Shape {
    rows: u32,
    /// The most cells of a row.
    columns: usize,
    cells: usize,
    /// Cells with text or images.
    filled: usize,
    /// The columns with text that was chosen, a bit each; the last one for all beyond.
    chosen: u64,
    /// Bytes of the longest cell.
    longest: u32,
    headers: bool,
    foreign: bool,
    nested: bool,
}

/// The tables of a page.
pub struct Tables<'a> {
    page: &'a Page<'a>,
    /// What each node is; empty for a page without tables.
    flags: Vec<u8>,
}

impl<'a> Tables<'a> {
    /// The tables of a page, whose blocks are chosen or not.
    pub fn of(page: &'a Page<'a>, chosen: &[bool]) -> Self {
        let mut tables = Tables { page, flags: Vec::new() };
        for (table, shape) in tables.shapes(chosen) {
            let role = raw(page.source, page.tree.markup[table], "role").unwrap_or_default().trim();
            tables.flags[table] |= if shape.is_data(role) { DATA } else { 0 };
        }
        tables
    }

    /// The tables with data by their shape alone, whatever is chosen.
    pub fn grids(page: &'a Page<'a>) -> Vec<usize> {
        let all = vec![true; page.blocks.blocks.len()];
        let shapes = Tables { page, flags: Vec::new() }.shapes(&all);
        shapes.into_iter().filter(|(_, shape)| shape.is_data("")).map(|(table, _)| table).collect()
    }

    /// The shape of each table.
    fn shapes(&mut self, chosen: &[bool]) -> Vec<(usize, Shape)> {
        let nodes = &self.page.tree.nodes;
        if !nodes.iter().any(|node| node.tag == Tag::Table) {
            return Vec::new();
        }
        self.flags = vec![0; nodes.len()];
        let sums = sums(chosen);
        let mut shapes = vec![(0, Shape::default())];
        let mut owner: Vec<u32> = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let table = owner.get(node.parent as usize).map_or(0, |&table| table as usize);
            let shape = &mut shapes[table].1;
            shape.headers |= node.tag.is(HEADERS);
            shape.foreign |= node.tag.is(FOREIGN) || node.tag.is(tags::HEADINGS) && shape.rows != 1;
            if node.tag == Tag::Table {
                shape.nested = true;
                owner.push(shapes.len() as u32);
                shapes.push((at, Shape::default()));
                continue;
            }
            owner.push(table as u32);
            if table > 0 && node.tag == Tag::Tr {
                self.row(at as u32, &sums, shape);
            }
        }
        shapes.split_off(1)
    }

    /// Add a row to the shape of its table.
    fn row(&mut self, row: u32, sums: &[u32], shape: &mut Shape) {
        let (nodes, blocks) = (&self.page.tree.nodes, &self.page.blocks);
        let mut columns = 0;
        for cell in self.cells(row + 1, nodes[row as usize].end) {
            let (first, last) = (blocks.first[cell as usize] as usize, blocks.last[cell as usize] as usize);
            let within = &nodes[cell as usize + 1..nodes[cell as usize].end as usize];
            let text = first < last;
            columns += 1;
            shape.filled += usize::from(text || within.iter().take(3).any(|node| node.tag == Tag::Img));
            shape.chosen |= u64::from(sums[last.max(first)] > sums[first]) << (columns - 1).min(63);
            if text {
                shape.longest = shape.longest.max(blocks.blocks[last - 1].end - blocks.blocks[first].start);
            }
            self.flags[row as usize] |= match nodes[cell as usize].tag {
                Tag::Th => HEADED,
                _ if text || columns > 1 => MIXED,
                _ => 0,
            };
        }
        shape.rows += u32::from(columns > 0);
        shape.cells += columns;
        shape.columns = shape.columns.max(columns);
    }

    /// True if a table contains data, and does not lay out the page.
    pub fn is_data(&self, table: u32) -> bool {
        self.flags.get(table as usize).is_some_and(|&flags| flags & DATA != 0)
    }

    /// The kind of a cell: a header if it names its row.
    pub fn cell(&self, cell: u32) -> Kind {
        let node = self.page.tree.nodes[cell as usize];
        if node.tag == Tag::Th && !self.names_columns(node.parent) {
            Kind::Header
        } else {
            Kind::Cell
        }
    }

    /// True if a row only names the columns.
    fn names_columns(&self, row: u32) -> bool {
        let nodes = &self.page.tree.nodes;
        let parent = nodes[row as usize].parent;
        let headed = self.flags[row as usize] & (HEADED | MIXED) == HEADED;
        headed || nodes[parent as usize].tag == Tag::Thead
    }

    /// The rows that begin from one node up to another, of the table that these are in.
    pub fn rows(&self, from: u32, to: u32) -> Vec<u32> {
        let nodes = &self.page.tree.nodes;
        let (mut rows, mut at) = (Vec::new(), from);
        while at < to {
            let (this, node) = (at, nodes[at as usize]);
            at = if node.tag.is(tags::SECTIONS) { at + 1 } else { node.end };
            if node.tag == Tag::Tr {
                rows.push(this);
            }
        }
        rows
    }

    /// The cells that begin from one node up to another, of the row that these are in.
    pub fn cells(&self, from: u32, to: u32) -> impl Iterator<Item = u32> + 'a {
        let nodes = &self.page.tree.nodes;
        let mut at = from;
        std::iter::from_fn(move || {
            while at < to {
                let (this, node) = (at, nodes[at as usize]);
                at = node.end;
                if node.tag.is(CELLS) {
                    return Some(this);
                }
            }
            None
        })
    }

    /// The number of the rows at the top of a table that only name its columns. Where there are no header cells, a
    /// first row in bold is one.
    pub fn header_rows(&self, table: u32) -> i32 {
        let rows = self.rows(table + 1, self.page.tree.nodes[table as usize].end);
        let named = rows.iter().take_while(|&&row| self.names_columns(row)).count();
        let named = if named == rows.len() { named.min(1) } else { named };
        let bold = named == 0 && rows.len() > 1 && self.is_bold(rows[0]) && !self.is_bold(rows[1]);
        named as i32 + i32::from(bold)
    }

    /// True if all text of a row without header cells is bold.
    fn is_bold(&self, row: u32) -> bool {
        let blocks = &self.page.blocks;
        let within = blocks.blocks[blocks.first[row as usize] as usize..].iter();
        let count = blocks.last[row as usize].saturating_sub(blocks.first[row as usize]) as usize;
        let bold = within.take(count).all(|block| block.strong >= block.stats.characters);
        bold && count > 0 && self.flags[row as usize] & HEADED == 0
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

impl Shape {
    /// True if a table of this shape and role contains data. Without headers, most of its cells have text, and none
    /// has much.
    fn is_data(&self, role: &str) -> bool {
        let is = |one: &str| role.eq_ignore_ascii_case(one);
        let grid = self.rows > 1 && self.columns > 1 && self.chosen.count_ones() > 1 && !self.nested;
        let plain = !self.foreign && self.longest <= LONGEST_CELL && 2 * self.filled > self.cells;
        grid && !is("presentation") && !is("none") && (self.headers || is("table") || is("grid") || plain)
    }
}

/// For each block the number of chosen ones before it.
fn sums(chosen: &[bool]) -> Vec<u32> {
    let mut sum = 0;
    let next = |&chosen: &bool| {
        sum += u32::from(chosen);
        sum
    };
    std::iter::once(0).chain(chosen.iter().map(next)).collect()
}
