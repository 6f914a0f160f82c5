//! Look-up in blocklists of millions of strings in memory-mapped files. Twin: `refinery.kernels.reference.blocklist`.

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, UInt32Type};
use arrow_array::{Array, Int8Array, LargeStringArray, UInt32Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::boundary::InputArray;
use crate::lists::unfit;

/// A blocklist from Python: `first`, `tag`, `entry`, the codes of `category`, and the categories.
pub type Parts = (InputArray, InputArray, InputArray, InputArray, Vec<String>);

/// A blocklist of strings, each with a category. Its buffers are Python's.
pub struct Blocklist {
    first: UInt32Array,
    tags: UInt32Array,
    entries: LargeStringArray,
    codes: Int8Array,
    categories: Vec<String>,
}

impl Blocklist {
    pub fn new((first, tags, entries, codes, categories): Parts) -> PyResult<Self> {
        let first = first.0.as_primitive_opt::<UInt32Type>().ok_or_else(|| unfit(first.0.data_type()))?.clone();
        let tags = tags.0.as_primitive_opt::<UInt32Type>().ok_or_else(|| unfit(tags.0.data_type()))?.clone();
        let entries = entries.0.as_string_opt::<i64>().ok_or_else(|| unfit(entries.0.data_type()))?.clone();
        let codes = codes.0.as_primitive_opt::<Int8Type>().ok_or_else(|| unfit(codes.0.data_type()))?.clone();
        let lengths = [tags.len(), entries.len(), codes.len()];
        if lengths.iter().any(|length| *length != first.len()) || u32::try_from(first.len()).is_err() {
            return Err(PyValueError::new_err("the columns of a list must be of one length below 2**32"));
        }
        Ok(Blocklist { first, tags, entries, codes, categories })
    }

    /// The category of an entry; none if it is not in the list.
    pub fn category(&self, entry: &str) -> Option<&str> {
        let hash = xxh3_64(entry.as_bytes());
        let rows = self.first.len() as u64;
        let bucket = (((hash >> 32) * rows) >> 32) as usize;
        let first = self.first.values();
        let start = *first.get(bucket)? as usize;
        let end = first.get(bucket + 1).map_or(first.len(), |end| *end as usize);
        let tags = self.tags.values().get(start..end)?;
        let row = start + tags.iter().zip(start..).position(|(tag, row)| *tag == hash as u32 && self.is(row, entry))?;
        self.categories.get(usize::try_from(self.codes.values()[row]).ok()?).map(String::as_str)
    }

    /// True if this row's entry is this string. A damaged file may contain any offsets.
    fn is(&self, row: usize, entry: &str) -> bool {
        let offsets = self.entries.value_offsets();
        let (Ok(start), Ok(end)) = (usize::try_from(offsets[row]), usize::try_from(offsets[row + 1])) else {
            return false;
        };
        self.entries.value_data().get(start..end) == Some(entry.as_bytes())
    }
}
