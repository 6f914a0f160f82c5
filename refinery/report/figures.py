"""The figures on the pages: the funnel, metrics with their thresholds, parts; all from counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from refinery.formatting import plural
from refinery.report import charts
from refinery.report.curves import bars, beyond, curve, numeric
from refinery.report.view import MetricView, StageView, View
from refinery.root.statistics import Tally
from refinery.stage.base import Explanation
from refinery.stage.rules import Scale

UNITS = ("documents", "tokens", "bytes")
LABELS = 15
"""Labels of a metric that are shown."""


@dataclass(frozen=True)
class Step:
    """A stage in the funnel, in one unit: what is left, of the whole and of the stage before."""

    stage: StageView
    left: int
    of_whole: float
    of_previous: float | None
    reference: float | None


def funnel(found: View) -> dict[str, list[Step]]:
    """The funnel in each unit. Tokens and bytes begin with the first stage that has texts."""
    return {unit: list(_funnel(found, unit)) for unit in UNITS}


def _funnel(found: View, unit: str) -> Iterator[Step]:
    whole = before = 0
    for stage in found.stages:
        left = stage.counts.unit(unit).get("kept", 0)
        if not whole and not left:
            continue
        whole = whole or left
        # The paper counts from the documents that were read: only documents are of that whole.
        reference = stage.reference if unit == "documents" else None
        yield Step(stage, left, left / whole, left / before if before else None, reference)
        before = left


@dataclass(frozen=True)
class Reason:
    """A reason of removal with its share of what came to its stage."""

    stage: StageView
    rule: str
    documents: int
    tokens: int
    share: float


def top_rows(found: View) -> list[Reason]:
    """The commonest reasons behind the source."""
    rows = []
    for stage in found.stages:
        given = stage.counts.documents["in"]
        if stage.totals.position:
            rows += [Reason(stage, r.id, *r.first, r.first[0] / given) for r in stage.rules if r.first[0]]
    return sorted(rows, key=lambda row: (-row.documents, row.stage.totals.position, row.rule))[:10]


@dataclass(frozen=True)
class Figure:
    """A metric: its histogram and what-if curves, or its commonest labels; and what the histogram cannot show."""

    name: str
    about: str
    unit: str
    thresholds: tuple[str, ...]
    histogram: Markup | None
    curves: tuple[tuple[str, Markup], ...]
    labels: tuple[tuple[str, int, int], ...]
    note: str


def metric_figures(stage: StageView) -> list[Figure]:
    """All metrics of a stage, those with rules first, and the lengths of its texts."""
    ordered = sorted(stage.metrics, key=lambda metric: not metric.rules)
    figures = [_figure(stage, metric) for metric in ordered]
    for unit, sides in stage.counts.lengths.items():
        if sides.kept or sides.removed:
            figures.append(_length(unit, sides.kept, sides.removed))
    return figures


def _figure(stage: StageView, metric: MetricView) -> Figure:
    scale, counts = metric.metric.scale, metric.counts
    thresholds = tuple(f"{rule.id} {rule.threshold}" for rule in metric.rules)
    if scale == "label":
        labels = tuple(row[:3] for row in by_label(metric, LABELS))
        return Figure(metric.metric.name, metric.metric.help, metric.metric.unit, thresholds, None, (), labels, "")
    rules = numeric(metric.rules, metric.metric.name)
    at = [(rule.id, _at(rule)) for rule in rules]
    kept, removed = bars(scale, counts.kept), bars(scale, counts.removed)
    chart = None
    if kept or removed:
        said = f"{stage.name}.{metric.metric.name}: histogram of kept and removed documents"
        chart = charts.histogram(scale, kept, removed, at, metric.metric.unit or metric.metric.name, said)
    whole = stage.counts.documents["in"], stage.counts.tokens.get("in", 0)
    curves = []
    for rule in rules:
        points = curve(counts, scale, rule)
        if len(points) > 1:
            said = f"{stage.name}: share kept by the threshold of {rule.id}, now {_at(rule):g}"
            curves.append((rule.id, charts.what_if(scale, points, _at(rule), whole, said)))
    return Figure(
        metric.metric.name,
        metric.metric.help,
        metric.metric.unit,
        thresholds,
        chart,
        tuple(curves),
        (),
        _note(scale, metric),
    )


def _at(rule: Any) -> float:
    return float(rule.at_least if rule.at_least is not None else rule.at_most)


def by_label(metric: MetricView, count: int) -> list[tuple[str, int, int, int]]:
    """The commonest labels of a metric: documents that were kept, documents that were removed, and tokens kept."""
    kept = {str(name): (documents, tokens) for name, documents, tokens in metric.counts.kept}
    removed = {str(name): documents for name, documents, _ in metric.counts.removed}
    rows = [(name, kept.get(name, (0, 0)), removed.get(name, 0)) for name in sorted({*kept, *removed})]
    rows.sort(key=lambda row: -row[1][0] - row[2])
    return [(name, documents, gone, tokens) for name, (documents, tokens), gone in rows[:count]]


def _note(scale: Scale, metric: MetricView) -> str:
    """What lies outside the bins."""
    below, above = (
        sum(pair) for pair in zip(*(beyond(scale, t) for t in (metric.counts.kept, metric.counts.removed)), strict=True)
    )
    told = [
        f"{plural(below, 'document')} below the first bin" if below else "",
        f"{above:,} in the open last bin" if above else "",
    ]
    return ", ".join(one for one in told if one)


def _length(unit: str, kept: Tally, removed: Tally) -> Figure:
    chart = charts.histogram(
        "log", bars("log", kept), bars("log", removed), (), f"{unit} of a text", f"length of texts in {unit}"
    )
    return Figure(f"length in {unit}", "texts by length", unit, (), chart, (), (), "")


@dataclass(frozen=True)
class Chance:
    """How likely a stage finds what it looks for: its curves, their values at some places, and what it measured."""

    about: str
    axis: str
    names: tuple[str, ...]
    chart: Markup
    rows: tuple[tuple[float, tuple[float, ...]], ...]
    measured: int
    """Removed documents that the chart shows."""
    same: int
    """Those at the end of the axis, which are too many to be drawn beside the others."""


def chances(found: View) -> dict[str, Chance]:
    """By stage, for those that explain themselves by curves; a metric of the axis' name is what was measured."""
    made = {}
    for stage in found.stages:
        told = stage.step.stage.explain()
        if told is not None and told.curves:
            tally = next((m.counts.removed for m in stage.metrics if m.metric.name == told.axis), ())
            made[stage.name] = _chance(stage.name, told, tally)
    return made


def _chance(stage: str, told: Explanation, tally: Tally) -> Chance:
    removed = bars("ratio", tally)
    at = [place for place, value in enumerate(told.at) if round(100 * value) % 5 == 0]
    said = f"{stage}: the chance that a pair is found, and the removed documents, by {told.axis}"
    return Chance(
        told.about,
        told.axis,
        tuple(told.curves),
        charts.chance(told, removed, said),
        tuple((told.at[n], tuple(curve[n] for curve in told.curves.values())) for n in at),
        sum(one.documents for one in removed),
        beyond("ratio", tally)[1],
    )


def part_figure(stage: StageView) -> Markup | None:
    """Seconds of the parts, where there are enough of them."""
    times = [part.seconds for part in stage.parts]
    return charts.seconds(times, f"{stage.name}: seconds of its parts") if len(times) > 3 else None


def share(part: float, whole: float) -> str:
    """A share in percent, a dash of nothing."""
    if not whole:
        return "–"
    found = part / whole
    return f"{found:.1%}" if found >= 0.001 or not part else f"{found:.3%}"
