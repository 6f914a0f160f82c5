//! Marks after cuts in their text. Twin: `refinery.kernels.reference.shift`.

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, StringArray, UInt32Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::tree::{Kind, Structure};
use crate::boundary::{InputArray, OutputArray};
use crate::lists::{column, offset, unfit};

/// Cuts of a text in order: their ends in the text before, and of what replaces them in the text after.
#[derive(Default)]
struct Cuts {
    starts: Vec<i64>,
    ends: Vec<i64>,
    new_starts: Vec<i64>,
    new_ends: Vec<i64>,
}

impl Cuts {
    fn clear(&mut self) {
        [&mut self.starts, &mut self.ends, &mut self.new_starts, &mut self.new_ends].into_iter().for_each(Vec::clear);
    }

    /// By how many bytes this many cuts made the text shorter.
    fn gone(&self, cuts: usize) -> i64 {
        cuts.checked_sub(1).map_or(0, |last| self.ends[last] - self.new_ends[last])
    }

    fn before(&self, place: i64) -> usize {
        self.ends.partition_point(|end| *end <= place)
    }

    /// True for a place inside of a cut, not at its ends.
    fn inside(&self, place: i64) -> bool {
        self.starts.get(self.before(place)).is_some_and(|start| *start < place)
    }

    /// Where a mark starts that started at a place: behind the cut where it was inside of one.
    fn start(&self, place: i64) -> i64 {
        let cut = self.before(place);
        if self.inside(place) {
            self.new_ends[cut]
        } else {
            place - self.gone(cut)
        }
    }

    /// Where a mark ends that ended at a place: before the cut where it was inside of one.
    fn end(&self, place: i64) -> i64 {
        let cut = self.before(place);
        if self.inside(place) {
            self.new_starts[cut]
        } else {
            place - self.gone(cut)
        }
    }

    /// Where a mark probably was that is at a place: behind a cut where it starts there, before one where it ends.
    fn probably(&self, start: i64, end: i64) -> (i64, i64) {
        let until = |place| self.new_ends.partition_point(|new| *new <= place);
        let first = until(end).min(self.new_starts.partition_point(|new| *new < end));
        let last = if start == end { until(end) } else { first };
        (start + self.gone(until(start)), end + self.gone(last))
    }
}

/// A column of cuts, of the twin's type `SPANS`, and perhaps with replacements.
struct Spans<'a> {
    lists: &'a ListArray,
    offsets: &'a [u64],
    lengths: &'a [u64],
    texts: &'a StringArray,
    cut: Option<&'a BooleanArray>,
    replacements: Option<&'a StringArray>,
}

impl<'a> Spans<'a> {
    fn of(array: &'a ArrayRef) -> PyResult<Self> {
        let unfit = || unfit(array.data_type());
        let lists = array.as_list_opt::<i32>().ok_or_else(unfit)?;
        let values = lists.values().as_struct_opt().ok_or_else(unfit)?;
        let field = |name| values.column_by_name(name).ok_or_else(unfit);
        let text = |column: &'a ArrayRef| column.as_string_opt::<i32>().ok_or_else(unfit);
        Ok(Spans {
            lists,
            offsets: column::<UInt64Type>(field("offset")?)?,
            lengths: column::<UInt64Type>(field("length")?)?,
            texts: text(field("text")?)?,
            cut: values.column_by_name("cut").map(|cut| cut.as_boolean_opt().ok_or_else(unfit)).transpose()?,
            replacements: values.column_by_name("replacement").map(text).transpose()?,
        })
    }

    /// Read the cuts of a row. An error where they are not in order.
    fn read(&self, row: usize, cuts: &mut Cuts) -> PyResult<()> {
        cuts.clear();
        let bounds = self.lists.value_offsets();
        let spans = if self.lists.is_valid(row) { bounds[row] as usize..bounds[row + 1] as usize } else { 0..0 };
        let (mut gone, mut end) = (0, 0);
        for at in spans {
            let replaced = self.replacements.is_some_and(|texts| texts.is_valid(at));
            let stays = self.texts.is_null(at) && !replaced;
            if stays || self.cut.is_some_and(|cut| cut.is_valid(at) && !cut.value(at)) {
                continue;
            }
            let start = place(self.offsets[at])?;
            if start < end {
                let message = format!("cut at byte {start} begins before byte {end}, where the one before it ends");
                return Err(PyValueError::new_err(message));
            }
            end = start + place(self.lengths[at])?;
            let size = self.replacements.map_or(0, |texts| if texts.is_valid(at) { texts.value(at).len() } else { 0 });
            cuts.starts.push(start);
            cuts.ends.push(end);
            cuts.new_starts.push(start - gone);
            cuts.new_ends.push(start - gone + size as i64);
            gone += end - start - size as i64;
        }
        Ok(())
    }
}

