//! Hashes of strings. Twin: `refinery.kernels.reference.minhash.string_hashes`.

use arrow_array::{Array, StringArray, UInt64Array};
use pyo3::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::boundary::{InputArray, OutputArray};
use crate::strings::{bytes, strings};

/// xxh3_64 of each string's bytes; null counts as "".
pub fn of_strings(texts: &StringArray) -> UInt64Array {
    (0..texts.len()).map(|row| Some(xxh3_64(bytes(texts, row)))).collect()
}

#[pyfunction]
pub fn string_hashes(py: Python<'_>, texts: InputArray) -> PyResult<OutputArray> {
    py.allow_threads(|| Ok(OutputArray::new(of_strings(strings(&texts)?))))
}
