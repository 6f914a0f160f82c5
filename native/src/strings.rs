//! Rows of Arrow string arrays.

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};
use arrow_buffer::OffsetBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

use crate::boundary::InputArray;
use crate::lists::{offset, unfit};

/// View an array as strings. An error if it is of another type.
pub fn strings(array: &InputArray) -> PyResult<&StringArray> {
    array.0.as_string_opt::<i32>().ok_or_else(|| unfit(array.0.data_type()))
}

/// The text of a row, "" for null. An error if it is not UTF-8, which Arrow does not check.
pub fn text(texts: &StringArray, row: usize) -> PyResult<&str> {
    std::str::from_utf8(bytes(texts, row)).map_err(|error| PyValueError::new_err(format!("text {row}: {error}")))
}

/// The bytes of a row; none for null.
pub fn bytes(texts: &StringArray, row: usize) -> &[u8] {
    if texts.is_valid(row) {
        texts.value(row).as_bytes()
    } else {
        b""
    }
}

/// The number of bytes that are wanted.
#[inline]
pub fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> u64 {
    // For speed: sums of 8 bits, which cannot overflow, of many bytes at once.
    let sum = |some: &[u8]| some.iter().map(|byte| u8::from(wanted(*byte))).sum::<u8>();
    bytes.chunks(u8::MAX as usize).map(|some| u64::from(sum(some))).sum()
}

/// The number of bytes of all texts.
pub fn total_bytes(texts: &StringArray) -> usize {
    let offsets = texts.value_offsets();
    offsets.last().zip(offsets.first()).map_or(0, |(end, start)| (end - start) as usize)
}

/// A string array that is built row by row.
pub struct StringsBuilder {
    pub data: Vec<u8>,
    offsets: Vec<i32>,
}

impl Default for StringsBuilder {
    fn default() -> Self {
        StringsBuilder::with_capacity(0)
    }
}

impl StringsBuilder {
    pub fn with_capacity(bytes: usize) -> Self {
        StringsBuilder { data: Vec::with_capacity(bytes), offsets: vec![0] }
    }

    /// End a row: the bytes added since the last call are its text.
    pub fn end(&mut self) -> PyResult<()> {
        self.offsets.push(offset(self.data.len())?);
        Ok(())
    }

    /// Build the array. An error if a text is not UTF-8.
    pub fn finish(self) -> PyResult<StringArray> {
        StringArray::try_new(OffsetBuffer::new(self.offsets.into()), self.data.into(), None)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }
}
