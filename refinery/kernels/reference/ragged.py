"""Arrow lists of numbers and of ranges as flat NumPy arrays, and back. Nothing is copied that can be shared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flat = npt.NDArray[Any]
Offsets = npt.NDArray[np.int64]
Spans = npt.NDArray[np.int64]
"""A matrix [ranges, 2] of starts and exclusive ends."""


def flat(lists: pa.ListArray) -> tuple[Flat, Offsets]:
    """All values one after another, and n + 1 offsets: list i is ``values[offsets[i]:offsets[i + 1]]``.

    Of sliced arrays it is the slice. Raises ValueError where a list is null.
    """
    if lists.null_count:
        raise ValueError(f"expected lists, found {lists.null_count} nulls")
    return lists.flatten().to_numpy(), offsets_of(pc.list_value_length(lists).to_numpy())


def lists_of(values: Flat, offsets: Offsets) -> pa.ListArray:
    """The inverse of ``flat``. Raises OverflowError for 2**31 values or more."""
    if offsets[-1] >= 2**31:
        raise OverflowError(f"{offsets[-1]} values do not fit one Arrow list array; use smaller batches")
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def offsets_of(lengths: npt.NDArray[Any]) -> Offsets:
    """The n + 1 offsets of n lists with these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def flat_structs(lists: pa.ListArray) -> tuple[dict[str, Offsets], Offsets]:
    """``flat`` for lists of structures of numbers: each field's values by its name."""
    values = lists.flatten()
    columns = {f.name: values.field(f.name).to_numpy().astype(np.int64) for f in values.type}
    return columns, offsets_of(pc.list_value_length(lists).to_numpy())


def flat_spans(lists: pa.ListArray) -> tuple[Spans, Offsets]:
    """``flat`` for lists of ranges, ``list<struct<start, end>>``."""
    columns, offsets = flat_structs(lists)
    return np.stack([columns["start"], columns["end"]], axis=1), offsets


def span_lists(ranges: Sequence[Spans]) -> pa.ListArray:
    """The inverse of ``flat_spans``, for the ranges of each list: ``list<struct<start: uint64, end: uint64>>``."""
    every = np.concatenate([np.empty((0, 2), np.int64), *ranges])
    return spans_of(every, np.array([*map(len, ranges)], np.int64))


def spans_of(ranges: Spans, counts: Offsets) -> pa.ListArray:
    """Lists of ``counts`` of the ranges each."""
    columns = [pa.array(column.astype(np.uint64)) for column in ranges.T]
    values = pa.StructArray.from_arrays(columns, names=["start", "end"])
    return pa.ListArray.from_arrays(pa.array(offsets_of(counts).astype(np.int32)), values)
