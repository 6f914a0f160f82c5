//! Parts of a marked text from which all forms are made. Twin: `refinery.kernels.reference.pieces`.

use super::tree::{Kind, Mark, Range, Tree};

const MAX_COLUMNS: i32 = 100;
const MAX_ROWS: u32 = 1000;

/// True for the white space of ASCII.
pub fn blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// A text without white space at its ends.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(blank)
}

/// A child of a list, table or row; `mark` is none where it has none of its own.
pub struct Portion {
    pub mark: Option<usize>,
    pub range: Range,
}

impl Tree<'_> {
    /// True for a block; a formula is one if it is for display and has a line of the range for itself.
    pub fn is_block(&self, mark: &Mark<'_>, start: usize, end: usize) -> bool {
        if mark.kind != Kind::Formula {
            return mark.kind.is_block();
        }
        if mark.number != Some(1) || mark.label == "asciimath" || trimmed(mark.value).is_empty() {
            return false;
        }
        let bytes = self.text.as_bytes();
        let before = mark.start == start || bytes[mark.start - 1] == b'\n';
        let after = mark.end == end || bytes[mark.end] == b'\n';
        if mark.start == mark.end {
            before || after
        } else {
            before && after
        }
    }

    /// The marks of some kinds in a range, and what is between them, without marks of a kind that is skipped.
    pub fn pieces(&self, range: Range, kinds: &[Kind], skipped: Option<Kind>) -> Vec<Portion> {
        let (mut found, mut at, mut first) = (Vec::new(), range.start, range.first);
        let between = |at: usize, end: usize, first: usize, last: usize, found: &mut Vec<Portion>| {
            if first < last || !trimmed(&self.text[at..end]).is_empty() {
                found.push(Portion { mark: None, range: Range { start: at, end, first, last } });
            }
        };
        for number in self.siblings(range) {
            let mark = &self.marks[number];
            let wanted = kinds.contains(&mark.kind);
            if !wanted && Some(mark.kind) != skipped {
                continue;
            }
            between(at, mark.start, first, number, &mut found);
            if wanted {
                found.push(Portion { mark: Some(number), range: self.whole(number) });
            }
            (at, first) = (mark.end, mark.after);
        }
        between(at, range.end, first, range.last, &mut found);
        found
    }

    /// The rows of a table.
    pub fn rows(&self, table: usize) -> Vec<Portion> {
        self.pieces(self.whole(table), &[Kind::Row], Some(Kind::Caption))
    }

    /// The cells of a row.
    pub fn cells(&self, row: &Portion) -> Vec<Portion> {
        self.pieces(row.range, &[Kind::Cell, Kind::Header], None)
    }

    /// The captions of a table.
    pub fn captions(&self, table: usize) -> impl Iterator<Item = usize> + '_ {
        self.siblings(self.whole(table)).filter(|&child| self.marks[child].kind == Kind::Caption)
    }

    /// The columns and rows that a cell spans.
    pub fn spans(&self, cell: &Portion) -> (usize, usize) {
        let Some(number) = cell.mark else { return (1, 1) };
        let mark = &self.marks[number];
        let digits = mark.value.len() < 10 && mark.value.bytes().all(|byte| byte.is_ascii_digit());
        let rows = if digits { mark.value.parse::<u32>().unwrap_or(1) } else { 1 };
        let columns = mark.number.unwrap_or(1).clamp(1, MAX_COLUMNS);
        (columns.unsigned_abs() as usize, rows.clamp(1, MAX_ROWS) as usize)
    }

    /// The lines of a range; newlines inside of its marks do not end one.
    pub fn lines(&self, range: Range) -> Vec<Range> {
        let (mut found, mut at, mut first) = (Vec::new(), range.start, range.first);
        while at <= range.end {
            let (end, last) = self.line_end(at, range, first);
            found.push(Range { start: at, end, first, last });
            (at, first) = (end + 1, last);
        }
        found
    }

    /// The end of the line that starts at a place with the mark `first`, and the number behind its last mark.
    fn line_end(&self, start: usize, range: Range, first: usize) -> (usize, usize) {
        let (mut at, mut last) = (start, first);
        loop {
            let newline = memchr::memchr(b'\n', &self.text.as_bytes()[at..range.end]);
            let end = newline.map_or(range.end, |length| at + length);
            while at <= end && last < range.last && self.marks[last].start <= end {
                at = at.max(self.marks[last].end);
                last = self.marks[last].after;
            }
            if at <= end {
                return (end, last);
            }
        }
    }
}
