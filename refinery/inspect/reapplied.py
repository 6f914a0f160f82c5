"""Rules with other thresholds, applied to stored metrics; documents that they let in are processed further."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.flips import FlipDraw, StageYield, Why, YieldSum, document_keys
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.replay import read_again, step_runs
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.recipe import Pipeline
from refinery.root.receipts import Receipt
from refinery.stage.documents import TOKENS, TRANSIENT, Docs
from refinery.stage.rules import WHY, Trouble, Verdict, apply_rules, explain
from refinery.task.document_pass import process_batch
from refinery.task.step import StepProcessor
from refinery.task.stored_metrics import stored_trouble


class Reapplied:
    """Applies the rules of ``pipeline`` to the parts of ``stages``; those at positions ``changed`` have other rules."""

    def __init__(
        self,
        reader: RootReader,
        pipeline: Pipeline,
        stages: Sequence[StageEntry],
        changed: frozenset[int],
        count: int,
    ) -> None:
        self._reader, self._stages, self._changed = reader, stages, changed
        self._pipeline, self._runs = pipeline, step_runs(pipeline)
        self._sums = [(YieldSum(), YieldSum()) for _ in stages]
        self.lost, self.gained = FlipDraw(count), FlipDraw(count)

    def yields(self) -> tuple[StageYield, ...]:
        """Return the yields of the parts so far."""
        pairs = zip(self._stages, self._sums, strict=True)
        return tuple(StageYield(entry.name, before.total(), after.total()) for entry, (before, after) in pairs)

    def add(self, receipt: Receipt) -> None:
        """Add a part by its receipt of the first stage."""
        part = _Part()
        receipts: tuple[Receipt, ...] = (receipt,)
        for number, entry in enumerate(self._stages):
            if number:
                receipts = self._reader.made_from(entry, [r.contents.get("kept", "") for r in receipts])
                if not receipts:
                    return  # the part is not processed further yet
            self._add_stage(number, entry, receipts[0], part)
        assert part.kept is not None
        gone = pc.invert(pc.is_in(document_keys(part.kept), value_set=part.staying))
        self.lost.add(part.kept.filter(gone), part.reasons)
        for docs in part.entering:
            self.gained.add(docs.batch, part.reasons)

    def _add_stage(self, number: int, entry: StageEntry, receipt: Receipt, part: _Part) -> None:
        """Find the stored rows of a part that a stage would keep, and those that it would let in."""
        kept, removed = (self._rows(entry, side, receipt) for side in ("kept", "removed"))
        stays, enters = self._passes(entry, kept), self._passes(entry, removed)
        rows = documents = len(kept) + len(removed)
        if part.staying is not None:
            documents = len(part.staying) + sum(map(len, part.entering))
            stays = pc.and_(stays, pc.is_in(document_keys(kept), value_set=part.staying))
            enters = pc.and_(enters, pc.is_in(document_keys(removed), value_set=part.staying))
        part.note(kept, pc.invert(stays), lambda rows: self._reasons(entry, rows))
        part.note(removed, enters, lambda rows: rows.column(WHY.name))
        docs = [*part.entering, *self._let_in(entry, receipt, removed.filter(enters))]
        part.entering = [left for one in docs for left in self._processed(entry, one) if len(left)]
        part.staying, part.kept = document_keys(kept).filter(stays), kept
        before, after = self._sums[number]
        before.add(rows, [kept])
        after.add(documents, [kept.filter(stays), *(one.batch for one in part.entering)])

    def _rows(self, entry: StageEntry, side: str, receipt: Receipt) -> pa.RecordBatch:
        """Read the pointers and tokens of one side of a part, and the metrics where the rules differ."""
        run = self._runs[entry.position]
        metrics = [f"{run.step.column}.{metric.name}" for metric in run.step.stage.metrics]
        columns = [*WHO, TOKENS.name, *(metrics if entry.position in self._changed else [])]
        columns += [WHY.name] if side == "removed" else []
        batches = [piece.batch for piece in pieces(self._reader, entry, (side,), columns, [receipt])]
        if batches:
            return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
        return pa.RecordBatch.from_pylist([], schema=run.flow.kept if side == "kept" else run.flow.removed)

    def _passes(self, entry: StageEntry, rows: pa.RecordBatch) -> pa.BooleanArray:
        """Return a mask of the rows that the stage would keep if it got all of them."""
        if entry.position in self._changed:
            return self._verdict(entry, rows).kept
        return pa.array([WHY.name not in rows.schema.names] * len(rows), pa.bool_())

    def _verdict(self, entry: StageEntry, rows: pa.RecordBatch) -> Verdict:
        step = self._pipeline.steps[entry.position]
        removed = WHY.name in rows.schema.names
        trouble = stored_trouble(rows.column(WHY.name)) if removed else Trouble.none(len(rows))
        return apply_rules(step.stage.rules(), rows.column(step.column), trouble)

    def _reasons(self, entry: StageEntry, rows: pa.RecordBatch) -> pa.StructArray:
        """Return the reasons for which a changed stage would remove rows that it kept."""
        step = self._pipeline.steps[entry.position]
        return explain(step.name, step.stage.rules(), self._verdict(entry, rows))

    # ----------------------------------------------------------------------------------------------------- processing

    def _let_in(self, entry: StageEntry, receipt: Receipt, rows: pa.RecordBatch) -> Iterator[Docs]:
        """Yield the documents of removed rows as they entered the stage."""
        given = self._runs[entry.position].flow.given
        if TRANSIENT & set(given.names):
            for row in range(len(rows)):
                yield self._from_archive(entry, document(rows.slice(row, 1)))
        elif len(rows):
            before, keys = self._reader.before(entry), document_keys(rows)
            assert before is not None  # a stage is only made behind another
            for piece in pieces(self._reader, before, ("kept",), given.names, self._reader.sources(entry, receipt)):
                batch = piece.batch.filter(pc.is_in(document_keys(piece.batch), value_set=keys))
                yield Docs(batch.select(given.names).cast(given))

    def _from_archive(self, entry: StageEntry, who: Document) -> Docs:
        """Read a document from its archive, and process it up to the stage."""
        docs, measured = read_again(self._pipeline, self._runs[0], who)
        steps = [StepProcessor(run) for run in self._runs[: entry.position]]
        *_, split = process_batch(docs, measured, steps)
        return split.kept

    def _processed(self, entry: StageEntry, docs: Docs) -> Iterator[Docs]:
        step, rows = StepProcessor(self._runs[entry.position]), self._pipeline.executor.batch
        for start in range(0, len(docs), rows):
            yield step.process(docs.slice(start, rows)).kept


@dataclass
class _Part:
    """One part between two stages: keys of the stored rows that stay, documents that enter, and reasons by key."""

    staying: pa.FixedSizeBinaryArray | None = None
    entering: list[Docs] = field(default_factory=list)
    reasons: dict[bytes, Why] = field(default_factory=dict)
    kept: pa.RecordBatch | None = None
    """The stored kept rows of the last stage."""

    def note(
        self, rows: pa.RecordBatch, mask: pa.BooleanArray, reasons: Callable[[pa.RecordBatch], pa.StructArray]
    ) -> None:
        """Remember the reasons of the rows where ``mask`` is true and that have stayed so far; the first one counts."""
        chosen = rows.filter(mask)
        if self.staying is not None:
            chosen = chosen.filter(pc.is_in(document_keys(chosen), value_set=self.staying))
        if len(chosen):
            for key, why in zip(document_keys(chosen).to_pylist(), reasons(chosen).to_pylist(), strict=True):
                self.reasons.setdefault(key, why)
