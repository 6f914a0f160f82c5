//! The script in which most of a text is written. Twin: `refinery.kernels.reference.scripts`, whose table this reads.

use arrow_array::builder::StringBuilder;
use arrow_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::strings::{count, strings, text};

const BLOCK: usize = 16;
const MOST: usize = 256;
/// Bytes that are tested at once.
const RUN: usize = 64;
const JAPANESE: usize = 0;
const CHINESE: usize = 1;
const KANA_SHARE: u64 = 10;

/// The script of each text, null if no character has one. `blocks` has the number in `names` of each 16 code points'
/// script; the first two are the Japanese and the Chinese one, and `latin` is that of the letters of ASCII.
#[pyfunction]
pub fn main_scripts(
    py: Python<'_>,
    texts: InputArray,
    blocks: &[u8],
    names: Vec<String>,
    latin: usize,
) -> PyResult<OutputArray> {
    if blocks.len() != char::MAX as usize / BLOCK + 1 || latin >= MOST {
        return Err(PyValueError::new_err(format!("{} blocks of scripts", blocks.len())));
    }
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        let mut scripts = StringBuilder::new();
        for row in 0..texts.len() {
            scripts.append_option(main_script(text(texts, row)?, blocks, latin).and_then(|number| names.get(number)));
        }
        Ok(OutputArray::new(scripts.finish()))
    })
}

fn main_script(text: &str, blocks: &[u8], latin: usize) -> Option<usize> {
    let mut counts = [0_u64; MOST];
    counts[latin] += count(text.as_bytes(), |byte| byte.is_ascii_alphabetic());
    for character in beyond_ascii(text) {
        counts[usize::from(blocks[character as usize / BLOCK])] += 1;
    }
    counts[MOST - 1] = 0; // characters without a script
    if counts[JAPANESE] > 0 && counts[JAPANESE] * KANA_SHARE >= counts[CHINESE] {
        counts[JAPANESE] += counts[CHINESE];
    }
    let most = counts.iter().copied().max().filter(|&most| most > 0)?;
    counts.iter().position(|&count| count == most)
}

/// The characters of a text that are not ASCII.
fn beyond_ascii(text: &str) -> impl Iterator<Item = char> + '_ {
    let runs = text.as_bytes().chunks(RUN).zip((0..).step_by(RUN)).filter(|(run, _)| !run.is_ascii());
    let starts = runs.flat_map(|(run, start)| (start..).zip(run).filter(|(_, byte)| **byte >= 0xC0));
    starts.filter_map(|(at, _)| text[at..].chars().next())
}
