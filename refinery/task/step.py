"""One batch through one step: measure, apply the rules, split into kept and removed.

An exception that a stage raises on a document becomes that document's reason, and only here. Nothing is written here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from refinery.assets import Asset
from refinery.errors import RefineryError
from refinery.kernels import MERGE_LIST, count_tokens, shift_marks
from refinery.root.partitions import by_folder, label_name
from refinery.stage.base import Edit, Edited, Filter, changes_text, languages_of
from refinery.stage.cuts import cut_evidence
from refinery.stage.documents import LANG, STRUCTURE, TEXT, TOKENS, Docs, lost_marks
from refinery.stage.global_stage import Global
from refinery.stage.rules import ERROR, QUARANTINED, Trouble, Verdict, apply_rules
from refinery.task.hazards import NO_HAZARDS, Hazards
from refinery.task.measured import Measured, measured_from
from refinery.task.shared import SharedResults, rows_of
from refinery.task.tasks import ProgressMarker, StepRun, unmarked

OF_CHANGES = (TEXT.name, TOKENS.name, STRUCTURE.name)
"""Columns before a step that columns behind it are derived from."""

CHANGED = "changed text"
"""The column of the text behind a step, beside that before it; no stage's column has a space."""


@dataclass(frozen=True)
class Split:
    """A batch after a step: ``before`` as it entered, ``kept`` as it goes on, and the verdict on each document."""

    before: Docs
    kept: Docs
    verdict: Verdict

    def by_partition(self, kept: pa.RecordBatch, column: str) -> Iterator[tuple[str, pa.RecordBatch]]:
        """Yield the ``kept`` rows of each folder of partitions by a column of labels; without one, all in none."""
        if column:
            yield from by_folder(kept, self.before.column(column).filter(self.verdict.kept), label_name(column))
        else:
            yield "", kept


@dataclass(frozen=True)
class Share:
    """The results that the steps of several pipelines share, and what decides those of one step."""

    results: SharedResults
    lineage: str


class StepProcessor:
    """Processes the batches of one part in one step.

    A global stage needs the part's ``verdict``. ``stored`` returns metrics that need not be measured again, or None.
    Without ``enforce`` rules are applied and remove nothing: only documents that cannot be measured do not go on.
    What is ``shared`` is not computed again, and counts as the seconds that it took.
    """

    def __init__(
        self,
        run: StepRun,
        *,
        verdict: pa.Table | None = None,
        hazards: Hazards = NO_HAZARDS,
        stored: Callable[[Docs], Measured | None] | None = None,
        enforce: bool = True,
        mark: ProgressMarker = unmarked,
        shared: Share | None = None,
    ) -> None:
        self.run = run
        self._stage = run.step.stage
        self._rules = self._stage.applied_rules()
        self._verdict, self._hazards, self._stored = verdict, hazards, stored
        self._enforce = enforce
        self._mark = mark
        self._shared = shared
        self._row = 0
        self.seconds = 0.0
        self.last_error = ""

    def process(self, docs: Docs, measured: Measured | None = None) -> Split:
        """Measure the next batch of the part, unless ``measured`` is given, apply the rules, and split it."""
        started = time.perf_counter()
        if measured is not None:
            measured = self._without_poison(measured)
        elif self._stored is not None:
            measured = self._stored(docs)
        if measured is None:
            measured = Measured.of_batch(self._once("", docs, lambda some: self._attempt(some, self._row).batch()))
            self._mark(self.run.step.name, self._row, 0)  # a later death is not these documents' fault
        self._row += len(docs)
        languages = languages_of(self._stage, docs, measured.metrics)
        verdict = apply_rules(self._rules, measured.metrics, measured.trouble, languages)
        split = Split(docs, self._kept(docs, measured, verdict), verdict)
        self.seconds += time.perf_counter() - started
        return split

    def _once(self, what: str, docs: Docs, compute: Callable[[Docs], pa.RecordBatch]) -> pa.RecordBatch:
        """Return what ``compute`` returns of documents, computed only if no other pipeline had it computed before."""
        if self._shared is None:
            return compute(docs)
        results, saved = self._shared.results.get(f"{self._shared.lineage} {what}", docs, compute)
        self.seconds += saved
        return results

    def _without_poison(self, measured: Measured) -> Measured:
        if not self._hazards.poison:
            return measured
        return replace(measured, trouble=self._hazards.trouble(self._row, len(measured.metrics)))

    # ------------------------------------------------------------------------------------------------------ measuring

    def _attempt(self, docs: Docs, row: int) -> Measured:
        """Measure; where that raises, halve until the documents that raise are alone."""
        if self._hazards.among(docs, row):
            if len(docs) > 1:
                return self._halves(docs, row)
            note = self._hazards.note(docs, row)
            if note is not None:
                return self._troubled(docs, QUARANTINED, note)
        self._mark(self.run.step.name, row, len(docs))
        try:
            return self._measure(docs, row)
        except (RefineryError, OSError):
            raise  # not the document's fault: the part fails, and can be run again
        except Exception as error:  # noqa: BLE001  the contract: an exception is a removal reason
            if len(docs) > 1:
                return self._halves(docs, row)
            self.last_error = error_note(error)
            return self._troubled(docs, ERROR, self.last_error)

    def _halves(self, docs: Docs, row: int) -> Measured:
        middle = len(docs) // 2
        left = self._attempt(docs.slice(0, middle), row)
        return Measured.joined([left, self._attempt(docs.slice(middle), row + middle)])

    def _measure(self, docs: Docs, row: int) -> Measured:
        stage = self._stage
        if isinstance(stage, Filter):
            edited = Edited({}, stage.measure(docs))
        elif isinstance(stage, Edit):
            edited = stage.edit(docs)
        elif isinstance(stage, Global):
            assert self._verdict is not None
            edited = stage.apply(docs, row, self._verdict)
        else:
            raise TypeError(f"{stage.name} is no row stage")
        return measured_from(stage, edited.columns, edited.metrics, len(docs))

    def _troubled(self, docs: Docs, rule: str, note: str) -> Measured:
        rows = len(docs)
        columns = {f.name: pa.nulls(rows, f.type) for f in self._stage.added()}
        trouble = Trouble(pa.array([rule] * rows, pa.string()), pa.array([note] * rows, pa.string()))
        return Measured(columns, pa.nulls(rows, self._stage.metrics_type()), trouble)

    # --------------------------------------------------------------------------------------------------------- keeping

    def _kept(self, docs: Docs, measured: Measured, verdict: Verdict) -> Docs:
        columns = dict(measured.columns)
        columns |= metrics_columns(self.run, measured.metrics)
        mask = verdict.kept if self._enforce else verdict.measured
        docs = docs.only({*self.run.flow.passed.names, *OF_CHANGES})
        if mask.true_count != len(docs):
            columns = {name: array.filter(mask) for name, array in columns.items()}
            docs = docs.filter(mask)
        lost = lost_marks(self.run.step.column)
        if lost.name in self.run.flow.passed.names:
            cuts = pc.struct_field(
                columns[self.run.step.column], cut_evidence(self._stage.added(), self._stage.evidence)
            )
            columns |= _moved_marks(docs, cuts, lost)
        if changes_text(self._stage):
            tokens = self._once(TOKENS.name, docs.with_columns({CHANGED: columns[TEXT.name]}), _tokens)
            columns[TOKENS.name] = tokens.column(0)
        batch = self._selected(docs.with_columns(columns))
        kept = docs.with_batch(batch, same_text=not changes_text(self._stage))
        if self._shared is not None:
            kept.adopt(rows_of, docs.view(rows_of))
        return kept

    def _selected(self, docs: Docs) -> pa.RecordBatch:
        passed = self.run.flow.passed
        paths = {label_name(path): path for path in self._stage.selects(docs.schema.names) if "." in path}
        arrays = [docs.column(paths.get(name, name)) for name in passed.names]
        return pa.RecordBatch.from_arrays(arrays, names=passed.names).cast(passed)


