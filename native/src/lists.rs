//! Arrow lists of numbers as slices, and back. Twin: `refinery.kernels.reference.ragged`.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, UInt64Type};
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, StructArray, UInt64Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field, Fields};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::PyResult;

/// Lists without nulls, all values of one type.
pub struct Lists<'a, T: ArrowPrimitiveType> {
    values: &'a PrimitiveArray<T>,
    offsets: &'a [i32],
}

impl<'a, T: ArrowPrimitiveType> Lists<'a, T> {
    /// View an array as lists of `T`. An error if it is of another type, or has a null.
    pub fn of(array: &'a ArrayRef) -> PyResult<Self> {
        let lists = whole(array)?;
        let values = lists.values().as_primitive_opt::<T>().ok_or_else(|| unfit(array.data_type()))?;
        let found = Lists { values, offsets: lists.value_offsets() };
        let Range { start, end } = found.extent();
        if values.slice(start, end - start).null_count() > 0 {
            return Err(PyValueError::new_err("expected numbers, found nulls"));
        }
        Ok(found)
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The lists in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [T::Native]> + '_ {
        let values: &'a [T::Native] = self.values.values();
        self.offsets.windows(2).map(move |ends| &values[ends[0] as usize..ends[1] as usize])
    }

    /// The number of values of all lists.
    pub fn total(&self) -> usize {
        self.extent().len()
    }

    fn extent(&self) -> Range<usize> {
        self.offsets[0] as usize..self.offsets[self.len()] as usize
    }
}

/// Lists of structures of 64-bit numbers, without nulls.
pub struct Structs<'a, const N: usize> {
    columns: [&'a [u64]; N],
    offsets: &'a [i32],
}

impl<'a, const N: usize> Structs<'a, N> {
    /// View an array as lists of structures with these fields. An error if it is of another type, or has a null.
    pub fn of(array: &'a ArrayRef, fields: [&str; N]) -> PyResult<Self> {
        let lists = whole(array)?;
        let values = lists.values().as_struct_opt().ok_or_else(|| unfit(array.data_type()))?;
        if values.null_count() > 0 {
            return Err(PyValueError::new_err("expected structures, found nulls"));
        }
        let mut columns = [[].as_slice(); N];
        for (column, field) in columns.iter_mut().zip(fields) {
            *column = numbers(values.column_by_name(field).ok_or_else(|| unfit(array.data_type()))?)?;
        }
        Ok(Structs { columns, offsets: lists.value_offsets() })
    }

    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The columns of each list in order.
    pub fn iter(&self) -> impl Iterator<Item = [&'a [u64]; N]> + '_ {
        self.offsets.windows(2).map(|ends| self.columns.map(|column| &column[ends[0] as usize..ends[1] as usize]))
    }
}

/// A list array that is built list by list.
pub struct ListsBuilder<T: ArrowPrimitiveType> {
    pub values: Vec<T::Native>,
    offsets: Vec<i32>,
}

impl<T: ArrowPrimitiveType> ListsBuilder<T> {
    pub fn with_capacity(values: usize, lists: usize) -> Self {
        let mut offsets = Vec::with_capacity(lists + 1);
        offsets.push(0);
        ListsBuilder { values: Vec::with_capacity(values), offsets }
    }

    /// End a list: the values added since the last call are its items.
    pub fn end(&mut self) -> PyResult<()> {
        self.offsets.push(offset(self.values.len())?);
        Ok(())
    }

    /// Build the array.
    pub fn finish(self) -> PyResult<ListArray> {
        lists_of(Arc::new(PrimitiveArray::<T>::new(self.values.into(), None)), self.offsets)
    }
}

/// A number of values as an offset of an Arrow list. An error for 2**31 values or more.
pub fn offset(count: usize) -> PyResult<i32> {
    i32::try_from(count).map_err(|_| {
        PyOverflowError::new_err(format!("{count} values do not fit one Arrow list array; use smaller batches"))
    })
}

/// Lists of structures of 64-bit numbers.
pub fn structs_of(columns: Vec<(&str, Vec<u64>)>, offsets: Vec<i32>) -> PyResult<ListArray> {
    let fields: Fields = columns.iter().map(|(name, _)| Field::new(*name, DataType::UInt64, true)).collect();
    let columns = columns.into_iter().map(|(_, column)| Arc::new(UInt64Array::from(column)) as ArrayRef).collect();
    let values = StructArray::try_new(fields, columns, None).map_err(|e| PyValueError::new_err(e.to_string()))?;
    lists_of(Arc::new(values), offsets)
}

/// A column of 64-bit numbers without nulls.
pub fn numbers(array: &ArrayRef) -> PyResult<&[u64]> {
    column::<UInt64Type>(array)
}

/// A column of numbers without nulls.
pub fn column<T: ArrowPrimitiveType>(array: &ArrayRef) -> PyResult<&[T::Native]> {
    let numbers = array.as_primitive_opt::<T>().ok_or_else(|| unfit(array.data_type()))?;
    if numbers.null_count() > 0 {
        return Err(PyValueError::new_err("expected numbers, found nulls"));
    }
    Ok(numbers.values())
}

/// The type of the values of lists.
pub fn value_type(array: &ArrayRef) -> PyResult<DataType> {
    Ok(whole(array)?.value_type())
}

/// The error for an array of a type that is not expected.
pub fn unfit(found: &DataType) -> pyo3::PyErr {
    PyTypeError::new_err(format!("an Arrow array of this type is not expected here: {found}"))
}

fn whole(array: &ArrayRef) -> PyResult<&ListArray> {
    let lists = array.as_list_opt::<i32>().ok_or_else(|| unfit(array.data_type()))?;
    match lists.null_count() {
        0 => Ok(lists),
        nulls => Err(PyValueError::new_err(format!("expected lists, found {nulls} nulls"))),
    }
}

/// Lists of values, the first from the first offset to the second, and so on.
pub fn lists_of(values: ArrayRef, offsets: Vec<i32>) -> PyResult<ListArray> {
    let item = Arc::new(Field::new("item", values.data_type().clone(), true));
    ListArray::try_new(item, OffsetBuffer::new(offsets.into()), values, None)
        .map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Call a function that is generic in the type of the tokens with the type that a list array has.
macro_rules! for_tokens {
    ($array:expr, $function:ident ( $($argument:expr),* )) => {
        match $crate::lists::value_type($array)? {
            arrow_schema::DataType::UInt8 => $function::<arrow_array::types::UInt8Type>($($argument),*),
            arrow_schema::DataType::UInt16 => $function::<arrow_array::types::UInt16Type>($($argument),*),
            arrow_schema::DataType::UInt32 => $function::<arrow_array::types::UInt32Type>($($argument),*),
            arrow_schema::DataType::UInt64 => $function::<arrow_array::types::UInt64Type>($($argument),*),
            other => Err($crate::lists::unfit(&other)),
        }
    };
}
pub(crate) use for_tokens;
