//! The byte ranges of runs of tokens in texts, and texts without them. Twins:
//! `refinery.kernels.reference.windows.byte_ranges`, `refinery.kernels.reference.cuts.take_out`.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ListArray, StringArray, UInt64Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::{for_tokens, offset, structs_of, Lists, Structs};
use crate::strings::{strings, text, total_bytes, StringsBuilder};

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

fn located<T: ArrowPrimitiveType<Native: Into<u64>>>(runs: &InputArray, sizes: &InputArray) -> PyResult<ListArray> {
    let (runs, sizes) = (Structs::of(&runs.0, ["start", "end"])?, Lists::<T>::of(&sizes.0)?);
    if runs.len() != sizes.len() {
        return Err(PyValueError::new_err("runs and tokens are of different numbers of texts"));
    }
    let (mut starts, mut ends, mut offsets, mut edges) = (Vec::new(), Vec::new(), vec![0], Vec::new());
    for ([first, last], sizes) in runs.iter().zip(sizes.iter()) {
        if !first.is_empty() {
            bounds(sizes, &mut edges);
        }
        let edge = |token: u64| usize::try_from(token).ok().and_then(|token| edges.get(token).copied());
        for (&first, &last) in first.iter().zip(last) {
            let run = edge(first).zip(edge(last));
            let (from, to) = run.ok_or_else(|| PyValueError::new_err("a run ends after the last token"))?;
            starts.push(from);
            ends.push(to);
        }
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends)], offsets)
}

/// Texts without the ranges of bytes, and for each range its text, and its place and its size in characters.
fn taken(texts: &StringArray, ranges: &Structs<2>) -> PyResult<(StringArray, StringArray, [Vec<u64>; 2])> {
    if ranges.len() != texts.len() {
        return Err(PyValueError::new_err("ranges and texts are of different numbers"));
    }
    let (mut rest, mut inside, mut places) =
        (StringsBuilder::with_capacity(total_bytes(texts)), StringsBuilder::with_capacity(0), [Vec::new(), Vec::new()]);
    for (row, [starts, ends]) in ranges.iter().enumerate() {
        let text = text(texts, row)?;
        let (mut at, mut passed) = (0, 0);
        for (&start, &end) in starts.iter().zip(ends) {
            let piece = |from: usize, to: u64| {
                let found = usize::try_from(to).ok().and_then(|to| text.get(from..to));
                found.ok_or_else(|| PyValueError::new_err(format!("row {row}: no range of a text: {start} to {end}")))
            };
            let before = piece(at, start)?;
            let part = piece(start as usize, end)?;
            rest.data.extend_from_slice(before.as_bytes());
            inside.data.extend_from_slice(part.as_bytes());
            inside.end()?;
            passed += count(before);
            places[0].push(passed);
            places[1].push(count(part));
            passed += count(part);
            at = end as usize;
        }
        rest.data.extend_from_slice(text.get(at..).unwrap_or_default().as_bytes());
        rest.end()?;
    }
    Ok((rest.finish()?, inside.finish()?, places))
}

fn count(text: &str) -> u64 {
    text.chars().count() as u64
}

#[pyfunction]
pub fn byte_ranges(py: Python<'_>, runs: InputArray, sizes: InputArray) -> PyResult<OutputArray> {
    py.allow_threads(|| for_tokens!(&sizes.0, located(&runs, &sizes)).map(OutputArray::new))
}

#[pyfunction]
pub fn take_out(
    py: Python<'_>,
    texts: InputArray,
    ranges: InputArray,
) -> PyResult<(OutputArray, OutputArray, OutputArray, OutputArray)> {
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        let (rest, inside, [places, sizes]) = taken(texts, &Structs::of(&ranges.0, ["start", "end"])?)?;
        let numbers = |column: Vec<u64>| OutputArray::new(UInt64Array::from(column));
        Ok((OutputArray::new(rest), OutputArray::new(inside), numbers(places), numbers(sizes)))
    })
}
