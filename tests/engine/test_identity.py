"""Identity: content ids of tables, identities of stages, and the digest of their code."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from refinery import identity
from refinery.assets import Asset
from refinery.docs import Docs
from refinery.errors import UsageError
from refinery.identity import Content, canonical, code_digest, configuration, map_identity, measure_identity, part_key
from refinery.registry import import_class
from refinery.stage import Filter, Metric, Rule, Values, bound, tuning
from tests.engine.toy import Same

# -------------------------------------------------------------------------------------------------------- content ids

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


@settings(max_examples=120, deadline=None)
@given(columns(), st.data())
def test_cutting_does_not_count(column: tuple[str, list[Any]], data: st.DataObject) -> None:
    """The same rows give the same content id however they are sliced and chunked, empty batches included."""
    kind, values = KINDS[column[0]][0], column[1]
    whole = batch_of(pa.array(values, kind))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    pieces = [whole.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    copies = [batch_of(pa.array(piece.column(0).to_pylist(), kind)) for piece in pieces]
    assert content(*pieces) == content(*copies) == content(whole)


@settings(max_examples=120, deadline=None)
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


# ----------------------------------------------------------------------------------------------------- canonical JSON


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("nan")]}])
def test_canonical_refuses_numbers_that_json_has_not(value: Any) -> None:
    """NaN and infinities have no JSON form."""
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), {"a": {1}}])
def test_canonical_refuses_what_has_no_one_form(value: Any) -> None:
    """Sets, bytes and objects are refused, at any depth."""
    with pytest.raises(TypeError):
        canonical(value)


def test_canonical_is_one_text() -> None:
    """The order of keys does not count; the order of lists does. Lone surrogates are no crash."""
    assert canonical({"b": 1, "a": [2, "é"]}) == '{"a":[2,"é"],"b":1}'.encode()
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical("\ud800")


def test_a_part_key_is_of_stage_and_inputs() -> None:
    """Another identity, other inputs or another order of inputs give another key."""
    keys = {part_key("s", ["a", "b"]), part_key("t", ["a", "b"]), part_key("s", ["b", "a"]), part_key("s", ["a"])}
    assert len(keys) == 4


# --------------------------------------------------------------------------------------------------- stage identities


class Inner(BaseModel):
    """A nested model with an asset."""

    words: Asset
    weight: float = 1.0


class Measuring(Filter):
    """A filter with every role of field."""

    name: ClassVar = "measuring"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("n"),)

    unit: str = "words"
    sizes: tuple[int, ...] = (1, 2)
    least: float = bound(0.5)
    threads: int = tuning(1)
    lists: tuple[Asset, ...] = ()
    by_name: dict[str, Asset] = Field({})
    inner: Inner | None = None

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("few", "n", at_least=self.least),)

    def measure(self, docs: Docs) -> Values:
        return {"n": [0.0] * len(docs)}


class Grouping(Same):
    """A global stage of which one field shapes the map."""

    name: ClassVar = "grouping"
    map_fields: ClassVar = ("seed",)

    seed: int = 1
    survivor: str = "first"


Identities = tuple[str, str]


def both(stage: Filter) -> Identities:
    return identity.identity(stage), measure_identity(stage)


@pytest.mark.parametrize(
    ("change", "rows_change", "facts_change"),
    [
        ({}, False, False),
        ({"unit": "words"}, False, False),
        ({"unit": "lines"}, True, True),
        ({"sizes": (2, 1)}, True, True),
        ({"least": 0.75}, True, False),
        ({"threads": 8}, False, False),
    ],
)
def test_identity_follows_the_role_of_a_field(change: dict[str, Any], rows_change: bool, facts_change: bool) -> None:
    """A semantic field shapes rows and facts, a bound only rows, a tuning field nothing."""
    before, after = both(Measuring()), both(Measuring(**change))
    assert (before[0] != after[0], before[1] != after[1]) == (rows_change, facts_change)


def test_version_name_and_library_are_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class's name and version, and the versions of libraries it depends on, shape rows and facts."""
    seen = {both(Measuring())}
    for attribute, value in (("version", 2), ("name", "other"), ("depends", ("numpy",))):
        with monkeypatch.context() as patch:
            patch.setattr(Measuring, attribute, value)
            seen.add(both(Measuring()))
    monkeypatch.setattr(Measuring, "versions", lambda self: {"unicode": "15"})
    seen.add(both(Measuring()))
    assert len(seen) == len({a for a, _ in seen}) == len({b for _, b in seen}) == 5


