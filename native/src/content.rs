//! Hashes of the content of columns, however they are cut and coded. Twin: `refinery.kernels.reference.content`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeBinaryArray, GenericListArray, OffsetSizeTrait, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::DataType;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use xxhash_rust::xxh3::Xxh3;

use crate::boundary::InputArray;
use crate::lists::unfit;

/// The streams of bytes that were fed, by path.
#[pyclass(frozen)]
pub struct ContentHashes(Mutex<Streams>);

#[derive(Default)]
struct Streams {
    hashers: BTreeMap<String, Xxh3>,
    buffer: Vec<u8>,
}

#[pymethods]
impl ContentHashes {
    #[new]
    fn new() -> Self {
        ContentHashes(Mutex::default())
    }

    /// Add rows, as columns. An error for an unsupported type.
    fn update(&self, py: Python<'_>, columns: Vec<InputArray>) -> PyResult<()> {
        py.allow_threads(|| {
            let mut streams = self.0.lock().map_err(|_| PyRuntimeError::new_err("an update failed before"))?;
            for (place, column) in columns.iter().enumerate() {
                streams.feed(&mut place.to_string(), &column.0, column.0.logical_nulls().as_ref())?;
            }
            Ok(())
        })
    }

    /// 32 hexadecimal digits for each stream.
    fn digests(&self) -> PyResult<HashMap<String, String>> {
        let streams = self.0.lock().map_err(|_| PyRuntimeError::new_err("an update failed before"))?;
        let hex = |hasher: &Xxh3| format!("{:032x}", hasher.digest128());
        Ok(streams.hashers.iter().map(|(path, hasher)| (path.clone(), hex(hasher))).collect())
    }
}

impl Streams {
    /// Feed a column. `nulls` are its own and those of the structures around it.
    fn feed(&mut self, path: &mut String, array: &ArrayRef, nulls: Option<&NullBuffer>) -> PyResult<()> {
        self.rows(path, '?', (0..array.len()).map(|row| [u8::from(is_valid(nulls, row))]));
        match array.data_type() {
            DataType::Null => Ok(()),
            DataType::Struct(_) => self.feed_fields(path, array.as_struct(), nulls),
            DataType::List(_) => self.feed_items(path, array.as_list::<i32>(), nulls),
            DataType::LargeList(_) => self.feed_items(path, array.as_list::<i64>(), nulls),
            DataType::Utf8 => {
                let strings = array.as_string::<i32>();
                self.feed_bytes(path, strings.offsets(), strings.value_data(), nulls);
                Ok(())
            }
            DataType::Binary => {
                let strings = array.as_binary::<i32>();
                self.feed_bytes(path, strings.offsets(), strings.value_data(), nulls);
                Ok(())
            }
            kind if has_fixed_width(kind) => self.feed_fixed(path, array, nulls),
            kind => Err(unfit(kind)),
        }
    }

    fn feed_fields(&mut self, path: &mut String, array: &StructArray, nulls: Option<&NullBuffer>) -> PyResult<()> {
        let length = path.len();
        for (place, child) in array.columns().iter().enumerate() {
            path.push_str(&format!(".{place}"));
            let nulls = NullBuffer::union(nulls, child.logical_nulls().as_ref());
            self.feed(path, child, nulls.as_ref())?;
            path.truncate(length);
        }
        Ok(())
    }

    fn feed_items<O: OffsetSizeTrait>(
        &mut self,
        path: &mut String,
        array: &GenericListArray<O>,
        nulls: Option<&NullBuffer>,
    ) -> PyResult<()> {
        self.lengths(path, array.offsets(), nulls);
        let length = path.len();
        path.push_str("[]");
        for run in runs(array.offsets(), nulls) {
            let items = array.values().slice(run.start, run.len());
            self.feed(path, &items, items.logical_nulls().as_ref())?;
        }
        path.truncate(length);
        Ok(())
    }

