"""What other thresholds would do: stored metrics judged anew, and the documents that they let in carried on from there.

Exact for the row stages up to the next stage that looks at all documents.
Not here: what global stages behind them would say, for their verdict is about documents together. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.find import WHO, Document, Piece, document, pieces
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.replay import read_again, step_runs
from refinery.recipe import Pipeline, from_dict, plain, recipe_dict
from refinery.root.receipts import Receipt
from refinery.root.statistics import id_hashes
from refinery.stage.documents import TOKENS, TRANSIENT, Docs, id_bytes
from refinery.stage.global_stage import begins_segment
from refinery.stage.rules import ERROR, QUARANTINED, WHY, Trouble, Verdict, apply_rules, explain
from refinery.task.document_pass import process_batch
from refinery.task.step import StepProcessor

Why = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A threshold that is moved, as a recipe writes it."""

    stage: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Yield:
    """Documents into a stage and kept by it, and the tokens of those kept; None where texts have none yet."""

    given: int
    kept: int
    tokens: int | None


@dataclass(frozen=True)
class StageYield:
    """A stage as it was run, and as it would be."""

    stage: str
    before: Yield
    after: Yield


@dataclass(frozen=True)
class Flip:
    """A document that would change sides. ``why`` is the removal: the one that would be, or the one that was."""

    document: Document
    tokens: int | None
    why: Why


@dataclass(frozen=True)
class Flips:
    """Documents that would change sides, their tokens, and some of them: the same ones every time."""

    documents: int
    tokens: int
    samples: tuple[Flip, ...]


@dataclass(frozen=True)
class WhatIf:
    """What the changed thresholds do to the stages from the first changed one on; ``beyond`` are stages not looked at.

    ``lost`` and ``gained`` are counted behind the last of ``stages``. A document that was removed further on anyway is
    no flip; its other reason is in the counts of the stages.
    """

    dataset: str
    changes: tuple[Change, ...]
    stages: tuple[StageYield, ...]
    lost: Flips
    gained: Flips
    beyond: tuple[str, ...]


def what_if(path: str, overrides: Sequence[str], count: int = 5) -> WhatIf:
    """What the root at ``path`` would hold with other thresholds, given as ``stage.field=value``, and ``count`` flips.

    Documents that a threshold lets in are measured by the stages behind it, from the stored text or, in front of the
    extraction, from their archive. Raises UsageError for a field that is no threshold of a row stage and where rows
    are not stored, StorageError where archives are gone.
    """
    holdings = open_root(path)
    pipeline = from_dict(holdings.head.recipe, path, holdings.root.full("HEAD.json"), overrides)
    changes = tuple(_changes(holdings.pipeline, pipeline))
    positions = [i for i, step in enumerate(pipeline.steps) if step.name in {change.stage for change in changes}]
    stages = _segment(holdings, pipeline, positions)
    asking = _Asking(holdings, pipeline, stages, frozenset(positions), count)
    for receipt in holdings.receipts(stages[0]):
        asking.part(receipt)
    beyond = tuple(step.name for step in pipeline.steps[stages[-1].position + 1 :])
    return WhatIf(holdings.head.dataset, changes, asking.yields(), asking.lost.flips(), asking.gained.flips(), beyond)


# ---------------------------------------------------------------------------------------------------- what is asked for


def _changes(before: Pipeline, after: Pipeline) -> Iterator[Change]:
    """The moved thresholds. Raises UsageError where there is none, or something else was changed."""
    old, new = recipe_dict(before), recipe_dict(after)
    other = [name for name in old if name != "pipeline" and old[name] != new[name]]
    other += ["executor"] if after.executor != before.executor else []
    if other:
        raise UsageError(f"{other[0]} is no threshold of a stage", hint=_HINT)
    found = []
    for mine, its in zip(before.steps, after.steps, strict=True):
        for name in type(mine.stage).model_fields:
            values = getattr(mine.stage, name), getattr(its.stage, name)
            if values[0] != values[1] and name not in mine.stage.roles("threshold"):
                raise UsageError(
                    f"{mine.name}.{name} is no threshold: with another value metrics are others", hint=_HINT
                )
            if values[0] != values[1]:
                found.append(Change(mine.name, name, *map(plain, values)))
    if not found:
        raise UsageError("no threshold is another than the root's", hint=_HINT)
    yield from found


