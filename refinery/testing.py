"""Running stages in tests, without files and without a run: for authors of stages.

A global stage runs through the rounds that it declares, and its contract is checked on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.stage.addresses import parts_of, reference_number
from refinery.stage.base import Edited
from refinery.stage.documents import POINTER, TEXT, Docs
from refinery.stage.global_stage import Global
from refinery.stage.keyed import KEY, KEYS, sort_rows
from refinery.stage.round_input import MappedPart, Output, RowNumbers
from refinery.stage.rounds import Reduce, Round, in_turn
from refinery.task.shuffle import Run, merged_range, range_by_part

RANGES = 4
"""Key ranges, each of which is reduced by one task."""
KEYS_AT_ONCE = 100
"""Rows in a batch of a part's keys: few, so that a round sees several batches."""
ROWS_AT_ONCE = 3
"""Documents in a batch of an index."""


@dataclass(frozen=True)
class MemoryPart(MappedPart):
    """A part's map output in memory, and the verdict of a reference part."""

    number: int
    documents: int
    rows: pa.Table
    keyed: pa.Table
    decided: pa.Table | None = None
    left_out: pa.Table | None = None

    def index(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        return _some(self.rows, columns, rows)

    def stream(self) -> Iterator[pa.RecordBatch]:
        yield from self.rows.to_batches(max_chunksize=ROWS_AT_ONCE)

    def verdict(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        assert self.decided is not None, "only reference parts have a verdict"
        return _some(self.decided, columns, rows)

    def excluded(self) -> pa.Table:
        assert self.left_out is not None, "no round has excluded documents"
        return self.left_out

    def without(self, excluded: pa.Table) -> MemoryPart:
        """Return the part without the keyed rows of excluded documents."""
        out = pc.is_in(self.keyed.column("row"), value_set=excluded.column("row"))
        return replace(self, keyed=self.keyed.filter(pc.invert(out)), left_out=excluded)

    def key_range(self, low: int, high: int) -> Iterator[pa.RecordBatch]:
        """Yield the keyed rows in a half-open range of keys."""
        yield from _key_range(self.keyed, low, high)


@dataclass(frozen=True)
class Past:
    """A reference root: the stage as it was there, its parts, and the reference roots that it had."""

    stage: Global
    parts: Sequence[Sequence[Docs]]
    before: Sequence[Past] = ()


def documents(texts: Sequence[str | None], first: int = 0) -> Docs:
    """Return a batch of made-up documents: number n, from ``first`` on, has id and offset n and was crawled at n s."""
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
    """Return the results of ``apply`` for each batch of each part, after map, combine and all rounds.

    A part is the list of its batches, at least one; ``past`` are the reference roots. Raises AssertionError where the
    stage breaks its contract: an index row for each document, an unchanged schema from ``combine_keys``, a table for
    each part, sorted keys.
    """
    _, verdicts = _run(stage, parts, past)
    return [
        [stage.apply(docs, row, verdict) for docs, row in zip(batches, _first_rows(batches), strict=True)]
        for batches, verdict in zip(parts, verdicts, strict=True)
    ]


def _run(
    stage: Global, parts: Sequence[Sequence[Docs]], past: Sequence[Past]
) -> tuple[list[MemoryPart], list[pa.Table]]:
    """Return the mapped parts, and their verdicts."""
    mapped = [_map(stage, number, batches) for number, batches in enumerate(parts)]
    reference = [part for root, given in enumerate(past) for part in _reference(root, given)]
    shuffle = _MemoryShuffle(len(parts), [*mapped, *reference])
    (rounds, *_) = stage.forms(sum(part.documents for part in [*mapped, *reference]))
    for operator in in_turn(rounds, shuffle):
        results = [
            [_checked(operator, output) for output in operator.perform(task)] for task in operator.tasks(shuffle)
        ]
        operator.pass_on(shuffle, results)
    return mapped, [shuffle.verdicts[str(part.number)] for part in mapped]


def _reference(root: int, given: Past) -> list[MemoryPart]:
    """Return the parts of a reference root, with their verdicts."""
    parts = zip(*_run(given.stage, given.parts, given.before), strict=True)
    return [replace(part, number=reference_number(root, part.number), decided=verdict) for part, verdict in parts]


def _map(stage: Global, number: int, batches: Sequence[Docs]) -> MemoryPart:
    mapped = []
    for docs, row in zip(batches, _first_rows(batches), strict=True):
        mapped.append(stage.map(docs, row))
        if mapped[-1].index.num_rows != len(docs):
            raise AssertionError(f"{mapped[-1].index.num_rows} index rows for {len(docs)} documents")
    keys = pa.Table.from_batches([m.keys for m in mapped])
    combined = stage.combine_keys(keys)
    if not combined.schema.equals(keys.schema):
        raise AssertionError(f"combine_keys made {combined.schema} of {keys.schema}")
    index = pa.Table.from_batches([m.index for m in mapped])
    return MemoryPart(number, index.num_rows, index, sort_rows(combined))


def _checked(operator: Round, output: Output) -> Output:
    """Return an output as a table. Raises AssertionError where rows are not sorted as the next round needs them."""
    table = output.rows if isinstance(output.rows, pa.Table) else output.rows.read_all()
    values = table.column(operator.sorted_by).to_numpy() if operator.sorted_by else np.empty(0)
    if (values[1:] < values[:-1]).any():
        raise AssertionError(f"{operator.name} made rows that are not sorted by {operator.sorted_by}")
    return output._replace(rows=table)


@dataclass(frozen=True)
class _MemoryInput:
    """The input of a task of a round: see ``refinery.stage.round_input.RoundInput``."""

    number: int
    parts: Sequence[MemoryPart]
    received: Sequence[pa.Table] = ()
    low: int = 0
    high: int = 0
    runs: Sequence[Run] = ()

    def rows(self, *, merged: bool, every_reference: bool) -> Iterator[pa.RecordBatch]:
        read = merged_range if merged else range_by_part
        return read(self.runs, self.low, self.high, every_reference=every_reference)

    def reduced(self) -> Iterable[pa.RecordBatch]:
        return [batch for table in self.received for batch in table.to_batches(max_chunksize=KEYS_AT_ONCE)]

    def sent(self) -> pa.RecordBatchReader:
        schema = self.received[0].schema if self.received else pa.schema([])
        return pa.RecordBatchReader.from_batches(schema, self.reduced())


class _MemoryShuffle:
    """The state between rounds: see ``refinery.stage.rounds.Shuffle``. The first ``count`` parts are no references."""

    def __init__(self, count: int, parts: Sequence[MemoryPart]) -> None:
        self._count, self._parts, self._of_map = count, parts, parts
        self._ranges: Sequence[pa.Table] | None = None
        """Keyed rows of all parts by range, where those of each part have been replaced by them."""
        self._sent: dict[str, list[pa.Table]] = {}
        self.verdicts: dict[str, pa.Table] = {}

    def by_range(self, operator: Reduce) -> list[_MemoryInput]:
        del operator
        cuts = pairwise(KEYS * i // RANGES for i in range(RANGES + 1))
        if self._ranges is None:
            runs = [Run(part.number, part.key_range) for part in self._parts]
        else:
            runs = [Run(0, partial(_key_range, table), merged=True) for table in self._ranges]
        return [_MemoryInput(number, self._parts, (), *cut, runs) for number, cut in enumerate(cuts)]

    def at_once(self, operator: Round) -> list[_MemoryInput]:
        return [_MemoryInput(0, self._parts_of(operator), self._sent.get("reduced", []))]

    def by_part(self, operator: Round) -> list[_MemoryInput]:
        return [_MemoryInput(part.number, [part], self._sent_to(part.number)) for part in self._parts_of(operator)]

    def exclude(self, results: Sequence[Sequence[Output]]) -> None:
        made = chain.from_iterable(results)
        self._parts = [part.without(output.rows) for part, output in zip(self._of_map, made, strict=True)]
        self._sent, self._ranges = {}, None

    def send(self, results: Sequence[Sequence[Output]], *, addressed: bool) -> None:
        del addressed
        self._sent = _by_name(results)

    def rekey(self, results: Sequence[Sequence[Output]]) -> None:
        self._parts = [replace(part, keyed=made.rows) for part, (made,) in zip(self._parts, results, strict=True)]
        self._ranges = None

    def regroup(self, results: Sequence[Sequence[Output]]) -> None:
        self._ranges = [output.rows for made in results for output in made]

    @property
    def keyed(self) -> object:
        return self._ranges if self._ranges is not None else [part.keyed for part in self._parts]

    def conclude(self, results: Sequence[Sequence[Output]]) -> None:
        self.verdicts = {name: table for name, (table,) in _by_name(results).items()}

    def _parts_of(self, operator: Round) -> Sequence[MemoryPart]:
        return self._parts[: self._count] if operator.final else self._parts

    def _sent_to(self, part: int) -> list[pa.Table]:
        """Return the rows that were sent to a part, those of ranges by their addresses."""
        if "reduced" not in self._sent:
            return self._sent.get(str(part), [])
        tables = self._sent["reduced"]
        return [table.filter(pa.array(parts_of(table.column(KEY).to_numpy()) == part)) for table in tables]


def _by_name(results: Sequence[Sequence[Output]]) -> dict[str, list[pa.Table]]:
    named: dict[str, list[pa.Table]] = {}
    for output in chain.from_iterable(results):
        named.setdefault(output.name, []).append(output.rows)
    return named


def _key_range(keyed: pa.Table, low: int, high: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a sorted table in a half-open range of keys, batch by batch."""
    for batch in keyed.to_batches(max_chunksize=KEYS_AT_ONCE):
        keys = batch.column(KEY).to_numpy()
        rows = batch.filter(pa.array((keys >= np.uint64(low)) & (keys <= np.uint64(high - 1))))
        if len(rows):
            yield rows


def _some(table: pa.Table, columns: Sequence[str] | None, rows: RowNumbers | None) -> pa.Table:
    table = table if columns is None else table.select(list(columns))
    return table if rows is None else table.take(pa.array(rows))


def _first_rows(batches: Sequence[Docs]) -> list[int]:
    ends = np.cumsum([0, *map(len, batches)])
    return [int(end) for end in ends[:-1]]
