"""Documents that a stage kept or removed, by rule or by a metric's range: the same ones in every run.

Chosen are those with the smallest hashes of their ids, so a sample changes only with the documents it is drawn from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import RefineryError, UsageError, did_you_mean
from refinery.html import paragraph
from refinery.inspect.display import of_document, of_metrics, of_text
from refinery.inspect.evidence import Mark, evidence
from refinery.inspect.filters import ALL, Filters
from refinery.inspect.find import Document, Piece, Spot, document, pieces, row_at, row_of
from refinery.inspect.outcomes import StageOutcome, stored_outcome
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.replay import replay
from refinery.root.parquet import open_parquet
from refinery.root.receipts import SIDES
from refinery.root.statistics import id_hashes
from refinery.stage.base import changes_text
from refinery.stage.documents import TEXT
from refinery.stage.rules import QUARANTINED, WHY


@dataclass(frozen=True)
class SampleQuery:
    """A query for documents. ``stage`` defaults to the last one for kept, to all for removed documents.

    ``side`` is ``kept``, which is the default, ``removed`` or ``any``: all documents that came to the stage, or every
    document by its outcome where no stage is given.
    ``rule`` is the reason of a removal. ``metric`` is a metric of the stage, or ``stage.metric`` of one before it;
    ``low`` and ``high`` are included. ``filters`` are about language, domain and URL.
    """

    stage: str | None = None
    side: str | None = None
    rule: str | None = None
    metric: str | None = None
    low: float | None = None
    high: float | None = None
    count: int = 5
    filters: Filters = ALL


@dataclass(frozen=True)
class Sample:
    """One document. ``text`` is as it came to the stage, where it had one; else as the stage made it."""

    document: Document
    stage: str
    outcome: StageOutcome
    text: str | None
    text_note: str
    """Reason for which there is no text."""
    marks: tuple[Mark, ...] = ()
    """Spans that were cut out of the text, else those that a violated rule counts."""

    def _repr_html_(self) -> str:
        outcome = self.outcome
        verdict = paragraph(
            f"{self.stage}: {outcome.verdict} {', '.join(outcome.failed) or outcome.rule} {outcome.note}"
        )
        text = paragraph(f"no text: {self.text_note}") if self.text is None else of_text(self.text, self.marks)
        return f"{of_document(self.document)}{verdict}{of_metrics(outcome)}{text}"


@dataclass(frozen=True)
class Samples:
    """The number of documents that match, and some of them. ``unstored`` are stages without stored removed rows."""

    matching: int
    documents: tuple[Sample, ...]
    unstored: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        shown = "<hr>".join(one._repr_html_() for one in self.documents)
        return f"{paragraph(f'{len(self.documents):,} of {self.matching:,} documents that match')}{shown}"


def sample(path: str, wanted: SampleQuery) -> Samples:
    """Draw documents of the root at ``path``.

    Raises UsageError for a stage, rule or metric that the root does not have, StorageError for a damaged file.
    """
    reader = open_root(path)
    sides = _sides(wanted)
    wanted.filters.check()
    drawn = _Drawn(wanted.count)
    for entry, stored in _outputs(reader, wanted, sides):
        metric, filtered = _metric(reader, entry, wanted), wanted.filters.columns(reader, entry)
        columns = ["id", f"{WHY.name}.rule", *([metric] if metric else []), *filtered]
        _need(reader, entry, stored, ["id", *filtered])
        for piece in pieces(reader, entry, stored, columns):
            mask = pc.and_(_matching(piece.batch, wanted, metric), wanted.filters.mask(piece.batch, filtered))
            drawn.add(piece, mask)
    found = tuple(_sample(reader, spot) for spot in drawn.spots())
    return Samples(drawn.matching, found, _unwritten(reader, wanted, sides))


def _need(reader: RootReader, entry: StageEntry, sides: Sequence[str], columns: Sequence[str]) -> None:
    """Raises UsageError where an export left columns out."""
    for side in sides:
        path = next((file.path for r in reader.receipts(entry) for file in r.files.get(side, ())), None)
        if path is not None:
            with open_parquet(reader.root, path) as file:
                present = set(file.schema_arrow.names)
            missing = [name for name in columns if name.partition(".")[0] not in present]
            if missing:
                raise UsageError(f"{entry.name} stores no {missing[0]} to choose by", hint="choose another --stage")


def _unwritten(reader: RootReader, wanted: SampleQuery, sides: Sequence[str]) -> tuple[str, ...]:
    """Return the stages of a query of all stages whose removed rows are not stored."""
    if "removed" not in sides or wanted.stage or wanted.rule or wanted.metric:
        return ()
    return tuple(
        entry.name
        for entry in reader.stages
        if not _stores(reader, entry, ("removed",)) and any(r.rows.get("removed") for r in reader.receipts(entry))
    )


class _Drawn:
    """The rows with the smallest hashes so far."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._best: list[tuple[int, bytes, int, Spot]] = []
        self.matching = 0

    def add(self, piece: Piece, mask: pa.BooleanArray) -> None:
        rows = pc.indices_nonzero(mask).to_numpy()
        ids = piece.batch.column("id").take(pa.array(rows))
        hashes = id_hashes(ids)
        for place in np.argsort(hashes, kind="stable")[: self._count]:
            self._best.append(
                (int(hashes[place]), ids[int(place)].as_py(), self.matching + int(place), piece.spot(int(rows[place])))
            )
        self._best = sorted(self._best, key=lambda entry: entry[:3])[: self._count]
        self.matching += len(rows)

    def spots(self) -> list[Spot]:
        return [entry[3] for entry in self._best]


