"""One batch through one step: measure, judge, split into kept and removed.

What a stage raises on a document becomes that document's reason, and only here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from refinery.assets import Asset
from refinery.errors import RefineryError
from refinery.kernels import CUT, count_tokens, with_cut
from refinery.stage.base import Edit, Edited, Filter, Values, changes_text
from refinery.stage.documents import TEXT, TOKENS, Docs, id_bytes
from refinery.stage.global_stage import Global
from refinery.stage.rules import ERROR, FAILED, QUARANTINED, WHY, Trouble, Verdict, explain, judge
from refinery.task.tasks import Poison, ProgressMarker, StepRows, StepRun

VOCABULARY = Asset("gpt2.bpe")
"""The engine counts GPT-2 tokens, the unit in which data sets are compared."""

SAMPLE = 256 // 100
"""``keep_removed: sample`` keeps the text of ids whose last byte is below this, about 1 %."""


@dataclass(frozen=True)
class Measured:
    """What a step made of a batch, before judgement."""

    columns: Mapping[str, pa.Array]
    metrics: pa.StructArray
    trouble: Trouble

    def slice(self, start: int, length: int) -> Measured:
        """The same for some of the rows."""
        return Measured(
            {name: array.slice(start, length) for name, array in self.columns.items()},
            self.metrics.slice(start, length),
            Trouble(self.trouble.rule.slice(start, length), self.trouble.note.slice(start, length)),
        )

    def filter(self, mask: pa.BooleanArray) -> Measured:
        """The same for the rows where ``mask`` is true."""
        return Measured(
            {name: array.filter(mask) for name, array in self.columns.items()},
            self.metrics.filter(mask),
            Trouble(self.trouble.rule.filter(mask), self.trouble.note.filter(mask)),
        )

    @staticmethod
    def joined(pieces: Sequence[Measured]) -> Measured:
        """What was made of batches that follow each other, at least one."""
        return Measured(
            {name: pa.concat_arrays([piece.columns[name] for piece in pieces]) for name in pieces[0].columns},
            pa.concat_arrays([piece.metrics for piece in pieces]),
            Trouble(
                pa.concat_arrays([piece.trouble.rule for piece in pieces]),
                pa.concat_arrays([piece.trouble.note for piece in pieces]),
            ),
        )


@dataclass(frozen=True)
class Split:
    """A batch after a step: ``before`` as it came, ``kept`` as it goes on, ``removed`` with its reasons."""

    before: Docs
    kept: Docs
    removed: pa.RecordBatch
    verdict: Verdict


class Carrier:
    """Carries the batches of one part through one step; without ``judging`` only what cannot be measured is removed."""

    def __init__(
        self,
        run: StepRun,
        *,
        verdict: pa.Table | None = None,
        suspects: Sequence[StepRows] = (),
        poison: Sequence[Poison] = (),
        keep_removed: str = "metrics",
        judging: bool = True,
        mark: ProgressMarker,
    ) -> None:
        self._run = run
        self._stage = run.step.stage
        self._rules = run.step.stage.rules() if judging else ()
        self._verdict = verdict
        self._suspects = [s for s in suspects if s.step == run.step.name]
        self._poison = {p.row: p.note for p in poison if p.step == run.step.name}
        self._keep_removed = keep_removed
        self._mark = mark
        self._row = 0
        self.last_error = ""

    def carry(self, docs: Docs, measured: Measured | None = None) -> Split:
        """Measure (unless ``measured`` is given), judge and split the next batch of the part."""
        if measured is None:
            measured = self._attempt(docs, self._row)
            self._mark(self._run.step.name, self._row, 0)  # a later death is not these documents' fault
        elif self._poison:
            measured = replace(measured, trouble=self._accused(len(docs)))
        self._row += len(docs)
        verdict = judge(self._rules, measured.metrics, measured.trouble)
        return Split(docs, self._kept(docs, measured, verdict), self._removed(docs, measured, verdict), verdict)

    def _accused(self, rows: int) -> Trouble:
        """The trouble of a source's next rows: what it would not read."""
        notes = [self._poison.get(row) for row in range(self._row, self._row + rows)]
        rules = [None if note is None else QUARANTINED for note in notes]
        return Trouble(pa.array(rules, pa.string()), pa.array(notes, pa.string()))

    # ------------------------------------------------------------------------------------------------------ measuring

    def _attempt(self, docs: Docs, row: int) -> Measured:
        """Measure; where that raises, halve until the documents that raise are alone."""
        if len(docs) == 1 and row in self._poison:
            return self._troubled(docs, QUARANTINED, self._poison[row])
        if len(docs) > 1 and self._must_be_single(row, len(docs)):
            return self._halves(docs, row)
        self._mark(self._run.step.name, row, len(docs))
        try:
            return self._measure(docs, row)
        except (RefineryError, OSError):
            raise  # not the document's fault: the part fails, and can be run again
        except Exception as error:  # noqa: BLE001  the contract: an exception is a removal reason
            if len(docs) > 1:
                return self._halves(docs, row)
            self.last_error = error_note(error)
            return self._troubled(docs, ERROR, self.last_error)

    def _must_be_single(self, row: int, count: int) -> bool:
        spans = [(s.first, s.count) for s in self._suspects] + [(p, 1) for p in self._poison]
        return any(first < row + count and row < first + length for first, length in spans)

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
        return measured_from(self._run, edited.columns, edited.metrics, len(docs))

    def _troubled(self, docs: Docs, rule: str, note: str) -> Measured:
        rows = len(docs)
        columns = {f.name: pa.nulls(rows, f.type) for f in self._stage.adds}
        trouble = Trouble(pa.array([rule] * rows, pa.string()), pa.array([note] * rows, pa.string()))
        return Measured(columns, pa.nulls(rows, self._stage.metrics_type()), trouble)

    # ------------------------------------------------------------------------------------------------------ splitting

    def _facts_column(self, metrics: pa.StructArray) -> dict[str, pa.Array]:
        return {self._run.step.column: metrics} if self._stage.metrics_type().num_fields else {}

    def _kept(self, docs: Docs, measured: Measured, verdict: Verdict) -> Docs:
        columns = {**measured.columns, **self._facts_column(measured.metrics)}
        if verdict.first.null_count != len(docs):
            mask = verdict.kept
            columns = {name: array.filter(mask) for name, array in columns.items()}
            docs = docs.filter(mask)
        after = docs.with_columns(columns)
        if changes_text(self._stage):
            after = after.with_columns({TOKENS.name: _tokens(docs, after.column(TEXT.name))})
        batch = after.batch.select(self._run.flow.passed.names).cast(self._run.flow.passed)
        return docs.with_batch(batch, same_text=not changes_text(self._stage))

    def _removed(self, docs: Docs, measured: Measured, verdict: Verdict) -> pa.RecordBatch:
        gone = pc.invert(verdict.kept)
        columns = {
            **self._facts_column(measured.metrics),
            WHY.name: explain(self._run.step.name, self._rules, verdict),
            FAILED.name: verdict.failed,
        }
        rows = docs.with_columns(columns).batch.filter(gone).select(self._run.flow.removed.names)
        rows = rows.cast(self._run.flow.removed)
        if any(_may_be_cut(field.type) for field in self._stage.metrics_type()):
            place = rows.schema.get_field_index(self._run.step.column)
            rows = rows.set_column(place, rows.schema.field(place), _uncut(rows.column(place)))
        if TEXT.name in rows.schema.names and self._keep_removed != "text":
            keep = _sampled(rows.column("id")) if self._keep_removed == "sample" else pa.scalar(False)
            text = pc.if_else(keep, rows.column(TEXT.name), pa.nulls(len(rows), pa.string()))
            rows = rows.set_column(rows.schema.get_field_index(TEXT.name), rows.schema.field(TEXT.name), text)
        return rows