def test_only_map_fields_shape_the_map() -> None:
    """A field of a global stage that its map does not read leaves what was mapped valid."""
    base, seed, survivor = Grouping(), Grouping(seed=2), Grouping(survivor="longest")
    assert map_identity(base) == map_identity(survivor) != map_identity(seed)
    assert len({identity.identity(stage) for stage in (base, seed, survivor)}) == 3


@pytest.mark.parametrize(
    "field",
    [
        lambda asset: {"lists": (asset,)},
        lambda asset: {"by_name": {"en": asset}},
        lambda asset: {"inner": Inner(words=asset)},
    ],
)
def test_an_asset_counts_by_its_bytes(tmp_path: Path, field: Callable[[Asset], dict[str, Any]]) -> None:
    """An asset's content is identity and its place is not, wherever in the configuration it stands."""
    texts = {"a.txt": "same words", "b.txt": "same words", "c.txt": "other words"}
    found = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        found.append(identity.identity(Measuring(**field(Asset(tmp_path / name)))))
    assert found[0] == found[1] != found[2]


def test_what_has_no_order_is_refused() -> None:
    """A set cannot be a stage's field, and NaN no value of one."""

    class Unordered(Measuring):
        """A filter with a set in a list."""

        wanted: tuple[frozenset[str], ...] = (frozenset({"a", "b"}),)

    with pytest.raises(UsageError, match="no fixed order"):
        configuration(Unordered())
    with pytest.raises(ValueError, match="JSON"):
        identity.identity(Measuring(least=float("nan")))


# -------------------------------------------------------------------------------------------------------- code digest

STAGE = '''"""A stage."""

from refinery.stage import Filter, Metric
from {package}.words import LIST
from . import {sibling}


class Some(Filter):
    """Doc."""

    name = "some"
    version = 1
    metrics = (Metric("n"),)

    def measure(self, docs):
        """Doc."""
        # a comment
        return {{"n": [len(LIST) + {sibling}.STEP] * len(docs)}}
'''
WORDS = 'LIST = ("a", "b")\n"""What LIST is."""\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a stage, a module it imports by name, one it imports relatively, and one it does not import."""
    folder = tmp_path / "somestages"
    folder.mkdir()
    files = {
        "__init__.py": "",
        "stage.py": STAGE.format(package="somestages", sibling="steps"),
        "words.py": WORDS,
        "steps.py": "from .deeper import STEP as STEP\n",
        "deeper.py": "STEP = 1\n",
        "apart.py": "OTHER = 1\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "somestages"]:
        del sys.modules[name]


def digest_of_stage() -> str:
    identity._closure_digest.cache_clear()
    return code_digest(import_class("somestages.stage:Some")())


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("stage.py", "# a comment", "# another comment", False),
        ("stage.py", '    """Doc."""\n', "", False),
        ("stage.py", '"""A stage."""', '"""Another text."""', False),
        ("stage.py", "return {", "return  {", False),
        ("words.py", "What LIST is", "Which words", False),
        ("stage.py", "len(LIST) +", "len(LIST) -", True),
        ("words.py", '"b"', '"c"', True),
        ("deeper.py", "STEP = 1", "STEP = 2", True),
        ("apart.py", "OTHER = 1", "OTHER = 2", False),
    ],
)
def test_code_digest(package: Path, file: str, old: str, new: str, counts: bool) -> None:
    """It follows the syntax of a stage's module and of all its package's modules it imports, not texts and layout."""
    before = digest_of_stage()
    path = package / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert (digest_of_stage() != before) == counts
