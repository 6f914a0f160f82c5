//! Classifiers of texts by fastText models of every loss. Twin: `refinery.kernels.reference.fasttext_model`.
//!
//! Values are those of the fastText library to the last bit, so every sum keeps its order and its precision.
//! Method and file format: Joulin et al. 2017, arXiv 1607.01759; <https://fasttext.cc>.

mod contributions;
mod dictionary;
mod grams;
pub mod line;
pub mod matrix;
pub mod mean;
mod memo;
pub mod model;
pub mod output;
pub mod reader;
mod side;

use std::sync::{Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, UInt8Type};
use arrow_array::{Array, StringArray};
use arrow_buffer::Buffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputNumbers};
use crate::lists::unfit;
use crate::strings::{strings, text};
use model::{Model, Scratch};

/// A model in memory, for any number of threads.
#[pyclass(frozen)]
pub struct FastText {
    model: Model,
    /// Memory of calls that ended: words that were met need not be read again.
    idle: Mutex<Vec<Scratch>>,
}

#[pymethods]
impl FastText {
    /// Read a model from the bytes of its file, which stay in use if its numbers are stored whole.
    #[new]
    fn new(py: Python<'_>, file: InputArray) -> PyResult<Self> {
        py.allow_threads(|| Ok(FastText { model: Model::read(file_of(&file)?)?, idle: Mutex::default() }))
    }

    /// The labels in the order of the file.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.model.labels().to_vec()
    }

    /// The probabilities of some labels, by number: those of the first text, then of the second, and so on.
    fn scores(&self, py: Python<'_>, texts: InputArray, labels: Vec<usize>) -> PyResult<OutputNumbers> {
        self.check(&labels)?;
        py.allow_threads(|| Ok(OutputNumbers::of::<Float32Type>(self.scores_of_all(strings(&texts)?, &labels)?)))
    }

    /// The words and n-grams of words that add most to the odds of a label, with what they add and their counts.
    fn contributions(
        &self,
        py: Python<'_>,
        text: &str,
        label: usize,
        count: usize,
    ) -> PyResult<Vec<(String, f64, u64)>> {
        self.check(&[label])?;
        py.allow_threads(|| Ok(contributions::most(&self.model, text, label, count)?))
    }
}

impl FastText {
    fn check(&self, labels: &[usize]) -> PyResult<()> {
        let known = self.model.labels().len();
        match labels.iter().find(|&&label| label >= known) {
            Some(label) => Err(PyValueError::new_err(format!("label {label} of {known}"))),
            None => Ok(()),
        }
    }

    fn scores_of_all(&self, texts: &StringArray, labels: &[usize]) -> PyResult<Vec<f32>> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_default();
        let (mut of_text, mut found) = (Vec::new(), Vec::with_capacity(texts.len() * labels.len()));
        for row in 0..texts.len() {
            match self.model.mean(text(texts, row)?.as_bytes(), &mut scratch) {
                Some(mean) => {
                    self.model.output.all(&self.model.weights, mean, &mut of_text)?;
                    found.extend(labels.iter().map(|&label| of_text[label]));
                }
                None => found.extend(labels.iter().map(|_| 0.0)),
            }
        }
        idle().push(scratch);
        Ok(found)
    }
}

/// The bytes of a model's file.
pub fn file_of(file: &InputArray) -> PyResult<Buffer> {
    let bytes = file.0.as_primitive_opt::<UInt8Type>().ok_or_else(|| unfit(file.0.data_type()))?;
    Ok(bytes.values().inner().clone())
}
