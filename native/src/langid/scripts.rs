//! The script in which most of a text is written. Twin: `refinery.kernels.reference.scripts`, whose table this reads.

use arrow_array::builder::StringBuilder;
use arrow_array::Array;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::boundary::{InputArray, OutputArray};
use crate::strings::{strings, text};

const BLOCK: usize = 16;
const MOST: usize = 256;
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
    for character in text.chars() {
        if character.is_ascii() {
            counts[latin] += u64::from(character.is_ascii_alphabetic());
        } else {
            counts[usize::from(blocks[character as usize / BLOCK])] += 1;
        }
    }
    counts[MOST - 1] = 0; // characters without a script
    if counts[JAPANESE] > 0 && counts[JAPANESE] * KANA_SHARE >= counts[CHINESE] {
        counts[JAPANESE] += counts[CHINESE];
    }
    let most = counts.iter().copied().max().filter(|&most| most > 0)?;
    counts.iter().position(|&count| count == most)
}
