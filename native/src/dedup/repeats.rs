//! The order of 64-bit numbers, and which of them repeat. Twin: `refinery.kernels.reference.repeats`.

use arrow_array::types::{UInt32Type, UInt64Type};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::boundary::{Numbers, OutputNumbers};
use crate::dedup::duplicates::duplicate_flags;
use crate::dedup::radix::{sorted, Placed};

/// Numbers that are looked at together.
const AT_ONCE: usize = 1024;

/// Sorted numbers, each at most twice.
fn no_third(mut sorted: Vec<u64>) -> Vec<u64> {
    let mut end = 0;
    // No branch: duplicates cannot be predicted.
    for at in 0..sorted.len() {
        let number = sorted[at];
        let third = end > 1 && sorted[end - 2] == number;
        sorted[end] = number;
        end += usize::from(!third);
    }
    sorted.truncate(end);
    sorted
}

/// Each number of sorted ones that is there more than once, once.
fn repetitions(sorted: &[u64]) -> Vec<u64> {
    let mut found = Vec::new();
    let mut some = [0; AT_ONCE];
    let mut again = false;
    for begin in (1..sorted.len()).step_by(AT_ONCE) {
        let end = sorted.len().min(begin + AT_ONCE);
        let mut count = 0;
        // No branch: duplicates cannot be predicted.
        for pair in sorted[begin - 1..end].windows(2) {
            let equal = pair[0] == pair[1];
            some[count] = pair[0];
            count += usize::from(equal & !again);
            again = equal;
        }
        found.extend_from_slice(&some[..count]);
    }
    found
}

/// An error for more numbers than fit 32-bit counts and places.
fn countable(count: usize) -> PyResult<()> {
    match u32::try_from(count) {
        Ok(_) => Ok(()),
        Err(_) => Err(PyOverflowError::new_err(format!("{count} numbers are too many for 32-bit places"))),
    }
}

#[pyfunction]
pub fn order_of(py: Python<'_>, values: Numbers) -> PyResult<OutputNumbers> {
    py.allow_threads(|| {
        countable(values.len())?;
        let placed: Vec<Placed> = (0..).zip(&*values).map(|(place, &key)| Placed { key, place }).collect();
        let places = sorted(&[&placed]).iter().map(|item| item.place).collect();
        Ok(OutputNumbers::of::<UInt32Type>(places))
    })
}

#[pyfunction]
pub fn at_most_twice(py: Python<'_>, lists: Vec<Numbers>) -> OutputNumbers {
    py.allow_threads(|| OutputNumbers::of::<UInt64Type>(no_third(sorted(&slices(&lists)))))
}

#[pyfunction]
pub fn repeated(py: Python<'_>, values: Numbers) -> OutputNumbers {
    py.allow_threads(|| OutputNumbers::of::<UInt64Type>(repetitions(&sorted(&[&*values]))))
}

#[pyfunction]
pub fn duplicated(py: Python<'_>, lists: Vec<Numbers>) -> PyResult<Vec<OutputNumbers>> {
    py.allow_threads(|| {
        let lists = slices(&lists);
        countable(lists.iter().map(|values| values.len()).sum())?;
        Ok(duplicate_flags(&lists).into_iter().map(|flags| OutputNumbers::truth(flags.into())).collect())
    })
}

fn slices(lists: &[Numbers]) -> Vec<&[u64]> {
    lists.iter().map(|list| &**list).collect()
}
