"""Running stages in tests, without files and without a run: for authors of stages.

A global stage is driven as the engine drives it, and held to the contract of ``Global`` on the way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.stage.base import Edited
from refinery.stage.documents import POINTER, TEXT, Docs
from refinery.stage.global_stage import EARLIER, EARLIER_BITS, PART_BITS, Global, Mapped, Round, Rows
from refinery.task.shuffle import KEY, KEYS, merge, sort_rows

RANGES = 4
"""Key ranges that are reduced one by one."""
KEYS_AT_ONCE = 100
"""Rows in the batches in which a part's keys are read: few, so that ``reduce`` and ``resolve`` see several."""
ROWS_AT_ONCE = 3
"""Documents whose index is read at once."""


@dataclass(frozen=True)
class MemoryPart:
    """A part's map output in memory, as ``resolve`` sees it."""

    number: int
    rows: pa.Table
    keyed: pa.Table
    told: pa.Table | None = None
    """The verdict of an earlier part."""
    set_aside: pa.Table | None = None

    @property
    def documents(self) -> int:
        """How many documents the part has."""
        return int(self.rows.num_rows)

    def index(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The part's index rows, in document order, or those of some documents."""
        return _some(self.rows, columns, rows)

    def stream(self) -> Iterator[pa.RecordBatch]:
        """The index rows, some at a time."""
        yield from self.rows.to_batches(max_chunksize=ROWS_AT_ONCE)

    def verdict(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The same of what was said of them."""
        assert self.told is not None, "only earlier parts have a verdict"
        return _some(self.told, columns, rows)

    def keys(self) -> Iterator[pa.RecordBatch]:
        """The part's keyed rows, sorted by key, in small batches."""
        yield from self.keyed.to_batches(max_chunksize=KEYS_AT_ONCE)

    def aside(self) -> pa.Table:
        """What the first round made of it."""
        assert self.set_aside is not None, "no round has set documents aside"
        return self.set_aside

    def without(self, aside: pa.Table) -> MemoryPart:
        """The part with documents set aside, and without their rows. Raises AssertionError for an unsorted table."""
        rows = aside.column("row")
        if rows.to_pylist() != sorted(set(rows.to_pylist())):
            raise AssertionError(f"documents set aside are not sorted: {rows.to_pylist()}")
        out = pc.is_in(self.keyed.column("row"), value_set=rows)
        return replace(self, keyed=self.keyed.filter(pc.invert(out)), set_aside=aside)


@dataclass(frozen=True)
class Past:
    """An earlier root: the stage as it was there, its parts, and the roots that it was held against."""

    stage: Global
    parts: Sequence[Sequence[Docs]]
    before: Sequence[Past] = ()


def documents(texts: Sequence[str | None], first: int = 0) -> Docs:
    """A batch of made-up documents: number ``first + i`` has that number as id, offset and seconds since 1970."""
    numbers = range(first, first + len(texts))
    columns = {
        "id": [number.to_bytes(16, "big") for number in numbers],
        "url": [f"https://example.org/{number}" for number in numbers],
        "date": list(numbers),
        "warc": ["example.warc.gz"] * len(texts),
        "offset": list(numbers),
        "length": [len(text or "") for text in texts],
        "text": list(texts),
    }
    schema = pa.schema([*POINTER, TEXT])
    return Docs(pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in schema], schema=schema))


def run_global(stage: Global, parts: Sequence[Sequence[Docs]], past: Sequence[Past] = ()) -> list[list[Edited]]:
    """What ``apply`` makes of each batch of each part, after map, combine, reduce per key range and resolve.

    A part is the list of its batches, at least one; ``past`` are the roots that the stage is held against. Raises
    AssertionError where the stage breaks the contract: an index row for each document, an unchanged schema from
    ``combine``, a verdict for each part.
    """
    _, verdicts = _run(stage, parts, past)
    return [
        [stage.apply(docs, row, verdict) for docs, row in zip(batches, _first_rows(batches), strict=True)]
        for batches, verdict in zip(parts, verdicts, strict=True)
    ]


def _run(
    stage: Global, parts: Sequence[Sequence[Docs]], past: Sequence[Past]
) -> tuple[list[MemoryPart], list[pa.Table]]:
    """The parts as they are mapped, and their verdicts."""
    mapped = [_map(stage, number, batches) for number, batches in enumerate(parts)]
    earlier = [part for place, root in enumerate(past) for part in _earlier(place, root)]
    verdicts = _verdicts(stage, mapped, earlier)
    if len(verdicts) != len(parts):
        raise AssertionError(f"{len(verdicts)} verdicts for {len(parts)} parts")
    return mapped, verdicts


def _earlier(place: int, root: Past) -> list[MemoryPart]:
    """The parts of an earlier root, with their verdicts."""
    found = zip(*_run(root.stage, root.parts, root.before), strict=True)
    first = EARLIER + (place << EARLIER_BITS)
    return [replace(part, number=first + part.number, told=verdict) for part, verdict in found]


