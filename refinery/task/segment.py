"""The task of one part and one segment: a pass over its documents, whose results are written and committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from refinery.root.parquet import read_rows
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.base import Source
from refinery.store import store_for
from refinery.task.document_pass import Batch, SourceReader, process_batch, stored_batches
from refinery.task.hazards import Hazards
from refinery.task.mapped import MapWriter
from refinery.task.output import StepOutputWriter
from refinery.task.step import StepProcessor
from refinery.task.stored_metrics import StoredMetrics
from refinery.task.tasks import ProgressMarker, SegmentTask, StepRun


class SegmentPass:
    """One part on its way through a segment."""

    def __init__(self, task: SegmentTask, mark: ProgressMarker) -> None:
        self._task, self._mark = task, mark
        self._root = Root(task.root, store_for(task.root))
        self._verdict = read_rows(self._root, task.verdict) if task.verdict else None
        self._steps = [self._step(run) for run in task.steps]
        self._outputs = [
            StepOutputWriter(self._root, task, step, output)
            for step, output in zip(self._steps, task.outputs, strict=True)
        ]
        self._map = MapWriter(self._root, task, task.map, mark) if task.map else None
        self._reader = self._source_reader()

    def _step(self, run: StepRun) -> StepProcessor:
        stored = StoredMetrics(self._root, run).lookup if run.stored else None
        hazards = Hazards.of(run.step.name, self._task.suspects, self._task.poison)
        return StepProcessor(run, verdict=self._verdict, hazards=hazards, stored=stored, mark=self._mark)

    def _source_reader(self) -> SourceReader | None:
        first = self._task.steps[0] if self._task.steps else None
        if first is None or not isinstance(first.step.stage, Source):
            return None
        hazards = Hazards.of(first.step.name, self._task.suspects, self._task.poison)
        return SourceReader(first, self._task.batch, hazards=hazards, mark=self._mark)

    def run(self) -> list[Receipt]:
        """Process all documents of the part, and commit each step."""
        with ExitStack() as stack:
            for output in self._outputs:
                stack.callback(output.abort)
            if self._map:
                stack.callback(self._map.abort)
            for docs, measured in self._batches():
                left = docs
                for output, split in zip(self._outputs, process_batch(docs, measured, self._steps), strict=False):
                    output.add(split)
                    left = split.kept
                if self._map and len(left):
                    self._map.add(left)
            receipts = self._commit()
            stack.pop_all()
        return receipts

    def _batches(self) -> Iterator[Batch]:
        if self._reader:
            return self._reader.batches(self._task.paths)
        first = self._task.steps[0].flow if self._task.steps else self._task.map
        assert first is not None  # a task that does nothing is not planned
        return stored_batches(self._root, self._task.paths, first.given, self._task.batch)

    def _commit(self) -> list[Receipt]:
        receipts = []
        contents = self._task.contents
        if self._reader:
            self._outputs[0].add_reading(self._reader)
        for output in self._outputs:
            content, receipt = output.commit(contents)
            contents = (content,)
            receipts += [receipt] if receipt else []
        if self._map:
            receipts.append(self._map.commit(self._task.part, contents))
        return receipts
