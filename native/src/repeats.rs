//! The order of 64-bit numbers, and which of them repeat. Twin: `refinery.kernels.reference.repeats`.

use arrow_array::{UInt32Array, UInt64Array, UInt8Array};
use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::boundary::{Given, Made};
use crate::lists::numbers;
use crate::radix::{sorted, Placed};
use crate::recurring::recurring;

/// Numbers that are looked at together.
const AT_ONCE: usize = 1024;

/// Give each distinct number of sorted ones, with its count, to `found`.
fn each_distinct(sorted: &[u64], mut found: impl FnMut(u64, u32)) {
    sorted.chunk_by(|a, b| a == b).for_each(|equal| found(equal[0], equal.len() as u32));
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
fn countable(values: &[u64]) -> PyResult<&[u64]> {
    match u32::try_from(values.len()) {
        Ok(_) => Ok(values),
        Err(_) => Err(PyOverflowError::new_err(format!("{} numbers are too many for 32-bit places", values.len()))),
    }
}

#[pyfunction]
fn order_of(py: Python<'_>, values: Given) -> PyResult<Made> {
    py.allow_threads(|| {
        let values = countable(numbers(&values.0)?)?;
        let placed: Vec<Placed> = (0..).zip(values).map(|(place, &key)| Placed { key, place }).collect();
        let places: Vec<u32> = sorted(&placed).iter().map(|item| item.place).collect();
        Ok(Made::new(UInt32Array::from(places)))
    })
}

#[pyfunction]
fn counted(py: Python<'_>, values: Given) -> PyResult<(Made, Made)> {
    py.allow_threads(|| {
        let values = countable(numbers(&values.0)?)?;
        let (mut distinct, mut counts) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
        each_distinct(&sorted(values), |value, count| {
            distinct.push(value);
            counts.push(count);
        });
        Ok((Made::new(UInt64Array::from(distinct)), Made::new(UInt32Array::from(counts))))
    })
}

#[pyfunction]
fn repeated(py: Python<'_>, values: Given) -> PyResult<Made> {
    py.allow_threads(|| {
        let found = repetitions(&sorted(numbers(&values.0)?));
        Ok(Made::new(UInt64Array::from(found)))
    })
}

/// A byte for each value: 1 if it is there more than once, else 0.
#[pyfunction]
fn recurs(py: Python<'_>, values: Given) -> PyResult<Made> {
    py.allow_threads(|| Ok(Made::new(UInt8Array::from(recurring(countable(numbers(&values.0)?)?)))))
}

/// Add this module's functions.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(order_of, module)?)?;
    module.add_function(wrap_pyfunction!(counted, module)?)?;
    module.add_function(wrap_pyfunction!(repeated, module)?)?;
    module.add_function(wrap_pyfunction!(recurs, module)?)
}