fn place(bytes: u64) -> PyResult<i64> {
    u32::try_from(bytes).map(i64::from).map_err(|_| PyValueError::new_err(format!("no place in a text: {bytes}")))
}

/// Marks after cuts as numbers of those before, with their new places; and those that are lost.
#[derive(Default)]
struct Shifted {
    marks: Vec<u32>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    offsets: Vec<i32>,
    lost: Vec<u32>,
    numbers: Vec<u32>,
    kept: Vec<bool>,
    lost_offsets: Vec<i32>,
    open: Vec<i64>, // the ends of the marks that contain the next one, in the text after
}

impl Shifted {
    fn keep(&mut self, mark: usize, start: i64, end: i64) -> PyResult<()> {
        let place = |place: i64| u32::try_from(place).map_err(|_| PyValueError::new_err("marks and cuts do not fit"));
        self.marks.push(mark as u32);
        self.starts.push(place(start)?);
        self.ends.push(place(end)?);
        Ok(())
    }

    fn lose(&mut self, mark: usize, number: usize, kept: bool) {
        self.lost.push(mark as u32);
        self.numbers.push(number as u32);
        self.kept.push(kept);
    }

    fn add(&mut self, structure: &Structure<'_>, row: usize, cuts: &Cuts) -> PyResult<()> {
        self.open.clear();
        let mut gone = usize::MAX; // depth of the mark that went last; what is deeper went with it
        for (number, mark) in structure.row(row).enumerate() {
            let (depth, old_start, old_end) = structure.place(mark);
            if depth > gone {
                self.lose(mark, number, false);
                continue;
            }
            gone = usize::MAX;
            self.open.truncate(depth);
            let (mut start, mut end) = (cuts.start(old_start), cuts.end(old_end));
            let goes = if old_start == old_end { cuts.inside(old_start) } else { end <= start };
            if goes {
                gone = depth;
                let row = self.open.last().filter(|_| matches!(structure.kind(mark), Kind::Cell | Kind::Header));
                let Some(&limit) = row else {
                    self.lose(mark, number, false);
                    continue;
                };
                start = start.min(limit);
                end = start;
            }
            self.open.push(end);
            self.keep(mark, start, end)?;
            if cuts.probably(start, end) != (old_start, old_end) {
                self.lose(mark, number, true);
            }
        }
        Ok(())
    }

    fn end_row(&mut self) -> PyResult<()> {
        self.offsets.push(offset(self.marks.len())?);
        self.lost_offsets.push(offset(self.lost.len())?);
        Ok(())
    }

    fn finish(self) -> Vec<OutputArray> {
        let numbers = |column: Vec<u32>| OutputArray::new(UInt32Array::from(column));
        let places = |column: Vec<i32>| OutputArray::new(arrow_array::Int32Array::from(column));
        vec![
            numbers(self.marks),
            numbers(self.starts),
            numbers(self.ends),
            places(self.offsets),
            numbers(self.lost),
            numbers(self.numbers),
            OutputArray::new(BooleanArray::from(self.kept)),
            places(self.lost_offsets),
        ]
    }
}

/// The columns of `Shifted`, of which the facade makes lists of marks.
#[pyfunction]
pub fn shifted_marks(py: Python<'_>, structure: InputArray, cuts: InputArray) -> PyResult<Vec<OutputArray>> {
    py.allow_threads(|| {
        let (structure, spans) = (Structure::of(&structure.0)?, Spans::of(&cuts.0)?);
        if structure.len() != spans.lists.len() {
            return Err(PyValueError::new_err("structures and cuts are of different numbers"));
        }
        let mut made = Shifted { offsets: vec![0], lost_offsets: vec![0], ..Shifted::default() };
        let mut cuts = Cuts::default();
        for row in 0..structure.len() {
            spans.read(row, &mut cuts)?;
            made.add(&structure, row, &cuts)?;
            made.end_row()?;
        }
        Ok(made.finish())
    })
}
