//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

use pyo3::prelude::*;

#[allow(unsafe_code)]
mod boundary;
mod bpe;
mod classes;
mod content;
mod dedup;
mod extract;
mod hashes;
mod langid;
mod lists;
mod mojibake;
mod pages;
mod strings;
mod text;
mod url;

#[pymodule]
pub fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EXTRACTOR", env!("EXTRACTOR"))?;
    module.add("SOURCES", env!("SOURCES"))?;
    module.add_class::<boundary::Made>()?;
    bpe::register(module)?;
    content::register(module)?;
    dedup::minhash::register(module)?;
    dedup::normalise::register(module)?;
    dedup::repeats::register(module)?;
    dedup::similar::register(module)?;
    dedup::spans::register(module)?;
    dedup::unionfind::register(module)?;
    dedup::windows::register(module)?;
    extract::register(module)?;
    hashes::register(module)?;
    langid::register(module)?;
    mojibake::register(module)?;
    pages::register(module)?;
    text::corrections::register(module)?;
    text::statistics::register(module)?;
    text::stop_words::register(module)?;
    url::register(module)?;
    Ok(())
}
