"""Laws of the native content hashes: every stream has the hash that the readable twin gives it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinery.kernels.reference import content as twin

native = pytest.importorskip(
    "refinery.kernels.native_content", reason="the native kernels are not built", exc_type=ImportError
)

LEAVES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.null(), st.none()),
    (pa.bool_(), st.booleans()),
    (pa.int8(), st.integers(-128, 127)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.string(), st.text(max_size=4)),
    (pa.binary(), st.binary(max_size=4)),
    (pa.binary(3), st.binary(min_size=3, max_size=3)),
    (pa.timestamp("ms", "UTC"), st.integers(0, 10**12).map(lambda ms: dt.datetime.fromtimestamp(ms // 1000, dt.UTC))),
    (pa.date32(), st.dates()),
    (pa.duration("s"), st.integers(0, 99).map(lambda seconds: dt.timedelta(seconds=seconds))),
    (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["a", "bc", ""])),
]
Column = tuple[pa.DataType, st.SearchStrategy[Any]]


def nested(inner: st.SearchStrategy[Column]) -> st.SearchStrategy[Column]:
    """Lists, large lists and structures of what ``inner`` draws; no lists of dictionaries, which pyarrow cannot make."""
    lists = st.tuples(inner, st.sampled_from([pa.list_, pa.large_list])).map(
        lambda pair: (pair[1](pair[0][0]), st.lists(st.none() | pair[0][1], max_size=3))
    )
    structs = st.lists(inner, max_size=3).map(
        lambda fields: (
            pa.struct([(f"f{place}", kind) for place, (kind, _) in enumerate(fields)]),
            st.fixed_dictionaries({f"f{place}": st.none() | values for place, (_, values) in enumerate(fields)}),
        )
    )
    return lists | structs


COLUMNS = st.sampled_from(LEAVES) | st.recursive(st.sampled_from(LEAVES[:-1]), nested, max_leaves=4)


def hashes(kernel: Any, *batches: pa.RecordBatch) -> dict[str, str]:
    found = kernel.ContentHashes(batches[0].schema)
    for batch in batches:
        found.update(batch)
    digests: dict[str, str] = found.digests()
    return digests


@given(st.lists(COLUMNS, max_size=3), st.integers(0, 9), st.data())
@settings(max_examples=400, deadline=None)
def test_every_stream_is_that_of_the_twin(columns: list[Column], rows: int, data: st.DataObject) -> None:
    """Columns of all types, nested and null, whole and in slices: the same streams with the same hashes."""
    values = [data.draw(st.lists(st.none() | each, min_size=rows, max_size=rows)) for _, each in columns]
    arrays = [pa.array(each, kind) for each, (kind, _) in zip(values, columns, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, names=[f"c{place}" for place in range(len(arrays))])
    cut = data.draw(st.integers(0, rows))
    expected = hashes(twin, batch)
    assert hashes(native, batch) == expected
    assert hashes(native, batch.slice(0, cut), batch.slice(cut)) == expected
    assert hashes(native, batch.slice(cut)) == hashes(twin, batch.slice(cut))


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