# ----------------------------------------------------------------------------------------------------------- choosing


_NOTHING_MADE = "no stage that measures is made yet: `refinery run` makes them"


def _sides(wanted: SampleQuery) -> tuple[str, ...]:
    if wanted.rule and wanted.side == "kept":
        raise UsageError(f"no kept document violates {wanted.rule!r}", hint="leave out --kept")
    if wanted.metric is None and (wanted.low is not None or wanted.high is not None):
        raise UsageError("--min and --max need a metric", hint="add --metric NAME")
    for name, value in (("--min", wanted.low), ("--max", wanted.high)):
        if value is not None and math.isnan(value):
            raise UsageError(f"{name} nan is no number", hint="write it as 0.5 or 100")
    if wanted.low is not None and wanted.high is not None and not wanted.low <= wanted.high:
        raise UsageError(f"--min {wanted.low:g} is above --max {wanted.high:g}", hint="use the smaller value as --min")
    if wanted.rule:
        return ("removed",)
    return SIDES if wanted.side == "any" else (wanted.side or "kept",)


def _outputs(reader: RootReader, wanted: SampleQuery, sides: Sequence[str]) -> list[tuple[StageEntry, tuple[str, ...]]]:
    """The stages to draw from, and which of their sides."""
    if wanted.rule or wanted.stage or wanted.metric:
        chosen = _stages(reader, wanted, sides)
        able = [entry for entry in chosen if wanted.filters.knows(reader, entry)]
        return [(entry, tuple(sides)) for entry in able or chosen]
    made = {side: [entry for entry in reader.stages if _stores(reader, entry, (side,))] for side in sides}
    if reader.stages and not any(made.values()):
        raise _unstored("the root", sides)
    removed = [entry for entry in made.get("removed", ()) if wanted.filters.knows(reader, entry)]
    kept = [_same_documents(reader, entry, wanted.filters) for entry in made.get("kept", ())[-1:]]
    return [*((entry, ("removed",)) for entry in removed), *((entry, ("kept",)) for entry in kept)]


def _same_documents(reader: RootReader, entry: StageEntry, filters: Filters) -> StageEntry:
    """The stage, or one before it that kept the same documents, where its own files lack what the filters need."""
    found = entry
    while not filters.stored(reader, found, ("kept",)):
        before = reader.before(found)
        removing = any(receipt.rows.get("removed") for receipt in reader.receipts(found))
        if before is None or removing or not _stores(reader, before, ("kept",)):
            return entry
        found = before
    return found


def _stages(reader: RootReader, wanted: SampleQuery, sides: Sequence[str]) -> list[StageEntry]:
    if wanted.rule:
        return _with_rule(reader, wanted.rule, wanted.stage)
    if wanted.stage:
        return [_written(reader, reader.stage(wanted.stage), sides)]
    assert wanted.metric is not None
    owner, dot, _ = wanted.metric.partition(".")
    return [_written(reader, reader.stage(owner) if dot else _with_metric(reader, wanted.metric), sides)]


def _written(reader: RootReader, entry: StageEntry, sides: Sequence[str]) -> StageEntry:
    if not _stores(reader, entry, sides):
        raise _unstored(entry.name, sides)
    return entry


def _stores(reader: RootReader, entry: StageEntry, sides: Sequence[str]) -> bool:
    return any(receipt.files.get(side) for receipt in reader.receipts(entry) for side in sides)


def _unstored(who: str, sides: Sequence[str]) -> UsageError:
    rows = " or ".join(sides)
    return UsageError(
        f"{who} has no {rows} rows stored", hint="`write` and `keep_removed` of the recipe decide what is stored"
    )


