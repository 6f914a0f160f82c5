"""Content ids: the same rows are the same, however they are cut and coded, and other rows are not."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.identity import Content

MOMENT = dt.datetime(2024, 3, 1, 12, 30, 5, tzinfo=dt.UTC)
SPAN = pa.struct([("start", pa.uint64()), ("reason", pa.string())])
SPANS = st.lists(st.fixed_dictionaries({"start": st.integers(0, 2**64 - 1), "reason": st.text(max_size=3)}), max_size=3)
FACTS = pa.struct([("n", pa.int64()), ("spans", pa.list_(SPAN))])

KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "fixed binary": (pa.binary(16), st.binary(min_size=16, max_size=16)),
    "binary": (pa.binary(), st.binary(max_size=5)),
    "string": (pa.string(), st.text(max_size=5)),
    "timestamp": (pa.timestamp("s", "UTC"), st.integers(1, 99).map(lambda year: MOMENT.replace(year=1950 + year))),
    "date32": (pa.date32(), st.dates()),
    "bool": (pa.bool_(), st.booleans()),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "uint32": (pa.uint32(), st.integers(0, 2**32 - 1)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "int8": (pa.int8(), st.integers(-128, 127)),
    "double": (pa.float64(), st.floats(allow_nan=False)),
    "float": (pa.float32(), st.floats(allow_nan=False, width=32)),
    "list of string": (pa.list_(pa.string()), st.lists(st.none() | st.text(max_size=3), max_size=3)),
    "list of struct": (pa.list_(SPAN), SPANS),
    "struct": (FACTS, st.fixed_dictionaries({"n": st.none() | st.integers(0, 9), "spans": st.none() | SPANS})),
    "empty struct": (pa.struct([]), st.just({})),
    "null": (pa.null(), st.none()),
}


def content(*batches: pa.RecordBatch) -> str:
    found = Content(batches[0].schema)
    for batch in batches:
        found.update(batch)
    return found.id()


def batch_of(array: pa.Array, name: str = "x") -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([array], names=[name])


@st.composite
def columns(draw: st.DrawFn) -> tuple[str, list[Any]]:
    name = draw(st.sampled_from(list(KINDS)))
    return name, draw(st.lists(st.none() | KINDS[name][1], max_size=12))


@settings(max_examples=120)
@given(columns(), st.data())
def test_cutting_does_not_count(column: tuple[str, list[Any]], data: st.DataObject) -> None:
    """The same rows give the same content id however they are sliced and chunked, empty batches included."""
    kind, values = KINDS[column[0]][0], column[1]
    whole = batch_of(pa.array(values, kind))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    pieces = [whole.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    copies = [batch_of(pa.array(piece.column(0).to_pylist(), kind)) for piece in pieces]
    assert content(*pieces) == content(*copies) == content(whole)


@settings(max_examples=120)
@given(columns(), st.data())
def test_other_rows_count(column: tuple[str, list[Any]], data: st.DataObject) -> None:
    """Other values, another order or other nulls give another content id; equal rows give the same one."""
    kind, element = KINDS[column[0]]
    other = data.draw(st.permutations(column[1]) | st.lists(st.none() | element, max_size=12))
    first, second = pa.array(column[1], kind), pa.array(other, kind)
    same = repr(first.to_pylist()) == repr(second.to_pylist())  # repr tells 0.0 from -0.0
    assert (content(batch_of(first)) == content(batch_of(second))) == same


def test_no_rows_are_no_rows() -> None:
    """A table of no batches and one of an empty batch are the same."""
    schema = pa.schema([("a", pa.string()), ("b", pa.list_(SPAN))])
    empty = pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)
    assert Content(schema).id() == content(empty)


SAMPLES: dict[str, tuple[Any, Any]] = {
    "fixed binary": (b"a" * 16, b"b" * 16),
    "binary": (b"left", b"right"),
    "string": ("left", "right"),
    "timestamp": (MOMENT, MOMENT.replace(year=1999)),
    "date32": (MOMENT.date(), dt.date(1, 1, 1)),
    "bool": (True, True),
    "uint64": (2**64 - 1, 7),
    "double": (0.5, -0.25),
    "list of string": (["a", None], ["b", "c", "d"]),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_what_lies_behind_a_null_does_not_count(name: str) -> None:
    """A null bitmap, or none where nothing is null, and the values that a bitmap hides are no content."""
    kind, (left, right) = KINDS[name][0], SAMPLES[name]
    full = pa.array([left, right, right], kind)
    hidden = _with_bitmap(full, 0b101)
    assert content(batch_of(hidden)) == content(batch_of(pa.array([left, None, right], kind)))
    assert content(batch_of(_with_bitmap(full, 0b111))) == content(batch_of(full))


def _with_bitmap(array: pa.Array, bits: int) -> pa.Array:
    bitmap = pa.py_buffer(bytes([bits]))
    if pa.types.is_list(array.type):
        buffers = [bitmap, array.buffers()[1]]
        return pa.Array.from_buffers(array.type, len(array), buffers, children=[array.values])
    return pa.Array.from_buffers(array.type, len(array), [bitmap, *array.buffers()[1:]])


def test_what_lies_behind_a_null_struct_does_not_count() -> None:
    """The children of a null struct are no content."""
    n, spans = pa.array([1, 2], pa.int64()), pa.array([[], [{"start": 1, "reason": "a"}]], pa.list_(SPAN))
    hidden = pa.StructArray.from_arrays([n, spans], fields=list(FACTS), mask=pa.array([False, True]))
    clean = pa.array([{"n": 1, "spans": []}, None], FACTS)
    assert content(batch_of(hidden)) == content(batch_of(clean))


def test_null_is_no_value() -> None:
    """A null differs from the empty, zero and false values that could stand for it."""
    zeros = {"string": "", "binary": b"", "bool": False, "uint64": 0, "double": 0.0, "list of string": []}
    for name, zero in zeros.items():
        kind = KINDS[name][0]
        assert content(batch_of(pa.array([zero], kind))) != content(batch_of(pa.array([None], kind)))


def test_neighbours_do_not_run_together() -> None:
    """Where one value ends and the next begins counts, within a column and between columns."""
    text = pa.string()
    assert content(batch_of(pa.array(["ab", "c"]))) != content(batch_of(pa.array(["a", "bc"])))
    lists = pa.list_(text)
    assert content(batch_of(pa.array([["a"], ["b"]], lists))) != content(batch_of(pa.array([["a", "b"], []], lists)))
    names = ["a", "b"]
    first = pa.RecordBatch.from_arrays([pa.array(["x"]), pa.array(["y"])], names=names)
    assert content(first) != content(pa.RecordBatch.from_arrays([pa.array(["y"]), pa.array(["x"])], names=names))


def test_dictionaries_do_not_count() -> None:
    """A dictionary-coded column has the same content whatever its dictionary looks like."""
    kind = pa.dictionary(pa.int32(), pa.string())
    one = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int32()), pa.array(["a", "b"]))
    other = pa.DictionaryArray.from_arrays(pa.array([2, 0, None], pa.int32()), pa.array(["b", "unused", "a"]))
    hollow = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), pa.array(["a", "b", None]))
    found = {content(batch_of(array.cast(kind))) for array in (one, other, hollow)}
    assert len(found) == 1


def test_names_types_and_nullability_count() -> None:
    """A column's name, type and nullability are content, though the values be the same."""
    fields = [
        pa.field("x", pa.int64()),
        pa.field("y", pa.int64()),
        pa.field("x", pa.int32()),
        pa.field("x", pa.int64(), nullable=False),
        pa.field("x", pa.timestamp("s")),
        pa.field("x", pa.timestamp("s", "UTC")),
    ]
    zeros = [pa.RecordBatch.from_arrays([pa.array([0], f.type)], schema=pa.schema([f])) for f in fields]
    assert len({content(batch) for batch in zeros}) == len(fields)


def test_column_names_are_no_paths() -> None:
    """Columns whose names look like paths into each other keep apart, so that cutting still does not count."""
    struct = pa.array([{"b": "1"}, {"b": "2"}], pa.struct([("b", pa.string())]))
    arrays = [struct, pa.array(["3", "4"]), pa.array(["5", "6"])]
    whole = pa.RecordBatch.from_arrays(arrays, names=["a", "a.b", "a.b#"])
    assert content(whole.slice(0, 1), whole.slice(1)) == content(whole)


def test_another_schema_is_refused() -> None:
    """A batch that has not the declared schema is an error."""
    with pytest.raises(ValueError, match="schema differs"):
        Content(pa.schema([("x", pa.int64())])).update(batch_of(pa.array(["a"])))
