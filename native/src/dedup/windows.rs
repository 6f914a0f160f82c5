//! Hashes of windows of tokens, and the runs that repeated windows cover. Twin: `refinery.kernels.reference.windows`.

use std::collections::HashSet;

use arrow_array::types::{ArrowPrimitiveType, UInt32Type, UInt64Type};
use arrow_array::{ListArray, UInt8Array};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, Numbers, OutputArray, OutputNumbers};
use crate::dedup::lookup::Sorted;
use crate::lists::{for_tokens, offset, structs_of, Lists, ListsBuilder};

const BASE: u64 = 0x9E37_79B9_7F4A_7C15;

/// A fixed bijection of 64-bit integers.
#[inline(always)]
pub fn mix(value: u64) -> u64 {
    let x = value.wrapping_add(BASE);
    let x = (x ^ (x >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let x = (x ^ (x >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    x ^ (x >> 33)
}

/// The hash of all these tokens as one window.
pub fn hash_of<N: Copy + Into<u64>>(tokens: &[N]) -> u64 {
    tokens.iter().fold(0, |hash: u64, &token| hash.wrapping_mul(BASE).wrapping_add(mix(token.into())))
}

/// Emit the hash of each window of `size` tokens; none if there are fewer, or `size` is 0.
#[inline]
pub fn each_window<N: Copy + Into<u64>>(tokens: &[N], size: usize, mut found: impl FnMut(u64)) {
    if size == 0 || tokens.len() < size {
        return;
    }
    let mut hash = hash_of(&tokens[..size]);
    found(hash);
    // A token that leaves has been multiplied once too often by then.
    let gone = (0..size).fold(1u64, |power, _| power.wrapping_mul(BASE));
    for (&old, &new) in tokens.iter().zip(&tokens[size..]) {
        let left = mix(old.into()).wrapping_mul(gone);
        hash = hash.wrapping_mul(BASE).wrapping_add(mix(new.into()).wrapping_sub(left));
        found(hash);
    }
}

/// An error for windows of no token.
pub fn positive(size: usize) -> PyResult<()> {
    if size == 0 {
        return Err(PyValueError::new_err("a window has at least one token"));
    }
    Ok(())
}

fn hashes<T: ArrowPrimitiveType<Native: Into<u64>>>(tokens: &InputArray, size: usize) -> PyResult<ListArray> {
    let lists = Lists::<T>::of(&tokens.0)?;
    let mut made = ListsBuilder::<UInt64Type>::with_capacity(lists.total(), lists.len());
    for document in lists.iter() {
        each_window(document, size, |hash| made.values.push(hash));
        made.end()?;
    }
    made.finish()
}

fn marked<T: ArrowPrimitiveType<Native: Into<u64>>>(
    tokens: &InputArray,
    repeated: &[u64],
    size: usize,
) -> PyResult<ListArray> {
    let lists = Lists::<T>::of(&tokens.0)?;
    let repeated = Sorted::of(repeated, lists.total())?;
    let (mut starts, mut ends, mut offsets) = (Vec::new(), Vec::new(), vec![0]);
    let mut hashes = Vec::new();
    for document in lists.iter() {
        hashes.clear();
        each_window(document, size, |hash| hashes.push(hash));
        each_run(&hashes, &repeated, size, |start, end| {
            starts.push(start as u64);
            ends.push(end as u64);
        });
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends)], offsets)
}

/// Emit the runs that repeated windows of `size` tokens cover.
fn each_run(hashes: &[u64], repeated: &Sorted, size: usize, mut found: impl FnMut(usize, usize)) {
    let hit = |place: usize| repeated.contains(hashes[place]);
    let mut next = 0;
    while let Some(first) = (next..hashes.len()).find(|&place| hit(place)) {
        let mut last = first;
        next = first + 1;
        // Of the windows that still touch the run only the last one matters, so they are looked up from the end, and
        // most windows of a long run never are.
        loop {
            let reach = last.saturating_add(size).saturating_add(1).min(hashes.len());
            let further = (next..reach).rev().find(|&place| hit(place));
            next = next.max(reach);
            match further {
                Some(place) => last = place,
                None => break,
            }
        }
        found(first, last.saturating_add(size));
    }
}

/// Runs of tokens, list after list.
#[derive(Default)]
struct Runs {
    starts: Vec<u64>,
    ends: Vec<u64>,
    offsets: Vec<i32>,
}

impl Runs {
    fn new() -> Self {
        Runs { offsets: vec![0], ..Runs::default() }
    }

    /// Add a token that comes after all others of its list.
    fn add(&mut self, token: usize) {
        let token = token as u64;
        let begun = self.offsets.last().is_some_and(|&begin| self.ends.len() > begin as usize);
        match self.ends.last_mut() {
            Some(end) if begun && *end == token => *end += 1,
            _ => {
                self.starts.push(token);
                self.ends.push(token + 1);
            }
        }
    }

    fn end_list(&mut self) -> PyResult<()> {
        self.offsets.push(offset(self.starts.len())?);
        Ok(())
    }

    fn done(self) -> PyResult<OutputArray> {
        structs_of(vec![("start", self.starts), ("end", self.ends)], self.offsets).map(OutputArray::new)
    }
}

/// The runs that go, and those that stay so that each repeated window does.
fn copies<T: ArrowPrimitiveType<Native: Into<u64>>>(
    tokens: &InputArray,
    repeated: &[u64],
    keepers: &[u32],
    row: u32,
    size: usize,
) -> PyResult<(OutputArray, OutputArray)> {
    let lists = Lists::<T>::of(&tokens.0)?;
    if repeated.len() != keepers.len() {
        return Err(PyValueError::new_err("each repeated window has one keeper"));
    }
    let repeated = Sorted::of(repeated, lists.total())?;
    let (mut gone, mut kept, mut seen) = (Runs::new(), Runs::new(), HashSet::new());
    let mut hashes = Vec::new();
    for (document, tokens) in lists.iter().enumerate() {
        hashes.clear();
        each_window(tokens, size, |hash| hashes.push(hash));
        let here = u32::try_from(document).ok().and_then(|document| row.checked_add(document));
        let tokens = if hashes.is_empty() { 0 } else { hashes.len().saturating_add(size - 1) };
        let (mut go, mut stay) = (0, 0); // where the last window of either kind ends
        seen.clear();
        for token in 0..tokens {
            // Of a window with a trace, but not there, the rank is looked up for nothing: few have one.
            let found =
                hashes.get(token).filter(|&&hash| repeated.contains(hash)).and_then(|&hash| repeated.rank(hash));
            if let Some(rank) = found {
                if Some(keepers[rank]) == here && seen.insert(rank) {
                    stay = token.saturating_add(size);
                } else {
                    go = token.saturating_add(size);
                }
            }
            if token < stay {
                kept.add(token);
            } else if token < go {
                gone.add(token);
            }
        }
        gone.end_list()?;
        kept.end_list()?;
    }
    Ok((gone.done()?, kept.done()?))
}

#[pyfunction]
pub fn mark_copies(
    py: Python<'_>,
    tokens: InputArray,
    repeated: Numbers,
    keepers: Numbers<UInt32Type>,
    row: u32,
    size: usize,
) -> PyResult<(OutputArray, OutputArray)> {
    positive(size)?;
    py.allow_threads(|| for_tokens!(&tokens.0, copies(&tokens, &repeated, &keepers, row, size)))
}

#[pyfunction]
pub fn window_hashes(py: Python<'_>, tokens: InputArray, size: usize) -> PyResult<OutputArray> {
    positive(size)?;
    py.allow_threads(|| for_tokens!(&tokens.0, hashes(&tokens, size)).map(OutputArray::new))
}

#[pyfunction]
pub fn mix64(py: Python<'_>, values: Numbers) -> OutputNumbers {
    py.allow_threads(|| OutputNumbers::of::<UInt64Type>(values.iter().map(|&value| mix(value)).collect()))
}

#[pyfunction]
pub fn contains(py: Python<'_>, among: Numbers, values: Numbers) -> PyResult<OutputNumbers> {
    py.allow_threads(|| {
        let among = Sorted::of(&among, values.len())?;
        let found = values.iter().map(|&value| u8::from(among.contains(value)));
        Ok(OutputNumbers::truth(UInt8Array::from_iter_values(found)))
    })
}

#[pyfunction]
pub fn mark_repeated(py: Python<'_>, tokens: InputArray, repeated: Numbers, size: usize) -> PyResult<OutputArray> {
    positive(size)?;
    py.allow_threads(|| for_tokens!(&tokens.0, marked(&tokens, &repeated, size)).map(OutputArray::new))
}
