"""Documents in an order of the whole dataset: each part writes a sorted run, and a range of ranks is read from all.

The order is by key, a number that is uniform in each split, then by id. Everything beyond ``BUDGET`` bytes is in files.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.identity import part_key
from refinery.root.parquet import Written, discard, open_parquet, publish, text_bytes, write_batches
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.takedowns import taken_down
from refinery.stage.documents import TOKENS, Docs, id_bytes
from refinery.stage.keyed import KEY
from refinery.store import storage_errors
from refinery.task.commit import Sizes, commit, committed
from refinery.task.document_pass import Batch
from refinery.task.ranks import OrderRun, Ranks
from refinery.task.shuffle import keys_between, read_range, rows_below, rows_between
from refinery.task.tasks import SegmentTask

BUDGET = 128 * 2**20
"""Bytes of documents that are sorted at once; with their sorted copy they are twice as much."""

GROUP_BYTES = 2**20
"""Bytes of documents in a row group of a run, which is read as a whole."""

BYTES_OF_TOKEN = 4
"""Bytes of text of an average token."""

UNITS = ("documents", "text", "tokens")
"""Units in which the receipt of a run counts the documents of each split."""

PIECE = 1024
"""Documents of a batch."""

DEVIATIONS = 8
"""Half the window, in standard deviations, in which the key of a rank is looked for first."""

Read = Callable[[int, int], Iterator[pa.RecordBatch]]
"""Yields the rows of a run in a half-open range of keys."""


class RunWriter:
    """Writes the documents of one part sorted by the order of the stage that follows."""

    def __init__(self, root: Root, task: SegmentTask, run: OrderRun) -> None:
        self._root, self._run, self._force = root, run, task.force
        self._splits = run.stage.splits()
        self._schema = pa.schema([(KEY, pa.uint64()), *(run.given.field(name) for name in run.columns)])
        self._pending: list[pa.RecordBatch] = []
        self._bytes = self._total = 0
        self._counts = {f"{split.name} {unit}": 0 for split in self._splits for unit in UNITS}
        self._spilled: list[Written] = []
        self._seconds = 0.0

    def add(self, docs: Docs) -> None:
        """Add the next batch of the part."""
        started = time.perf_counter()
        keys = self._run.stage.order(docs)
        columns = [pa.array(keys), *(docs.column(name) for name in self._run.columns)]
        rows = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        text, tokens = text_bytes(rows), _tokens(docs, text_bytes(rows))
        for split in self._splits:
            inside = (keys >= np.uint64(split.low)) & (keys <= np.uint64(split.high - 1))
            for unit, sizes in zip(UNITS, (inside, text[inside], tokens[inside]), strict=True):
                self._counts[f"{split.name} {unit}"] += int(sizes.sum())
        self._pending.append(rows)
        self._bytes += rows.nbytes
        self._total += rows.nbytes
        if self._bytes > BUDGET:
            self._spill()
        self._seconds += time.perf_counter() - started

    def commit(self, part: int, inputs: tuple[str, ...]) -> Receipt:
        """Write, publish and commit the sorted documents."""
        key = part_key(self._run.identity, inputs)
        there = committed(self._root, self._run.folder, key, force=self._force)
        if there is not None:
            self.abort()
            return there
        started = time.perf_counter()
        sizes = Sizes(self._merged())
        content, written = write_batches(self._root, self._schema, sizes, self._group_rows())
        files = {"keys": publish(self._root, written, f"{self._run.folder}/map/keys", part, key)}
        self.abort()
        receipt = Receipt(
            kind="map",
            stage=self._run.name,
            part=part,
            key=key,
            inputs=inputs,
            contents={"keys": content},
            rows={"in": sizes.rows, "keys": sizes.rows, "bytes": sizes.bytes, **self._counts},
            files=files,
            seconds=self._seconds + time.perf_counter() - started,
        )
        return commit(self._root, self._run.folder, self._run.stage, receipt)

    def abort(self) -> None:
        """Remove the unfinished files."""
        discard(self._root, self._spilled)
        self._spilled, self._pending = [], []

    def _group_rows(self) -> int:
        documents = sum(self._counts[f"{split.name} documents"] for split in self._splits)
        return max(1, GROUP_BYTES * documents // max(1, self._total))

    def _spill(self) -> None:
        """Write the documents in memory to a sorted file."""
        rows, self._pending, self._bytes = self._pending, [], 0
        _, written = write_batches(self._root, self._schema, in_order(rows), self._group_rows())
        self._spilled += written

    def _merged(self) -> Iterator[pa.RecordBatch]:
        if not self._spilled:
            rows, self._pending = self._pending, []
            yield from in_order(rows)
            return
        if self._pending:
            self._spill()
        runs = [_temporary(one.temporary) for one in self._spilled]
        pieces = 1 + self._total // BUDGET
        for split in self._splits:
            yield from merged(runs, split.low, split.high, pieces)


def _tokens(docs: Docs, text: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the tokens of documents, which are estimated by their bytes of ``text`` where they are not counted."""
    if TOKENS.name not in docs.schema.names:
        return text // BYTES_OF_TOKEN
    counted: npt.NDArray[np.int64] = docs.column(TOKENS.name).fill_null(0).to_numpy().astype(np.int64)
    return counted


