//! Shingles, and the keys of bands of their MinHash. Twin: `refinery.kernels.reference.minhash`.

use arrow_array::types::{ArrowPrimitiveType, UInt32Type, UInt64Type};
use arrow_array::{Array, FixedSizeBinaryArray, ListArray, StringArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::boundary::{InputArray, Numbers, OutputArray};
use crate::dedup::minima::lower;
use crate::dedup::windows::{each_window, hash_of, positive};
use crate::lists::{for_tokens, offset, Lists, ListsBuilder};
use crate::segmenter::cuts::{Cuts, TextCuts};
use crate::strings::{bytes, strings, total_bytes};
use crate::text::stops::Stops;

/// Hashes that are mixed and swept together: they and a block of minima fit the nearest cache.
const AT_ONCE: usize = 4096;

fn sets<T: ArrowPrimitiveType<Native: Into<u64>>>(tokens: &InputArray, size: usize) -> PyResult<ListArray> {
    let lists = Lists::<T>::of(&tokens.0)?;
    let mut made = ListsBuilder::<UInt32Type>::with_capacity(lists.total(), lists.len());
    let mut set = Vec::new();
    for document in lists.iter() {
        set.clear();
        if !document.is_empty() && document.len() < size {
            set.push(upper(hash_of(document)));
        }
        each_window(document, size, |hash| set.push(upper(hash)));
        set.sort_unstable();
        set.dedup();
        made.values.extend_from_slice(&set);
        made.end()?;
    }
    made.finish()
}

fn upper(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The functions `factors[i] * x + terms[i]`, in `bands` groups of the same size.
struct Bands<'a> {
    factors: &'a [u32],
    terms: &'a [u32],
    rows: usize,
}

impl<'a> Bands<'a> {
    fn of(factors: &'a [u32], terms: &'a [u32], bands: usize) -> PyResult<Self> {
        let rows = factors.len() / bands.max(1);
        if bands == 0 || rows == 0 || rows * bands != factors.len() || factors.len() != terms.len() {
            let found = format!("{} factors, {} terms and {bands} bands", factors.len(), terms.len());
            return Err(PyValueError::new_err(format!("hash functions do not fill bands: {found}")));
        }
        Ok(Bands { factors, terms, rows })
    }

    fn keys(&self, sets: &InputArray) -> PyResult<ListArray> {
        let lists = Lists::<UInt32Type>::of(&sets.0)?;
        let bands = self.factors.len() / self.rows;
        let total = lists.iter().filter(|set| !set.is_empty()).count().saturating_mul(bands);
        offset(total)?;
        let mut made = ListsBuilder::<UInt64Type>::with_capacity(total, lists.len());
        let mut signature = vec![0; self.factors.len()];
        let mut row = Vec::with_capacity(self.rows * size_of::<u32>());
        for set in lists.iter() {
            if !set.is_empty() {
                self.sign(set, &mut signature);
                for (band, minima) in (0..).zip(signature.chunks_exact(self.rows)) {
                    row.clear();
                    row.extend(minima.iter().flat_map(|least| least.to_le_bytes()));
                    made.values.push(xxh3_64_with_seed(&row, band));
                }
            }
            made.end()?;
        }
        made.finish()
    }

    /// A byte of each function's minimum, for each set.
    fn sketches(&self, sets: &InputArray) -> PyResult<FixedSizeBinaryArray> {
        let lists = Lists::<UInt32Type>::of(&sets.0)?;
        let size = self.factors.len();
        let mut made = Vec::with_capacity(lists.len() * size);
        let mut signature = vec![0; size];
        for set in lists.iter() {
            self.sign(set, &mut signature);
            made.extend(signature.iter().map(|&least| (mix(least) >> 24) as u8));
        }
        FixedSizeBinaryArray::try_new(offset(size)?, made.into(), None)
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn sign(&self, set: &[u32], signature: &mut [u32]) {
        let mut mixed = [0; AT_ONCE];
        signature.fill(u32::MAX);
        for block in set.chunks(AT_ONCE) {
            let mixed = &mut mixed[..block.len()];
            mixed.iter_mut().zip(block).for_each(|(to, &hash)| *to = mix(hash));
            lower(signature, self.factors, self.terms, mixed);
        }
    }
}

/// A fixed bijection of 32-bit integers.
fn mix(x: u32) -> u32 {
    let x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    let x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    x ^ (x >> 16)
}

fn words(texts: &StringArray, cuts: &TextCuts<'_>) -> PyResult<ListArray> {
    let mut made = ListsBuilder::<UInt64Type>::with_capacity(total_bytes(texts) / 5, texts.len());
    for row in 0..texts.len() {
        let text = bytes(texts, row);
        each_word(text, cuts.row(row, text)?, |word| made.values.push(xxh3_64(word)));
        made.end()?;
    }
    made.finish()
}

/// Emit the bytes between white space, as defined by `str.split` of Python, and cuts. `text` is UTF-8.
fn each_word<'a>(text: &'a [u8], mut cuts: Cuts<'_>, mut found: impl FnMut(&'a [u8])) {
    let mut found = |start, end| cuts.divide(start, end, |start, end| found(&text[start..end]));
    let mut stops = Stops::of(text);
    let (mut start, mut at) = (0, stops.next(0));
    while at < text.len() {
        let width = space(&text[at..]);
        if width > 0 && at > start {
            found(start, at);
        }
        at += if width > 0 { width } else { character(text[at]) };
        if width > 0 {
            start = at;
        }
        at = stops.next(at);
    }
    if start < text.len() {
        found(start, text.len());
    }
}

