"""The shadow audit: 1 document in N through every row stage, even where an earlier stage would remove it.

The stages are the recipe's own; their rules are applied and remove nothing. Which documents are audited depends on
their ids alone. Global stages are skipped: a document passes them as it is.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.root.parquet import GROUP_BYTES, publish, read_batches, write_batches
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.statistics import id_hashes
from refinery.root.takedowns import taken_down
from refinery.stage.base import Records
from refinery.stage.documents import ID, TOKENS, URL, Docs
from refinery.stage.global_stage import Global
from refinery.stage.rules import FAILED
from refinery.statistics.audit import AuditCounter
from refinery.store import store_for
from refinery.task.commit import commit
from refinery.task.document_pass import PassStep, process_batch
from refinery.task.hazards import Hazards
from refinery.task.measured import Measured, source_batch
from refinery.task.reading import input_files, read_input
from refinery.task.shuffle import ROW_GROUP
from refinery.task.step import SkippedStep, Split, StepProcessor
from refinery.task.tasks import AuditTask, ProgressMarker, StepRun

BATCH = 64
"""Documents that are processed at once, or fewer large ones: their pages are in memory."""

Rows = npt.NDArray[np.int64]


def audit(task: AuditTask, mark: ProgressMarker) -> Receipt:
    """Audit one part, and commit the rows. Raises StorageError where the records of its documents are gone."""
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    part, counter = PartAudit(task, root, mark), AuditCounter(task.one_in)
    content, written = write_batches(root, part.schema, counter.counted(part.rows()), ROW_GROUP)
    root.withdraw(task.folder, task.key)
    statistics = counter.statistics()
    path = f"{task.folder}/stats/audit-{task.part:05d}-{task.key[:8]}.json.gz"
    root.write_statistics(path, statistics)
    receipt = Receipt(
        kind="audit",
        stage=task.name,
        part=task.part,
        key=task.key,
        inputs=task.inputs,
        contents={"audit": content},
        rows={"in": statistics.documents["in"]},
        files={"audit": publish(root, written, f"{task.folder}/audit", task.part, task.key)},
        statistics=path,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


def audited(ids: pa.FixedSizeBinaryArray, one_in: int) -> pa.BooleanArray:
    """Return a mask of the documents that are audited: those whose hash is a multiple of ``one_in``."""
    return pa.array(id_hashes(ids) % np.uint64(one_in) == 0, pa.bool_())


class PartAudit:
    """The audit of one part: a row a document, with its tokens, all rules that it violates, and all metrics.

    Rules are named ``stage.rule``; tokens are those of the document's first text.
    """

    def __init__(self, task: AuditTask, root: Root, mark: ProgressMarker) -> None:
        self._task, self._root, self._listed = task, root, taken_down(root)
        self._runs = task.steps[1:]
        self._steps = [StepProcessor(task.steps[0], mark=mark), *(_step(run, task, mark) for run in self._runs)]
        metrics = [pa.field(run.step.column, run.step.stage.metrics_type()) for run in self._runs]
        self.schema = pa.schema([ID, URL, TOKENS, FAILED, *(f for f in metrics if f.type.num_fields)])

    def rows(self) -> Iterator[pa.RecordBatch]:
        """Process the part's audited documents. Raises StorageError where their records are gone."""
        for docs, measured in _gathered(self._drawn()):
            splits = process_batch(docs, measured, self._steps)
            documents = next(splits).kept
            if len(documents):
                columns = self._columns(documents, splits)
                yield pa.RecordBatch.from_arrays([columns[name] for name in self.schema.names], schema=self.schema)

    # -------------------------------------------------------------------------------------------------------- drawing

    def _drawn(self) -> Iterator[tuple[Docs, Measured]]:
        """Read the audited documents, those that the source removes as well."""
        for records in self._records():
            docs, measured = source_batch(self._task.steps[0], records)
            chosen = audited(docs.column(ID.name), self._task.one_in)
            chosen = pc.and_not(chosen, self._listed.mask(docs.batch)) if self._listed.entries else chosen
            if chosen.true_count:
                yield docs.filter(chosen), measured.filter(chosen)

    def _records(self) -> Iterator[Records]:
        """Read the records of audited documents by their pointers; whole files where a pointer does not lead to one."""
        source, pointers = self._task.stage, list(self._pointers()) if self._task.rows else []
        if not self._task.rows or any(not length for _, _, length in pointers):
            for file in chain.from_iterable(map(input_files, self._task.paths)):
                yield from read_input(source, file)
            return
        for path, offset, length in pointers:
            yield source.read_one(path, offset, length, store_for(path))

    def _pointers(self) -> Iterator[tuple[str, int, int]]:
        names = (ID.name, "warc", "offset", "length")
        for batch in read_batches(self._root, self._task.rows, 65_536, names):
            chosen = batch.filter(audited(batch.column(ID.name), self._task.one_in))
            yield from zip(*(chosen.column(name).to_pylist() for name in names[1:]), strict=True)

    # ----------------------------------------------------------------------------------------------------- collecting

    def _columns(self, docs: Docs, splits: Iterator[Split]) -> dict[str, pa.Array]:
        """Return the columns of the rows, null where a document did not reach a step."""
        count, rows = len(docs), np.arange(len(docs))
        columns = {f.name: pa.nulls(count, f.type) for f in self.schema}
        columns |= {name: docs.column(name) for name in (ID.name, URL.name)}
        failed: list[list[str]] = [[] for _ in range(count)]
        tokens = docs.column(TOKENS.name) if TOKENS.name in docs.schema.names else None
        for run, split in zip(self._runs, splits, strict=False):
            for row, rules in zip(rows.tolist(), split.verdict.failed.to_pylist(), strict=True):
                failed[row] += [f"{run.step.name}.{rule}" for rule in rules]
            columns[run.step.column] = _spread(split.verdict.metrics, rows, count)
            rows = rows[split.verdict.measured.to_numpy(zero_copy_only=False)]
            if tokens is None and TOKENS.name in split.kept.schema.names:
                tokens = _spread(split.kept.column(TOKENS.name), rows, count)
        columns[FAILED.name] = pa.array(failed, FAILED.type)
        return columns if tokens is None else columns | {TOKENS.name: tokens}


