//! The order of 64-bit numbers, and which of them repeat. Twin: `refinery.kernels.reference.repeats`.

use arrow_array::{UInt32Array, UInt64Array, UInt8Array};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::dedup::duplicates::recurring;
use crate::dedup::radix::{sorted, Placed};
use crate::lists::numbers;

/// Numbers that are looked at together.
const AT_ONCE: usize = 1024;

/// Sorted numbers without a third of any, and what is more.
fn no_third(mut sorted: Vec<u64>) -> Vec<u64> {
    let mut end = 0;
    // No branch: what repeats cannot be predicted.
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
        // No branch: what repeats cannot be predicted.
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

/// An error for more numbers than 32-bit counts and places can tell.
fn countable(count: usize) -> PyResult<()> {
    match u32::try_from(count) {
        Ok(_) => Ok(()),
        Err(_) => Err(PyOverflowError::new_err(format!("{count} numbers are too many for 32-bit places"))),
    }
}

fn all_numbers(lists: &[Given]) -> PyResult<Vec<&[u64]>> {
    lists.iter().map(|list| numbers(&list.0)).collect()
}

#[pyfunction]
fn order_of(py: Python<'_>, values: Given) -> PyResult<Made> {
    py.allow_threads(|| {
        let values = numbers(&values.0)?;
        countable(values.len())?;
        let placed: Vec<Placed> = (0..).zip(values).map(|(place, &key)| Placed { key, place }).collect();
        let places: Vec<u32> = sorted(&[&placed]).iter().map(|item| item.place).collect();
        Ok(Made::new(UInt32Array::from(places)))
    })
}

#[pyfunction]
fn at_most_twice(py: Python<'_>, lists: Vec<Given>) -> PyResult<Made> {
    py.allow_threads(|| Ok(Made::new(UInt64Array::from(no_third(sorted(&all_numbers(&lists)?))))))
}

#[pyfunction]
fn repeated(py: Python<'_>, values: Given) -> PyResult<Made> {
    py.allow_threads(|| {
        let found = repetitions(&sorted(&[numbers(&values.0)?]));
        Ok(Made::new(UInt64Array::from(found)))
    })
}

/// For each list a byte for each value: 1 if that is there more than once in all of them, else 0.
#[pyfunction]
fn recurs(py: Python<'_>, lists: Vec<Given>) -> PyResult<Vec<Made>> {
    py.allow_threads(|| {
        let lists = all_numbers(&lists)?;
        countable(lists.iter().map(|values| values.len()).sum())?;
        Ok(recurring(&lists).into_iter().map(|marks| Made::new(UInt8Array::from(marks))).collect())
    })
}

/// Add this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(order_of, module)?)?;
    module.add_function(wrap_pyfunction!(at_most_twice, module)?)?;
    module.add_function(wrap_pyfunction!(repeated, module)?)?;
    module.add_function(wrap_pyfunction!(recurs, module)?)
}
