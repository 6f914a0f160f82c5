"""Tiers of the files between rounds: each task merges some sorted files to one, and opens each of them once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
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
from refinery.task.merging import gathered, split_at
from refinery.task.shuffle import AT_ONCE, FEW, ROW_GROUP, Run, numbered, read_range, rows_left

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
    """Merge ``runs`` to one file.

    In the order of parts, the rows from one part among ``ends`` to the next are in memory.
    """

    root: str
    stage: Global
    name: str
    folder: str
    key: str
    inputs: tuple[str, ...]
    number: int
    runs: tuple[SortedRun, ...]
    order: Order
    ends: tuple[int, ...] = ()
    bytes: int = 0

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
    first, at_once = task.runs[0], min(ROW_GROUP, max(FEW, AT_ONCE // len(task.runs)))
    schema = schema_of(root_of(first.root, root), first.path)
    streams = [_stream(root, run, at_once, numbers=task.order == "key") for run in task.runs]
    if task.order == "key" and not first.merged:
        schema = numbered(0, pa.RecordBatch.from_pylist([], schema=schema)).schema
    sizes = Sizes(_MERGE[task.order](streams, task.ends))
    content, written = write_batches(root, schema, sizes, TIER_ROWS)
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


def _stream(root: Root, run: SortedRun, at_once: int, *, numbers: bool) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a file, with the numbers of their parts where they have keys."""
    batches = read_batches(root_of(run.root, root), [run.path], at_once)
    if not numbers or run.merged:
        yield from batches
        return
    for rows in rows_left(opened(root, run), batches):
        yield numbered(run.number, rows)


def _by_key(streams: Sequence[Iterator[pa.RecordBatch]], ends: Sequence[int]) -> Iterator[pa.RecordBatch]:
    del ends
    for rows in gathered(streams):
        yield from sort_rows(rows).combine_chunks().to_batches()


def _by_part(streams: Sequence[Iterator[pa.RecordBatch]], ends: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """Merge rows with addresses so that those of a part are together, file after file as the part reads them."""
    limits = [address_range(part)[1] for part in ends]
    for pieces in zip(*(split_at(stream, limits) for stream in streams), strict=True):
        rows = pa.Table.from_batches(chain.from_iterable(pieces)) if any(pieces) else None
        if rows is not None:
            order = np.argsort(parts_of(rows.column(KEY).to_numpy()), kind="stable")
            yield from rows.take(pa.array(order)).combine_chunks().to_batches()


def _in_turn(streams: Sequence[Iterator[pa.RecordBatch]], ends: Sequence[int]) -> Iterator[pa.RecordBatch]:
    del ends
    return chain.from_iterable(streams)


_MERGE: Mapping[Order, Callable[[Sequence[Iterator[pa.RecordBatch]], Sequence[int]], Iterator[pa.RecordBatch]]] = {
    "key": _by_key,
    "part": _by_part,
    "file": _in_turn,
}