def _moved_marks(docs: Docs, cuts: pa.Array, lost: pa.Field) -> dict[str, pa.Array]:
    """Return the structure of texts after a stage cut them, and what restores the one before."""
    return dict(zip((STRUCTURE.name, lost.name), shift_marks(docs.column(STRUCTURE.name), cuts), strict=True))


def metrics_columns(run: StepRun, metrics: pa.StructArray) -> dict[str, pa.Array]:
    """Return the columns of a step's metrics: the struct of all, and the language if the step identifies it."""
    stage = run.step.stage
    columns = {run.step.column: metrics} if stage.metrics_type().num_fields else {}
    if stage.language_metric:
        columns[LANG.name] = pc.struct_field(metrics, stage.language_metric)
    return columns


class SkippedStep:
    """A global stage without its verdict: documents pass as they are, and columns that it would add are null.

    ``replacement`` is the only document of a batch as the stage kept it in a run.
    """

    def __init__(self, run: StepRun, replacement: Docs | None = None) -> None:
        self.run = run
        self._replacement = replacement

    def process(self, docs: Docs, measured: Measured | None = None) -> Split:
        """Return the batch as if the stage kept all of it."""
        del measured
        rows, passed = len(docs), self.run.flow.passed
        verdict = apply_rules((), pa.nulls(rows, self.run.step.stage.metrics_type()), Trouble.none(rows))
        if self._replacement is not None:
            return Split(docs, self._replacement, verdict)
        missing = {f.name: pa.nulls(rows, f.type) for f in passed if f.name not in docs.schema.names}
        batch = docs.with_columns(missing).batch.select(passed.names).cast(passed)
        return Split(docs, docs.with_batch(batch, same_text=True), verdict)


def _tokens(docs: Docs) -> pa.RecordBatch:
    """Count the tokens of each changed text; texts that the stage did not change are not counted again."""
    merges, texts = Asset(MERGE_LIST).path(), docs.column(CHANGED)
    if not {TEXT.name, TOKENS.name} <= set(docs.schema.names):
        counts = count_tokens(texts, merges)
    else:
        new = pc.fill_null(pc.not_equal(docs.column(TEXT.name), texts), True)
        counts = pc.replace_with_mask(docs.column(TOKENS.name), new, count_tokens(texts.filter(new), merges))
    return pa.record_batch([counts], names=[TOKENS.name])


def error_note(error: Exception) -> str:
    """Return an exception as text that Arrow can store: messages quote documents, lone surrogates included."""
    return f"{type(error).__name__}: {error}"[:500].encode(errors="backslashreplace").decode()
