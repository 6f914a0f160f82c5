"""Cuts of many texts at once, as evidence that can be undone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import SPANS, take_out
from refinery.stages._marks import RANGES

Places = npt.NDArray[Any]


def range_lists(starts: Places, ends: Places, rows: Places, texts: int) -> pa.ListArray:
    """Return ranges of bytes by text, of type ``RANGES``. Rows are the numbers of the texts, and rise."""
    columns = [pa.array(each.astype(np.uint64)) for each in (starts, ends)]
    offsets = pa.array(np.searchsorted(rows, np.arange(texts + 1)).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(columns, fields=list(RANGES.value_type)))


def cut_out(
    texts: pa.StringArray, ranges: pa.ListArray, reasons: pa.StringArray
) -> tuple[pa.StringArray, pa.ListArray]:
    """Return the texts without ranges, and what was cut from them as ``SPANS``, each with its reason."""
    rest, inside, *_ = take_out(texts, ranges)
    start, end = (ranges.flatten().field(name) for name in ("start", "end"))
    sizes = pa.array(end.to_numpy() - start.to_numpy())
    columns = [start, sizes, reasons, inside, pa.array(np.ones(len(inside), np.bool_))]
    spans = pa.StructArray.from_arrays(columns, fields=list(SPANS.value_type))
    offsets = np.append(0, np.cumsum(pc.list_value_length(ranges).to_numpy())).astype(np.int32)
    return rest, pa.ListArray.from_arrays(pa.array(offsets), spans)
