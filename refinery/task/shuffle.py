"""Small keyed rows from many parts to key ranges, in bounded memory.

Each part writes one file sorted by key. A range is read from all files and sorted: the range
has as many rows as the memory budget allows, or the largest group of equal keys if that is more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from refinery.kernels import contains, order_of
from refinery.kernels.groups import starts_group
from refinery.root.parquet import open_parquet
from refinery.root.root import Root
from refinery.stage.addresses import is_reference
from refinery.stage.keyed import KEY, KEYS, sort_rows

ROW_GROUP = 16_384
"""Rows of a row group of a sorted run: fewer make ranges exact, more make them quick to find."""

GROUPS_AT_ONCE = 8
"""Row groups that are read together."""

SHARE = 8
"""The rows of a range take this share of the memory of a task, which also sorts them and builds the results."""

AT_ONCE = 1 << 18
"""Rows of a batch, except for larger groups of equal keys."""

FEW = 128
"""Least rows to read of a run at once."""


@dataclass(frozen=True)
class Run:
    """The sorted keyed rows of one part: its number, and a function that reads a half-open range of keys."""

    number: int
    read: Callable[[int, int], Iterator[pa.RecordBatch]]
    excluded: npt.NDArray[np.uint32] | None = None
    """Sorted documents of the part: rows that have one of them as ``row`` are left out."""
    merged: bool = False
    """True for rows of several parts with their numbers, by key: this one and others, all reference parts or none."""


def ranges(total_bytes: int, memory: int) -> list[tuple[int, int]]:
    """Return equal half-open ranges of the 64-bit keys, whose rows can be sorted in ``memory`` bytes."""
    count = max(1, -(-total_bytes // (memory // SHARE)))
    cuts = [KEYS * i // count for i in range(count + 1)]
    return list(pairwise(cuts))


def merged_range(
    runs: Sequence[Run], low: int, high: int, *, every_reference: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a range of all runs by key, part, then the other columns.

    A ``part: uint32`` column follows the key. A batch never splits a group of equal keys. Rows of reference parts with
    a key that no other part has are left out before sorting, unless ``every_reference``: of many few are wanted.
    """
    yield from in_order([rows for _, some in _read(runs, low, high, every_reference) for rows in some], low, high)