def _temporary(path: str) -> Read:
    def read(low: int, high: int) -> Iterator[pa.RecordBatch]:
        with storage_errors(path), pq.ParquetFile(path) as file:
            yield from rows_between(file, low, high)

    return read


def ranked_batches(root: Root, paths: Sequence[str], ranks: Ranks, schema: pa.Schema) -> Iterator[Batch]:
    """Read documents of a range of ranks; columns that did not move are null. Those taken down have ranks still."""
    listed = taken_down(root)
    for every in read_ranks(root, paths, ranks):
        rows = every.filter(pc.invert(listed.mask(every))) if listed.entries else every
        columns = [
            rows.column(f.name).cast(f.type) if f.name in rows.schema.names else pa.nulls(len(rows), f.type)
            for f in schema
        ]
        yield Docs(pa.RecordBatch.from_arrays(columns, schema=schema)), None


def read_ranks(root: Root, paths: Sequence[str], ranks: Ranks) -> Iterator[pa.RecordBatch]:
    """Yield documents of a range of ranks out of the runs of all parts, in their order, without keys."""
    low, high = (key_of(root, paths, ranks, rank) for rank in (ranks.first, ranks.last))

    def run(path: str) -> Read:
        return lambda low, high: read_range(root, path, low, high)

    for batch in merged([run(path) for path in paths], low, high, 1 + ranks.bytes // BUDGET):
        yield batch.drop_columns([KEY])


def key_of(root: Root, paths: Sequence[str], ranks: Ranks, rank: int) -> int:
    """Return the key of the document with a rank in the range of keys ``low`` to ``high``; ``high`` behind the last."""
    if rank in (0, ranks.of):
        return ranks.high if rank else ranks.low
    width = ranks.high - ranks.low
    middle = ranks.low + width * rank // ranks.of
    margin = 1 + int(width * DEVIATIONS / 2 / math.sqrt(ranks.of))
    while True:
        start, end = max(ranks.low, middle - margin), min(ranks.high, middle + margin)
        below, keys = 0, []
        for path in paths:
            with open_parquet(root, path) as file:
                below += rows_below(file, start) - rows_below(file, ranks.low)
                keys.append(keys_between(file, start, end))
        among = np.sort(np.concatenate(keys))
        if 0 <= rank - below < len(among):
            return int(among[rank - below])
        margin *= 4


def merged(runs: Sequence[Read], low: int, high: int, pieces: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all runs in a range of keys, in order; one of ``pieces`` equal ranges is in memory."""
    for start, end in pairwise(low + (high - low) * i // pieces for i in range(pieces + 1)):
        if start < end:
            yield from in_order([rows for run in runs for rows in run(start, end)])


def in_order(rows: list[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield rows sorted by key, then by id. The list is emptied: its rows are copied."""
    if not rows:
        return
    table = pa.Table.from_batches(rows).combine_chunks()
    rows.clear()
    (whole,) = table.to_batches() or [None]
    if whole is None:
        return
    ids = id_bytes(whole.column("id")).view(">u8").T
    order = np.lexsort((ids[1], ids[0], whole.column(KEY).to_numpy()))
    for start in range(0, len(order), PIECE):
        yield whole.take(pa.array(order[start : start + PIECE]))
