//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

use pyo3::prelude::*;

#[allow(unsafe_code)]
mod boundary;
mod classes;
mod extract;
mod hashes;
mod lists;
mod minhash;
#[allow(unsafe_code)]
mod minima;
mod ngrams;
mod normalise;
mod numbering;
mod sorted;
mod text;
mod unionfind;
mod wanted;
mod windows;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<boundary::Made>()?;
    extract::register(module)?;
    hashes::register(module)?;
    windows::register(module)?;
    minhash::register(module)?;
    unionfind::register(module)?;
    normalise::register(module)?;
    text::register(module)?;
    wanted::register(module)?;
    Ok(())
}
