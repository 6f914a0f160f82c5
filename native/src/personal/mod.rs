//! Candidates for personal data in texts. Twin: `refinery.kernels.reference.personal`, which defines the shapes.

mod numbers;
mod places;
mod shapes;
mod tokens;

use arrow_array::{Array, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::{offset, structs_of};
use crate::strings::{bytes, strings};
use places::Ranges;
use tokens::Tokens;

fn all_candidates(texts: &StringArray) -> PyResult<OutputArray> {
    let (mut starts, mut ends, mut kinds, mut offsets) = (Vec::new(), Vec::new(), Vec::new(), vec![0]);
    let (mut tokens, mut found) = (Tokens::default(), Ranges::new());
    for row in 0..texts.len() {
        let data = bytes(texts, row);
        tokens.read(data);
        for shape in 0..10_u64 {
            found.clear();
            match shape {
                0 => shapes::emails(data, &mut found),
                1 => numbers::numbers(data, &mut found),
                2 => found.append(&mut tokens.keys),
                3 => found.append(&mut tokens.coins),
                4 => found.append(&mut tokens.codes),
                5 => shapes::ibans(data, &mut found),
                6 => numbers::addresses(data, &mut found),
                7 => shapes::hexadecimal(data, &mut found),
                8 => numbers::coordinates(data, &mut found),
                _ => shapes::private_keys(data, &mut found),
            }
            for (start, end) in &found {
                starts.push(*start as u64);
                ends.push(*end as u64);
                kinds.push(shape);
            }
        }
        offsets.push(offset(starts.len())?);
    }
    structs_of(vec![("start", starts), ("end", ends), ("shape", kinds)], offsets).map(OutputArray::new)
}

/// The candidates of each text.
#[pyfunction]
pub fn personal_candidates(py: Python<'_>, texts: InputArray) -> PyResult<OutputArray> {
    let texts = strings(&texts)?;
    py.allow_threads(|| all_candidates(texts))
}
