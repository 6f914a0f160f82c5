//! The words of a text, also in scripts that put no white space between them. Twin:
//! `refinery.kernels.reference.segmenter`.

pub mod cuts;
mod cutter;
mod dictionary;
pub mod spaceless;
mod trie;

use std::path::PathBuf;

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::Classes;
use crate::lists::ListsBuilder;
use crate::strings::{strings, text};
use cutter::Cutter;
use dictionary::Dictionaries;

/// Finds words with the dictionaries of a folder.
#[pyclass(frozen)]
pub struct Segmenter {
    dictionaries: Dictionaries,
}

#[pymethods]
impl Segmenter {
    #[new]
    fn new(folder: PathBuf) -> Self {
        Segmenter { dictionaries: Dictionaries::of(folder) }
    }

    /// Where words begin without white space before them, in bytes.
    fn cuts(&self, py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<OutputArray> {
        let classes = Classes::try_from(classes)?;
        let texts = strings(&texts)?;
        py.allow_threads(|| self.cuts_of(texts, classes).map(OutputArray::new))
    }
}

impl Segmenter {
    fn cuts_of(&self, texts: &StringArray, classes: Classes<'_>) -> PyResult<ListArray> {
        let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
        let mut cutter = Cutter::new(&self.dictionaries, classes);
        for row in 0..texts.len() {
            cutter.cut(text(texts, row)?, &mut found.values)?;
            found.end()?;
        }
        found.finish()
    }
}
