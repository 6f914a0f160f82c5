"""Laws of the native content hashes: every stream has the hash that the readable twin gives it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from refinery.kernels.reference import content as twin
from tests.kernels.natives import native
from tools.parity import hashed


def hashes(kernel: Any, *batches: pa.RecordBatch) -> dict[str, str]:
    digests: dict[str, str] = hashed(kernel.ContentHashes, batches)
    return digests


@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.int64()), pa.struct([("x", pa.list_(pa.string()))])])
def test_what_lies_behind_nulls_is_left_out(kind: pa.DataType) -> None:
    """Bytes and items that a bitmap hides reach no stream, whether they lie between others or at an end."""
    value = {"string": "left", "list<item: int64>": [1, 2]}.get(str(kind), {"x": ["a", "bc"]})
    full = pa.array([value] * 4, kind)
    for bits in range(16):
        bitmap, children = pa.py_buffer(bytes([bits])), []
        if not pa.types.is_string(kind):
            children = [full.values] if pa.types.is_list(kind) else [full.field(0)]
        buffers = [bitmap, *full.buffers()[1 : 3 if pa.types.is_string(kind) else 2 if pa.types.is_list(kind) else 1]]
        hidden = pa.Array.from_buffers(kind, 4, buffers, children=children)
        clean = pa.array([value if bits >> row & 1 else None for row in range(4)], kind)
        found = [
            hashes(kernel, pa.RecordBatch.from_arrays([a], ["c"])) for kernel in (native, twin) for a in (hidden, clean)
        ]
        assert found == found[:1] * 4


def test_many_rows() -> None:
    """Batches larger than any buffer give the twin's hashes."""
    texts = pa.array([None if row % 7 == 0 else "word " * (row % 50) for row in range(20_000)])
    spans = pa.array([[{"a": row, "b": str(row)}] * (row % 3) for row in range(20_000)])
    batch = pa.RecordBatch.from_arrays([texts, spans], ["texts", "spans"])
    assert hashes(native, batch) == hashes(twin, batch) == hashes(native, batch.slice(0, 7_001), batch.slice(7_001))


def test_dictionaries_inside_columns() -> None:
    """A dictionary in a structure is decoded as one that is a column."""
    words = pa.array(["a", None, "b", "a"])
    found = []
    for column in (words, words.dictionary_encode()):
        struct = pa.StructArray.from_arrays([column], ["word"])
        batch = pa.RecordBatch.from_arrays([struct, column], ["struct", "word"])
        found += [hashes(native, batch), hashes(twin, batch)]
    assert found == found[:1] * 4


@pytest.mark.parametrize("kind", [pa.decimal128(5), pa.large_string(), pa.month_day_nano_interval()])
def test_a_type_that_is_not_known_is_an_error(kind: pa.DataType) -> None:
    """What has no defined content is refused by both, alone and inside others; it is not hashed as something else."""
    for column in (pa.nulls(1, kind), pa.array([[None]], pa.list_(kind))):
        for kernel in (native, twin):
            with pytest.raises(TypeError, match="not expected here"):
                hashes(kernel, pa.RecordBatch.from_arrays([column], ["c"]))