def _tokens(before: Docs, texts: pa.Array) -> pa.Array:
    """How many tokens each text has; texts that are as they came are not counted again."""
    if not {TEXT.name, TOKENS.name} <= set(before.batch.schema.names):
        return count_tokens(texts, VOCABULARY.path())
    new = pc.fill_null(pc.not_equal(before.column(TEXT.name), texts), True)
    return pc.replace_with_mask(before.column(TOKENS.name), new, count_tokens(texts.filter(new), VOCABULARY.path()))


def _uncut(metrics: pa.StructArray) -> pa.StructArray:
    """The metrics of documents that are removed: nothing is cut out of the text that is stored with them."""
    columns = [
        with_cut(each, cut=False) if _may_be_cut(field.type) else each
        for field, each in zip(metrics.type, metrics.flatten(), strict=True)
    ]
    return pa.StructArray.from_arrays(columns, fields=list(metrics.type), mask=metrics.is_null())


def _may_be_cut(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_struct(kind.value_type) and CUT in list(kind.value_type)


def error_note(error: Exception) -> str:
    """Return an exception as text that Arrow can hold: messages quote documents, lone surrogates included."""
    return f"{type(error).__name__}: {error}"[:500].encode(errors="backslashreplace").decode()


def measured_from(run: StepRun, columns: Values, metrics: Values, rows: int) -> Measured:
    """Check what a stage returned against what it declares. Raises ValueError or TypeError where they differ."""
    stage = run.step.stage
    added = {f.name: _array(f"column {f.name}", columns.get(f.name), f.type, rows) for f in stage.adds}
    kind = stage.metrics_type()
    given = [_array(f"metric {f.name}", metrics.get(f.name), f.type, rows) for f in kind]
    struct = pa.StructArray.from_arrays(given, fields=list(kind)) if given else pa.nulls(rows, kind)
    return Measured(added, struct, Trouble.none(rows))


def source_batch(run: StepRun, columns: Any, metrics: Any) -> tuple[Docs, Measured]:
    """The records of a source as a batch of the declared schema, with what the source measured."""
    given = run.flow.given
    rows = len(columns["id"])
    arrays = [columns[f.name] for f in given]
    arrays = [a if isinstance(a, pa.Array) else pa.array(a, f.type) for a, f in zip(arrays, given, strict=True)]
    docs = Docs(pa.RecordBatch.from_arrays(arrays, schema=given))
    return docs, measured_from(run, {f.name: docs.column(f.name) for f in run.step.stage.adds}, metrics, rows)


def _array(what: str, values: Any, kind: pa.DataType, rows: int) -> pa.Array:
    if values is None:
        raise ValueError(f"the stage declares {what} and returned none")
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    array = values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind, from_pandas=False)
    if len(array) != rows:
        raise ValueError(f"the stage returned {len(array)} values for {what} of {rows} documents")
    return array


def _sampled(ids: pa.Array) -> pa.BooleanArray:
    return pa.array(id_bytes(ids)[:, -1] < SAMPLE)
