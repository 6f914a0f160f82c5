"""Rules with other thresholds, applied to stored metrics; documents that they let in are processed further."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.flips import FlipDraw, StageYield, Why, YieldSum, document_keys
from refinery.inspect.group_yields import GAINED, LOST
from refinery.inspect.near import NearDraw
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.replay import read_again, step_runs
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.recipe import Pipeline
from refinery.root.receipts import SIDES, Receipt
from refinery.stage.base import Stage, languages_of
from refinery.stage.documents import LANG, TOKENS, TRANSIENT, Docs
from refinery.stage.global_stage import Global
from refinery.stage.rules import WHY, Rule, Verdict, apply_rules, explain
from refinery.statistics.groups import KEPT, KINDS, Groups
from refinery.statistics.origins import NONE, origins
from refinery.task.document_pass import process_batch
from refinery.task.step import StepProcessor
from refinery.task.stored_metrics import StoredMetrics, stored_trouble


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
        self.groups = Groups()
        """Documents behind the last stage by outcome: KEPT now and then, LOST or GAINED."""
        self.near = [
            NearDraw(entry.name, rule, count)
            for entry in stages
            if entry.position in changed
            for rule in _moved_rules(*(one.steps[entry.position].stage for one in (reader.pipeline, pipeline)))
        ]

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
        assert part.lost is not None
        assert part.kept is not None
        self._count(KEPT, part.kept)
        self._count(LOST, part.lost)
        self.lost.add(part.lost, part.reasons)
        for docs in part.entering:
            self._count(GAINED, docs.batch)
            self.gained.add(docs.batch, part.reasons)

    def _count(self, outcome: str, rows: pa.RecordBatch) -> None:
        names = rows.schema.names
        places = origins(Docs(rows))
        languages = rows.column(LANG.name) if LANG.name in names else pa.nulls(len(rows), LANG.type)
        tokens = rows.column(TOKENS.name) if TOKENS.name in names else pa.nulls(len(rows), TOKENS.type)
        columns = {name: places.column(name) for name in KINDS if name in places.schema.names}
        columns |= {"language": pc.fill_null(languages, NONE), "outcome": pa.array([outcome] * len(rows), pa.string())}
        self.groups.add(pa.RecordBatch.from_pydict({**columns, "tokens": pc.fill_null(tokens, 0)}))

    def _add_stage(self, number: int, entry: StageEntry, receipt: Receipt, part: _Part) -> None:
        """Find the stored rows of a part that the stage would remove, and those that it would let in."""
        rows = self._rows(entry, receipt)
        keys, kept = document_keys(rows), pc.is_null(rows.column(WHY.name))
        before, after = self._sums[number]
        before.add(len(rows), [rows.filter(kept)])
        comes, documents = pa.array([True] * len(rows), pa.bool_()), len(rows)
        if part.staying is not None:
            comes = pc.is_in(keys, value_set=part.staying)
            documents = len(part.staying) + sum(map(len, part.entering))
        keeps = self._keeps(entry, rows, kept, comes, part.reasons)
        entering = [*part.entering, *self._let_in(entry, receipt, rows.filter(pc.and_not(keeps, kept)))]
        part.entering = [left for docs in entering for left in self._processed(entry, receipt, docs) if len(left)]
        stays = pc.and_(keeps, kept)
        part.staying, part.kept, part.lost = (
            keys.filter(stays),
            rows.filter(stays),
            rows.filter(pc.and_not(kept, stays)),
        )
        after.add(documents, [part.kept, *(docs.batch for docs in part.entering)])

    def _rows(self, entry: StageEntry, receipt: Receipt) -> pa.RecordBatch:
        """Read the pointers, tokens and reasons of a part, and its metrics where the rules differ."""
        run = self._runs[entry.position]
        measured = [f"{run.step.column}.{metric.name}" for metric in run.step.stage.metrics]
        columns = [*WHO, TOKENS.name, LANG.name, *(measured if entry.position in self._changed else []), WHY.name]
        sides = pieces(self._reader, entry, ("kept", "removed"), columns, [receipt])
        tables = [pa.Table.from_batches([piece.batch]) for piece in sides]
        if not tables:
            return pa.RecordBatch.from_pylist([], schema=run.flow.removed)
        tables.append(pa.schema([WHY]).empty_table())
        return pa.concat_tables(tables, promote_options="default").combine_chunks().to_batches()[0]

    def _keeps(
        self,
        entry: StageEntry,
        rows: pa.RecordBatch,
        kept: pa.BooleanArray,
        comes: pa.BooleanArray,
        reasons: dict[bytes, Why],
    ) -> pa.BooleanArray:
        """Return a mask of the rows that come and would be kept; add the ``reasons`` of those whose outcome flips."""
        if entry.position not in self._changed:
            return pc.and_(kept, comes)
        verdict = self._verdict(entry, rows)
        self._draw_near(entry, rows.filter(comes))
        flipped = rows.filter(pc.and_(pc.xor(verdict.kept, kept), comes))
        step = self._pipeline.steps[entry.position]
        would_be = explain(step.name, self._verdict(entry, flipped)).to_pylist()
        keys, was = document_keys(flipped).to_pylist(), flipped.column(WHY.name).to_pylist()
        for key, old, new in zip(keys, was, would_be, strict=True):
            reasons.setdefault(key, old or new)
        return pc.and_(verdict.kept, comes)

    def _verdict(self, entry: StageEntry, rows: pa.RecordBatch) -> Verdict:
        step = self._pipeline.steps[entry.position]
        metrics, trouble = rows.column(step.column), stored_trouble(rows.column(WHY.name))
        return apply_rules(step.stage.applied_rules(), metrics, trouble, self._languages(entry, rows))

    def _languages(self, entry: StageEntry, rows: pa.RecordBatch) -> pa.StringArray:
        step = self._pipeline.steps[entry.position]
        return languages_of(step.stage, Docs(rows), rows.column(step.column))

    def _draw_near(self, entry: StageEntry, rows: pa.RecordBatch) -> None:
        for draw in self.near:
            if draw.stage == entry.name:
                draw.add(rows, self._verdict(entry, rows), self._languages(entry, rows))

    # ----------------------------------------------------------------------------------------------------- processing

    def _let_in(self, entry: StageEntry, receipt: Receipt, rows: pa.RecordBatch) -> Iterator[Docs]:
        """Yield the documents of removed rows as they entered the stage."""
        given = self._runs[entry.position].flow.given
        if TRANSIENT & set(given.names):
            for row in range(len(rows)):
                yield self._from_archive(entry, document(rows.slice(row, 1)))
        elif len(rows):
            before, keys = self._reader.before(entry), document_keys(rows)
            assert before is not None  # a stage only runs behind another
            for piece in pieces(self._reader, before, ("kept",), given.names, self._reader.sources(entry, receipt)):
                batch = piece.batch.filter(pc.is_in(document_keys(piece.batch), value_set=keys))
                yield Docs(batch.select(given.names).cast(given))

    def _from_archive(self, entry: StageEntry, who: Document) -> Docs:
        """Read a document from its archive, and process it up to the stage."""
        docs, measured = read_again(self._pipeline, self._runs[0], who)
        steps = [StepProcessor(run) for run in self._runs[: entry.position]]
        *_, split = process_batch(docs, measured, steps)
        return split.kept

    def _processed(self, entry: StageEntry, receipt: Receipt, docs: Docs) -> Iterator[Docs]:
        """Yield what the stage keeps of documents; a global one has stored metrics of them."""
        run, rows, stored = self._runs[entry.position], self._pipeline.executor.batch, None
        if isinstance(run.step.stage, Global):
            paths = tuple(file.path for side in SIDES for file in receipt.files[side])
            stored = StoredMetrics(self._reader.root, replace(run, stored=paths)).lookup
        step = StepProcessor(run, stored=stored)
        for start in range(0, len(docs), rows):
            yield step.process(docs.slice(start, rows)).kept


@dataclass
class _Part:
    """One part behind a stage: keys of the stored rows that stay, documents that enter, and reasons by key."""

    staying: pa.FixedSizeBinaryArray | None = None
    entering: list[Docs] = field(default_factory=list)
    reasons: dict[bytes, Why] = field(default_factory=dict)
    kept: pa.RecordBatch | None = None
    """The stored kept rows of the stage that stay; ``lost`` are those that do not."""
    lost: pa.RecordBatch | None = None


def _moved_rules(before: Stage, after: Stage) -> list[Rule]:
    """Return the rules that have another threshold, in general or for a language."""
    return [rule for rule in after.applied_rules() if rule.number is not None and rule not in before.applied_rules()]
