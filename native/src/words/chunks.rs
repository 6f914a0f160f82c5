//! What a tokenizer of words makes of texts, chunk by chunk. Twin: `refinery.kernels.reference.chunks`.

use std::collections::{HashMap, HashSet};

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::prelude::*;

use super::form::Forms;
use crate::boundary::{InputArray, OutputArray};
use crate::classes::{Classes, SPACE};
use crate::lists::ListsBuilder;
use crate::strings::{strings, text};

/// The answers of one tokenizer, by key: in bytes of the key.
#[pyclass]
pub struct PreparedChunks {
    known: HashMap<String, Box<[u32]>>,
    exceptions: HashSet<String>,
    forms: bool,
    longest: usize,
    most: usize,
}

#[pymethods]
impl PreparedChunks {
    /// `exceptions` are the parts of chunks that have no form, `longest` the characters of the longest key.
    #[new]
    fn new(exceptions: HashSet<String>, forms: bool, longest: usize, most: usize) -> Self {
        PreparedChunks { known: HashMap::new(), exceptions, forms, longest, most }
    }

    /// The cuts of texts in bytes, and the keys that are not known, without which cuts are missing.
    fn cuts(&mut self, py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<(OutputArray, Vec<String>)> {
        let classes = Classes::try_from(classes)?;
        let texts = strings(&texts)?;
        if self.known.len() > self.most {
            self.known.clear();
        }
        let chunks = &*self;
        py.allow_threads(|| {
            let mut reading =
                Reading { chunks, classes, forms: Forms::default(), unknown: Vec::new(), asked: HashSet::new() };
            let found = reading.texts(texts)?;
            Ok((OutputArray::new(found), reading.unknown))
        })
    }

    /// Take the places, in bytes, where the words of keys begin but for the first.
    fn learn(&mut self, keys: Vec<String>, answers: Vec<Vec<u32>>) {
        self.known.extend(keys.into_iter().zip(answers.into_iter().map(Vec::into_boxed_slice)));
    }
}

/// One pass over texts.
struct Reading<'a> {
    chunks: &'a PreparedChunks,
    classes: Classes<'a>,
    forms: Forms,
    unknown: Vec<String>,
    asked: HashSet<String>,
}

impl Reading<'_> {
    fn texts(&mut self, texts: &StringArray) -> PyResult<ListArray> {
        let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
        for row in 0..texts.len() {
            self.text(text(texts, row)?, &mut found.values);
            found.end()?;
        }
        found.finish()
    }

    /// Add the cuts of a text.
    fn text(&mut self, text: &str, found: &mut Vec<u32>) {
        let (mut start, mut characters) = (0, 0);
        for (at, character) in text.char_indices() {
            if self.classes.of(character) & SPACE != 0 {
                self.chunk(text, start, at, found);
                (start, characters) = (at + character.len_utf8(), 0);
                continue;
            }
            if characters == self.chunks.longest {
                self.chunk(text, start, at, found);
                found.push(at as u32);
                (start, characters) = (at, 0);
            }
            characters += 1;
        }
        self.chunk(text, start, text.len(), found);
    }

    /// Add the cuts of a chunk, or its key to the unknown ones.
    fn chunk(&mut self, text: &str, start: usize, end: usize, found: &mut Vec<u32>) {
        let chunk = &text[start..end];
        if chunk.is_empty() {
            return;
        }
        let known = &self.chunks.known;
        if self.chunks.forms && self.forms.make(chunk, &self.chunks.exceptions, self.classes) {
            let Some(answer) = known.get(&self.forms.form) else {
                let form = self.forms.form.clone();
                return self.ask(form);
            };
            let before = found.len();
            let moved = answer.iter().map_while(|cut| self.forms.moved(*cut as usize));
            found.extend(moved.map(|place| (start + place) as u32));
            if found.len() - before == answer.len() {
                return;
            }
            found.truncate(before);
        }
        match known.get(chunk) {
            Some(answer) => found.extend(answer.iter().map(|cut| start as u32 + cut)),
            None => self.ask(chunk.to_owned()),
        }
    }

    fn ask(&mut self, key: String) {
        if self.asked.insert(key.clone()) {
            self.unknown.push(key);
        }
    }
}
