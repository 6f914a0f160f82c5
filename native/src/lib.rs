//! Native twins of `refinery.kernels.reference`: same values, bit for bit. Each module names its twin.

#![deny(unsafe_code)]

use pyo3::prelude::*;

mod addresses;
#[allow(unsafe_code)]
mod boundary;
mod classes;
mod content;
mod hashes;
mod listed;
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
mod urls;
mod urlwords;
mod wanted;
mod windows;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("SOURCES", env!("SOURCES"))?;
    module.add_class::<boundary::Made>()?;
    content::register(module)?;
    hashes::register(module)?;
    windows::register(module)?;
    minhash::register(module)?;
    unionfind::register(module)?;
    normalise::register(module)?;
    text::register(module)?;
    urls::register(module)?;
    wanted::register(module)?;
    Ok(())
}