def _step(run: StepRun, task: AuditTask, mark: ProgressMarker) -> PassStep:
    if isinstance(run.step.stage, Global):
        return SkippedStep(run)
    hazards = Hazards.of(run.step.name, task.suspects, task.poison)
    return StepProcessor(run, hazards=hazards, enforce=False, mark=mark)


def _spread(values: pa.Array, rows: Rows, count: int) -> pa.Array:
    """Return the values of the documents at ``rows`` as those of all ``count``, null for the others."""
    where = np.full(count, -1)
    where[rows] = np.arange(len(rows))
    return values.take(pa.array(where, mask=where < 0))


def _gathered(batches: Iterable[tuple[Docs, Measured]]) -> Iterator[tuple[Docs, Measured]]:
    """Join documents to batches that are full with the one that makes them so."""
    waiting: list[tuple[Docs, Measured]] = []
    size = 0
    for docs, measured in batches:
        waiting.append((docs, measured))
        size += docs.batch.nbytes
        if sum(len(one) for one, _ in waiting) >= BATCH or size >= GROUP_BYTES:
            yield _joined(waiting)
            waiting, size = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(pieces: Sequence[tuple[Docs, Measured]]) -> tuple[Docs, Measured]:
    columns = [pa.concat_arrays(arrays) for arrays in zip(*(docs.batch.columns for docs, _ in pieces), strict=True)]
    batch = pa.RecordBatch.from_arrays(columns, schema=pieces[0][0].schema)
    return Docs(batch), Measured.joined([measured for _, measured in pieces])
