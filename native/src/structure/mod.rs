//! Marks of texts, and what is made of them. Twins: `refinery.kernels.reference.render` and its parts.

mod dollars;
mod escape;
mod html;
mod inline;
mod markdown;
mod markers;
pub mod objects;
mod pieces;
pub mod shift;
mod table;
mod tree;

use arrow_array::{Array, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::strings::{strings, text, total_bytes, StringsBuilder};
use markers::without_markers;
use tree::{Structure, Tree};

fn rendered(texts: &StringArray, structure: &Structure<'_>, make: fn(Tree<'_>) -> String) -> PyResult<StringArray> {
    let mut out = StringsBuilder::with_capacity(total_bytes(texts));
    for row in 0..texts.len() {
        if texts.is_valid(row) {
            let tree = structure.tree(row, text(texts, row)?)?;
            out.data.extend_from_slice(make(tree).as_bytes());
        }
        out.end()?;
    }
    let (offsets, values, _) = out.finish()?.into_parts();
    StringArray::try_new(offsets, values, texts.nulls().cloned()).map_err(|e| PyValueError::new_err(e.to_string()))
}

#[pyfunction]
pub fn render(py: Python<'_>, texts: InputArray, structure: InputArray, form: &str) -> PyResult<OutputArray> {
    let make: fn(Tree<'_>) -> String = match form {
        "plain" => |tree| tree.text.to_owned(),
        "markdown" => |tree| without_markers(tree, markdown::markdown),
        "html" => |tree| without_markers(tree, html::html),
        _ => {
            let message = format!("no form of a text: '{form}'; there are plain, markdown, html");
            return Err(PyValueError::new_err(message));
        }
    };
    let texts = strings(&texts)?;
    py.allow_threads(|| {
        let structure = Structure::of(&structure.0)?;
        if structure.len() != texts.len() {
            return Err(PyValueError::new_err("texts and structures are of different numbers"));
        }
        rendered(texts, &structure, make).map(OutputArray::new)
    })
}
