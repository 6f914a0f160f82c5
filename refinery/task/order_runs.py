"""Sorted runs: each part writes its documents in the order of the stage that follows, and many runs become few."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from refinery.identity import part_key
from refinery.root.parquet import Written, discard, publish, schema_of, text_bytes, write_batches
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.documents import TOKENS, Docs
from refinery.stage.keyed import KEY, KEYS
from refinery.stage.ordered import Ordered
from refinery.store import storage_errors, store_for
from refinery.task import ordered
from refinery.task.commit import Sizes, commit, committed
from refinery.task.ordered import PART, Keys, KeySpan, Read, in_order, merged, stored_run
from refinery.task.ranks import MergeTask, OrderRun
from refinery.task.shuffle import copied, rows_between
from refinery.task.tasks import SegmentTask

GROUP_BYTES = 2**20
"""Bytes of documents in a row group of a run, which is read as a whole."""

BYTES_OF_TOKEN = 4
"""Bytes of text of an average token."""

MERGED = 10
"""Bits of the number of a run among those that are merged to one."""

UNITS = ("documents", "text", "tokens")
"""Units in which the receipt of a run counts the documents of each range."""


class RunWriter:
    """Writes the documents of one part sorted by the order of the stage that follows."""

    def __init__(self, root: Root, task: SegmentTask, run: OrderRun) -> None:
        self._root, self._run, self._force = root, run, task.force
        self._splits = run.stage.splits()
        self._schema = pa.schema([(KEY, pa.uint64()), *(run.given.field(name) for name in run.columns)])
        self._pending: list[pa.RecordBatch] = []
        self._bytes = self._total = 0
        self._counts = {f"{split.label} {unit}": 0 for split in self._splits for unit in UNITS}
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
                self._counts[f"{split.label} {unit}"] += int(sizes.sum())
        self._pending.append(rows)
        self._bytes += rows.nbytes
        self._total += rows.nbytes
        if self._bytes > ordered.BUDGET:
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
        documents = sum(self._counts[f"{split.label} documents"] for split in self._splits)
        return _group_rows(documents, self._total)

    def _spill(self) -> None:
        """Write the documents in memory to a sorted file."""
        rows, self._pending, self._bytes = self._pending, [], 0
        _, written = write_batches(self._root, self._schema, in_order(rows, KEYS), self._group_rows())
        self._spilled += written

    def _merged(self) -> Iterator[pa.RecordBatch]:
        if not self._spilled:
            rows, self._pending = self._pending, []
            yield from in_order(rows, KEYS)
            return
        if self._pending:
            self._spill()
        runs = [_temporary(one.temporary) for one in self._spilled]
        yield from _in_order_of(self._run.stage, runs, self._total)


def merge_runs(task: MergeTask) -> Receipt:
    """Merge several runs to one, and commit it."""
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    root.withdraw(task.folder, task.key)
    size, documents = task.rows["bytes"], task.rows["in"]
    runs = [stored_run(root, path, place << MERGED * task.tier) for place, path in enumerate(task.paths)]
    schema = schema_of(root, task.paths[0])
    schema = schema if PART.name in schema.names else schema.append(PART)
    content, written = write_batches(root, schema, _in_order_of(task.stage, runs, size), _group_rows(documents, size))
    receipt = Receipt(
        kind="map",
        stage=task.name,
        part=task.number,
        key=task.key,
        inputs=task.inputs,
        contents={"keys": content},
        rows=dict(task.rows),
        files={"keys": publish(root, written, f"{task.folder}/map/keys", task.number, task.key)},
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


def _in_order_of(stage: Ordered, runs: Sequence[Read], size: int) -> Iterator[pa.RecordBatch]:
    """Yield the rows of runs with ``size`` bytes of documents in the order of a stage."""
    for one in stage.splits():
        yield from merged(runs, [KeySpan(one.low, one.low, one.high)], one.high - one.low, 1 + size // ordered.BUDGET)


def _group_rows(documents: int, size: int) -> int:
    """Return the rows of a row group of documents of some size in memory."""
    return max(1, GROUP_BYTES * documents // max(1, size))


def _tokens(docs: Docs, text: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the tokens of documents, which are estimated by their bytes of ``text`` where they are not counted."""
    if TOKENS.name not in docs.schema.names:
        return text // BYTES_OF_TOKEN
    counted: npt.NDArray[np.int64] = docs.column(TOKENS.name).fill_null(0).to_numpy().astype(np.int64)
    return counted


def _temporary(path: str) -> Read:
    def read(wanted: Sequence[Keys]) -> Iterator[pa.RecordBatch]:
        with storage_errors(path), pq.ParquetFile(path) as file:
            for low, high in wanted:
                yield from map(copied, rows_between(file, low, high))

    return read
