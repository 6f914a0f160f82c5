//! The most likely language of each text by a fastText model, and the share of its lines in that language. Twin: `refinery.kernels.reference.langid`.
//!
//! Values are those of the fastText library to the last bit, so every sum keeps its order and its precision. Only the
//! best label is looked for. Method and file format: Joulin et al. 2017, arXiv 1607.01759; <https://fasttext.cc>.

mod clear;
mod identify;
mod letters;
pub mod scripts;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arrow_array::builder::{Float64Builder, StringBuilder};
use arrow_array::{Array, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::classes::Classes;
use crate::fasttext::file_of;
use crate::fasttext::model::Model;
use crate::strings::{strings, text};
use identify::{Found, Identifier, Scratch};
use letters::Letters;

/// A model in memory, for any number of threads.
#[pyclass(frozen)]
pub struct LanguageModel {
    model: Identifier,
    letters: Option<Letters>,
    /// Memory of calls that ended: words that were met need not be read again.
    idle: Mutex<Vec<Scratch>>,
}

#[pymethods]
impl LanguageModel {
    /// Read a model from the bytes of its file, which stay in use if its numbers are stored whole. With `classes` and
    /// `lower`, which has the lower case of characters beyond ASCII, it reads the letters of texts only. The labels of
    /// one of the `groups` count together.
    #[new]
    #[pyo3(signature = (file, classes=None, lower=HashMap::new(), groups=Vec::new()))]
    fn new(
        py: Python<'_>,
        file: InputArray,
        classes: Option<&[u8]>,
        lower: HashMap<char, String>,
        groups: Vec<Vec<String>>,
    ) -> PyResult<Self> {
        let classes = classes.map(Classes::try_from).transpose()?;
        py.allow_threads(|| {
            let model = Identifier::new(Model::read(file_of(&file)?)?, &groups);
            let letters = classes.map(|classes| Letters::new(classes, lower));
            Ok(LanguageModel { model, letters, idle: Mutex::default() })
        })
    }

    /// The labels that texts can have.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.model.labels().to_vec()
    }

    /// The label of each text, the probability of its group, and the share of the group in its lines; `none` for a text without a word or n-gram of the model.
    fn identify(&self, py: Python<'_>, texts: InputArray, none: &str) -> PyResult<Columns> {
        py.allow_threads(|| {
            let texts = strings(&texts)?;
            self.identify_all(texts, none)
        })
    }
}

type Columns = (OutputArray, OutputArray, OutputArray);

impl LanguageModel {
    fn identify_all(&self, texts: &StringArray, none: &str) -> PyResult<Columns> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = idle().pop().unwrap_or_default();
        let mut plain = Vec::new();
        let mut labels = StringBuilder::new();
        let mut scores = Float64Builder::with_capacity(texts.len());
        let mut shares = Float64Builder::with_capacity(texts.len());
        for row in 0..texts.len() {
            let text = text(texts, row)?;
            let read = match &self.letters {
                Some(letters) => {
                    letters.write(text, &mut plain);
                    &plain
                }
                None => text.as_bytes(),
            };
            let nothing = Found { label: none, score: 0.0, main_share: None };
            let found = self.model.identify(read, &mut scratch)?.unwrap_or(nothing);
            labels.append_value(found.label);
            scores.append_value(found.score);
            shares.append_option(found.main_share);
        }
        idle().push(scratch);
        Ok((OutputArray::new(labels.finish()), OutputArray::new(scores.finish()), OutputArray::new(shares.finish())))
    }
}