_HINT = "--set STAGE.BOUND=VALUE; `refinery stages NAME` marks a stage's thresholds"
_RERUN = "run it into another root, and `refinery diff` the two"


def _segment(holdings: RootReader, pipeline: Pipeline, changed: Sequence[int]) -> list[StageEntry]:
    """The stages that are looked at: from the first changed one to the last that is made before a global one."""
    first, names = changed[0], [step.name for step in pipeline.steps]
    barriers = [i for i, step in enumerate(pipeline.steps) if i >= first and begins_segment(step.stage)]
    end = min(barriers, default=len(names))
    if first == 0:
        raise UsageError(f"{names[0]} is the source: what it reads is not stored", hint=_RERUN)
    if changed[-1] >= end:
        raise UsageError(
            f"{names[end]} looks at all documents, so a threshold of {names[changed[-1]]} needs a run", hint=_RERUN
        )
    stages = [held for held in holdings.stages if first <= held.position < end]
    for position in (first, changed[-1]):
        holdings.stage(names[position])  # raises where it is not made
    for held in (holdings.before(stages[0]), *stages):
        assert held is not None  # a stage is only made behind another
        wanted = ("kept",) if held.position < first else ("kept", "removed")
        if any(not receipt.files.get(side) for receipt in holdings.receipts(held) for side in wanted):
            raise UsageError(
                f"{held.name} has rows that are not stored", hint="`write` and `keep_removed` of the recipe say what is"
            )
    return stages


# ------------------------------------------------------------------------------------------------------------- drawing


@dataclass
class _Draw:
    """Flips that are counted, and those with the smallest hashes of their ids."""

    count: int
    documents: int = 0
    tokens: int = 0
    best: list[tuple[int, bytes, Flip]] = field(default_factory=list)

    def add(self, rows: pa.RecordBatch, why: Mapping[bytes, Why]) -> None:
        """Count rows that hold who the documents are; ``why`` is looked up by key."""
        tokens = rows.column(TOKENS.name).to_pylist() if TOKENS.name in rows.schema.names else [None] * len(rows)
        self.documents += len(rows)
        self.tokens += sum(number or 0 for number in tokens)
        if not self.count or not len(rows):
            return
        hashes, keys = id_hashes(rows.column("id")), _keys(rows).to_pylist()
        for place in np.argsort(hashes, kind="stable")[: self.count].tolist():
            flip = Flip(document(rows.slice(place, 1)), tokens[place], why[keys[place]])
            self.best.append((int(hashes[place]), keys[place], flip))
        self.best = sorted(self.best, key=lambda entry: entry[:2])[: self.count]

    def flips(self) -> Flips:
        """The result."""
        return Flips(self.documents, self.tokens, tuple(flip for _, _, flip in self.best))


@dataclass
class _Sum:
    """The yield of a stage over the parts so far."""

    given: int = 0
    kept: int = 0
    tokens: int | None = None

    def add(self, given: int, kept: Sequence[pa.RecordBatch]) -> None:
        """Another part: how many documents came, and those that are kept."""
        self.given += given
        self.kept += sum(map(len, kept))
        for rows in kept:
            if TOKENS.name in rows.schema.names:
                self.tokens = (self.tokens or 0) + int(pc.sum(rows.column(TOKENS.name)).as_py() or 0)


def _keys(batch: pa.RecordBatch) -> pa.FixedSizeBinaryArray:
    """What tells the documents of a part apart: id and offset, for a record may be in a file twice."""
    rows = len(batch)
    offsets = np.zeros(rows, ">u8")
    if "offset" in batch.schema.names:
        offsets = batch.column("offset").to_numpy(zero_copy_only=False).astype(">u8")
    joined = np.concatenate([id_bytes(batch.column("id")), offsets.view(np.uint8).reshape(rows, 8)], axis=1)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(24), rows, [None, pa.py_buffer(joined.tobytes())])


