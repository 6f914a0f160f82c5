//! Tables of Markdown. Twin: `_add_table` of `refinery.kernels.reference.markdown`.

use super::html::html_table;
use super::inline::{written, Place};
use super::pieces::{trimmed, Portion};
use super::tree::{Kind, Tree};

/// A table with pipes if each cell is one line, else as HTML; None without cells.
pub fn pipes(tree: &Tree<'_>, table: usize) -> Option<String> {
    let Some(mut grid) = grid(tree, table) else {
        return Some(html_table(tree, table).replace("\n\n", "\n&#10;"));
    };
    let width = grid.iter().map(Vec::len).max().filter(|width| *width > 0)?;
    let has_header = tree.marks[table].number.is_some_and(|rows| rows != 0);
    let mut header = if has_header { grid.remove(0) } else { Vec::new() };
    header.resize(width, String::new());
    let mut lines = vec![line(&header), line(&vec!["---".to_owned(); width])];
    lines.extend(grid.iter().filter(|cells| !cells.is_empty()).map(|cells| line(cells)));
    Some(lines.join("\n"))
}

fn line(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// The cells of each row, without empty ones at its end; none where one has more than a line.
fn grid(tree: &Tree<'_>, table: usize) -> Option<Vec<Vec<String>>> {
    let mut below: Vec<usize> = Vec::new(); // rows that a cell further up still spans, by column
    let mut grid = Vec::new();
    for row in tree.rows(table) {
        let mut cells: Vec<String> = Vec::new();
        for cell in tree.cells(&row) {
            place(cell_line(tree, &cell)?, tree.spans(&cell), &mut cells, &mut below);
        }
        below.iter_mut().skip(cells.len()).for_each(|rows| *rows = rows.saturating_sub(1));
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        cells.truncate(filled);
        grid.push(cells);
    }
    Some(grid)
}

fn cell_line(tree: &Tree<'_>, cell: &Portion) -> Option<String> {
    let is_block = |mark: usize| tree.marks[mark].kind.is_block() && tree.marks[mark].kind != Kind::Paragraph;
    if tree.siblings(cell.range).any(is_block) {
        return None;
    }
    let text = written(tree, cell.range, Place::Cell);
    let mut lines = text.split('\n').map(trimmed).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    lines.next().is_none().then_some(first)
}

/// Add a cell to its row, behind those that a row further up spans, and empty ones that it spans itself.
fn place(line: String, (columns, rows): (usize, usize), cells: &mut Vec<String>, below: &mut Vec<usize>) {
    while let Some(left) = below.get_mut(cells.len()).filter(|left| **left > 0) {
        *left -= 1;
        cells.push(String::new());
    }
    cells.push(line);
    cells.resize(cells.len() + columns - 1, String::new());
    let first = cells.len() - columns;
    if below.len() < cells.len() {
        below.resize(cells.len(), 0);
    }
    below[first..cells.len()].fill(rows - 1);
}
