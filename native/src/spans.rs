//! Where runs of tokens lie in the original texts. Twin: `refinery.kernels.reference.windows.original_spans`.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::ListArray;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::lists::{for_tokens, offset, structs_of, Lists, Structs};

/// The bytes of a text before each token and after the last, of the text that was tokenized.
fn bounds<N: Copy + Into<u64>>(sizes: &[N], bounds: &mut Vec<u64>) {
    let mut end = 0u64;
    bounds.clear();
    bounds.push(end);
    bounds.extend(sizes.iter().map(|&size| {
        end = end.saturating_add(size.into());
        end
    }));
}

/// The first unit that lies wholly between two bytes of the normalised text, and how many units end before the second.
fn units_inside(normal: &[u64], start: u64, end: u64) -> (usize, usize) {
    let first = match (start, normal.split_last()) {
        (1.., Some((_, ends))) => 1 + ends.partition_point(|&at| at < start),
        _ => 0,
    };
    (first, normal.partition_point(|&at| at <= end))
}

fn located<T: ArrowPrimitiveType<Native: Into<u64>>>(
    runs: &Given,
    sizes: &Given,
    alignment: &Given,
) -> PyResult<ListArray> {
    let (runs, sizes) = (Structs::of(&runs.0, ["start", "end"])?, Lists::<T>::of(&sizes.0)?);
    let alignment = Structs::of(&alignment.0, ["normal", "start", "end"])?;
    if runs.len() != sizes.len() || runs.len() != alignment.len() {
        return Err(PyValueError::new_err("runs, tokens and alignment are of different numbers of texts"));
    }
    let (mut starts, mut ends, mut offsets, mut edges) = (Vec::new(), Vec::new(), vec![0], Vec::new());
    for (([first, last], sizes), [normal, start, end]) in runs.iter().zip(sizes.iter()).zip(alignment.iter()) {
        if !first.is_empty() {
            bounds(sizes, &mut edges);
        }
        let edge = |token: u64| usize::try_from(token).ok().and_then(|token| edges.get(token).copied());
        for (&first, &last) in first.iter().zip(last) {
            let run = edge(first).zip(edge(last));
            let (from, to) = run.ok_or_else(|| PyValueError::new_err("a run ends after the last token"))?;
            let (unit, count) = units_inside(normal, from, to);
            if unit < count {
                starts.push(start[unit]);
                ends.push(end[count - 1]);
            }
        }
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends)], offsets)
}

#[pyfunction]
fn original_spans(py: Python<'_>, runs: Given, sizes: Given, alignment: Given) -> PyResult<Made> {
    py.allow_threads(|| for_tokens!(&sizes.0, located(&runs, &sizes, &alignment)).map(Made::new))
}

/// Add this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(original_spans, module)?)
}
