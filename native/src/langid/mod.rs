//! The most likely language of each text by a fastText model. Twin: `refinery.kernels.reference.langid`.
//!
//! Values are those of the fastText library to the last bit, so every sum keeps its order and its precision. Only the
//! best label is looked for. Method and file format: Joulin et al. 2017, arXiv 1607.01759; <https://fasttext.cc>.

mod dictionary;
mod grams;
mod line;
mod matrix;
mod memo;
mod model;
mod output;
mod reader;

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use arrow_array::{Array, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::lists::unfit;
use crate::strings::{strings, text};
use model::{Model, Scratch};

/// A model in memory, for any number of threads.
#[pyclass(frozen)]
pub struct LanguageModel(Model);

#[pymethods]
impl LanguageModel {
    /// Read a model from the bytes of its file, which stay in use if its numbers are stored whole.
    #[new]
    fn new(py: Python<'_>, file: InputArray) -> PyResult<Self> {
        py.allow_threads(|| {
            let bytes = file.0.as_primitive_opt::<UInt8Type>().ok_or_else(|| unfit(file.0.data_type()))?;
            Ok(LanguageModel(Model::read(bytes.values().inner().clone())?))
        })
    }

    /// The label and the probability of each text; `none` for a text without a word or n-gram of the model.
    fn identify(&self, py: Python<'_>, texts: InputArray, none: &str) -> PyResult<(OutputArray, OutputArray)> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            identify(&self.0, texts, none)
        })
    }
}

fn identify(model: &Model, texts: &StringArray, none: &str) -> PyResult<(OutputArray, OutputArray)> {
    let mut scratch = Scratch::default();
    let mut labels = StringBuilder::new();
    let mut scores = Float64Builder::with_capacity(texts.len());
    for row in 0..texts.len() {
        let (label, score) = model.identify(text(texts, row)?.as_bytes(), &mut scratch)?.unwrap_or((none, 0.0));
        labels.append_value(label);
        // Rounding results in up to 1.00001. NaN stays NaN.
        scores.append_value(f64::from(if score > 1.0 { 1.0 } else { score }));
    }
    Ok((OutputArray::new(labels.finish()), OutputArray::new(scores.finish())))
}