/// The number of bytes of a character that begins with this one.
#[inline(always)]
fn character(first: u8) -> usize {
    match first {
        ..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0.. => 4,
    }
}

/// The number of bytes of the white space character at the start of UTF-8 text; 0 if there is none.
#[inline(always)]
fn space(text: &[u8]) -> usize {
    match text {
        [0x09..=0x0D | 0x1C..=0x20, ..] => 1,
        [..=0x7F | 0xC3..=0xE0 | 0xE4.., ..] => 0,
        [0xC2, 0x85 | 0xA0, ..] => 2,
        [0xE1, 0x9A, 0x80, ..] => 3,
        [0xE2, 0x80, 0x80..=0x8A | 0xA8 | 0xA9 | 0xAF, ..] => 3,
        [0xE2, 0x81, 0x9F, ..] | [0xE3, 0x80, 0x80, ..] => 3,
        _ => 0,
    }
}

/// The bytes of each word, with the white space before it. Twin: `refinery.kernels.reference.units.word_sizes`.
fn sizes(texts: &StringArray, cuts: &TextCuts<'_>) -> PyResult<ListArray> {
    let mut made = ListsBuilder::<UInt32Type>::with_capacity(0, texts.len());
    for row in 0..texts.len() {
        let text = bytes(texts, row);
        let mut before = text.as_ptr() as usize;
        each_word(text, cuts.row(row, text)?, |word| {
            let end = word.as_ptr() as usize + word.len();
            made.values.push((end - before) as u32);
            before = end;
        });
        made.end()?;
    }
    made.finish()
}

#[pyfunction]
#[pyo3(signature = (texts, cuts = None))]
pub fn word_sizes(py: Python<'_>, texts: InputArray, cuts: Option<InputArray>) -> PyResult<OutputArray> {
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        sizes(texts, &TextCuts::of(cuts.as_ref(), texts.len())?).map(OutputArray::new)
    })
}

#[pyfunction]
pub fn shingles(py: Python<'_>, tokens: InputArray, size: usize) -> PyResult<OutputArray> {
    positive(size)?;
    py.allow_threads(|| for_tokens!(&tokens.0, sets(&tokens, size)).map(OutputArray::new))
}

#[pyfunction]
pub fn band_keys(
    py: Python<'_>,
    sets: InputArray,
    factors: Numbers<UInt32Type>,
    terms: Numbers<UInt32Type>,
    bands: usize,
) -> PyResult<OutputArray> {
    py.allow_threads(|| Bands::of(&factors, &terms, bands)?.keys(&sets).map(OutputArray::new))
}

#[pyfunction]
pub fn sketches(
    py: Python<'_>,
    sets: InputArray,
    factors: Numbers<UInt32Type>,
    terms: Numbers<UInt32Type>,
) -> PyResult<OutputArray> {
    py.allow_threads(|| Bands::of(&factors, &terms, 1)?.sketches(&sets).map(OutputArray::new))
}

#[pyfunction]
#[pyo3(signature = (texts, cuts = None))]
pub fn word_ids(py: Python<'_>, texts: InputArray, cuts: Option<InputArray>) -> PyResult<OutputArray> {
    py.allow_threads(|| {
        let texts = strings(&texts)?;
        words(texts, &TextCuts::of(cuts.as_ref(), texts.len())?).map(OutputArray::new)
    })
}
