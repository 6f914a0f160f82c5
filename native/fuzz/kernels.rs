//! Passes libFuzzer's inputs to `targets.py`, with the instrumented crate as the native extension.
//!
//! A panic in a kernel ends the process, whatever Python would make of it; so does an exception of a target.

#![no_main]

use std::ffi::CString;
use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_target, Corpus};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

static TARGET: OnceLock<Py<PyAny>> = OnceLock::new();

fuzz_target!(|data: &[u8]| -> Corpus {
    Python::with_gil(|py| {
        let target = TARGET.get_or_init(|| load(py).unwrap_or_else(|error| fail(py, &error)));
        match target.call1(py, (PyBytes::new(py, data),)).and_then(|fits| fits.extract(py)) {
            Ok(true) => Corpus::Keep,
            Ok(false) => Corpus::Reject,
            Err(error) => fail(py, &error),
        }
    })
});

/// The function of `targets.py`, imported after the extension took its place.
fn load(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let site = option_env!("SITE").unwrap_or("");
    let code = CString::new(format!("import sys, site; site.addsitedir({site:?}); import refinery"))?;
    py.run(&code, None, None)?;
    let extension = pyo3::wrap_pymodule!(_native::_native)(py);
    py.import("sys")?.getattr("modules")?.set_item("refinery.kernels._native", extension)?;
    let source = CString::new(include_str!("targets.py"))?;
    Ok(PyModule::from_code(py, &source, c"targets.py", c"targets")?.getattr("target")?.unbind())
}

fn fail(py: Python<'_>, error: &PyErr) -> ! {
    error.print(py);
    std::process::abort()
}