# -------------------------------------------------------------------------------------------------------------- asking


class _Asking:
    """The question, put to one part after the other."""

    def __init__(
        self,
        holdings: RootReader,
        pipeline: Pipeline,
        stages: Sequence[StageEntry],
        changed: frozenset[int],
        count: int,
    ) -> None:
        self._holdings = holdings
        self._pipeline = pipeline
        self._runs = step_runs(pipeline)
        self._stages = stages
        self._changed = changed
        self._sums = [(_Sum(), _Sum()) for _ in stages]
        self.lost = _Draw(count)
        self.gained = _Draw(count)

    def yields(self) -> tuple[StageYield, ...]:
        """The sums so far."""
        return tuple(
            StageYield(held.name, *(Yield(total.given, total.kept, total.tokens) for total in pair))
            for held, pair in zip(self._stages, self._sums, strict=True)
        )

    def part(self, receipt: Receipt) -> None:
        """Ask one part, from its receipt of the first stage on."""
        part = _Part()
        receipts: tuple[Receipt, ...] = (receipt,)
        for number, held in enumerate(self._stages):
            if number:
                receipts = self._holdings.made_from(held, [r.contents.get("kept", "") for r in receipts])
                if not receipts:
                    return  # the part was not carried further
            self._stage(number, held, receipts[0], part)
        assert part.last is not None
        gone = pc.invert(pc.is_in(_keys(part.last), value_set=part.staying))
        self.lost.add(part.last.filter(gone), part.reasons)
        for rows in part.new_rows:
            self.gained.add(rows, part.reasons)

    def _stage(self, number: int, held: StageEntry, receipt: Receipt, part: _Part) -> None:
        """Take a part through a stage: what of its stored rows stays, who goes, who is new."""
        kept, removed = (self._rows(held, side, receipt) for side in ("kept", "removed"))
        stays, back = self._passes(held, kept), self._passes(held, removed)
        came = len(kept) + len(removed)
        if part.staying is not None:
            came = len(part.staying) + sum(map(len, part.newcomers))
            stays = pc.and_(stays, pc.is_in(_keys(kept), value_set=part.staying))
            back = pc.and_(back, pc.is_in(_keys(removed), value_set=part.staying))
        part.note(kept, pc.invert(stays), lambda rows: self._reasons(held, rows))
        part.note(removed, back, lambda rows: rows.column(WHY.name))
        carried = [kept for docs in part.newcomers for kept in self._processed(held, docs)]
        carried += self._let_in(held, receipt, removed.filter(back)) if back.true_count else []
        part.newcomers = [docs for docs in carried if len(docs)]
        part.staying, part.last = _keys(kept).filter(stays), kept
        self._count(number, len(kept) + len(removed), kept, came, [kept.filter(stays), *part.new_rows])

    def _count(self, number: int, given: int, kept: pa.RecordBatch, came: int, after: Sequence[pa.RecordBatch]) -> None:
        was, would_be = self._sums[number]
        was.add(given, [kept])
        would_be.add(came, after)

    def _rows(self, held: StageEntry, side: str, receipt: Receipt) -> pa.RecordBatch:
        """Who the documents of a side of a part are, their tokens and what is judged of them."""
        step = self._pipeline.steps[held.position]
        metrics = [f"{step.column}.{metric.name}" for metric in step.stage.metrics]
        columns = [*WHO, TOKENS.name, *(metrics if held.position in self._changed else [])]
        columns += [WHY.name] if side == "removed" else []
        found = [piece.batch for piece in pieces(self._holdings, held, (side,), columns, [receipt])]
        if found:
            return pa.Table.from_batches(found).combine_chunks().to_batches()[0]
        flow = self._runs[held.position].flow
        return pa.RecordBatch.from_pylist([], schema=flow.kept if side == "kept" else flow.removed)

    def _passes(self, held: StageEntry, rows: pa.RecordBatch) -> pa.BooleanArray:
        """Which rows the stage would keep if all of them came."""
        if held.position in self._changed:
            return self._verdict(held, rows).kept
        return pa.array([WHY.name not in rows.schema.names] * len(rows), pa.bool_())

    def _verdict(self, held: StageEntry, rows: pa.RecordBatch) -> Verdict:
        step = self._pipeline.steps[held.position]
        trouble = Trouble.none(len(rows))
        if WHY.name in rows.schema.names:
            rule = pc.struct_field(rows.column(WHY.name), "rule")
            troubled = pc.is_in(rule, value_set=pa.array([ERROR, QUARANTINED]))
            trouble = Trouble(pc.if_else(troubled, rule, pa.nulls(len(rows), pa.string())), trouble.note)
        return apply_rules(step.stage.rules(), rows.column(step.column), trouble)

    def _reasons(self, held: StageEntry, rows: pa.RecordBatch) -> pa.StructArray:
        """Why rows that a changed stage kept would be removed."""
        step = self._pipeline.steps[held.position]
        return explain(step.name, step.stage.rules(), self._verdict(held, rows))

    # ----------------------------------------------------------------------------------------------------- processing

    def _let_in(self, held: StageEntry, receipt: Receipt, rows: pa.RecordBatch) -> list[Docs]:
        """Documents that the stage removed and would keep, as they leave it."""
        given = self._runs[held.position].flow.given
        if TRANSIENT & set(given.names):
            found = [self._from_archive(held, document(rows.slice(row, 1))) for row in range(len(rows))]
        else:
            before = self._holdings.before(held)
            assert before is not None  # a stage is only made behind another
            sources, keys = self._holdings.sources(held, receipt), _keys(rows)
            read = pieces(self._holdings, before, ("kept",), given.names, sources)
            found = [docs for piece in read for docs in _chosen(piece, keys, given)]
        return [kept for docs in found for kept in self._processed(held, docs)]

    def _from_archive(self, held: StageEntry, who: Document) -> Docs:
        """Read a document from its archive, and process it up to a stage."""
        docs, measured = read_again(self._pipeline, self._runs[0], who)
        steps = [StepProcessor(run) for run in self._runs[: held.position]]
        *_, split = process_batch(docs, measured, steps)
        return split.kept

    def _processed(self, held: StageEntry, docs: Docs) -> Iterator[Docs]:
        step, rows = StepProcessor(self._runs[held.position]), self._pipeline.executor.batch
        for start in range(0, len(docs), rows):
            yield step.process(docs.slice(start, rows)).kept


