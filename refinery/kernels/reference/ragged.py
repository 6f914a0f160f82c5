"""Arrow lists of numbers as flat NumPy arrays, and back. Nothing is copied that can be shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Flat = npt.NDArray[Any]
Offsets = npt.NDArray[np.int64]


def flat(lists: pa.ListArray) -> tuple[Flat, Offsets]:
    """All values one after another, and n + 1 offsets: list i is ``values[offsets[i]:offsets[i + 1]]``.

    Sliced arrays give their slice. Raises ValueError where a list is null.
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