def _with_rule(reader: RootReader, rule: str, stage: str | None) -> list[StageEntry]:
    entries = [reader.stage(stage)] if stage else list(reader.stages)
    known: dict[str, list[StageEntry]] = {}
    for entry in entries:
        counted = entry.manifest.statistics.reasons
        declared = [r.id for r in reader.pipeline.steps[entry.position].stage.rules()]
        for name in {*counted, *declared}:
            known.setdefault(name, []).append(entry)
    if rule not in known:
        where = f"stage {stage!r}" if stage else "the root"
        hint = did_you_mean(rule, known, "it removes nothing: choose another --stage")
        raise UsageError(f"{where} has no rule {rule[:80]!r}", hint=hint)
    return [_written(reader, entry, ("removed",)) for entry in known[rule]]


def _with_metric(reader: RootReader, metric: str) -> StageEntry:
    by_name: dict[str, list[StageEntry]] = {}
    for entry in reader.stages:
        for known in reader.pipeline.steps[entry.position].stage.metrics:
            by_name.setdefault(known.name, []).append(entry)
    if metric not in by_name:
        raise UsageError(f"the root has no metric {metric[:80]!r}", hint=did_you_mean(metric, by_name, _NOTHING_MADE))
    if len(by_name[metric]) > 1:
        stages = ", ".join(entry.name for entry in by_name[metric])
        raise UsageError(f"several stages measure {metric!r}: {stages}", hint="add --stage, or write stage.metric")
    return by_name[metric][0]


def _metric(reader: RootReader, entry: StageEntry, wanted: SampleQuery) -> str | None:
    """The metric's column in the stage's files. Raises UsageError where it is none, or no number."""
    if wanted.metric is None:
        return None
    owner, dot, name = wanted.metric.rpartition(".")
    steps = {step.name: step for step in reader.pipeline.steps[: entry.position + 1]}
    step = steps.get(owner if dot else entry.name)
    metrics = {metric.name: metric for metric in step.stage.metrics} if step else {}
    if step is None or name not in metrics:
        hint = did_you_mean(name, metrics) if metrics else f"stages up to {entry.name}: {', '.join(steps)}"
        raise UsageError(f"{entry.name} has no metric {wanted.metric[:80]!r}", hint=hint)
    if metrics[name].scale == "label" and (wanted.low is not None or wanted.high is not None):
        raise UsageError(f"metric {name!r} is a label and has no range", hint="choose by --rule")
    return f"{step.column}.{name}"


def _matching(batch: pa.RecordBatch, wanted: SampleQuery, metric: str | None) -> pa.BooleanArray:
    mask = pa.array([True] * len(batch), pa.bool_())
    if wanted.rule:
        mask = pc.and_(mask, pc.equal(pc.struct_field(batch.column(WHY.name), "rule"), wanted.rule))
    if metric:
        owner, _, name = metric.partition(".")
        if owner not in batch.schema.names:
            return pa.array([False] * len(batch), pa.bool_())
        values = pc.struct_field(batch.column(owner), name)
        mask = pc.and_(mask, pc.is_valid(values))
        # Whole numbers beyond 2**53 are rounded, where Arrow's own comparison would raise.
        values = values if wanted.low is None and wanted.high is None else pc.cast(values, pa.float64(), safe=False)
        if wanted.low is not None:
            mask = pc.and_(mask, pc.greater_equal(values, pa.scalar(wanted.low, pa.float64())))
        if wanted.high is not None:
            mask = pc.and_(mask, pc.less_equal(values, pa.scalar(wanted.high, pa.float64())))
    return pc.fill_null(mask, False)


# ------------------------------------------------------------------------------------------------------------ reading


def _sample(reader: RootReader, spot: Spot) -> Sample:
    row = row_at(reader, spot)
    values = row.to_pylist()[0]
    who = document(row)
    step = reader.pipeline.steps[spot.entry.position]
    found = stored_outcome(step, spot.side, values)
    text, note = values.get(TEXT.name), ""
    as_it_came = text is None or spot.side == "removed" or not changes_text(step.stage)
    if text is None:
        text, note = _text_elsewhere(reader, spot, who, deadly=found.note if found.rule == QUARANTINED else "")
    marks = evidence(step.stage, found, text) if text is not None and as_it_came else ()
    return Sample(who, spot.entry.name, found, text, note, marks)


def _text_elsewhere(reader: RootReader, spot: Spot, who: Document, deadly: str) -> tuple[str | None, str]:
    """The text that a removed row was stored without: from the stage before, else from its archive."""
    before = reader.before(spot.entry)
    earlier = reader.sources(spot.entry, spot.receipt)
    place = row_of(reader, before, ("kept",), earlier, who) if before else None
    if place is not None:
        row = row_at(reader, place)
        if TEXT.name in row.schema.names:
            return row.column(TEXT.name)[0].as_py(), ""
    position = spot.entry.position
    try:
        steps = replay(reader.pipeline, who, lambda _: None, {position: deadly} if deadly else {}, position)
    except RefineryError as error:
        return None, error.message
    came = steps[-2].text if position else None
    text = came if came is not None else steps[-1].text
    return text, "" if text is not None else "it has no text at this stage"
