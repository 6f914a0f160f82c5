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
from refinery.inspect.holdings import Held, Holdings, open_root
from refinery.inspect.judgement import Judgement, stored_judgement
from refinery.inspect.replay import replay
from refinery.inspect.statistics import stage_statistics
from refinery.root.parquet import open_parquet
from refinery.stage.base import changes_text
from refinery.stage.documents import TEXT
from refinery.stage.rules import QUARANTINED, WHY
from refinery.statistics import SIDES, id_hashes


@dataclass(frozen=True)
class Wanted:
    """What is asked for. ``stage`` defaults to the last one for kept, to all for removed documents.

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
    judgement: Judgement
    text: str | None
    text_note: str
    """Why there is no text."""
    marks: tuple[Mark, ...] = ()
    """What was cut out of the text, else what it was removed for."""

    def _repr_html_(self) -> str:
        judged = self.judgement
        verdict = paragraph(f"{self.stage}: {judged.verdict} {', '.join(judged.failed) or judged.rule} {judged.note}")
        text = paragraph(f"no text: {self.text_note}") if self.text is None else of_text(self.text, self.marks)
        return f"{of_document(self.document)}{verdict}{of_metrics(judged)}{text}"


@dataclass(frozen=True)
class Samples:
    """How many documents match, and some of them. ``unstored`` are stages whose removed rows were not written."""

    matching: int
    documents: tuple[Sample, ...]
    unstored: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        shown = "<hr>".join(one._repr_html_() for one in self.documents)
        return f"{paragraph(f'{len(self.documents):,} of {self.matching:,} documents that match')}{shown}"


def sample(path: str, wanted: Wanted) -> Samples:
    """Draw documents of the root at ``path``.

    Raises UsageError for a stage, rule or metric that the root does not have, StorageError for a damaged file.
    """
    holdings = open_root(path)
    sides = _sides(wanted)
    wanted.filters.check()
    drawn = _Drawn(wanted.count)
    for held, stored in _outputs(holdings, wanted, sides):
        metric, filtered = _metric(holdings, held, wanted), wanted.filters.columns(holdings, held)
        columns = ["id", f"{WHY.name}.rule", *([metric] if metric else []), *filtered]
        _need(holdings, held, stored, ["id", *filtered])
        for piece in pieces(holdings, held, stored, columns):
            mask = pc.and_(_matching(piece.batch, wanted, metric), wanted.filters.mask(piece.batch, filtered))
            drawn.add(piece, mask)
    found = tuple(_sample(holdings, spot) for spot in drawn.spots())
    return Samples(drawn.matching, found, _unwritten(holdings, wanted, sides))


def _need(holdings: Holdings, held: Held, sides: Sequence[str], columns: Sequence[str]) -> None:
    """Raises UsageError where an export left columns out."""
    for side in sides:
        path = next((file.path for r in holdings.receipts(held) for file in r.files.get(side, ())), None)
        if path is not None:
            with open_parquet(holdings.root, path) as file:
                present = set(file.schema_arrow.names)
            missing = [name for name in columns if name.partition(".")[0] not in present]
            if missing:
                raise UsageError(f"{held.name} stores no {missing[0]} to choose by", hint="choose another --stage")


def _unwritten(holdings: Holdings, wanted: Wanted, sides: Sequence[str]) -> tuple[str, ...]:
    """Stages that were asked for with all others and have removed rows that are not there to draw from."""
    if "removed" not in sides or wanted.stage or wanted.rule or wanted.metric:
        return ()
    return tuple(
        held.name
        for held in holdings.stages
        if not _stores(holdings, held, ("removed",)) and any(r.rows.get("removed") for r in holdings.receipts(held))
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


def _sides(wanted: Wanted) -> tuple[str, ...]:
    if wanted.rule and wanted.side == "kept":
        raise UsageError(f"no kept document violates {wanted.rule!r}", hint="leave out --kept")
    if wanted.metric is None and (wanted.low is not None or wanted.high is not None):
        raise UsageError("--min and --max need a metric", hint="add --metric NAME")
    for name, value in (("--min", wanted.low), ("--max", wanted.high)):
        if value is not None and math.isnan(value):
            raise UsageError(f"{name} nan is no number", hint="write it as 0.5 or 100")
    if wanted.low is not None and wanted.high is not None and not wanted.low <= wanted.high:
        raise UsageError(f"--min {wanted.low:g} is above --max {wanted.high:g}", hint="give the smaller value as --min")
    if wanted.rule:
        return ("removed",)
    return SIDES if wanted.side == "any" else (wanted.side or "kept",)


def _outputs(holdings: Holdings, wanted: Wanted, sides: Sequence[str]) -> list[tuple[Held, tuple[str, ...]]]:
    """The stages to draw from, and which of their sides."""
    if wanted.rule or wanted.stage or wanted.metric:
        chosen = _stages(holdings, wanted, sides)
        able = [held for held in chosen if wanted.filters.knows(holdings, held)]
        return [(held, tuple(sides)) for held in able or chosen]
    made = {side: [held for held in holdings.stages if _stores(holdings, held, (side,))] for side in sides}
    if holdings.stages and not any(made.values()):
        raise _unstored("the root", sides)
    removed = [held for held in made.get("removed", ()) if wanted.filters.knows(holdings, held)]
    kept = [_same_documents(holdings, held, wanted.filters) for held in made.get("kept", ())[-1:]]
    return [*((held, ("removed",)) for held in removed), *((held, ("kept",)) for held in kept)]


def _same_documents(holdings: Holdings, held: Held, filters: Filters) -> Held:
    """The stage, or one before it that kept the same documents, where its own files lack what the filters need."""
    found = held
    while not filters.stored(holdings, found, ("kept",)):
        before = holdings.before(found)
        removing = any(receipt.rows.get("removed") for receipt in holdings.receipts(found))
        if before is None or removing or not _stores(holdings, before, ("kept",)):
            return held
        found = before
    return found


def _stages(holdings: Holdings, wanted: Wanted, sides: Sequence[str]) -> list[Held]:
    if wanted.rule:
        return _with_rule(holdings, wanted.rule, wanted.stage)
    if wanted.stage:
        return [_written(holdings, holdings.stage(wanted.stage), sides)]
    assert wanted.metric is not None
    owner, dot, _ = wanted.metric.partition(".")
    return [_written(holdings, holdings.stage(owner) if dot else _with_metric(holdings, wanted.metric), sides)]


def _written(holdings: Holdings, held: Held, sides: Sequence[str]) -> Held:
    if not _stores(holdings, held, sides):
        raise _unstored(held.name, sides)
    return held


def _stores(holdings: Holdings, held: Held, sides: Sequence[str]) -> bool:
    return any(receipt.files.get(side) for receipt in holdings.receipts(held) for side in sides)


def _unstored(who: str, sides: Sequence[str]) -> UsageError:
    rows = " or ".join(sides)
    return UsageError(f"{who} has no {rows} rows stored", hint="`write` and `keep_removed` of the recipe say what is")


def _with_rule(holdings: Holdings, rule: str, stage: str | None) -> list[Held]:
    held_stages = [holdings.stage(stage)] if stage else list(holdings.stages)
    known: dict[str, list[Held]] = {}
    for held in held_stages:
        counted = stage_statistics(held.folder, held.manifest.statistics).reasons
        declared = [r.id for r in holdings.pipeline.steps[held.position].stage.rules()]
        for name in {*counted, *declared}:
            known.setdefault(name, []).append(held)
    if rule not in known:
        where = f"stage {stage!r}" if stage else "the root"
        hint = did_you_mean(rule, known, "it removes nothing: choose another --stage")
        raise UsageError(f"{where} has no rule {rule[:80]!r}", hint=hint)
    return [_written(holdings, held, ("removed",)) for held in known[rule]]


def _with_metric(holdings: Holdings, metric: str) -> Held:
    by_name: dict[str, list[Held]] = {}
    for held in holdings.stages:
        for known in holdings.pipeline.steps[held.position].stage.metrics:
            by_name.setdefault(known.name, []).append(held)
    if metric not in by_name:
        raise UsageError(f"the root has no metric {metric[:80]!r}", hint=did_you_mean(metric, by_name, _NOTHING_MADE))
    if len(by_name[metric]) > 1:
        stages = ", ".join(held.name for held in by_name[metric])
        raise UsageError(f"several stages measure {metric!r}: {stages}", hint="add --stage, or write stage.metric")
    return by_name[metric][0]


def _metric(holdings: Holdings, held: Held, wanted: Wanted) -> str | None:
    """The metric's column in the stage's files. Raises UsageError where it is none, or no number."""
    if wanted.metric is None:
        return None
    owner, dot, name = wanted.metric.rpartition(".")
    steps = {step.name: step for step in holdings.pipeline.steps[: held.position + 1]}
    step = steps.get(owner if dot else held.name)
    metrics = {metric.name: metric for metric in step.stage.metrics} if step else {}
    if step is None or name not in metrics:
        hint = did_you_mean(name, metrics) if metrics else f"stages up to {held.name}: {', '.join(steps)}"
        raise UsageError(f"{held.name} has no metric {wanted.metric[:80]!r}", hint=hint)
    if metrics[name].scale == "label" and (wanted.low is not None or wanted.high is not None):
        raise UsageError(f"metric {name!r} is a label and has no range", hint="choose by --rule")
    return f"{step.column}.{name}"


def _matching(batch: pa.RecordBatch, wanted: Wanted, metric: str | None) -> pa.BooleanArray:
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


def _sample(holdings: Holdings, spot: Spot) -> Sample:
    row = row_at(holdings, spot)
    values = row.to_pylist()[0]
    who = document(row)
    step = holdings.pipeline.steps[spot.held.position]
    found = stored_judgement(step, spot.side, values)
    text, note = values.get(TEXT.name), ""
    as_it_came = text is None or spot.side == "removed" or not changes_text(step.stage)
    if text is None:
        text, note = _text_elsewhere(holdings, spot, who, deadly=found.note if found.rule == QUARANTINED else "")
    marks = evidence(step.stage, found, text) if text is not None and as_it_came else ()
    return Sample(who, spot.held.name, found, text, note, marks)


def _text_elsewhere(holdings: Holdings, spot: Spot, who: Document, deadly: str) -> tuple[str | None, str]:
    """The text that a removed row was stored without: from the stage before, else from its archive."""
    before = holdings.before(spot.held)
    earlier = holdings.sources(spot.held, spot.receipt)
    place = row_of(holdings, before, ("kept",), earlier, who) if before else None
    if place is not None:
        row = row_at(holdings, place)
        if TEXT.name in row.schema.names:
            return row.column(TEXT.name)[0].as_py(), ""
    position = spot.held.position
    try:
        steps = replay(holdings.pipeline, who, lambda _: None, {position: deadly} if deadly else {}, position)
    except RefineryError as error:
        return None, error.message
    came = steps[-2].text if position else None
    text = came if came is not None else steps[-1].text
    return text, "" if text is not None else "it has no text at this stage"
