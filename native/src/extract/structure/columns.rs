//! The structure of texts as a column.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int32Array, ListArray, StringArray, StructArray, UInt32Array, UInt8Array};
use arrow_schema::{Field, Fields};
use pyo3::exceptions::PyValueError;
use pyo3::PyResult;

use super::mark::Mark;
use crate::lists::{lists_of, offset};

/// A list of marks for each text.
pub fn column(texts: &[&[Mark]]) -> PyResult<ListArray> {
    let marks: Vec<&Mark> = texts.iter().flat_map(|marks| marks.iter()).collect();
    let all = || marks.iter();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("start", Arc::new(UInt32Array::from_iter_values(all().map(|mark| mark.start)))),
        ("end", Arc::new(UInt32Array::from_iter_values(all().map(|mark| mark.end)))),
        ("depth", Arc::new(UInt8Array::from_iter_values(all().map(|mark| mark.depth)))),
        ("kind", Arc::new(StringArray::from_iter_values(all().map(|mark| mark.kind.name())))),
        ("number", Arc::new(Int32Array::from_iter(all().map(|mark| mark.number)))),
        ("value", Arc::new(StringArray::from_iter(all().map(|mark| mark.value.as_deref())))),
        ("label", Arc::new(StringArray::from_iter(all().map(|mark| mark.label.as_deref())))),
    ];
    let fields: Fields = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let values = StructArray::try_new(fields, columns.into_iter().map(|(_, column)| column).collect(), None)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut offsets = vec![0];
    let mut count = 0;
    for marks in texts {
        count += marks.len();
        offsets.push(offset(count)?);
    }
    lists_of(Arc::new(values), offsets)
}
