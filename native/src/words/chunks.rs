//! What a tokenizer of words makes of texts, chunk by chunk. Twin: `refinery.kernels.reference.chunks`.

use std::collections::{HashMap, HashSet};

use arrow_array::types::UInt32Type;
use arrow_array::{Array, ListArray, StringArray};
use pyo3::prelude::*;

use crate::boundary::{InputArray, Numbers, OutputArray};
use crate::classes::{Classes, SPACE};
use crate::lists::ListsBuilder;
use crate::strings::{strings, text};

/// The answers of one tokenizer, by chunk: in bytes of the chunk.
#[pyclass]
pub struct PreparedChunks {
    known: HashMap<String, Box<[u32]>>,
    is_asking: bool,
    longest: usize,
    most: usize,
}

#[pymethods]
impl PreparedChunks {
    /// `longest` are the characters of the longest chunk, `most` the chunks that are kept from batch to batch.
    #[new]
    fn new(longest: usize, most: usize) -> Self {
        PreparedChunks { known: HashMap::new(), is_asking: false, longest, most }
    }

    /// The cuts of texts in bytes, and the chunks that are not known, without which cuts are missing.
    fn cuts(&mut self, py: Python<'_>, texts: InputArray, classes: &[u8]) -> PyResult<(OutputArray, Vec<String>)> {
        let classes = Classes::try_from(classes)?;
        let texts = strings(&texts)?;
        if self.known.len() > self.most && !self.is_asking {
            self.known.clear();
        }
        let (known, longest) = (&self.known, self.longest);
        let (found, unknown) = py.allow_threads(|| {
            let mut reading = Reading { known, classes, longest, unknown: Vec::new(), asked: HashSet::new() };
            reading.texts(texts).map(|found| (found, reading.unknown))
        })?;
        self.is_asking = !unknown.is_empty();
        Ok((OutputArray::new(found), unknown.into_iter().map(str::to_owned).collect()))
    }

    /// Take where words start, in characters of the chunks with a newline between any two.
    fn learn(&mut self, chunks: Vec<String>, starts: Numbers) {
        let mut starts = starts.iter().map(|start| *start as usize).peekable();
        let mut begin = 0;
        for chunk in chunks {
            let mut cuts = Vec::new();
            let mut end = begin;
            for (at, _) in chunk.char_indices() {
                if starts.next_if(|start| *start <= end) == Some(end) && at > 0 {
                    cuts.push(at as u32);
                }
                end += 1;
            }
            starts.next_if_eq(&end); // a newline
            self.known.insert(chunk, cuts.into_boxed_slice());
            begin = end + 1;
        }
    }
}

/// One pass over texts.
struct Reading<'a> {
    known: &'a HashMap<String, Box<[u32]>>,
    classes: Classes<'a>,
    longest: usize,
    unknown: Vec<&'a str>,
    asked: HashSet<&'a str>,
}

impl<'a> Reading<'a> {
    fn texts(&mut self, texts: &'a StringArray) -> PyResult<ListArray> {
        let mut found = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
        for row in 0..texts.len() {
            self.text(text(texts, row)?, &mut found.values);
            found.end()?;
        }
        found.finish()
    }

    /// Add the cuts of a text.
    fn text(&mut self, text: &'a str, found: &mut Vec<u32>) {
        let (mut start, mut characters) = (0, 0);
        for (at, character) in text.char_indices() {
            if self.classes.of(character) & SPACE != 0 {
                self.chunk(&text[start..at], start, found);
                (start, characters) = (at + character.len_utf8(), 0);
                continue;
            }
            if characters == self.longest {
                self.chunk(&text[start..at], start, found);
                found.push(at as u32);
                (start, characters) = (at, 0);
            }
            characters += 1;
        }
        self.chunk(&text[start..], start, found);
    }

    /// Add the cuts of a chunk, or the chunk to the unknown ones.
    fn chunk(&mut self, chunk: &'a str, start: usize, found: &mut Vec<u32>) {
        if chunk.is_empty() {
            return;
        }
        if let Some(answer) = self.known.get(chunk) {
            found.extend(answer.iter().map(|cut| start as u32 + cut));
        } else if self.asked.insert(chunk) {
            self.unknown.push(chunk);
        }
    }
}
