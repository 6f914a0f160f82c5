"""Figures of the pages, all from counts: the funnel, metrics with their thresholds, and parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from refinery.formatting import plural
from refinery.report import charts, limits
from refinery.report.curves import bars, beyond, curve, numeric
from refinery.report.language_rules import threshold_texts
from refinery.report.view import MetricView, StageView, View
from refinery.root.statistics import Tally
from refinery.stage.explanation import Explanation
from refinery.stage.rules import Rule, Scale

UNITS = ("documents", "tokens", "bytes")


@dataclass(frozen=True)
class FunnelStep:
    """A stage in the funnel, in one unit: the amount kept, and its share of the whole and of the previous stage."""

    stage: StageView
    left: int
    of_whole: float
    of_previous: float | None
    reference: float | None


def funnel(view: View) -> dict[str, list[FunnelStep]]:
    """Return the funnel in each unit. Tokens and bytes start at the first stage with texts."""
    return {unit: list(_funnel(view, unit)) for unit in UNITS}


def _funnel(view: View, unit: str) -> Iterator[FunnelStep]:
    whole = before = 0
    for stage in view.stages:
        left = stage.counts.unit(unit).get("kept", 0)
        if not whole and not left:
            continue
        whole = whole or left
        # The paper's shares are of the documents that were read, so they apply to documents only.
        reference = stage.reference if unit == "documents" else None
        yield FunnelStep(stage, left, left / whole, left / before if before else None, reference)
        before = left


@dataclass(frozen=True)
class Reason:
    """A removal reason with its share of the stage's input."""

    stage: StageView
    rule: str
    documents: int
    tokens: int
    share: float


def top_rows(view: View) -> list[Reason]:
    """Return the most frequent removal reasons of the stages after the source."""
    rows = []
    for stage in view.stages:
        given = stage.counts.documents["in"]
        if stage.totals.position:
            rows += [Reason(stage, r.id, *r.first, r.first[0] / given) for r in stage.rules if r.first[0]]
    return sorted(rows, key=lambda row: (-row.documents, row.stage.totals.position, row.rule))[: limits.TOP_REASONS]


@dataclass(frozen=True)
class Figure:
    """A metric: its histogram and what-if curves, or its most frequent labels; ``note`` has values outside the bins."""

    name: str
    about: str
    unit: str
    thresholds: tuple[str, ...]
    histogram: Markup | None
    curves: tuple[tuple[str, Markup], ...]
    labels: tuple[tuple[str, int, int], ...]
    note: str


def metric_figures(stage: StageView, languages: tuple[str, ...] = ()) -> list[Figure]:
    """Return the figures of all metrics of a stage, those with rules first, and of the lengths of its texts.

    Thresholds that ``languages`` have of their own are named and drawn beside the general ones.
    """
    ordered = sorted(stage.metrics, key=lambda metric: not metric.rules)
    figures = [_figure(stage, metric, languages) for metric in ordered]
    for unit, sides in stage.counts.lengths.items():
        if sides.kept or sides.removed:
            figures.append(_length(unit, sides.kept, sides.removed))
    return figures


def _figure(stage: StageView, metric: MetricView, languages: tuple[str, ...]) -> Figure:
    scale, counts = metric.metric.scale, metric.counts
    thresholds = tuple(f"{rule.id} {'; '.join(threshold_texts(rule, languages))}" for rule in metric.rules)
    if scale == "label":
        labels = tuple(row[:3] for row in by_label(metric, limits.LABELS))
        return Figure(metric.metric.name, metric.metric.help, metric.metric.unit, thresholds, None, (), labels, "")
    rules = numeric(metric.rules, metric.metric.name)
    at = [(rule.id, number) for rule in rules for number in _numbers(rule, languages)]
    kept, removed = bars(scale, counts.kept), bars(scale, counts.removed)
    chart = None
    if kept or removed:
        label = f"{stage.name}.{metric.metric.name}: histogram of kept and removed documents"
        chart = charts.histogram(scale, kept, removed, at, metric.metric.unit or metric.metric.name, label)
    whole = stage.counts.documents["in"], stage.counts.tokens.get("in", 0)
    curves = []
    for rule in rules:
        points = [] if rule.by_language else curve(counts, scale, rule)  # counts have no language
        if len(points) > 1:
            label = f"{stage.name}: share kept by the threshold of {rule.id}, now {_at(rule):g}"
            curves.append((rule.id, charts.what_if(scale, points, _at(rule), whole, label)))
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


