"""The shuffle: merging sorted runs against a naive sort, and reading key ranges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import StorageError
from refinery.root.root import Root
from refinery.stage.addresses import reference_number
from refinery.stage.keyed import KEYS, sort_rows
from refinery.store import LocalStore
from refinery.task import shuffle
from refinery.task.merging import gathered
from refinery.task.shuffle import (
    FEW,
    Run,
    having,
    in_order,
    numbered,
    ranges,
    read_range,
    whole_groups,
)

SCHEMA = pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
LARGEST = KEYS - 1
MEMORY = 2**20

keys = st.sampled_from([0, 1, 2, 2**63 - 1, 2**63, LARGEST - 1, LARGEST]) | st.integers(0, LARGEST)
Row = tuple[int, int]


def table(rows: list[Row]) -> pa.Table:
    return pa.table({"key": [k for k, _ in rows], "row": [r for _, r in rows]}, schema=SCHEMA)


def run_of(rows: list[Row], batch: int) -> Iterator[pa.RecordBatch]:
    """A sorted run, read in batches of some size; an empty one in between."""
    for piece in sort_rows(table(rows)).to_batches(max_chunksize=batch):
        yield piece
        yield piece.slice(0, 0)


def of_part(part: int, run: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    return (numbered(part, rows) for rows in run)


def merge(runs: Sequence[Iterator[pa.RecordBatch]], at_once: int = shuffle.AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Gathered rows, sorted table by table."""
    return (batch for rows in gathered(runs, at_once) for batch in sort_rows(rows).combine_chunks().to_batches())


