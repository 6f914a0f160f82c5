//! The extractor as Python sees it.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array, ListArray, StringArray, StructArray, UInt64Array};
use arrow_schema::{Field, Fields};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::comments::Comments;
use super::context::Context;
use super::entities::Entities;
use super::features::Features;
use super::main_text::{main_text, MainText};
use super::model::{Model, KINDS};
use super::options::Options;
use super::page::{Page, Tables};
use super::sink::{Labels, Sink, Values};
use super::structure::columns::column;
use crate::boundary::{InputArray, OutputArray};
use crate::lists::{lists_of, offset};
use crate::strings::{strings, text};

/// The tokens of each block.
type Tokens = Vec<Vec<u32>>;

/// Finds the main text of pages.
#[pyclass(frozen)]
pub struct Extractor {
    tables: Tables,
    model: Option<Model>,
}

/// Put the features of all blocks.
fn put_all(page: &Page, contexts: &[Context], sink: &mut impl Sink) {
    if !page.blocks.blocks.is_empty() {
        let mut features = Features::new(page, contexts);
        (0..page.blocks.blocks.len()).for_each(|at| features.put(at, sink));
    }
}

fn labels(tables: &Tables) -> Labels {
    let mut labels = Labels::default();
    let page = Page::new("x", "", tables, false);
    put_all(&page, &page.contexts([&[0.0], &[0.0]]), &mut labels);
    labels
}

#[pymethods]
impl Extractor {
    /// `entities` are the named character references. Without weights there are features only.
    #[new]
    fn new(entities: Vec<(String, String)>, weights: Option<&[u8]>) -> PyResult<Self> {
        let tables = Tables::new(Entities::new(entities));
        let model =
            weights.map(|weights| Model::read(weights, &labels(&tables))).transpose().map_err(PyValueError::new_err)?;
        Ok(Extractor { tables, model })
    }

    /// The names of the features, and the digest that weights for them have.
    fn feature_names(&self) -> (Vec<String>, u64) {
        let labels = labels(&self.tables);
        let digest = super::model::digest(&labels);
        (labels.names, digest)
    }

    /// Blocks of one page: their texts, terms in each, and the tokens of their texts and of the elements around them.
    fn blocks(&self, py: Python<'_>, page: &str, url: &str) -> (Vec<String>, Vec<u32>, Tokens, Tokens) {
        py.allow_threads(|| {
            let page = Page::new(page, url, &self.tables, false);
            let blocks = &page.blocks.blocks;
            let texts = blocks.iter().map(|block| page.blocks.text_of(block).to_owned()).collect();
            let terms = blocks.iter().map(|block| block.stats.terms).collect();
            (texts, terms, page.text_tokens(), page.path_tokens())
        })
    }

    /// The matrix of features of one page, row by row, with scores of its blocks by lexicons.
    fn features(
        &self,
        py: Python<'_>,
        page: &str,
        url: &str,
        texts: Vec<f32>,
        names: Vec<f32>,
    ) -> PyResult<OutputArray> {
        py.allow_threads(|| {
            let page = Page::new(page, url, &self.tables, false);
            let count = page.blocks.blocks.len();
            if texts.len() != count || names.len() != count {
                return Err(PyValueError::new_err(format!("the page has {count} blocks, and each needs two scores")));
            }
            let mut values = Vec::new();
            put_all(&page, &page.contexts([&texts, &names]), &mut Values(&mut values));
            Ok(OutputArray::new(Float32Array::from(values)))
        })
    }

    /// The kinds of pages that weights distinguish, in the order of their trees.
    #[staticmethod]
    fn kinds() -> Vec<&'static str> {
        KINDS.to_vec()
    }

    /// Text, title, language, confidence, truncation by a limit, share of the page that is kept, origin of the text,
    /// likely kind, spans of code and tables, and structure, of each page.
    ///
    /// The options are beta, whether blank lines part paragraphs, what becomes of comments, and whether texts have
    /// marks, and marks of links.
    fn extract(
        &self,
        py: Python<'_>,
        pages: InputArray,
        urls: InputArray,
        options: (f64, bool, String, bool, bool),
    ) -> PyResult<Vec<OutputArray>> {
        let model = self.model.as_ref().ok_or_else(|| PyValueError::new_err("this extractor has no weights"))?;
        let (pages, urls) = (strings(&pages)?, strings(&urls)?);
        if pages.len() != urls.len() {
            return Err(PyValueError::new_err(format!("{} pages, but {} urls", pages.len(), urls.len())));
        }
        let (beta, paragraphs, comments, structure, links) = options;
        let comments = Comments::named(&comments).map_err(PyValueError::new_err)?;
        let options = Options { beta, paragraphs, comments, structure, links };
        py.allow_threads(|| {
            let found = (0..pages.len())
                .map(|row| Ok(main_text(text(pages, row)?, text(urls, row)?, &self.tables, model, &options)))
                .collect::<PyResult<Vec<MainText>>>()?;
            columns(&found)
        })
    }
}

fn columns(found: &[MainText]) -> PyResult<Vec<OutputArray>> {
    Ok(vec![
        OutputArray::new(StringArray::from_iter_values(found.iter().map(|page| &page.written.text))),
        OutputArray::new(StringArray::from_iter(found.iter().map(|page| page.title.as_ref()))),
        OutputArray::new(StringArray::from_iter(found.iter().map(|page| page.lang.as_ref()))),
        OutputArray::new(Float32Array::from_iter(found.iter().map(|page| page.metadata.confidence))),
        OutputArray::new(BooleanArray::from_iter(found.iter().map(|page| Some(page.metadata.cut)))),
        OutputArray::new(Float32Array::from_iter(found.iter().map(|page| page.metadata.share))),
        OutputArray::new(StringArray::from_iter_values(found.iter().map(|page| page.metadata.origin.name()))),
        OutputArray::new(StringArray::from_iter(found.iter().map(|page| page.metadata.kind))),
        OutputArray::new(spans(found)?),
        OutputArray::new(column(&found.iter().map(|page| &page.written.marks[..]).collect::<Vec<_>>())?),
    ])
}

/// The protected spans of all texts.
fn spans(found: &[MainText]) -> PyResult<ListArray> {
    let all = || found.iter().flat_map(|page| &page.written.protected);
    let starts: Vec<u64> = all().map(|(span, _)| span.start as u64).collect();
    let ends: Vec<u64> = all().map(|(span, _)| span.end as u64).collect();
    let kinds: Vec<&str> = all().map(|(_, kind)| *kind).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("start", Arc::new(UInt64Array::from(starts))),
        ("end", Arc::new(UInt64Array::from(ends))),
        ("kind", Arc::new(StringArray::from(kinds))),
    ];
    let fields: Fields = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let values = StructArray::try_new(fields, columns.into_iter().map(|(_, column)| column).collect(), None)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    let mut offsets = vec![0];
    let mut count = 0;
    for page in found {
        count += page.written.protected.len();
        offsets.push(offset(count)?);
    }
    lists_of(Arc::new(values), offsets)
}