def in_order(pieces: Sequence[pa.RecordBatch], low: int, high: int, at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Merge sorted pieces of a range into batches of about ``at_once`` rows that split no group of equal keys.

    So many rows fit the caches of a core, and are sorted together.
    """
    total = sum(map(len, pieces))
    count = max(1, -(-total // max(at_once, FEW * len(pieces))))
    cuts = np.array([low + (high - low) * i // count for i in range(1, count)], np.uint64)
    ends = [[0, *np.searchsorted(piece.column(KEY).to_numpy(), cuts).tolist(), len(piece)] for piece in pieces]
    for number in range(count):
        inside = [
            piece.slice(places[number], places[number + 1] - places[number])
            for piece, places in zip(pieces, ends, strict=True)
            if places[number] < places[number + 1]
        ]
        if inside:
            yield from whole_groups(sort_rows(pa.Table.from_batches(inside)).combine_chunks(), at_once)


def range_by_part(
    runs: Sequence[Run], low: int, high: int, *, every_reference: bool = False
) -> Iterator[pa.RecordBatch]:
    """Yield the same rows part after part, each sorted; none if all parts are reference parts."""
    for run, rows in _read(runs, low, high, every_reference):
        yield from by_part(rows) if run.merged else rows


def _read(
    runs: Sequence[Run], low: int, high: int, every_reference: bool
) -> Iterator[tuple[Run, Iterator[pa.RecordBatch]]]:
    """Yield the rows of a range of each run, with the numbers of their parts."""
    reference = [] if every_reference else [run for run in runs if is_reference(run.number)]
    keys: list[npt.NDArray[np.uint64]] = []

    def noted(rows: pa.RecordBatch) -> pa.RecordBatch:
        if reference:
            keys.append(rows.column(KEY).to_numpy())
        return rows

    for run in runs:
        if every_reference or not is_reference(run.number):
            yield run, (_of_parts(run, copied(noted(rows))) for rows in rows_left(run, run.read(low, high)))
    if keys:
        wanted = _distinct(np.concatenate(keys))
        for run in reference:
            some = (having(wanted, rows) for rows in run.read(low, high))
            yield run, (_of_parts(run, rows) for rows in rows_left(run, some) if len(rows))


def _of_parts(run: Run, rows: pa.RecordBatch) -> pa.RecordBatch:
    return rows if run.merged else numbered(run.number, rows)


def by_part(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a range of a merged run part after part, each in the order in which they come."""
    pieces = [rows for rows in batches if len(rows)]
    if pieces:
        table = pa.Table.from_batches(pieces)
        parts = table.column("part").to_numpy()
        order = np.argsort(parts, kind="stable")
        (whole,) = table.take(pa.array(order)).combine_chunks().to_batches()
        for start, end in pairwise([0, *(np.flatnonzero(np.diff(parts[order])) + 1).tolist(), len(order)]):
            yield whole.slice(start, end - start)


def _distinct(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return each key once, sorted: ``numpy.unique`` takes several times as long."""
    keys = keys[order_of(keys)]
    return keys[starts_group(keys)]


def rows_left(run: Run, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of documents that are not excluded."""
    if run.excluded is None or not len(run.excluded):
        yield from batches
        return
    excluded = np.zeros(int(run.excluded[-1]) + 2, np.bool_)  # the last is of all documents beyond
    excluded[run.excluded] = True
    for rows in batches:
        out = excluded[np.minimum(rows.column("row").to_numpy(), len(excluded) - 1)]
        yield rows.filter(pa.array(~out)) if out.any() else rows


def having(wanted: np.ndarray[Any, Any], rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return the sorted rows whose key is among the sorted distinct keys ``wanted``."""
    keys = rows.column(KEY).to_numpy()
    begin, end = np.searchsorted(wanted, keys[:1]), np.searchsorted(wanted, keys[-1:], side="right")
    near = wanted[int(begin[0]) : int(end[0])] if len(keys) else wanted[:0]
    return rows.take(pa.array(np.flatnonzero(contains(near, keys))))


def whole_groups(rows: pa.Table, at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Split sorted rows into batches of about ``at_once`` that split no group of equal keys."""
    (batch,) = rows.to_batches() or [None]
    keys = rows.column(KEY).to_numpy()
    start = 0
    while start < len(keys):
        last = keys[min(start + at_once, len(keys)) - 1]
        end = int(np.searchsorted(keys, last, side="right"))
        yield batch.slice(start, end - start)
        start = end


def numbered(part: int, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows of a part with a ``part`` column behind their key."""
    others = [name for name in rows.schema.names if name != KEY]
    columns = [
        rows.column(KEY),
        _part_column(part, _capacity(len(rows))).slice(0, len(rows)),
        *(rows.column(name) for name in others),
    ]
    return pa.RecordBatch.from_arrays(columns, names=[KEY, "part", *others])


@lru_cache(maxsize=1)
def _part_column(part: int, rows: int) -> pa.UInt32Array:
    """Return a column of one number, which the batches of a part share."""
    return pa.array(np.full(rows, part, dtype=np.uint32))


def _capacity(rows: int) -> int:
    """Return the next power of two."""
    return 1 << max(0, rows - 1).bit_length()


def copied(rows: pa.RecordBatch) -> pa.RecordBatch:
    """Return a copy of rows that are a small slice of their buffers, so that the rest can be freed."""
    if rows.get_total_buffer_size() < 2 * rows.nbytes:
        return rows
    return rows.take(pa.array(np.arange(len(rows))))


def read_range(root: Root, path: str, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a sorted file below the root with ``low <= key < high``, in order."""
    with open_parquet(root, path) as file:
        yield from rows_between(file, low, high)


def rows_between(file: pq.ParquetFile, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an open sorted file with ``low <= key < high``, in order."""
    groups = row_groups(file, low, high)
    for at in range(0, len(groups), GROUPS_AT_ONCE):
        for batch in file.read_row_groups(list(groups[at : at + GROUPS_AT_ONCE])).combine_chunks().to_batches():
            keys = batch.column(KEY).to_numpy()
            start, stop = search(keys, low), search(keys, high)
            if stop > start:
                yield batch.slice(start, stop - start)


def rows_below(file: pq.ParquetFile, key: int) -> int:
    """Return how many rows of an open sorted file have a lower key: of one row group the keys are read."""
    if key <= 0:
        return 0
    groups = row_groups(file, key - 1, key) if key < KEYS else range(file.metadata.num_row_groups, 0)
    before: int = sum(file.metadata.row_group(group).num_rows for group in range(groups.start))
    inside = (file.read_row_group(group, [KEY]).column(KEY).to_numpy() for group in groups)
    return before + sum(search(keys, key) for keys in inside)


def keys_between(file: pq.ParquetFile, low: int, high: int) -> npt.NDArray[np.uint64]:
    """Return the keys of an open sorted file in a half-open range."""
    groups = list(row_groups(file, low, high))
    if not groups:
        return np.empty(0, np.uint64)
    keys: npt.NDArray[np.uint64] = file.read_row_groups(groups, [KEY]).column(KEY).to_numpy()
    return keys[search(keys, low) : search(keys, high)]


def row_groups(file: pq.ParquetFile, low: int, high: int) -> range:
    """Return the row groups that may contain keys of a range, by binary search in their statistics."""
    metadata, column = file.metadata, file.schema_arrow.get_field_index(KEY)

    def threshold(group: int, name: str) -> int:
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None:
            raise pa.ArrowInvalid("row groups without statistics")
        return int(getattr(statistics, name))

    groups = range(metadata.num_row_groups if metadata.num_rows else 0)
    first = bisect_left(groups, low, key=lambda group: threshold(group, "max"))
    last = bisect_left(groups, high, lo=first, key=lambda group: threshold(group, "min"))
    return groups[first:last]


def search(keys: np.ndarray[Any, Any], threshold: int) -> int:
    """Return the number of sorted keys below a threshold."""
    return len(keys) if threshold >= KEYS else int(np.searchsorted(keys, np.uint64(threshold), side="left"))
