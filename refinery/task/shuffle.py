"""Small keyed rows from many parts to key ranges, in bounded memory.

Each part writes one file sorted by key. A range is read out of all of them and sorted: memory holds the rows of the
range, which are as many as a budget allows, or the largest group of equal keys if that is more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.kernels import contains, order_of
from refinery.root.parquet import open_parquet, read_batches, schema_of
from refinery.root.root import Root
from refinery.stage.global_stage import EARLIER

ROW_GROUP = 16_384
"""Rows of a sorted run that are read at once: to find a range, fewer are better, and more take less to look through."""

GROUPS_AT_ONCE = 8
"""Row groups that are read together."""

SHARE = 8
"""The rows of a range are this part of the memory of a task: they are sorted, and joined to what the stage makes."""

AT_ONCE = 1 << 18
"""Rows that a stage is given at once, but for larger groups of equal keys."""

FEW = 128
"""Rows for which a piece of a run is looked at, at the least."""

KEY = "key"
"""The column by which rows are sorted."""

KEYS = 2**64


@dataclass(frozen=True)
class Run:
    """The sorted keyed rows of one part: its number, and a file below a root."""

    number: int
    root: Root
    path: str
    aside: npt.NDArray[np.uint32] | None = None
    """Sorted documents of the part: rows that have one of them as ``row`` are left out."""


def sort_rows(table: pa.Table) -> pa.Table:
    """The rows sorted by ``key``, then by the other columns in their order."""
    keys = _numbers(table, KEY)
    others = [name for name in table.schema.names if name != KEY]
    if (keys[1:] >= keys[:-1]).all() and _in_order(table, others):
        return table
    rows = table.take(pa.array(order_of(keys)))
    if _in_order(rows, others):
        return rows
    return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in (KEY, *others)]))


def _numbers(rows: pa.Table, name: str) -> np.ndarray[Any, Any]:
    """A column's numbers; a copy only where they are not together."""
    column = rows.column(name)
    numbers: np.ndarray[Any, Any] = (column.chunk(0) if column.num_chunks == 1 else column).to_numpy(
        zero_copy_only=False
    )
    return numbers


def _in_order(rows: pa.Table, others: Sequence[str]) -> bool:
    """Whether rows with equal keys, which have stayed in their order, are sorted by these columns already."""
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


