//! Between Python and Rust: Arrow arrays in and out over the Arrow C data interface, without a copy.
//!
//! The only module with `unsafe` that is not a SIMD loop.

use std::ffi::CStr;

use arrow_array::ffi::{from_ffi, to_ffi, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::{make_array, Array, ArrayRef};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// An Arrow array that came from Python: anything with `__arrow_c_array__`, a `pyarrow.Array` above all.
pub struct Given(pub ArrayRef);

impl<'py> FromPyObject<'py> for Given {
    fn extract_bound(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let pair = value.call_method0("__arrow_c_array__")?;
        let pair = pair.downcast::<PyTuple>()?;
        let schema = pair.get_item(0)?.downcast_into::<PyCapsule>()?;
        let array = pair.get_item(1)?.downcast_into::<PyCapsule>()?;
        if schema.name()? != Some(SCHEMA) || array.name()? != Some(ARRAY) {
            return Err(PyTypeError::new_err("not the capsules of the Arrow C data interface"));
        }
        // SAFETY: the names say that the capsules hold these structures, and the interface that they are valid. The
        // array is moved out and an empty one left, so that the capsule's destructor releases nothing.
        let data = unsafe {
            let array = FFI_ArrowArray::from_raw(array.pointer().cast());
            from_ffi(array, &*schema.pointer().cast::<FFI_ArrowSchema>())
        };
        let data = data.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Given(make_array(data)))
    }
}

/// An Arrow array on its way to Python: `pyarrow.array` takes it as it is.
#[pyclass(frozen)]
pub struct Made(ArrayRef);

impl Made {
    /// Wrap an array.
    pub fn new(array: impl Array + 'static) -> Self {
        Made(std::sync::Arc::new(array))
    }
}

#[pymethods]
impl Made {
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyCapsule>, Bound<'py, PyCapsule>)> {
        drop(requested_schema);
        let (array, schema) = to_ffi(&self.0.to_data()).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let schema = PyCapsule::new(py, schema, Some(SCHEMA.to_owned()))?;
        Ok((schema, PyCapsule::new(py, array, Some(ARRAY.to_owned()))?))
    }
}
