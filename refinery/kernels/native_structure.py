"""Kernels of marks in which Python does a part of the work: it gathers the columns of the marks that stay."""

from __future__ import annotations

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference.marks import MARKS
from refinery.kernels.reference.shift import LOST


def shift_marks(structure: pa.ListArray, cuts: pa.ListArray) -> tuple[pa.ListArray, pa.ListArray]:
    marks, starts, ends, offsets, lost, numbers, kept, lost_offsets = _native.shifted_marks(structure, cuts)
    places, gone = structure.values.take(marks), structure.values.take(lost)
    mask = structure.is_null() if structure.null_count else None
    columns = {"start": starts, "end": ends}
    shifted = [columns.get(field.name, places.field(field.name)) for field in MARKS.value_type]
    columns = {"mark": numbers, "kept": kept}
    before = [columns[field.name] if field.name in columns else gone.field(field.name) for field in LOST.value_type]
    return (
        pa.ListArray.from_arrays(
            offsets, pa.StructArray.from_arrays(shifted, fields=list(MARKS.value_type)), mask=mask
        ),
        pa.ListArray.from_arrays(
            lost_offsets, pa.StructArray.from_arrays(before, fields=list(LOST.value_type)), mask=mask
        ),
    )
