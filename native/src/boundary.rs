//! Between Python and Rust: Arrow and NumPy arrays in and out over the Arrow C data interface, without a copy.
//!
//! The only module with `unsafe` that is not a SIMD loop.

use std::ffi::CStr;
use std::ops::Deref;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::ffi::{from_ffi, to_ffi, FFI_ArrowArray, FFI_ArrowSchema};
use arrow_array::types::{ArrowPrimitiveType, UInt64Type};
use arrow_array::{make_array, Array, ArrayRef, PrimitiveArray, UInt8Array};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::GILOnceCell;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA: &CStr = c"arrow_schema";
const ARRAY: &CStr = c"arrow_array";

/// An Arrow array from Python: of anything with `__arrow_c_array__`, such as `pyarrow.Array`.
pub struct InputArray(pub ArrayRef);

impl<'py> FromPyObject<'py> for InputArray {
    fn extract_bound(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let pair = value.call_method0("__arrow_c_array__")?;
        let pair = pair.downcast::<PyTuple>()?;
        let schema = pair.get_item(0)?.downcast_into::<PyCapsule>()?;
        let array = pair.get_item(1)?.downcast_into::<PyCapsule>()?;
        if schema.name()? != Some(SCHEMA) || array.name()? != Some(ARRAY) {
            return Err(PyTypeError::new_err("not the capsules of the Arrow C data interface"));
        }
        // SAFETY: the names say that the capsules contain these structures, and the interface that they are valid. The
        // array is moved out and an empty one left, so that the capsule's destructor releases nothing.
        let data = unsafe {
            let array = FFI_ArrowArray::from_raw(array.pointer().cast());
            from_ffi(array, &*schema.pointer().cast::<FFI_ArrowSchema>())
        };
        let data = data.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(InputArray(make_array(data)))
    }
}

/// The numbers of a NumPy array of one dimension, cast to the type where they have another.
pub struct Numbers<T: ArrowPrimitiveType = UInt64Type>(PrimitiveArray<T>);

impl<'py, T: ArrowPrimitiveType> FromPyObject<'py> for Numbers<T> {
    fn extract_bound(value: &Bound<'py, PyAny>) -> PyResult<Self> {
        let (py, name) = (value.py(), T::DATA_TYPE.to_string().to_lowercase());
        let values = value.call_method1("astype", (name, "K", "unsafe", true, false))?; // false: no copy
        let InputArray(array) = arrow_array(py)?.call1((values,))?.extract()?;
        let numbers = array.as_primitive_opt::<T>().cloned();
        numbers.map(Numbers).ok_or_else(|| PyTypeError::new_err("expected an array of numbers"))
    }
}

impl<T: ArrowPrimitiveType> Deref for Numbers<T> {
    type Target = [T::Native];

    fn deref(&self) -> &Self::Target {
        self.0.values()
    }
}

/// An Arrow array that Python receives as `pyarrow.Array`.
pub struct OutputArray(ArrayRef);

impl OutputArray {
    /// Wrap an array.
    pub fn new(array: impl Array + 'static) -> Self {
        OutputArray(Arc::new(array))
    }
}

impl<'py> IntoPyObject<'py> for OutputArray {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        arrow_array(py)?.call1((Exported(self.0),))
    }
}

/// An Arrow array that Python receives as a NumPy array, read-only.
pub struct OutputNumbers {
    array: ArrayRef,
    boolean: bool,
}

impl OutputNumbers {
    /// Numbers of the type that the values have.
    pub fn of<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> Self {
        OutputNumbers { array: Arc::new(PrimitiveArray::<T>::new(values.into(), None)), boolean: false }
    }

    /// Truth values, of bytes that are 1 or 0.
    pub fn truth(values: UInt8Array) -> Self {
        OutputNumbers { array: Arc::new(values), boolean: true }
    }
}

impl<'py> IntoPyObject<'py> for OutputNumbers {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let numbers = OutputArray(self.array).into_pyobject(py)?.call_method0("to_numpy")?;
        if self.boolean {
            numbers.call_method1("view", ("bool",))
        } else {
            Ok(numbers)
        }
    }
}

/// `pyarrow.array`.
fn arrow_array(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static FUNCTION: GILOnceCell<Py<PyAny>> = GILOnceCell::new();
    FUNCTION.import(py, "pyarrow", "array")
}

/// An array on its way to `pyarrow.array`, which takes its memory over.
#[pyclass(frozen)]
struct Exported(ArrayRef);

#[pymethods]
impl Exported {
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