def _verdicts(stage: Global, new: Sequence[MemoryPart], earlier: Sequence[MemoryPart]) -> list[pa.Table]:
    """What the rounds make of all that was mapped."""
    mixed, first = False, stage.rounds()[0]
    tables: list[pa.Table] = []
    if first.scope == "whole":
        all_parts = [*new, *earlier]
        tables = list(getattr(stage, first.method)([], all_parts))
        all_parts = [part.without(aside) for part, aside in zip(all_parts, tables, strict=True)]
        new, earlier = all_parts[: len(new)], all_parts[len(new) :]
    keyed = [*new, *earlier]
    reduced: list[pa.RecordBatch] = []
    for each in stage.rounds()[first.scope == "whole" :]:
        method = getattr(stage, each.method)
        last = each == stage.rounds()[-1]
        mapped = new if last else [*new, *earlier]
        if each.scope == "ranges":
            groups = _ranges(keyed, streamed=each.streamed)
            reduced, mixed = [batch for rows in groups for batch in method(rows)], True
        elif each.scope == "whole":
            tables, mixed = list(method(_sorted(reduced), mapped)), False
        else:
            sent = [_sent(reduced, part.number) for part in mapped] if mixed else tables
            given = [iter(rows.to_batches(KEYS_AT_ONCE)) if each.streamed else rows for rows in sent]
            made = [method(rows, part) for rows, part in zip(given, mapped, strict=True)]
            if last:
                tables = made
            else:
                found = [_in_order(each, reader.read_all()) for reader in made]
                keyed = [replace(part, keyed=rows) for part, rows in zip(mapped, found, strict=True)]
    return tables


def _in_order(each: Round, rows: pa.Table) -> pa.Table:
    """What a part sends to the next round. Raises AssertionError where it is not sorted."""
    keys = rows.column(KEY).to_numpy()
    if (keys[1:] < keys[:-1]).any():
        raise AssertionError(f"{each.method} made rows that are not sorted by key")
    return rows


def _sent(reduced: Sequence[pa.RecordBatch], part: int) -> pa.Table:
    """The rows that are of documents of a part."""
    if not reduced:
        return pa.table({})
    rows = sort_rows(pa.Table.from_batches(reduced))
    return rows.filter(pa.array(rows.column(KEY).to_numpy() >> np.uint64(PART_BITS) == part))


def _map(stage: Global, number: int, batches: Sequence[Docs]) -> MemoryPart:
    mapped: list[Mapped] = []
    for docs, row in zip(batches, _first_rows(batches), strict=True):
        mapped.append(stage.map(docs, row))
        if mapped[-1].index.num_rows != len(docs):
            raise AssertionError(f"{mapped[-1].index.num_rows} index rows for {len(docs)} documents")
    keys = pa.Table.from_batches([m.keys for m in mapped])
    combined = stage.combine(keys)
    if not combined.schema.equals(keys.schema):
        raise AssertionError(f"combine made {combined.schema} of {keys.schema}")
    return MemoryPart(number, pa.Table.from_batches([m.index for m in mapped]), sort_rows(combined))


def _ranges(parts: Sequence[MemoryPart], *, streamed: bool) -> Iterator[Iterator[pa.RecordBatch]]:
    """For each key range with rows: its rows, from all parts."""
    for low, high in pairwise(KEYS * i // RANGES for i in range(RANGES + 1)):
        inside = [(part.number, list(_inside(part, low, high))) for part in parts]
        if any(batches for number, batches in inside if number < EARLIER):
            merged = _of_new(merge([(number, iter(batches)) for number, batches in inside]))
            yield _by_part(merged) if streamed else merged


def _by_part(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows as they lie: part after part, none in a batch with another."""
    rows = pa.Table.from_batches(groups)
    parts = rows.column("part").to_numpy()
    for part in np.unique(parts):
        yield from rows.filter(pa.array(parts == part)).combine_chunks().to_batches(max_chunksize=KEYS_AT_ONCE)


def _of_new(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The groups of equal keys in which there is a row that is not of an earlier part."""
    for batch in groups:
        keys, parts = (batch.column(name).to_numpy() for name in (KEY, "part"))
        rows = batch.filter(pa.array(np.isin(keys, keys[parts < EARLIER])))
        if len(rows):
            yield rows


def _some(table: pa.Table, columns: Sequence[str] | None, rows: Rows | None) -> pa.Table:
    found = table if columns is None else table.select(list(columns))
    return found if rows is None else found.take(pa.array(rows))


def _sorted(reduced: Sequence[pa.RecordBatch]) -> Sequence[pa.RecordBatch]:
    """What was reduced, as ``resolve`` gets it: sorted where it has a key."""
    if not reduced or KEY not in reduced[0].schema.names:
        return reduced
    rows: list[pa.RecordBatch] = sort_rows(pa.Table.from_batches(reduced)).to_batches(max_chunksize=KEYS_AT_ONCE)
    return rows


def _inside(part: MemoryPart, low: int, high: int) -> Iterator[pa.RecordBatch]:
    for batch in part.keyed.to_batches(max_chunksize=KEYS_AT_ONCE):
        keys = batch.column("key").to_numpy()
        rows = batch.filter(pa.array((keys >= np.uint64(low)) & (keys <= np.uint64(high - 1))))
        if len(rows):
            yield rows


def _first_rows(batches: Sequence[Docs]) -> list[int]:
    ends = np.cumsum([0, *map(len, batches)])
    return [int(end) for end in ends[:-1]]