    fn feed_bytes(&mut self, path: &str, offsets: &OffsetBuffer<i32>, data: &[u8], nulls: Option<&NullBuffer>) {
        self.lengths(path, offsets, nulls);
        for run in runs(offsets, nulls) {
            self.write(path, &data[run]);
        }
    }

    /// Feed values of one width; null counts as zero.
    fn feed_fixed(&mut self, path: &str, array: &ArrayRef, nulls: Option<&NullBuffer>) -> PyResult<()> {
        if let Some(values) = array.as_any().downcast_ref::<BooleanArray>() {
            let bytes = (0..values.len()).map(|row| [u8::from(is_valid(nulls, row) && values.value(row))]);
            self.rows(path, ' ', bytes);
            return Ok(());
        }
        let data = array.to_data();
        let (width, data) = match array.as_any().downcast_ref::<FixedSizeBinaryArray>() {
            Some(values) => (values.value_length() as usize, values.value_data()),
            None => {
                let width = array.data_type().primitive_width().ok_or_else(|| unfit(array.data_type()))?;
                let start = data.offset() * width;
                let bytes = data.buffers().first().ok_or_else(|| unfit(array.data_type()))?;
                (width, &bytes.as_slice()[start..start + array.len() * width])
            }
        };
        if nulls.is_none_or(|nulls| nulls.null_count() == 0) {
            self.write(path, data);
            return Ok(());
        }
        let mut filled = std::mem::take(&mut self.buffer);
        filled.clear();
        filled.extend_from_slice(data);
        for row in (0..array.len()).filter(|row| !is_valid(nulls, *row)) {
            filled[row * width..(row + 1) * width].fill(0);
        }
        self.write(path, &filled);
        self.buffer = filled;
        Ok(())
    }

    fn lengths<O: OffsetSizeTrait>(&mut self, path: &str, offsets: &OffsetBuffer<O>, nulls: Option<&NullBuffer>) {
        let lengths = offsets.windows(2).enumerate().map(|(row, ends)| {
            let length = if is_valid(nulls, row) { ends[1].as_usize() - ends[0].as_usize() } else { 0 };
            (length as i64).to_ne_bytes()
        });
        self.rows(path, '#', lengths);
    }

    /// Feed the value of each row to the stream of `path` and `mark`; a space is no mark.
    fn rows<const N: usize>(&mut self, path: &str, mark: char, rows: impl Iterator<Item = [u8; N]>) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.extend(rows.flatten());
        if mark == ' ' {
            self.write(path, &buffer);
        } else {
            self.write(&format!("{path}{mark}"), &buffer);
        }
        self.buffer = buffer;
    }

    fn write(&mut self, path: &str, bytes: &[u8]) {
        if !self.hashers.contains_key(path) {
            self.hashers.insert(path.to_owned(), Xxh3::new());
        }
        if let Some(hasher) = self.hashers.get_mut(path) {
            hasher.update(bytes);
        }
    }
}

fn has_fixed_width(kind: &DataType) -> bool {
    match kind {
        DataType::Boolean | DataType::FixedSizeBinary(_) => true,
        DataType::Interval(_) => false,
        _ => kind.is_integer() || kind.is_floating() || kind.is_temporal(),
    }
}

fn is_valid(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row))
}

/// The ranges of values that rows which are not null have, as few as possible and at least one.
fn runs<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, nulls: Option<&NullBuffer>) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) {
        found.push(offsets[0].as_usize()..offsets[offsets.len() - 1].as_usize());
        return found;
    }
    for (_, ends) in offsets.windows(2).enumerate().filter(|(row, _)| is_valid(nulls, *row)) {
        let (start, end) = (ends[0].as_usize(), ends[1].as_usize());
        match found.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ if start == end => {}
            _ => found.push(start..end),
        }
    }
    if found.is_empty() {
        found.push(0..0);
    }
    found
}
