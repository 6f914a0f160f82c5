//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

use pyo3::prelude::*;

mod addresses;
mod alike;
#[allow(unsafe_code)]
mod boundary;
mod bpe;
mod classes;
mod content;
mod corrections;
mod extract;
mod hashes;
mod langid;
mod lines;
mod listed;
mod lists;
mod merges;
mod minhash;
#[allow(unsafe_code)]
mod minima;
mod mojibake;
mod ngrams;
mod normalise;
mod numbering;
mod pages;
mod phrases;
mod pieces;
mod radix;
mod recurring;
mod repeats;
mod sorted;
mod spans;
mod stops;
mod stretches;
mod text;
mod unionfind;
mod urls;
mod urlwords;
mod vocabulary;
mod wanted;
mod windows;
mod words;

#[pymodule]
pub fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EXTRACTOR", env!("EXTRACTOR"))?;
    module.add("SOURCES", env!("SOURCES"))?;
    module.add_class::<boundary::Made>()?;
    alike::register(module)?;
    content::register(module)?;
    corrections::register(module)?;
    extract::register(module)?;
    hashes::register(module)?;
    langid::register(module)?;
    bpe::register(module)?;
    spans::register(module)?;
    windows::register(module)?;
    minhash::register(module)?;
    mojibake::register(module)?;
    repeats::register(module)?;
    unionfind::register(module)?;
    normalise::register(module)?;
    pages::register(module)?;
    text::register(module)?;
    urls::register(module)?;
    wanted::register(module)?;
    Ok(())
}
