"""The shadow audit: 1 document in N through every row stage, whatever the stages before it said.

The stages are the recipe's own, without their rules; these judge what was measured afterwards. Which documents are
audited is decided by their ids alone. What global stages would do is left out: a document passes them as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.root.parquet import GROUP_BYTES, read_batches
from refinery.root.root import Root
from refinery.stage.base import Records, Source
from refinery.stage.documents import ID, TOKENS, URL, Docs
from refinery.stage.global_stage import Global
from refinery.stage.rules import FAILED, judge
from refinery.statistics import id_hashes
from refinery.store import store_for
from refinery.task.step import Carrier, Measured, source_batch
from refinery.task.tasks import AuditTask, ProgressMarker, StepRun

TOGETHER = 64
"""Documents that are carried at once, or fewer large ones: their pages are in memory."""

Places = npt.NDArray[np.int64]


def audited(ids: pa.FixedSizeBinaryArray, one_in: int) -> pa.BooleanArray:
    """Which documents are audited: those whose hash is a multiple of ``one_in``."""
    return pa.array(id_hashes(ids) % np.uint64(one_in) == 0, pa.bool_())


class Audit:
    """The audit of one part."""

    def __init__(self, task: AuditTask, mark: ProgressMarker) -> None:
        self._task = task
        self._root = Root(task.root, store_for(task.root))
        self._steps = [_Step(run, task, mark) for run in task.steps[1:]]
        self._source = Carrier(task.steps[0], mark=mark)
        metrics = [pa.field(run.step.column, run.step.stage.metrics_type()) for run in task.steps[1:]]
        self.schema = pa.schema([ID, URL, TOKENS, FAILED, *(f for f in metrics if f.type.num_fields)])
        """A row a document: the tokens of its first text, all rules that it violates as ``stage.rule``, all metrics."""

    def rows(self) -> Iterator[pa.RecordBatch]:
        """What every stage says of the part's audited documents. Raises StorageError where their records are gone."""
        for docs, measured in _together(self._drawn()):
            kept = self._source.carry(docs, measured).kept
            if len(kept):
                yield self._carry(kept)

    # -------------------------------------------------------------------------------------------------------- drawing

    def _drawn(self) -> Iterator[tuple[Docs, Measured]]:
        """The audited documents as the source reads them, those that it removes as well."""
        for records in self._records(self._task.stage):
            docs, measured = source_batch(self._task.steps[0], records.columns, records.metrics)
            chosen = audited(docs.column(ID.name), self._task.one_in)
            yield docs.filter(chosen), measured.filter(chosen)

    def _records(self, source: Source) -> Iterator[Records]:
        """The records of audited documents by their pointers, all of the files where a pointer does not lead to one."""
        pointers = list(self._pointers()) if self._task.rows else []
        if not self._task.rows or any(not length for _, _, length in pointers):
            for path in self._task.paths:
                yield from source.read(path, store_for(path))
            return
        for path, offset, length in pointers:
            yield source.read_one(path, offset, length, store_for(path))

    def _pointers(self) -> Iterator[tuple[str, int, int]]:
        names = (ID.name, "warc", "offset", "length")
        for batch in read_batches(self._root, self._task.rows, 65_536, names):
            chosen = batch.filter(audited(batch.column(ID.name), self._task.one_in))
            yield from zip(*(chosen.column(name).to_pylist() for name in names[1:]), strict=True)

    # ------------------------------------------------------------------------------------------------------- carrying

    def _carry(self, docs: Docs) -> pa.RecordBatch:
        rows, places = len(docs), np.arange(len(docs))
        columns: dict[str, pa.Array] = {ID.name: docs.column(ID.name), URL.name: docs.column(URL.name)}
        failed: list[list[str]] = [[] for _ in range(rows)]
        tokens = _tokens(docs)
        for step in self._steps:
            found = step.take(docs)
            for place, rules in zip(places.tolist(), found.failed, strict=True):
                failed[place] += rules
            columns[step.column] = _spread(found.metrics, places, rows)
            docs, places = found.passed, places[found.passes]
            if tokens is None and (counted := _tokens(docs)) is not None:
                tokens = _spread(counted, places, rows)
        columns[TOKENS.name] = pa.nulls(rows, TOKENS.type) if tokens is None else tokens
        columns[FAILED.name] = pa.array(failed, FAILED.type)
        return pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)


@dataclass(frozen=True)
class _Found:
    """What a step says of documents: the rules that each violates, the metrics, and those that can go on."""

    failed: list[list[str]]
    metrics: pa.StructArray
    passed: Docs
    passes: npt.NDArray[np.bool_]


class _Step:
    """A step of the audit: measures whatever comes, and holds back nothing but what it could not measure."""

    def __init__(self, run: StepRun, task: AuditTask, mark: ProgressMarker) -> None:
        self._run = run
        self._carrier = Carrier(run, suspects=task.suspects, poison=task.poison, judging=False, mark=mark)

    @property
    def column(self) -> str:
        """The name of its metrics."""
        return self._run.step.column

    def take(self, docs: Docs) -> _Found:
        """What it says of documents."""
        stage, rows = self._run.step.stage, len(docs)
        if isinstance(stage, Global) or not rows:
            nothing = pa.nulls(rows, stage.metrics_type())
            return _Found([[]] * rows, nothing, _past(self._run, docs), np.ones(rows, np.bool_))
        split = self._carrier.carry(docs)
        verdict = judge(stage.rules(), split.verdict.metrics, split.verdict.trouble)
        failed = [[f"{self._run.step.name}.{rule}" for rule in rules] for rules in verdict.failed.to_pylist()]
        return _Found(failed, verdict.metrics, split.kept, split.verdict.kept.to_numpy(zero_copy_only=False))


def _past(run: StepRun, docs: Docs) -> Docs:
    """Documents behind a stage that says nothing of them: what it would add is null."""
    passed = run.flow.passed
    missing = {f.name: pa.nulls(len(docs), f.type) for f in passed if f.name not in docs.schema.names}
    return docs.with_batch(docs.with_columns(missing).batch.select(passed.names).cast(passed), same_text=True)


def _tokens(docs: Docs) -> pa.Array | None:
    """How many tokens the texts have; None where there are no texts yet."""
    return docs.column(TOKENS.name) if TOKENS.name in docs.schema.names else None


def _spread(metrics: pa.Array, places: Places, rows: int) -> pa.Array:
    """The metrics of the documents at ``places`` as those of all ``rows``, null for the others."""
    where = np.full(rows, -1)
    where[places] = np.arange(len(places))
    return metrics.take(pa.array(where, mask=where < 0))


def _together(some: Iterable[tuple[Docs, Measured]]) -> Iterator[tuple[Docs, Measured]]:
    """The documents in batches that are full with the one that makes them so."""
    waiting: list[tuple[Docs, Measured]] = []
    size = 0
    for docs, measured in some:
        waiting.append((docs, measured))
        size += docs.batch.nbytes
        if sum(len(one) for one, _ in waiting) >= TOGETHER or size >= GROUP_BYTES:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pieces: Sequence[tuple[Docs, Measured]]) -> tuple[Docs, Measured]:
    columns = [pa.concat_arrays(arrays) for arrays in zip(*(docs.batch.columns for docs, _ in pieces), strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, schema=pieces[0][0].schema)
    return Docs(batch), Measured.joined([measured for _, measured in pieces])