def _at(rule: Rule) -> float:
    return float(rule.number or 0)


def _numbers(rule: Rule, languages: Sequence[str]) -> list[float]:
    """The general threshold, and those of some languages."""
    return sorted({_at(rule), *(float(rule.by_language.get(code, _at(rule))) for code in languages)})


def by_label(metric: MetricView, count: int) -> list[tuple[str, int, int, int]]:
    """Return the most frequent labels of a metric: documents kept, documents removed, and tokens kept."""
    kept = {str(name): (documents, tokens) for name, documents, tokens in metric.counts.kept}
    removed = {str(name): documents for name, documents, _ in metric.counts.removed}
    rows = [(name, kept.get(name, (0, 0)), removed.get(name, 0)) for name in sorted({*kept, *removed})]
    rows.sort(key=lambda row: -row[1][0] - row[2])
    return [(name, documents, gone, tokens) for name, (documents, tokens), gone in rows[:count]]


def _note(scale: Scale, metric: MetricView) -> str:
    """Describe the values outside the bins."""
    below, above = (
        sum(pair) for pair in zip(*(beyond(scale, t) for t in (metric.counts.kept, metric.counts.removed)), strict=True)
    )
    notes = [
        f"{plural(below, 'document')} below the first bin" if below else "",
        f"{above:,} in the open last bin" if above else "",
        "thresholds differ by language" if any(rule.by_language for rule in metric.rules) else "",
    ]
    return ", ".join(one for one in notes if one)


def _length(unit: str, kept: Tally, removed: Tally) -> Figure:
    chart = charts.histogram(
        "log", bars("log", kept), bars("log", removed), (), f"{unit} of a text", f"length of texts in {unit}"
    )
    return Figure(f"length in {unit}", "texts by length", unit, (), chart, (), (), "")


@dataclass(frozen=True)
class Chance:
    """The probability that a stage finds a pair: its curves, some of their values, and the measured documents."""

    about: str
    axis: str
    names: tuple[str, ...]
    chart: Markup
    rows: tuple[tuple[float, tuple[float, ...]], ...]
    measured: int
    """Removed documents in the chart."""
    same: int
    """Removed documents at the end of the axis, too many for the scale of the others."""


def chances(view: View) -> dict[str, Chance]:
    """Return the chart of each stage that explains itself by curves; the metric named as the axis is measured."""
    made = {}
    for stage in view.stages:
        explanation = stage.step.stage.explain()
        if explanation is not None and explanation.curves:
            tally = next((m.counts.removed for m in stage.metrics if m.metric.name == explanation.axis), ())
            made[stage.name] = _chance(stage.name, explanation, tally)
    return made


def _chance(stage: str, explanation: Explanation, tally: Tally) -> Chance:
    removed = bars("ratio", tally)
    at = [place for place, value in enumerate(explanation.at) if round(100 * value) % 5 == 0]
    label = f"{stage}: the chance that a pair is found, and the removed documents, by {explanation.axis}"
    return Chance(
        explanation.about,
        explanation.axis,
        tuple(explanation.curves),
        charts.chance(explanation, removed, label),
        tuple((explanation.at[n], tuple(curve[n] for curve in explanation.curves.values())) for n in at),
        sum(one.documents for one in removed),
        beyond("ratio", tally)[1],
    )


def part_figure(stage: StageView) -> Markup | None:
    """Draw the seconds of the parts, if there are enough parts."""
    times = [part.seconds for part in stage.parts]
    return charts.seconds(times, f"{stage.name}: seconds of its parts") if len(times) > 3 else None


def share(part: float, whole: float) -> str:
    """Format a share in percent, a dash if ``whole`` is 0."""
    if not whole:
        return "–"
    ratio = part / whole
    return f"{ratio:.1%}" if ratio >= 0.001 or not part else f"{ratio:.3%}"
