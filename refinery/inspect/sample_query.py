"""Queries for samples, and the stages, files and rows that they select."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError, did_you_mean
from refinery.inspect.filters import ALL, Filters
from refinery.inspect.reader import RootReader, StageEntry
from refinery.root.parquet import open_parquet
from refinery.root.receipts import SIDES
from refinery.stage.rules import WHY

_NOTHING_MADE = "no stage with metrics has finished yet: `refinery run` computes them"


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


def sides_of(query: SampleQuery) -> tuple[str, ...]:
    """Return the sides of a stage that a query is about. Raises UsageError for contradictory conditions."""
    if query.rule and query.side == "kept":
        raise UsageError(f"no kept document violates {query.rule!r}", hint="leave out --kept")
    if query.metric is None and (query.low is not None or query.high is not None):
        raise UsageError("--min and --max need a metric", hint="add --metric NAME")
    for name, value in (("--min", query.low), ("--max", query.high)):
        if value is not None and math.isnan(value):
            raise UsageError(f"{name} nan is no number", hint="write it as 0.5 or 100")
    if query.low is not None and query.high is not None and not query.low <= query.high:
        raise UsageError(f"--min {query.low:g} is above --max {query.high:g}", hint="use the smaller value as --min")
    if query.rule:
        return ("removed",)
    return SIDES if query.side == "any" else (query.side or "kept",)


def selected_outputs(
    reader: RootReader, query: SampleQuery, sides: Sequence[str]
) -> list[tuple[StageEntry, tuple[str, ...]]]:
    """Return the stages to draw from, each with its sides."""
    if query.rule or query.stage or query.metric:
        chosen = _stages(reader, query, sides)
        able = [entry for entry in chosen if query.filters.knows(reader, entry)]
        return [(entry, tuple(sides)) for entry in able or chosen]
    made = {side: [entry for entry in reader.stages if _stores(reader, entry, (side,))] for side in sides}
    if reader.stages and not any(made.values()):
        raise _unstored("the root", sides)
    removed = [entry for entry in made.get("removed", ()) if query.filters.knows(reader, entry)]
    kept = [_same_documents(reader, entry, query.filters) for entry in made.get("kept", ())[-1:]]
    return [*((entry, ("removed",)) for entry in removed), *((entry, ("kept",)) for entry in kept)]


def _same_documents(reader: RootReader, entry: StageEntry, filters: Filters) -> StageEntry:
    """Return the stage, or one before it that kept the same documents, if its own files lack filtered columns."""
    stored = entry
    while not filters.stored(reader, stored, ("kept",)):
        before = reader.before(stored)
        removing = any(receipt.rows.get("removed") for receipt in reader.receipts(stored))
        if before is None or removing or not _stores(reader, before, ("kept",)):
            return entry
        stored = before
    return stored


def _stages(reader: RootReader, query: SampleQuery, sides: Sequence[str]) -> list[StageEntry]:
    if query.rule:
        return _with_rule(reader, query.rule, query.stage)
    if query.stage:
        return [_written(reader, reader.stage(query.stage), sides)]
    assert query.metric is not None
    owner, dot, _ = query.metric.partition(".")
    return [_written(reader, reader.stage(owner) if dot else _with_metric(reader, query.metric), sides)]


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


def metric_column(reader: RootReader, entry: StageEntry, query: SampleQuery) -> str | None:
    """Return the column of the metric in the files of a stage. Raises UsageError where there is none, or no number."""
    if query.metric is None:
        return None
    owner, dot, name = query.metric.rpartition(".")
    steps = {step.name: step for step in reader.pipeline.steps[: entry.position + 1]}
    step = steps.get(owner if dot else entry.name)
    metrics = {metric.name: metric for metric in step.stage.metrics} if step else {}
    if step is None or name not in metrics:
        hint = did_you_mean(name, metrics) if metrics else f"stages up to {entry.name}: {', '.join(steps)}"
        raise UsageError(f"{entry.name} has no metric {query.metric[:80]!r}", hint=hint)
    if metrics[name].scale == "label" and (query.low is not None or query.high is not None):
        raise UsageError(f"metric {name!r} is a label and has no range", hint="choose by --rule")
    return f"{step.column}.{name}"


def matching_rows(batch: pa.RecordBatch, query: SampleQuery, metric: str | None) -> pa.BooleanArray:
    """Return true for the rows of a batch that meet the conditions on rule and metric; ``metric`` is its column."""
    mask = pa.array([True] * len(batch), pa.bool_())
    if query.rule:
        mask = pc.and_(mask, pc.equal(pc.struct_field(batch.column(WHY.name), "rule"), query.rule))
    if metric:
        owner, _, name = metric.partition(".")
        if owner not in batch.schema.names:
            return pa.array([False] * len(batch), pa.bool_())
        values = pc.struct_field(batch.column(owner), name)
        mask = pc.and_(mask, pc.is_valid(values))
        # Whole numbers beyond 2**53 are rounded, where Arrow's own comparison would raise.
        values = values if query.low is None and query.high is None else pc.cast(values, pa.float64(), safe=False)
        if query.low is not None:
            mask = pc.and_(mask, pc.greater_equal(values, pa.scalar(query.low, pa.float64())))
        if query.high is not None:
            mask = pc.and_(mask, pc.less_equal(values, pa.scalar(query.high, pa.float64())))
    return pc.fill_null(mask, False)


def check_columns(reader: RootReader, entry: StageEntry, sides: Sequence[str], columns: Sequence[str]) -> None:
    """Raise UsageError where an export left columns out."""
    for side in sides:
        path = next((file.path for r in reader.receipts(entry) for file in r.files.get(side, ())), None)
        if path is not None:
            with open_parquet(reader.root, path) as file:
                present = set(file.schema_arrow.names)
            missing = [name for name in columns if name.partition(".")[0] not in present]
            if missing:
                raise UsageError(f"{entry.name} stores no {missing[0]} to choose by", hint="choose another --stage")


def stages_without_rows(reader: RootReader, query: SampleQuery, sides: Sequence[str]) -> tuple[str, ...]:
    """Return the stages of a query of all stages whose removed rows are not stored."""
    if "removed" not in sides or query.stage or query.rule or query.metric:
        return ()
    return tuple(
        entry.name
        for entry in reader.stages
        if not _stores(reader, entry, ("removed",)) and any(r.rows.get("removed") for r in reader.receipts(entry))
    )
