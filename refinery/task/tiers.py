"""Tiers of the files between rounds: each task merges some sorted files to one, and opens each of them once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa

from refinery.root.parquet import publish, read_batches, read_rows, schema_of, write_batches
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.addresses import address_range, parts_of
from refinery.stage.global_stage import Global
from refinery.stage.keyed import KEY, sort_rows
from refinery.store import store_for
from refinery.task.commit import Sizes, commit
from refinery.task.merging import gathered
from refinery.task.shuffle import AT_ONCE, FEW, ROW_GROUP, Run, copied, numbered, read_range, rows_left

TIER_ROWS = 4 * ROW_GROUP
"""Rows of a row group of a merged file, whose footer each task of the next round reads."""

Order = Literal["key", "part", "file"]
"""Of merged rows: by key, part, then the other columns; by the part of their address, then file; or file after file."""


@dataclass(frozen=True, slots=True)
class SortedRun:
    """The sorted keyed rows of one part, or ``merged`` ones of several, at a path below a root.

    It is the task's own root if that is empty.
    """

    number: int
    path: str
    root: str = ""
    excluded: str = ""
    """Path below the task's own root of the table of documents whose rows are left out; empty if there are none."""
    merged: bool = False
    bytes: int = 0
    """Of the file."""


@dataclass(frozen=True, kw_only=True)
class TierTask:
    """Merge ``runs`` to one file; in the order of parts, their rows for ``parts``, which are in memory."""

    root: str
    stage: Global
    name: str
    folder: str
    key: str
    inputs: tuple[str, ...]
    number: int
    runs: tuple[SortedRun, ...]
    order: Order
    parts: tuple[int, int] = (0, 0)
    """The first and the last number."""
    bytes: int = 0
    """Of ``runs``; in the order of parts, about their share."""

    memory: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        return f"{self.name} merge {self.number}"

    @property
    def disk(self) -> int:
        """Estimate of the bytes that it writes."""
        return self.bytes

    @property
    def output(self) -> str:
        """Name of the rows in the receipt."""
        return "keys" if self.order == "key" else "reduced"

    def advice(self, memory: int) -> str:
        """Return no setting: its memory is limited."""
        del memory
        return ""


def merge_tier(task: TierTask) -> Receipt:
    """Merge files, and write and commit the result."""
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    root.withdraw(task.folder, task.key)
    first = task.runs[0]
    schema = schema_of(root_of(first.root, root), first.path)
    if task.order == "key" and not first.merged:
        schema = numbered(0, pa.RecordBatch.from_pylist([], schema=schema)).schema
    sizes = Sizes(_MERGE[task.order](root, task))
    content, written = write_batches(root, schema, sizes, ROW_GROUP if task.order == "part" else TIER_ROWS)
    folder = f"{task.folder}/{'map/keys' if task.order == 'key' else 'reduce'}"
    receipt = Receipt(
        kind="round",
        stage=task.name,
        part=task.number,
        key=task.key,
        inputs=task.inputs,
        contents={task.output: content},
        rows={task.output: sizes.rows, "bytes": sizes.bytes},
        files={task.output: publish(root, written, folder, task.number, task.key)},
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


def opened(root: Root, run: SortedRun) -> Run:
    """Return a run of a root as the shuffle reads it, with the documents that are left out."""
    excluded = read_rows(root, run.excluded, ["row"]).column("row").to_numpy() if run.excluded else None
    return Run(run.number, partial(read_range, root_of(run.root, root), run.path), excluded, merged=run.merged)


def root_of(path: str, own: Root) -> Root:
    """Return the root of a file, the task's own for an empty path."""
    return Root(path, store_for(path)) if path else own


def _by_key(root: Root, task: TierTask) -> Iterator[pa.RecordBatch]:
    for rows in gathered([_numbered_rows(root, run, len(task.runs)) for run in task.runs]):
        yield from sort_rows(rows).combine_chunks().to_batches()


def _numbered_rows(root: Root, run: SortedRun, runs: int) -> Iterator[pa.RecordBatch]:
    """Yield all rows of one of so many runs, with the numbers of their parts."""
    batches = read_batches(root_of(run.root, root), [run.path], min(ROW_GROUP, max(FEW, AT_ONCE // runs)))
    if run.merged:
        yield from batches
        return
    for rows in rows_left(opened(root, run), batches):
        yield numbered(run.number, rows)


def _by_part(root: Root, task: TierTask) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some parts, those of each together, file after file as it reads them."""
    (low, _), (_, high) = map(address_range, task.parts)
    found = [copied(rows) for run in task.runs for rows in read_range(root_of(run.root, root), run.path, low, high)]
    if found:
        table = pa.Table.from_batches(found).combine_chunks()
        found.clear()  # they are copied
        order = np.argsort(parts_of(table.column(KEY).to_numpy()), kind="stable")
        yield from table.take(pa.array(order)).to_batches()


def _in_turn(root: Root, task: TierTask) -> Iterator[pa.RecordBatch]:
    return read_batches(root, [run.path for run in task.runs], ROW_GROUP)


_MERGE: Mapping[Order, Callable[[Root, TierTask], Iterator[pa.RecordBatch]]] = {
    "key": _by_key,
    "part": _by_part,
    "file": _in_turn,
}
