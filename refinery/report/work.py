"""The work of a root for the Run page: the plan as passes with rounds between them, and the times of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from refinery.formatting import safe
from refinery.inspect.reader import StageEntry
from refinery.inspect.runs import RunStatus
from refinery.planner.segments import segments_of
from refinery.report import limits, timelines
from refinery.report.view import StageView, View
from refinery.root.receipts import Receipt
from refinery.root.runs import PhaseRecord, StageWork, WorkSpan
from refinery.runner.timeline import FAILED, SLOTS
from refinery.stage.global_stage import Global
from refinery.stage.rounds import UntilStable

STRAGGLES = 2.0
"""A straggler takes at least this many times the mean of its phase,"""

NOTICED = 0.01
"""and at least this share of the run."""


@dataclass(frozen=True)
class Node:
    """A stage in the plan. ``view`` is None if it has not run, ``work`` if no run recorded it."""

    name: str
    view: StageView | None
    bytes: int
    """Bytes of the Parquet files of its kept rows; 0 if none are written."""
    work: StageWork | None


@dataclass(frozen=True)
class RoundWork:
    """A round of a global stage between two passes: its tasks, and the bytes that they wrote."""

    name: str
    tasks: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Pass:
    """Stages that one pass processes for each part; the ``rounds`` of a global first stage come before it."""

    rounds: tuple[RoundWork, ...]
    nodes: tuple[Node, ...]


def plan(view: View) -> list[Pass]:
    """Return all stages of the recipe in passes."""
    steps = view.reader.pipeline.steps
    views = {stage.totals.position: stage for stage in view.stages}
    newest = view.runs[0].record.stages if view.runs else ()
    work = {one.stage: one for one in newest}
    passes = []
    for segment in segments_of([step.stage for step in steps], len(steps) - 1):
        places = range(segment.first, segment.last + 1)
        nodes = [_node(view, steps[at].name, views.get(at), work.get(steps[at].name)) for at in places]
        passes.append(Pass(tuple(_rounds(view, segment.first)), tuple(nodes)))
    return passes


def _node(view: View, name: str, stage: StageView | None, work: StageWork | None) -> Node:
    made = view.reader.load(view.reader.stage(name)).parts if stage else ()
    files = {
        file.path: file.bytes for receipt in made for file in receipt.files.get("kept", ())
    }  # empty parts share one
    return Node(name, stage, sum(files.values()), work)


def _rounds(view: View, position: int) -> Iterator[RoundWork]:
    """Yield the map and the rounds of a global stage in order, summed over partitions."""
    stage = view.reader.pipeline.steps[position].stage
    entry: StageEntry | None = next((one for one in view.reader.stages if one.position == position), None)
    if entry is None or not isinstance(stage, Global):
        return
    shuffle = view.reader.load(entry).shuffle
    groups: list[tuple[str, list[Receipt]]] = [("map", [one for one in shuffle if one.kind == "map"])]
    later = [(kind, list(made)) for kind, made in groupby((r for r in shuffle if r.kind != "map"), lambda r: r.kind)]
    groups += [(name, []) for name in _round_names(stage, [kind for kind, _ in later])]
    for number, (_, receipts) in enumerate(later):
        groups[1 + number % (len(groups) - 1)][1].extend(receipts)
    for name, made in groups:
        size = sum(receipt.total(file) for receipt in made for file in receipt.files)
        yield RoundWork(name, len(made), size, sum(receipt.seconds for receipt in made))


def _round_names(stage: Global, kinds: Sequence[str]) -> list[str]:
    """Return the names of rounds in the form that has receipts of these kinds. Those of one kind in a row are one."""
    named = []
    for form in stage.forms(0):
        each = [one for rounds in form for one in (rounds.rounds if isinstance(rounds, UntilStable) else (rounds,))]
        runs = [(kind, list(run)) for kind, run in groupby(each, lambda one: one.kind)]
        named.append([", ".join(dict.fromkeys(one.name for one in run)) for _, run in runs])
        if [kind for kind, _ in runs] == list(kinds[: len(runs)]):
            return named[-1]
    return named[0]


# --------------------------------------------------------------------------------------------------------------- times


@dataclass(frozen=True)
class Straggler:
    """A task that took ``times`` the mean of its phase."""

    span: WorkSpan
    phase: str
    times: float


@dataclass(frozen=True)
class Times:
    """The times of a run's tasks. ``chart`` is None if the run did not record them."""

    chart: Markup | None
    slots: int
    """The largest number of concurrent tasks."""
    seconds: float
    stragglers: tuple[Straggler, ...]
    used: tuple[float | None, ...]
    """The busy share of all worker slots, by phase."""


def times(run: RunStatus) -> Times:
    """Return the times of a run, up to now if it is active."""
    phases = run.record.phases
    slots = max((phase.slots for phase in phases), default=0)
    since = run.silence if run.state == "running" else 0.0
    unfinished = [span._replace(end=span.end + since) for span in run.record.open_spans]
    ends = [phase.begin + phase.seconds for phase in phases]
    whole = max((*ends, *(span.end for span in (*run.record.spans, *unfinished))), default=0.0)
    found = sorted(_stragglers(phases, whole), key=lambda one: (-one.span.seconds, one.span.begin))[: limits.STRAGGLERS]
    bars = [_drawn(span, phases) for span in run.record.spans[: limits.TIMELINE_SPANS]]
    bars += [_drawn(one.span, phases) for one in found if one.span.slot >= SLOTS]
    bars += [_drawn(span, phases, "failed") for span in run.record.failed_spans[:FAILED]]
    bars += [_drawn(span, phases, "running") for span in unfinished[:SLOTS]]
    chart = None
    if bars and whole:
        label = f"Tasks of the run by worker slot and time: at most {slots} at a time, {whole:,.1f} seconds"
        chart = timelines.timeline(bars, [phase.begin for phase in phases], whole, label)
    return Times(chart, slots, whole, tuple(found), tuple(_used(phase, slots) for phase in phases))


def _used(phase: PhaseRecord, slots: int) -> float | None:
    room = phase.seconds * slots
    return min(1.0, phase.busy / room) if room and phase.ended else None


def _stragglers(phases: Sequence[PhaseRecord], whole: float) -> Iterator[Straggler]:
    for phase in phases:
        for span in phase.longest:
            if phase.ended > 1 and span.seconds >= max(STRAGGLES * phase.mean, NOTICED * whole):
                yield Straggler(span, phase.title, span.seconds / phase.mean)


def _drawn(span: WorkSpan, phases: Sequence[PhaseRecord], kind: str = "") -> timelines.Bar:
    title = phases[span.phase].title if span.phase < len(phases) else ""
    what = span.task or f"{span.tasks:,} tasks"
    bad = f", {span.failed:,} failed" if span.failed else ", not finished" if kind == "running" else ""
    label = safe(f"{what[:80]} ({title[:80]}): {span.seconds:,.2f} s from {span.begin:,.2f} s{bad}")
    return timelines.Bar(span.slot, span.begin, span.end, kind or ("odd" if span.phase % 2 else "even"), label)