def ranges(total_bytes: int, memory: int) -> list[tuple[int, int]]:
    """Equal half-open ranges of the 64-bit keys, few enough rows in each to be sorted in ``memory`` bytes."""
    count = max(1, -(-total_bytes // (memory // SHARE)))
    cuts = [KEYS * i // count for i in range(count + 1)]
    return list(pairwise(cuts))


def range_of(runs: Sequence[Run], low: int, high: int) -> Iterator[pa.RecordBatch]:
    """The rows of a range of all runs: by key, part, then the other columns.

    A ``part: uint32`` column follows the key. A batch never splits a group of equal keys. Rows of earlier parts that no
    other part has the key of are left out, unsorted: of many old rows few are wanted.
    """
    yield from in_order(list(parts_of(runs, low, high)), low, high)


def in_order(pieces: Sequence[pa.RecordBatch], low: int, high: int, at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Sorted pieces of a range as one sequence, in batches of about ``at_once`` that split no group of equal keys.

    About so many rows, which a core's caches hold, are sorted together.
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


def parts_of(runs: Sequence[Run], low: int, high: int) -> Iterator[pa.RecordBatch]:
    """The same rows as they lie: part after part, each sorted; none where there are earlier ones only."""
    earlier = [run for run in runs if run.number >= EARLIER]
    found: list[np.ndarray[Any, Any]] = []
    for run in runs:
        if run.number < EARLIER:
            for rows in _taking_part(run, read_range(run.root, run.path, low, high)):
                found += [rows.column(KEY).to_numpy()] if earlier else []
                yield numbered(run.number, _copied(rows))
    if found:
        wanted = _distinct(np.concatenate(found))
        for run in earlier:
            some = (having(wanted, rows) for rows in read_range(run.root, run.path, low, high))
            yield from (numbered(run.number, rows) for rows in _taking_part(run, some) if len(rows))


def _distinct(keys: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Each key once, sorted: as ``numpy.unique`` in a fraction of its time."""
    keys = keys[order_of(keys)]
    new = np.ones(len(keys), np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    return keys[new]


def _taking_part(run: Run, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows that are of no document set aside."""
    if run.aside is None or not len(run.aside):
        yield from batches
        return
    aside = np.zeros(int(run.aside[-1]) + 2, np.bool_)  # the last is of all documents beyond
    aside[run.aside] = True
    for rows in batches:
        out = aside[np.minimum(rows.column("row").to_numpy(), len(aside) - 1)]
        yield rows.filter(pa.array(~out)) if out.any() else rows


def having(wanted: np.ndarray[Any, Any], rows: pa.RecordBatch) -> pa.RecordBatch:
    """Those of the sorted rows whose key is among the sorted distinct ones that are ``wanted``."""
    keys = rows.column(KEY).to_numpy()
    begin, end = np.searchsorted(wanted, keys[:1]), np.searchsorted(wanted, keys[-1:], side="right")
    near = wanted[int(begin[0]) : int(end[0])] if len(keys) else wanted[:0]
    return rows.take(pa.array(np.flatnonzero(contains(near, keys))))


def whole_groups(rows: pa.Table, at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
    """Sorted rows in batches of about ``at_once`` that split no group of equal keys."""
    (batch,) = rows.to_batches() or [None]
    keys = rows.column(KEY).to_numpy()
    start = 0
    while start < len(keys):
        last = keys[min(start + at_once, len(keys)) - 1]
        end = int(np.searchsorted(keys, last, side="right"))
        yield batch.slice(start, end - start)
        start = end


def numbered(part: int, rows: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of a part with a ``part`` column behind their key."""
    others = [name for name in rows.schema.names if name != KEY]
    columns = [
        rows.column(KEY),
        _part_column(part, _capacity(len(rows))).slice(0, len(rows)),
        *(rows.column(name) for name in others),
    ]
    return pa.RecordBatch.from_arrays(columns, names=[KEY, "part", *others])


@lru_cache(maxsize=1)
def _part_column(part: int, rows: int) -> pa.UInt32Array:
    """The same number many times: the batches of a part share it."""
    return pa.array(np.full(rows, part, dtype=np.uint32))


def _capacity(rows: int) -> int:
    """The next power of two."""
    return 1 << max(0, rows - 1).bit_length()


def _copied(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The rows without the row groups that they are a slice of, where those are much more."""
    if rows.get_total_buffer_size() < 2 * rows.nbytes:
        return rows
    return rows.take(pa.array(np.arange(len(rows))))


def read_range(root: Root, path: str, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """Rows of a sorted file below the root with ``low <= key < high``, in order."""
    with open_parquet(root, path) as file:
        groups = _row_groups(file, low, high)
        for at in range(0, len(groups), GROUPS_AT_ONCE):
            for batch in file.read_row_groups(list(groups[at : at + GROUPS_AT_ONCE])).combine_chunks().to_batches():
                keys = batch.column(KEY).to_numpy()
                start, stop = _search(keys, low), _search(keys, high)
                if stop > start:
                    yield batch.slice(start, stop - start)


def _row_groups(file: pq.ParquetFile, low: int, high: int) -> range:
    """Those of a sorted file that may hold keys of a range; the statistics of few are looked at."""
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


def _search(keys: np.ndarray[Any, Any], threshold: int) -> int:
    return len(keys) if threshold >= KEYS else int(np.searchsorted(keys, np.uint64(threshold), side="left"))


def read_reduced(root: Root, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The rows of the reduced ranges: merged where they have a key of their own, else one range after the other."""
    if all(KEY in schema_of(root, path).names for path in paths):
        return merge([(None, read_range(root, path, 0, KEYS)) for path in paths])
    return read_batches(root, paths, ROW_GROUP)


def merge(
    runs: Sequence[tuple[int | None, Iterator[pa.RecordBatch]]], at_once: int = AT_ONCE
) -> Iterator[pa.RecordBatch]:
    """Merge sorted runs, each with its part number, into batches sorted by key, part, then the other columns.

    A ``part: uint32`` column follows the key, unless the numbers are None. A batch never splits a group of equal keys.
    """
    for rows in gathered(runs, at_once):
        yield from sort_rows(rows).combine_chunks().to_batches()


def gathered(runs: Sequence[tuple[int | None, Iterator[pa.RecordBatch]]], at_once: int = AT_ONCE) -> Iterator[pa.Table]:
    """The same rows in tables of about ``at_once``: none has a key of an earlier one, and inside they are not sorted.

    Of each run as many rows are in memory as make ``at_once`` together, or the batch it gives if that is more.
    """
    least = max(FEW, at_once // max(1, len(runs)))
    heads = [head for number, run in runs if (head := _Head(number, run)).fill(least)]
    while heads:
        open_ends = [head.last for head in heads if not head.finished]
        limit = min(open_ends) if open_ends else None
        taken = [piece for head in heads if (piece := head.take_below(limit)) is not None]
        if taken:
            yield pa.Table.from_batches(taken)
        else:
            for head in heads:
                if not head.finished and head.last == limit:
                    head.extend()
        heads = [head for head in heads if head.fill(least)]


class _Head:
    """The rows of one run that are in memory."""

    def __init__(self, part: int | None, run: Iterator[pa.RecordBatch]) -> None:
        self._part = part
        self._run = run
        self._rows: pa.RecordBatch | None = None
        self.finished = False

    @property
    def last(self) -> int:
        """The largest key in memory."""
        assert self._rows is not None
        return int(self._rows.column(0)[-1].as_py())

    def fill(self, least: int) -> bool:
        """Have at least so many rows in memory, or all that are left; False if there are none."""
        pieces = [] if self._rows is None else [self._rows]
        held = sum(map(len, pieces))
        while held < least and not self.finished and (more := self._next()) is not None:
            pieces.append(more)
            held += len(more)
        self._rows = _one(pieces) if pieces else None
        return self._rows is not None

    def extend(self) -> None:
        """Read on, behind the rows in memory."""
        more = self._next()
        if more is not None:
            assert self._rows is not None
            self._rows = _one([self._rows, more])

    def take_below(self, limit: int | None) -> pa.RecordBatch | None:
        """Remove and return the rows with keys below ``limit``; all rows for None."""
        assert self._rows is not None
        rows = self._rows
        count = len(rows) if limit is None else _search(rows.column(0).to_numpy(), limit)
        self._rows = rows.slice(count) if count < len(rows) else None
        return rows.slice(0, count) if count else None

    def _next(self) -> pa.RecordBatch | None:
        for batch in self._run:
            if len(batch):
                others = [name for name in batch.schema.names if name != "key"]
                rows = batch.select(["key", *others])
                if self._part is None:
                    return rows
                return numbered(self._part, rows)
        self.finished = True
        return None


def _one(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of batches in one."""
    return pieces[0] if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
