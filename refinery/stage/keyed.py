"""Keyed rows: tables with a column ``key: uint64``, sorted by it and then by their other columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import order_of

KEY = "key"
"""The column by which rows are sorted."""

KEYS = 2**64
"""The number of keys."""


def sort_rows(table: pa.Table) -> pa.Table:
    """Return the rows sorted by ``key``, then by the other columns in their order."""
    keys = _numbers(table, KEY)
    others = [name for name in table.schema.names if name != KEY]
    if (keys[1:] >= keys[:-1]).all() and _in_order(table, others):
        return table
    rows = table.take(pa.array(order_of(keys)))
    if _in_order(rows, others):
        return rows
    return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (KEY, *others)]))


def _numbers(rows: pa.Table, name: str) -> npt.NDArray[Any]:
    """Return a column's numbers, copied only where they are in several chunks."""
    column = rows.column(name)
    numbers: npt.NDArray[Any] = (column.chunk(0) if column.num_chunks == 1 else column).to_numpy(zero_copy_only=False)
    return numbers


def _in_order(rows: pa.Table, others: Sequence[str]) -> bool:
    """Return True if rows with equal keys, which are adjacent, are sorted by the other columns already."""
    keys = _numbers(rows, KEY)
    open_pairs = np.flatnonzero(keys[1:] == keys[:-1])
    for name in others:
        if not len(open_pairs):
            return True
        kind = rows.schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)) or rows.column(name).null_count:
            return False
        values = _numbers(rows, name)
        before, after = values[open_pairs], values[open_pairs + 1]
        if (before > after).any():
            return False
        open_pairs = open_pairs[before == after]
    return True
