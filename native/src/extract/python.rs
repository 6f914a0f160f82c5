//! The extractor as Python sees it.

use arrow_array::cast::AsArray;
use arrow_array::{Array, Float32Array, StringArray, UInt32Array};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::entities::Entities;
use super::features::{features, Labels, Values};
use super::page::{Page, Tables};
use crate::boundary::{Given, Made};
use crate::text::text;

/// Finds the main text of pages.
#[pyclass(frozen)]
pub struct Extractor {
    tables: Tables,
}

fn strings(given: &Given) -> PyResult<&StringArray> {
    given.0.as_string_opt::<i32>().ok_or_else(|| PyTypeError::new_err("pages and urls must be string arrays"))
}

#[pymethods]
impl Extractor {
    #[new]
    fn new(entities: Vec<(String, String)>) -> Self {
        Extractor { tables: Tables::new(Entities::new(entities)) }
    }

    /// The names of the features.
    fn feature_names(&self) -> Vec<String> {
        let page = Page::new("x", "", &self.tables);
        let mut labels = Labels::default();
        features(&page, &mut labels);
        labels.0
    }

    /// Blocks of one page: their texts, tokens of each, and the matrix of features.
    fn features(&self, py: Python<'_>, page: &str, url: &str) -> (Vec<String>, Made, Made) {
        py.allow_threads(|| {
            let page = Page::new(page, url, &self.tables);
            let mut values = Vec::new();
            features(&page, &mut Values(&mut values));
            let blocks = &page.blocks;
            let texts = blocks.blocks.iter().map(|block| blocks.text[block.start as usize..block.end as usize].to_owned()).collect();
            let terms: Vec<u32> = blocks.blocks.iter().map(|block| block.stats.terms).collect();
            (texts, Made::new(UInt32Array::from(terms)), Made::new(Float32Array::from(values)))
        })
    }

    /// For measuring: parse pages and give how many nodes, pieces, blocks and features there are.
    fn weigh(&self, py: Python<'_>, pages: Given, stage: u32) -> PyResult<(usize, usize)> {
        let pages = strings(&pages)?;
        py.allow_threads(|| {
            let mut sum = (0, 0);
            for row in 0..pages.len() {
                let source = text(pages, row)?;
                if stage == 0 {
                    sum.0 += self.tables.parse(source).nodes.len();
                    continue;
                }
                let page = Page::new(source, "", &self.tables);
                sum.0 += page.blocks.blocks.len();
                if stage == 2 {
                    let mut values = Vec::new();
                    features(&page, &mut Values(&mut values));
                    sum.1 += values.len();
                }
            }
            Ok(sum)
        })
    }
}

/// Add this module's classes.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Extractor>()
}
