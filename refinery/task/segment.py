"""The task of one part and one segment: a pass over its documents, whose results are written and committed.

The first segments of several pipelines are passes over one reading of the source, which share what they compute.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from refinery.root.document_list import DocumentList
from refinery.root.parquet import read_rows
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.takedowns import taken_down
from refinery.stage.base import Source
from refinery.stage.documents import Docs
from refinery.store import store_for
from refinery.task.copied import CopiedOutput, equal_outputs
from refinery.task.document_pass import Batch, PassStep, SourceReader, process_batch, stored_batches
from refinery.task.file_tally import FileTally
from refinery.task.hazards import Hazards
from refinery.task.mapped import MapWriter
from refinery.task.order_counts import OrderCounter
from refinery.task.order_runs import RunWriter
from refinery.task.ordered import ranked_batches
from refinery.task.output import StepOutputWriter
from refinery.task.ranks import OrderRun
from refinery.task.shared import SharedResults, computing_order, lineages
from refinery.task.step import Share, StepProcessor
from refinery.task.stored_metrics import StoredMetrics
from refinery.task.tasks import ProgressMarker, SegmentTask, StepRun
from refinery.task.unlisted import UnlistedStep


def process_part(tasks: Sequence[SegmentTask], mark: ProgressMarker) -> list[Receipt]:
    """Process all documents of a part by one task, or by several that read the same files, and commit each step."""
    results = SharedResults(len(tasks)) if len(tasks) > 1 else None
    with ExitStack() as stack:
        passes: dict[int, SegmentPass] = {}
        for number in computing_order([task.steps for task in tasks]):
            passes[number] = SegmentPass(tasks[number], mark, results, [*passes.values()])
            stack.callback(passes[number].abort)
        reader = _source_reader(tasks, mark)
        for batch in reader.batches(tasks[0].paths) if reader else passes[0].stored_batches():
            if results:
                results.begin(batch[0])
            for one in passes.values():
                one.add(batch, reader)
        receipts = {number: one.commit(reader) for number, one in passes.items()}
        stack.pop_all()
    return [receipt for number in range(len(tasks)) for receipt in receipts[number]]


def _source_reader(tasks: Sequence[SegmentTask], mark: ProgressMarker) -> SourceReader | None:
    if not is_first(tasks[0]):
        return None
    first = tasks[0].steps[0]
    hazards = Hazards.of(first.step.name, tasks[0].suspects, tasks[0].poison)
    return SourceReader(first, min(task.batch for task in tasks), hazards=hazards, mark=mark)


def _map_writer(root: Root, task: SegmentTask, mark: ProgressMarker, of: int) -> MapWriter | RunWriter | None:
    if isinstance(task.map, OrderRun):
        return RunWriter(root, task, task.map)
    return MapWriter(root, task, task.map, mark, of) if task.map else None


def is_first(task: SegmentTask) -> bool:
    """Return True for a task that reads source files."""
    return bool(task.steps) and isinstance(task.steps[0].step.stage, Source)


class SegmentPass:
    """One part on its way through a segment, ``beside`` others with which it shares ``results``.

    Steps at its beginning whose rows are those of another pass are done by that one alone.
    """

    def __init__(
        self,
        task: SegmentTask,
        mark: ProgressMarker,
        results: SharedResults | None,
        beside: Sequence[SegmentPass],
    ) -> None:
        self._task, self._mark = task, mark
        self.root = Root(task.root, store_for(task.root))
        self._verdict = task.left_out.verdict(read_rows(self.root, task.verdict)) if task.verdict else None
        self._tally = FileTally()
        self._listed = taken_down(self.root) if is_first(task) else DocumentList()
        self._unlisted: UnlistedStep | None = None
        self._lead, self._led = max(
            ((one, one.equal_outputs(self)) for one in beside), key=lambda pair: pair[1], default=(self, 0)
        )
        self.kept: list[Docs] = []
        shares = [Share(results, lineage) for lineage in lineages(task.steps)] if results else [None] * len(task.steps)
        runs = zip(task.steps[self._led :], shares[self._led :], strict=True)
        self._steps = [self._step(run, share) for run, share in runs]
        if self._listed.entries and self._steps and not self._led:
            self._unlisted = UnlistedStep(self._steps[0], self._listed)
        self._writers = [
            StepOutputWriter(self.root, task, step, output)
            for step, output in zip(self._steps, task.outputs[self._led :], strict=True)
        ]
        self.outputs: list[CopiedOutput | StepOutputWriter] = [
            *(CopiedOutput(self.root, task, n, self._lead.root, self._lead.outputs[n]) for n in range(self._led)),
            *self._writers,
        ]
        self._order = OrderCounter(task.ranks) if task.ranks else None
        of = results.pipelines if results else 1
        self._map = _map_writer(self.root, task, mark, of)

    def equal_outputs(self, other: SegmentPass) -> int:
        """Return how many steps have the same files in both, and so can be copied from one store to the other."""
        same_store = type(self.root.store) is type(other.root.store)
        return equal_outputs(self._task, other._task) if same_store and self._listed == other._listed else 0

    def _step(self, run: StepRun, share: Share | None) -> StepProcessor:
        stored = StoredMetrics(self.root, run).lookup if run.stored else None
        hazards = Hazards.of(run.step.name, self._task.suspects, self._task.poison)
        return StepProcessor(run, verdict=self._verdict, hazards=hazards, stored=stored, mark=self._mark, shared=share)

    def stored_batches(self) -> Iterator[Batch]:
        """Yield the documents of the part as the step before the segment wrote them."""
        first = self._task.steps[0].flow if self._task.steps else self._task.map
        assert first is not None  # a task that does nothing is not planned
        if self._task.ranks is not None:
            return ranked_batches(self.root, self._task.paths, self._task.ranks, first.given, self._order)
        return stored_batches(self.root, self._task.paths, first.given, self._task.batch)

    def add(self, batch: Batch, reader: SourceReader | None = None) -> None:
        """Process the next batch of the part, which the pass that leads has processed, and the ``reader`` has read."""
        docs, measured = batch
        self.kept = self._lead.kept[: self._led]
        if self.kept:
            docs, measured = self.kept[-1], None
        steps: list[PassStep] = [*([self._unlisted] if self._unlisted else self._steps[:1]), *self._steps[1:]]
        for output, split in zip(self._writers, process_batch(docs, measured, steps), strict=False):
            output.add(split)
            if reader and reader.listed and not self.kept:
                self._tally.add(reader.listed, split)
            docs = split.kept
            self.kept.append(docs)
        if self._map and len(docs):
            self._map.add(docs)

    def commit(self, reader: SourceReader | None) -> list[Receipt]:
        """Commit each step, and the map."""
        receipts = []
        contents = self._task.contents
        if reader and not self._led:
            self._writers[0].add_reading(reader, self._tally)
        if self._unlisted:
            self._writers[0].add_taken_down(self._unlisted.left_out)
        for writer in self._writers:
            writer.lenient = self.lacks_documents
            writer.order = self._order.counts() if self._order else None
        for output in self.outputs:
            content, receipt = output.commit(contents)
            contents = (content,)
            receipts += [receipt] if receipt else []
        if self._map:
            receipts.append(self._map.commit(self._task.part, contents))
        return receipts

    @property
    def lacks_documents(self) -> bool:
        """True if some documents did not come through because they were taken down."""
        led = self._lead is not self and self._lead.lacks_documents
        return led or bool(self._task.left_out.taken) or bool(self._unlisted and self._unlisted.left_out)

    def abort(self) -> None:
        """Remove the unfinished files."""
        for output in self.outputs:
            output.abort()
        if self._map:
            self._map.abort()
