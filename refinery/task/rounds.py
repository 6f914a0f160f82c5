"""One task of a round of a global stage: its input as files of roots, and its outputs and receipt."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pyarrow as pa

from refinery.root.parquet import publish, read_batches, read_rows, schema_of, write_batches
from refinery.root.receipts import FileRef, Receipt
from refinery.root.root import Root
from refinery.stage.addresses import address_range
from refinery.stage.round_input import MappedPart, RowNumbers
from refinery.store import store_for
from refinery.task.commit import Sizes, commit
from refinery.task.shuffle import ROW_GROUP, merged_range, range_by_part, read_range
from refinery.task.tasks import MappedFiles, RoundTask
from refinery.task.tiers import opened, root_of

INDEX_ROWS = 1024
"""Documents whose index is in one batch."""


def perform_round(task: RoundTask) -> Receipt:
    """Do a task, and write and commit its outputs."""
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    contents: dict[str, str] = {}
    files: dict[str, tuple[FileRef, ...]] = {}
    rows = {task.round.counts: 0, "bytes": 0}
    root.withdraw(task.folder, task.key)
    for name, number, output in task.round.perform(FileInput(task, root)):
        sizes = Sizes(iter(output.combine_chunks().to_batches()) if isinstance(output, pa.Table) else output)
        contents[name], written = write_batches(root, output.schema, sizes, ROW_GROUP)
        files[name] = publish(root, written, f"{task.folder}/{task.round.folder}", number, task.key)
        rows[task.round.counts] += sizes.rows
        rows["bytes"] += sizes.bytes
    receipt = Receipt(
        kind=task.round.kind,
        stage=task.name,
        part=task.number,
        key=task.key,
        inputs=task.inputs,
        contents=contents,
        rows=rows,
        files=files,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


class FileInput:
    """The input of a task in the files that it names: see ``refinery.stage.round_input.RoundInput``."""

    def __init__(self, task: RoundTask, root: Root) -> None:
        self._task, self._root = task, root
        self.number = task.number
        self.parts = [StoredPart(root, part) for part in task.parts]

    def rows(self, *, merged: bool, every_reference: bool) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the task's key range."""
        root, task = self._root, self._task
        runs = [opened(root, run) for run in task.runs]
        return (merged_range if merged else range_by_part)(runs, task.low, task.high, every_reference=every_reference)

    def reduced(self) -> _Reduced:
        """Return all rows that were sent."""
        return _Reduced(self._root, self._task.sent)

    def sent(self) -> pa.RecordBatchReader:
        """Return the rows that were sent to the task's part."""
        paths = self._task.sent
        schema = schema_of(self._root, paths[0]) if paths else pa.schema([])
        return pa.RecordBatchReader.from_batches(schema, self._sent())

    def _sent(self) -> Iterator[pa.RecordBatch]:
        if not self._task.addressed:
            yield from read_batches(self._root, self._task.sent, ROW_GROUP)
            return
        low, high = address_range(self.number)
        for path in self._task.sent:
            yield from read_range(self._root, path, low, high)


class _Reduced:
    """Rows of reduced ranges, read again in each iteration."""

    def __init__(self, root: Root, paths: Sequence[str]) -> None:
        self._root, self._paths = root, paths

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return read_batches(self._root, self._paths, ROW_GROUP)


class StoredPart(MappedPart):
    """A part's map output in files, which are read when they are asked for."""

    def __init__(self, own: Root, files: MappedFiles) -> None:
        self._root, self._files, self._own = root_of(files.root, own), files, own
        self.number, self.documents = files.number, files.documents

    def index(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        return read_rows(self._root, self._files.index, columns, rows)

    def verdict(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        return read_rows(self._root, self._files.verdict, columns, rows)

    def stream(self) -> Iterator[pa.RecordBatch]:
        return read_batches(self._root, [self._files.index], INDEX_ROWS)

    def excluded(self) -> pa.Table:
        return read_rows(self._own, self._files.excluded)
