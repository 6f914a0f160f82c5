//! Objects of texts that cuts should spare: code, formulas and tables. Twin: `refinery.kernels.reference.shift`.

use std::sync::Arc;

use arrow_array::{ArrayRef, StructArray, UInt64Array};
use arrow_schema::{Field, Fields};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::tree::{Kind, Structure};
use crate::boundary::{InputArray, OutputArray};
use crate::lists::{lists_of, offset, structs_of, Structs};
use crate::strings::StringsBuilder;

#[pyfunction]
pub fn objects(py: Python<'_>, structure: InputArray) -> PyResult<OutputArray> {
    py.allow_threads(|| {
        let structure = Structure::of(&structure.0)?;
        let (mut starts, mut ends, mut kinds, mut offsets) =
            (Vec::new(), Vec::new(), StringsBuilder::with_capacity(0), vec![0]);
        for row in 0..structure.len() {
            let mut last = 0;
            for mark in structure.row(row) {
                let (_, start, end) = structure.place(mark);
                let name: &[u8] = match structure.kind(mark) {
                    Kind::Code => b"code",
                    Kind::Formula => b"formula",
                    Kind::Table => b"table",
                    _ => continue,
                };
                if start < end && start >= last {
                    starts.push(start as u64);
                    ends.push(end as u64);
                    kinds.data.extend_from_slice(name);
                    kinds.end()?;
                    last = end;
                }
            }
            offsets.push(offset(starts.len())?);
        }
        let columns: [(&str, ArrayRef); 3] = [
            ("start", Arc::new(UInt64Array::from(starts))),
            ("end", Arc::new(UInt64Array::from(ends))),
            ("kind", Arc::new(kinds.finish()?)),
        ];
        let fields: Fields = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
        let found = StructArray::try_new(fields, columns.map(|(_, column)| column).into(), None);
        let found = found.map_err(|error| PyValueError::new_err(error.to_string()))?;
        lists_of(Arc::new(found), offsets).map(OutputArray::new)
    })
}

#[pyfunction]
pub fn spared(py: Python<'_>, ranges: InputArray, kept: InputArray) -> PyResult<OutputArray> {
    py.allow_threads(|| {
        let (ranges, kept) = (Structs::of(&ranges.0, ["start", "end"])?, Structs::of(&kept.0, ["start", "end"])?);
        if ranges.len() != kept.len() {
            return Err(PyValueError::new_err("ranges and objects are of different numbers"));
        }
        let (mut starts, mut ends, mut offsets, mut spare) = (Vec::new(), Vec::new(), vec![0], Vec::new());
        for ([firsts, lasts], [begins, stops]) in ranges.iter().zip(kept.iter()) {
            spare.clear();
            partial(firsts, lasts, begins, stops, &mut spare);
            without(firsts, lasts, &spare, &mut starts, &mut ends);
            offsets.push(offset(starts.len())?);
        }
        structs_of(vec![("start", starts), ("end", ends)], offsets).map(OutputArray::new)
    })
}

/// Add the objects that are not all in ranges.
fn partial(firsts: &[u64], lasts: &[u64], begins: &[u64], stops: &[u64], spare: &mut Vec<(u64, u64)>) {
    let mut range = 0;
    for (&begin, &stop) in begins.iter().zip(stops) {
        while range < lasts.len() && lasts[range] <= begin {
            range += 1;
        }
        let shared = firsts[range..].iter().zip(&lasts[range..]).take_while(|(first, _)| **first < stop);
        let size: u64 = shared.map(|(&first, &last)| last.min(stop).saturating_sub(first.max(begin))).sum();
        if size != stop.saturating_sub(begin) {
            spare.push((begin, stop));
        }
    }
}

/// Add ranges without what they share with others.
fn without(firsts: &[u64], lasts: &[u64], spare: &[(u64, u64)], starts: &mut Vec<u64>, ends: &mut Vec<u64>) {
    let mut next = 0;
    for (&first, &last) in firsts.iter().zip(lasts) {
        let mut at = first;
        while next < spare.len() && spare[next].1 <= first {
            next += 1;
        }
        for &(begin, stop) in spare[next..].iter().take_while(|(begin, _)| *begin < last) {
            if at < begin {
                starts.push(at);
                ends.push(begin);
            }
            at = at.max(stop);
        }
        if at < last {
            starts.push(at);
            ends.push(last);
        }
    }
}
