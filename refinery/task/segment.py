"""One part through a run of row stages, in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pyarrow as pa

from refinery.errors import RefineryError
from refinery.root.parquet import read_batches, read_rows
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.base import Records, Source
from refinery.stage.documents import Docs
from refinery.store import store_for
from refinery.task.mapped import MapTap
from refinery.task.step import Measured, error_note, source_batch
from refinery.task.tap import Tap
from refinery.task.tasks import ALL_ROWS, ProgressMarker, SegmentTask, StepRows, StepRun, Unreadable


class Segment:
    """One part on its way through a segment."""

    def __init__(self, task: SegmentTask, mark: ProgressMarker) -> None:
        self._task, self._mark = task, mark
        self._root = Root(task.root, store_for(task.root))
        verdict = read_rows(self._root, task.verdict) if task.verdict else None
        self._taps = [Tap(self._root, task, run, verdict, mark) for run in task.steps]
        self._map = MapTap(self._root, task, task.map, mark) if task.map else None
        self._rows = 0

    def run(self) -> list[Receipt]:
        with ExitStack() as stack:
            for tap in self._taps:
                stack.callback(tap.abort)
            if self._map:
                stack.callback(self._map.abort)
            for docs, measured in self._batches():
                self._push(docs, measured)
            receipts = self._commit()
            stack.pop_all()
        return receipts

    def _batches(self) -> Iterator[tuple[Docs, Measured | None]]:
        first = self._task.steps[0] if self._task.steps else None
        if first is not None and isinstance(first.step.stage, Source):
            for path in self._task.paths:
                yield from self._source_batches(first, first.step.stage, path)
        else:
            given = self._given()
            for batch in read_batches(self._root, self._task.paths, self._task.batch):
                yield Docs(batch.cast(given)), None  # Parquet knows no seconds: times come back finer

    def _given(self) -> pa.Schema:
        if self._task.steps:
            return self._task.steps[0].flow.given
        assert self._task.map is not None  # a task that does nothing is not planned
        return self._task.map.given

    def _source_batches(self, run: StepRun, source: Source, path: str) -> Iterator[tuple[Docs, Measured | None]]:
        tap = self._taps[0]
        for records in tap.timed(self._read(run.step.name, source, path)):
            tap.statistics.skip(records.skipped)
            docs, measured = source_batch(run, records.columns, records.metrics)
            self._rows += len(docs)
            for start in range(0, len(docs), self._task.batch):
                yield docs.slice(start, self._task.batch), measured.slice(start, self._task.batch)

    def _read(self, step: str, source: Source, path: str) -> Iterator[Records]:
        """Read a file so that a death or an exception is traced to the file, and the next time to a record."""
        base = self._rows
        poison = {p.row for p in self._task.poison if p.step == step}
        last = StepRows()

        def mark(row: int, count: int) -> None:
            nonlocal last
            last = StepRows(step, row, count)
            self._mark(step, row, count)

        def watch(number: int) -> bool:
            row = base + number
            mark(row, int(row not in poison))
            return row not in poison

        watched = any(suspects.step == step for suspects in self._task.suspects)
        store = store_for(path)
        batches = source.read_watched(path, store, watch) if watched else source.read(path, store)
        while True:
            mark(0, 0 if watched else ALL_ROWS)
            try:
                batch = next(batches, None)
            except (RefineryError, OSError):
                raise
            except Exception as error:
                raise Unreadable(error_note(error), rows=last) from error
            mark(0, 0)
            if batch is None:
                return
            yield batch

    def _push(self, docs: Docs, measured: Measured | None) -> None:
        for tap in self._taps:
            if not len(docs):
                return
            docs = tap.take(docs, measured)
            measured = None
        if self._map and len(docs):
            self._map.take(docs)

    def _commit(self) -> list[Receipt]:
        receipts = []
        contents = self._task.contents
        for tap in self._taps:
            content, receipt = tap.commit(contents)
            contents = (content,)
            receipts += [receipt] if receipt else []
        if self._map:
            receipts.append(self._map.commit(self._task.part, contents))
        return receipts
