//! The marks of a text as a tree. Twin: `refinery.kernels.reference.marks`.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, UInt32Type, UInt8Type};
use arrow_array::{Array, ArrayRef, Int32Array, ListArray, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

use crate::lists::{column, unfit};
use crate::strings;

/// What a mark is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Heading,
    List,
    Item,
    Terms,
    Term,
    Definition,
    Quote,
    Paragraph,
    Code,
    Table,
    Caption,
    Row,
    Cell,
    Header,
    Figure,
    Details,
    Summary,
    Formula,
    Image,
    Link,
    Strong,
    Emphasis,
    InlineCode,
    Superscript,
    Subscript,
    Marker,
    Other,
}

impl Kind {
    pub fn of(name: &str) -> Kind {
        match name {
            "heading" => Kind::Heading,
            "list" => Kind::List,
            "item" => Kind::Item,
            "terms" => Kind::Terms,
            "term" => Kind::Term,
            "definition" => Kind::Definition,
            "quote" => Kind::Quote,
            "paragraph" => Kind::Paragraph,
            "code" => Kind::Code,
            "table" => Kind::Table,
            "caption" => Kind::Caption,
            "row" => Kind::Row,
            "cell" => Kind::Cell,
            "header" => Kind::Header,
            "figure" => Kind::Figure,
            "details" => Kind::Details,
            "summary" => Kind::Summary,
            "formula" => Kind::Formula,
            "image" => Kind::Image,
            "link" => Kind::Link,
            "strong" => Kind::Strong,
            "emphasis" => Kind::Emphasis,
            "inline_code" => Kind::InlineCode,
            "superscript" => Kind::Superscript,
            "subscript" => Kind::Subscript,
            "marker" => Kind::Marker,
            _ => Kind::Other,
        }
    }

    /// True for kinds that do not stand in a line of text.
    pub fn is_block(self) -> bool {
        (self as u8) < (Kind::Formula as u8)
    }
}

/// A mark: a range of the text in bytes, and `after`, the number of the first mark behind its children.
pub struct Mark<'a> {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    pub after: usize,
    pub number: Option<i32>,
    pub value: &'a str,
    pub label: &'a str,
}

/// A text and its marks.
pub struct Tree<'a> {
    pub text: &'a str,
    pub marks: Vec<Mark<'a>>,
}

/// A range of the text, and the marks in it: siblings and what is below them.
#[derive(Clone, Copy)]
pub struct Range {
    pub start: usize,
    pub end: usize,
    pub first: usize,
    pub last: usize,
}

impl Tree<'_> {
    /// All of the text.
    pub fn all(&self) -> Range {
        Range { start: 0, end: self.text.len(), first: 0, last: self.marks.len() }
    }

    /// The range of a mark with its children.
    pub fn whole(&self, mark: usize) -> Range {
        let found = &self.marks[mark];
        Range { start: found.start, end: found.end, first: mark + 1, last: found.after }
    }

    /// The numbers of the siblings in a range.
    pub fn siblings(&self, range: Range) -> impl Iterator<Item = usize> + '_ {
        let mut next = range.first;
        std::iter::from_fn(move || {
            let mark = next;
            (mark < range.last).then(|| {
                next = self.marks[mark].after;
                mark
            })
        })
    }
}

/// A column of marks.
pub struct Structure<'a> {
    lists: &'a ListArray,
    starts: &'a [u32],
    ends: &'a [u32],
    depths: &'a [u8],
    kinds: &'a StringArray,
    numbers: &'a Int32Array,
    values: &'a StringArray,
    labels: &'a StringArray,
}

impl<'a> Structure<'a> {
    /// View an array of the twin's type `MARKS`. An error if it is of another type, or a mark has no place.
    pub fn of(array: &'a ArrayRef) -> PyResult<Self> {
        let unfit = || unfit(array.data_type());
        let lists = array.as_list_opt::<i32>().ok_or_else(unfit)?;
        let marks = lists.values().as_struct_opt().ok_or_else(unfit)?;
        if marks.null_count() > 0 {
            return Err(PyValueError::new_err("expected marks, found nulls"));
        }
        let field = |name| marks.column_by_name(name).ok_or_else(unfit);
        let text = |name| field(name)?.as_string_opt::<i32>().ok_or_else(unfit);
        Ok(Structure {
            lists,
            starts: column::<UInt32Type>(field("start")?)?,
            ends: column::<UInt32Type>(field("end")?)?,
            depths: column::<UInt8Type>(field("depth")?)?,
            kinds: text("kind")?,
            numbers: field("number")?.as_primitive_opt::<Int32Type>().ok_or_else(unfit)?,
            values: text("value")?,
            labels: text("label")?,
        })
    }

    pub fn len(&self) -> usize {
        self.lists.len()
    }

    /// The marks of a row, from the first number to before the second.
    pub fn row(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.lists.value_offsets();
        if self.lists.is_valid(row) {
            offsets[row] as usize..offsets[row + 1] as usize
        } else {
            0..0
        }
    }

    /// The depth, the start and the end of a mark.
    pub fn place(&self, mark: usize) -> (usize, i64, i64) {
        (usize::from(self.depths[mark]), self.starts[mark].into(), self.ends[mark].into())
    }

    /// What a mark is; one whose kind is null or not UTF-8 is none of the known ones.
    pub fn kind(&self, mark: usize) -> Kind {
        strings::text(self.kinds, mark).map_or(Kind::Other, Kind::of)
    }

    /// The tree of a row over its text. An error where its marks are none.
    pub fn tree(&self, row: usize, text: &'a str) -> PyResult<Tree<'a>> {
        let numbers = self.row(row);
        let mut marks: Vec<Mark<'a>> = Vec::with_capacity(numbers.len());
        // The end of each open mark, the place before which its next child cannot begin, and its number + 1.
        let mut open = vec![(text.len(), 0, 0)];
        for at in numbers {
            let (start, end) = (self.starts[at] as usize, self.ends[at] as usize);
            let (depth, mark) = (usize::from(self.depths[at]), marks.len());
            let wrong = |what: &str| PyValueError::new_err(format!("text {row}: mark {mark} {what}"));
            if depth >= open.len() {
                return Err(wrong("is deeper than a child of the one before it"));
            }
            open.drain(depth + 1..).for_each(|(_, _, number)| marks[number - 1].after = mark);
            let (limit, least, _) = &mut open[depth];
            let whole = text.is_char_boundary(start) && text.is_char_boundary(end);
            if !whole || start < *least || end < start || end > *limit {
                return Err(wrong(&format!("from byte {start} to {end} has no place there")));
            }
            *least = end;
            open.push((end, start, mark + 1));
            marks.push(self.mark(at, start, end)?);
        }
        let all = marks.len();
        open.drain(1..).for_each(|(_, _, number)| marks[number - 1].after = all);
        Ok(Tree { text, marks })
    }

    fn mark(&self, at: usize, start: usize, end: usize) -> PyResult<Mark<'a>> {
        let number = self.numbers.is_valid(at).then(|| self.numbers.value(at));
        let (value, label) = (strings::text(self.values, at)?, strings::text(self.labels, at)?);
        Ok(Mark { kind: Kind::of(strings::text(self.kinds, at)?), start, end, after: 0, number, value, label })
    }
}