def range_of(folder: Path, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """The rows of ``keys.parquet`` in a key range."""
    return read_range(Root(str(folder), LocalStore()), "keys.parquet", low, high)


def listed(batches: list[pa.RecordBatch]) -> list[tuple[int, ...]]:
    return [row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]


@settings(max_examples=120)
@given(
    st.lists(st.lists(st.tuples(keys, st.integers(0, 5)), max_size=30), max_size=5),
    st.integers(1, 8),
    st.integers(1, 60),
)
def test_merging_is_sorting(runs: list[list[Row]], batch: int, at_once: int) -> None:
    """Merged runs are all rows sorted by key, part and row, and no group of equal keys is split."""
    numbered = [(3 * number + 1, run) for number, run in enumerate(runs)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refinery.task.shuffle.FEW", 1)
        merged = list(merge([of_part(number, run_of(run, batch)) for number, run in numbered], at_once))
    assert listed(merged) == sorted((key, number, row) for number, run in numbered for key, row in run)
    assert all(b.schema.names == ["key", "part", "row"] and b.schema.field("part").type == pa.uint32() for b in merged)
    ends = [(b.column("key")[0].as_py(), b.column("key")[-1].as_py()) for b in merged]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


@settings(max_examples=60)
@given(st.lists(st.lists(st.tuples(keys, st.integers(0, 5)), max_size=30), max_size=5), st.integers(1, 8))
def test_merging_without_numbers_adds_none(runs: list[list[Row]], batch: int) -> None:
    """Runs without a number are merged as they are."""
    merged = list(merge([run_of(run, batch) for run in runs]))
    assert listed(merged) == sorted(row for run in runs for row in run)
    assert all(piece.schema == SCHEMA for piece in merged)


@pytest.mark.parametrize("key", [0, 77, LARGEST])
def test_a_giant_group_stays_whole(key: int) -> None:
    """A key that fills many batches of several runs comes in one batch."""
    runs = [[(key, row) for row in range(500)] + [(5, 0), (LARGEST - 5, 0)], [(key, 1)] * 3 + [(6, 6)], []]
    merged = list(merge([of_part(n, run_of(run, 7)) for n, run in enumerate(runs)], 20))
    holding = [b for b in merged if key in b.column("key").to_pylist()]
    assert len(holding) == 1
    assert holding[0].column("key").to_pylist().count(key) == 503


def test_memory_is_of_one_batch_each() -> None:
    """Runs are read as the merge goes on, not ahead: after the first rows no run is read to its end."""
    read = [0, 0]

    def counting(number: int) -> Iterator[pa.RecordBatch]:
        for piece in run_of([(key, 0) for key in range(1000)], 10):
            read[number] += len(piece)
            yield piece

    merged = merge([of_part(n, counting(n)) for n in range(2)], 20)
    next(merged)
    assert max(read) <= FEW + 10


@settings(max_examples=50)
@given(st.lists(st.tuples(keys, st.integers(0, 5)), max_size=60), st.integers(1, 9), st.integers(1, 7))
def test_ranges_cover_all_rows_once(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], count: int, group: int
) -> None:
    """Every row of a file is in exactly one range, in order, whatever the row groups; 0 and 2**64 - 1 included."""
    folder = tmp_path_factory.mktemp("run")
    pq.write_table(sort_rows(table(rows)), folder / "keys.parquet", row_group_size=group)
    cuts = ranges(count * MEMORY // shuffle.SHARE, MEMORY)
    assert (len(cuts), cuts[0][0], cuts[-1][1]) == (count, 0, KEYS)
    assert all(a[1] == b[0] and a[0] < a[1] for a, b in itertools.pairwise(cuts))
    found: list[Row] = []
    for low, high in cuts:
        inside = listed(list(range_of(folder, low, high)))
        assert all(low <= row[0] < high for row in inside)
        found += [(row[0], row[1]) for row in inside]
    assert found == sorted(rows)


def test_ranges_depend_on_the_rows_and_the_memory() -> None:
    """There is always a range, and one more for each share of the memory begun."""
    share = MEMORY // shuffle.SHARE
    assert ranges(0, MEMORY) == ranges(1, MEMORY) == ranges(share, MEMORY) == [(0, KEYS)]
    assert len(ranges(share + 1, MEMORY)) == 2
    assert len(ranges(share + 1, MEMORY // 2)) == 3


@settings(max_examples=80)
@given(st.lists(st.lists(st.tuples(keys, st.integers(0, 5)), max_size=30), max_size=5), st.integers(1, 9))
def test_whole_groups(runs: list[list[Row]], at_once: int) -> None:
    """Sorted rows of several parts come in batches that together are all rows and split no key."""
    pieces = [numbered(n, batch) for n, run in enumerate(runs) for batch in sort_rows(table(run)).to_batches()]
    if pieces:
        batches = list(whole_groups(sort_rows(pa.Table.from_batches(pieces)).combine_chunks(), at_once))
        assert listed(batches) == sorted((key, number, row) for number, run in enumerate(runs) for key, row in run)
        ends = [(b.column("key")[0].as_py(), b.column("key")[-1].as_py()) for b in batches]
        assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


@settings(max_examples=80)
@given(
    st.lists(st.lists(st.tuples(keys, st.integers(0, 5)), max_size=30), max_size=5),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_pieces_in_order(runs: list[list[Row]], at_once: int, few: int) -> None:
    """However few rows are sorted together, pieces become one sequence whose batches split no key."""
    pieces = [numbered(n, batch) for n, run in enumerate(runs) for batch in sort_rows(table(run)).to_batches()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shuffle, "FEW", few)
        batches = list(in_order(pieces, 0, KEYS, at_once))
    assert listed(batches) == sorted((key, number, row) for number, run in enumerate(runs) for key, row in run)
    ends = [(b.column("key")[0].as_py(), b.column("key")[-1].as_py()) for b in batches]
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ends))


def test_other_row_groups_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range reads the row groups that may hold its keys and no other."""
    pq.write_table(sort_rows(table([(key, 0) for key in range(100)])), tmp_path / "keys.parquet", row_group_size=10)
    seen = []
    original = pq.ParquetFile.read_row_groups

    def read_row_groups(self: pq.ParquetFile, numbers: Sequence[int]) -> pa.Table:
        seen.extend(numbers)
        return original(self, numbers)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", read_row_groups)
    assert [b.column("key").to_pylist() for b in range_of(tmp_path, 25, 30)] == [[25, 26, 27, 28, 29]]
    assert seen == [2]


def test_a_damaged_run_is_named(tmp_path: Path) -> None:
    """A sorted run that is cut off raises StorageError with its name."""
    path = tmp_path / "keys.parquet"
    pq.write_table(table([(1, 1)]), path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StorageError, match=r"keys\.parquet"):
        list(range_of(tmp_path, 0, KEYS))


def test_rows_sort_by_key_then_the_other_columns() -> None:
    """Keys come first wherever their column stands; ties go by the other columns in order."""
    rows = pa.table({"b": [2, 1, 3], "key": pa.array([5, 5, 1], pa.uint64()), "a": [0, 0, 9]})
    assert sort_rows(rows).to_pylist() == [
        {"b": 3, "key": 1, "a": 9},
        {"b": 1, "key": 5, "a": 0},
        {"b": 2, "key": 5, "a": 0},
    ]


@settings(max_examples=80)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.lists(st.tuples(keys, st.integers(0, 5)), max_size=40),
            st.none() | st.sets(st.integers(0, 5)),
        ),
        max_size=5,
    )
)
def test_earlier_rows_come_where_a_new_one_has_their_key(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[bool, list[Row], set[int] | None]]
) -> None:
    """Of earlier parts the rows are given whose key a row of another part has, or all, and all rows of the others.

    Rows of excluded documents are as if they were not there.
    """
    folder = tmp_path_factory.mktemp("runs")
    root = Root(str(folder), LocalStore())
    named, expected, every = [], [], []
    new = {key for earlier, rows, aside in runs for key, row in rows if not earlier and row not in (aside or ())}
    for place, (earlier, rows, aside) in enumerate(runs):
        number = reference_number(0, place) if earlier else place
        pq.write_table(sort_rows(table(rows)), folder / f"{place}.parquet", row_group_size=7)
        out = None if aside is None else np.array(sorted(aside), np.uint32)
        named.append(Run(number, partial(read_range, root, f"{place}.parquet"), out))
        expected += [(key, number, row) for key, row in rows if key in new and row not in (aside or ())]
        every += [(key, number, row) for key, row in rows if row not in (aside or ())]
    assert listed(list(shuffle.merged_range(named, 0, KEYS))) == sorted(expected)
    assert listed(list(shuffle.merged_range(named, 0, KEYS, every_reference=True))) == sorted(every)


@given(st.lists(st.integers(0, 30), max_size=40), st.sets(st.integers(0, 30), max_size=40))
def test_having(found: list[int], wanted: set[int]) -> None:
    """The rows with a wanted key, all of them and in order, whether few are wanted or many."""
    rows = pa.record_batch([pa.array(sorted(found), pa.uint64()), pa.array(range(len(found)))], names=["key", "row"])
    expected = [row for row in zip(sorted(found), range(len(found)), strict=True) if row[0] in wanted]
    assert listed([having(np.array(sorted(wanted), np.uint64), rows)]) == expected
