"""A root's work as the Run page shows it: the plan as passes with rounds between them, and when a run's tasks ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from refinery.formatting import safe
from refinery.inspect.reader import StageEntry
from refinery.inspect.runs import RunStatus
from refinery.planner.state import segments_of
from refinery.report import charts
from refinery.report.view import StageView, View
from refinery.root.receipts import Receipt
from refinery.root.runs import PhaseRecord, StageWork, WorkSpan
from refinery.runner.timeline import FAILED, SLOTS
from refinery.stage.global_stage import Global

STRAGGLERS = 10
"""Tasks that are named of those which took much longer than others of their phase."""

STRAGGLES = 2.0
"""So many times the mean of its phase."""

NOTICED = 0.01
"""And at least this share of the run."""

SHOWN = 1_000
"""Spans that are drawn at most, whatever a record holds."""


@dataclass(frozen=True)
class Node:
    """A stage in the plan. ``view`` is None where nothing is made of it, ``work`` where no run tells of it."""

    name: str
    view: StageView | None
    bytes: int
    """Of the Parquet that holds its kept rows; 0 where none is written."""
    work: StageWork | None


@dataclass(frozen=True)
class Round:
    """A step of a global stage between two passes: its tasks, and the bytes that they wrote."""

    name: str
    tasks: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Pass:
    """Stages through which one pass carries each part; the ``rounds`` of the first, if it is global, come before."""

    rounds: tuple[Round, ...]
    nodes: tuple[Node, ...]


def plan(found: View) -> list[Pass]:
    """The recipe's stages in passes, made or not."""
    steps = found.holdings.pipeline.steps
    views = {stage.totals.position: stage for stage in found.stages}
    newest = found.runs[0].record.stages if found.runs else ()
    work = {one.stage: one for one in newest}
    passes = []
    for segment in segments_of([step.stage for step in steps], len(steps) - 1):
        places = range(segment.first, segment.last + 1)
        nodes = [_node(found, steps[at].name, views.get(at), work.get(steps[at].name)) for at in places]
        passes.append(Pass(tuple(_rounds(found, segment.first)), tuple(nodes)))
    return passes


def _node(found: View, name: str, view: StageView | None, work: StageWork | None) -> Node:
    made = found.holdings.load(found.holdings.stage(name)).made if view else ()
    files = {
        file.path: file.bytes for receipt in made for file in receipt.files.get("kept", ())
    }  # empty parts share one
    return Node(name, view, sum(files.values()), work)


def _rounds(found: View, position: int) -> Iterator[Round]:
    """The map and the rounds of a global stage, in order; of partitions those of all together."""
    stage = found.holdings.pipeline.steps[position].stage
    held: StageEntry | None = next((one for one in found.holdings.stages if one.position == position), None)
    if held is None or not isinstance(stage, Global):
        return
    shuffle = found.holdings.load(held).shuffle
    groups: list[tuple[str, list[Receipt]]] = [("map", [one for one in shuffle if one.kind == "map"])]
    groups += [(each.name, []) for each in stage.rounds()]
    later = groupby((one for one in shuffle if one.kind != "map"), key=lambda one: one.kind)
    for number, (_, receipts) in enumerate(later):
        groups[1 + number % (len(groups) - 1)][1].extend(receipts)
    for name, made in groups:
        size = sum(receipt.total(file) for receipt in made for file in receipt.files)
        yield Round(name, len(made), size, sum(receipt.seconds for receipt in made))


# --------------------------------------------------------------------------------------------------------------- times


@dataclass(frozen=True)
class Straggler:
    """A task that took much longer than others of its phase, by ``times`` their mean."""

    span: WorkSpan
    phase: str
    times: float


@dataclass(frozen=True)
class Times:
    """When the tasks of a run were at work. ``chart`` is None where the run has not recorded it."""

    chart: Markup | None
    slots: int
    """Tasks that were at work at once, at most."""
    seconds: float
    stragglers: tuple[Straggler, ...]
    used: tuple[float | None, ...]
    """Of each phase: the share of all worker slots' time in which tasks were at work."""


def times(run: RunStatus) -> Times:
    """Those of one run, finished or not; of one at work until now."""
    phases = run.record.phases
    slots = max((phase.slots for phase in phases), default=0)
    since = run.silence if run.state == "running" else 0.0
    unfinished = [span._replace(end=span.end + since) for span in run.record.open_spans]
    ends = [phase.begin + phase.seconds for phase in phases]
    whole = max((*ends, *(span.end for span in (*run.record.spans, *unfinished))), default=0.0)
    found = sorted(_stragglers(phases, whole), key=lambda one: (-one.span.seconds, one.span.begin))[:STRAGGLERS]
    bars = [_drawn(span, phases) for span in run.record.spans[:SHOWN]]
    bars += [_drawn(one.span, phases) for one in found if one.span.slot >= SLOTS]
    bars += [_drawn(span, phases, "failed") for span in run.record.failed_spans[:FAILED]]
    bars += [_drawn(span, phases, "under way") for span in unfinished[:SLOTS]]
    chart = None
    if bars and whole:
        said = f"Tasks of the run by worker slot and time: {slots} at once at most, {whole:,.1f} seconds"
        chart = charts.timeline(bars, [phase.begin for phase in phases], whole, said)
    return Times(chart, slots, whole, tuple(found), tuple(_used(phase, slots) for phase in phases))


def _used(phase: PhaseRecord, slots: int) -> float | None:
    room = phase.seconds * slots
    return min(1.0, phase.busy / room) if room and phase.ended else None


def _stragglers(phases: Sequence[PhaseRecord], whole: float) -> Iterator[Straggler]:
    for phase in phases:
        for span in phase.longest:
            if phase.ended > 1 and span.seconds >= max(STRAGGLES * phase.mean, NOTICED * whole):
                yield Straggler(span, phase.title, span.seconds / phase.mean)


def _drawn(span: WorkSpan, phases: Sequence[PhaseRecord], kind: str = "") -> charts.Bar:
    title = phases[span.phase].title if span.phase < len(phases) else ""
    what = span.task or f"{span.tasks:,} tasks"
    bad = f", {span.failed:,} failed" if span.failed else ", not ended" if kind == "under way" else ""
    said = safe(f"{what[:80]} ({title[:80]}): {span.seconds:,.2f} s from {span.begin:,.2f} s{bad}")
    return charts.Bar(span.slot, span.begin, span.end, kind or ("odd" if span.phase % 2 else "even"), said)
