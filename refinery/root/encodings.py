"""Encoding and compression of columns in Parquet files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa

from refinery.kernels import MARKS

PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 3, "use_dictionary": False}
"""Most columns have a value of their own in each row: dictionaries cost time and space, and zstd finds the others."""


def writer_options(schema: pa.Schema, packed: Collection[str]) -> dict[str, Any]:
    """Return the options of the writer. Columns that are ``packed`` are not compressed: that would save little."""
    marks = [f"{f.name}.list.element" for f in schema if f.type == MARKS]
    if marks:
        return {**PARQUET, **_of_marks(marks)}
    if not packed or any(pa.types.is_nested(f.type) for f in schema):
        return PARQUET
    level = {f.name: PARQUET["compression_level"] for f in schema if f.name not in packed}
    codecs = {f.name: "NONE" if f.name in packed else PARQUET["compression"] for f in schema}
    return {**PARQUET, "compression": codecs, "compression_level": level or None}


def _of_marks(paths: Sequence[str]) -> dict[str, Any]:
    """Return the encodings of marks: few kinds, and places that mostly ascend, take half of what they do without."""
    numbers = [f"{path}.{name}" for path in paths for name in ("start", "end", "depth", "number")]
    return {
        "use_dictionary": [f"{path}.kind" for path in paths],
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }


def by_differences(table: pa.Table) -> dict[str, str] | None:
    """The encoding of columns whose numbers ascend: of hashes the differences take a quarter less."""
    names = [f.name for f in table.schema if f.type == pa.uint64() and _ascends(table.column(f.name))]
    return dict.fromkeys(names, "DELTA_BINARY_PACKED") or None


def _ascends(column: pa.ChunkedArray) -> bool:
    if column.null_count:
        return False
    values = column.to_numpy()
    return bool((values[1:] >= values[:-1]).all())
