//! Items of benchmarks in texts. Twin: `refinery.kernels.reference.benchmarks`.

mod extent;
mod index;
mod numerals;
mod search;
mod units;

use arrow_array::types::{UInt32Type, UInt8Type};
use arrow_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, Numbers, OutputArray};
use crate::lists::{offset, structs_of};
use crate::strings::{strings, text};
use index::Index;
use numerals::numerals;
use search::{Match, Search};

/// The questions, passages and answers of benchmarks, prepared for the search.
#[pyclass(frozen)]
pub struct PreparedBenchmarks {
    folds: Vec<u32>,
    index: Index,
}

#[pymethods]
impl PreparedBenchmarks {
    /// Take the texts of items, what each is and the group that it is of, in the order of the groups; the form of each
    /// character; words and values of numerals; and words that are common in any text.
    #[new]
    fn new(
        texts: InputArray,
        kinds: Numbers<UInt8Type>,
        groups: Numbers<UInt32Type>,
        folds: Numbers<UInt32Type>,
        words: Vec<String>,
        values: Numbers,
        common: Vec<String>,
    ) -> PyResult<Self> {
        let texts = strings(&texts)?;
        let sorted = groups.windows(2).all(|pair| pair[0] <= pair[1]);
        if kinds.len() != texts.len() || groups.len() != texts.len() || words.len() != values.len() || !sorted {
            return Err(PyValueError::new_err("columns of items do not fit"));
        }
        let folds = folds.to_vec();
        if folds.len() < 128 {
            return Err(PyValueError::new_err("forms of too few characters"));
        }
        let numerals = numerals(&words, &values, &folds);
        let texts = (0..texts.len()).map(|row| text(texts, row)).collect::<PyResult<Vec<_>>>()?;
        let index = Index::new(&texts, &kinds, &groups, &folds, numerals, &common);
        Ok(PreparedBenchmarks { folds, index })
    }

    /// The items in each text: lists of structures of numbers.
    fn matches(&self, py: Python<'_>, texts: InputArray) -> PyResult<OutputArray> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            let mut search = Search::new(&self.index, &self.folds);
            let (mut found, mut offsets) = (Vec::new(), vec![0]);
            for row in 0..texts.len() {
                search.run(text(texts, row)?, &mut found);
                offsets.push(offset(found.len())?);
            }
            let column = |field: fn(&Match) -> u64| found.iter().map(field).collect();
            let columns = vec![
                ("group", column(|one| u64::from(one.group))),
                ("row", column(|one| u64::from(one.row))),
                ("matched", column(|one| one.matched)),
                ("total", column(|one| one.total)),
                ("needed", column(|one| one.needed)),
                ("start", column(|one| u64::from(one.start))),
                ("end", column(|one| u64::from(one.end))),
            ];
            Ok(OutputArray::new(structs_of(columns, offsets)?))
        })
    }
}