@dataclass
class _Part:
    """One part on its way: keys of stored rows that still come, documents that are new, and reasons by key."""

    staying: pa.FixedSizeBinaryArray | None = None
    newcomers: list[Docs] = field(default_factory=list)
    reasons: dict[bytes, Why] = field(default_factory=dict)
    last: pa.RecordBatch | None = None

    @property
    def new_rows(self) -> list[pa.RecordBatch]:
        """The documents that are new."""
        return [docs.batch for docs in self.newcomers]

    def note(
        self, rows: pa.RecordBatch, mask: pa.BooleanArray, reasons: Callable[[pa.RecordBatch], pa.StructArray]
    ) -> None:
        """Remember the reasons of the rows where ``mask`` is true and that still come; the first one counts."""
        chosen = rows.filter(mask)
        chosen = chosen if self.staying is None else chosen.filter(pc.is_in(_keys(chosen), value_set=self.staying))
        if len(chosen):
            for key, why in zip(_keys(chosen).to_pylist(), reasons(chosen).to_pylist(), strict=True):
                self.reasons.setdefault(key, why)


def _chosen(piece: Piece, keys: pa.FixedSizeBinaryArray, given: pa.Schema) -> Iterator[Docs]:
    rows = piece.batch.filter(pc.is_in(_keys(piece.batch), value_set=keys))
    if len(rows):
        yield Docs(rows.select(given.names).cast(given))
