//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

use pyo3::prelude::*;

#[allow(unsafe_code)]
mod boundary;
mod bpe;
mod classes;
mod hashes;
mod lists;
mod merges;
mod minhash;
#[allow(unsafe_code)]
mod minima;
mod ngrams;
mod normalise;
mod numbering;
mod pieces;
mod sorted;
mod spans;
mod stretches;
mod text;
mod unionfind;
mod wanted;
mod windows;
mod words;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<boundary::Made>()?;
    bpe::register(module)?;
    hashes::register(module)?;
    spans::register(module)?;
    windows::register(module)?;
    minhash::register(module)?;
    unionfind::register(module)?;
    normalise::register(module)?;
    text::register(module)?;
    wanted::register(module)?;
    Ok(())
}
