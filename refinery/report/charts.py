"""Charts drawn from Vega-Lite to SVG, which needs no script, loads nothing and takes its colours from the page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert
from markupsafe import Markup, escape

from refinery.formatting import safe
from refinery.report.curves import Bin, Point
from refinery.stage.explanation import Explanation
from refinery.stage.rules import Scale

Spec = dict[str, Any]
"""A piece of a Vega-Lite chart."""

WIDTH = 300
CONFIG = {
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--soft)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "labelFont": "system-ui, sans-serif",
        "titleFont": "system-ui, sans-serif",
    },
}
SCALES: dict[Scale, str] = {"ratio": "linear", "log": "log", "count": "symlog", "label": "linear"}
COUNT_TICKS = {"tickCount": 3, "tickMinStep": 1, "format": "~s"}
FORMAT = {"ratio": "~g", "log": "~s", "count": "~s"}

_PLACED = re.compile(r' (?:d|transform)="[^"]*"')
_FINE = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
"""Coordinates finer than a hundredth of a pixel, which are a fifth of a timeline's bytes."""


def draw(spec: Spec, about: str) -> Markup:
    """Return the SVG of a chart; ``about`` is its label for screen readers."""
    svg = vl_convert.vegalite_to_svg({**spec, "config": CONFIG}, allowed_base_urls=[])
    assert "style=" not in svg  # the content security policy refuses it
    svg = _PLACED.sub(lambda match: _FINE.sub(lambda one: f"{float(one[0]):.2f}", match[0]), svg)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(about)}" ', 1))  # noqa: S704 - drawn here


def histogram(
    scale: Scale,
    kept: Sequence[Bin],
    removed: Sequence[Bin],
    thresholds: Sequence[tuple[str, float]],
    unit: str,
    about: str,
) -> Markup:
    """Draw kept documents upwards and removed ones downwards, each on its own scale, with the thresholds."""
    every = [*kept, *removed]
    low = min([*(one.low for one in every), *(at for _, at in thresholds)], default=0.0)
    high = max([*(one.high for one in every), *(at for _, at in thresholds)], default=1.0)
    x_scale: Spec = {"type": SCALES[scale], "domain": [low, high], "nice": False}
    if scale == "log":
        x_scale["domain"] = [max(low, 1e-3), max(high, 2e-3)]
    lines = _threshold([at for _, at in thresholds], {"field": "at", "type": "quantitative", "scale": x_scale})
    halves = []
    for name, side_bins in (("kept", kept), ("removed", removed)):
        bars = [{"low": b.low, "high": b.high, "documents": b.documents, "tokens": b.tokens} for b in side_bins]
        axis = (
            {"format": FORMAT[scale], "title": unit or None} if name == "removed" else {"labels": False, "title": None}
        )
        y_scale = {"reverse": name == "removed", "nice": 3, "domainMin": 0}
        encoding = {
            "x": quantity("low", {**axis, "grid": False, "tickCount": 5}, x_scale),
            "x2": {"field": "high"},
            "y": quantity("documents", {"title": name, **COUNT_TICKS}, y_scale),
            "y2": {"datum": 0},
        }
        layers = [layer(bars, {"type": "bar", "color": f"var(--{name})"}, encoding), lines]
        halves.append({"width": WIDTH, "height": 62, "layer": layers})
    return draw({"vconcat": halves, "spacing": 4}, about)


def what_if(scale: Scale, points: Sequence[Point], at: float, whole: tuple[int, int], about: str) -> Markup:
    """Draw the share of its input that a stage would keep, in documents and tokens, by threshold."""
    rows: list[Spec] = []
    for point in points:
        rows.append({"threshold": point.threshold, "share": _share(point.documents, whole[0]), "of": "documents"})
        if whole[1]:
            rows.append({"threshold": point.threshold, "share": _share(point.tokens, whole[1]), "of": "tokens"})
    threshold = [point.threshold for point in points]
    domain = [max(min(threshold), 1e-3), max(threshold)] if scale == "log" else [min(threshold), max(threshold)]
    x = quantity(
        "threshold",
        {"format": FORMAT[scale], "title": "threshold", "grid": False, "tickCount": 5},
        {"type": SCALES[scale], "domain": [min([*domain, at]), max([*domain, at])], "nice": False},
    )
    line = layer(
        [row for row in rows if scale != "log" or row["threshold"] > 0],
        {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        {
            "x": x,
            "y": quantity("share", {"format": "%", "title": "kept of input", "tickCount": 4}, {"domain": [0, 1]}),
            "strokeDash": category("of", {"documents": [1, 0], "tokens": [3, 3]}),
            "color": {"value": "var(--kept)"},
        },
    )
    return draw({"width": WIDTH, "height": 90, "layer": [line, _threshold([at], x)]}, about)


def chance(settings: Explanation, removed: Sequence[Bin], about: str) -> Markup:
    """Draw the curves of a setting, others dotted, and below them a histogram of removed documents on the same axis."""
    first = next(iter(settings.curves))
    low = min([*settings.at, *(one.low for one in removed)])
    x_scale = {"domain": [low, max(settings.at)], "nice": False}
    points = [
        {"at": at, "chance": value, "of": "own" if name == first else "other", "name": name}
        for name, values in settings.curves.items()
        for at, value in zip(settings.at, values, strict=True)
    ]
    lines = layer(
        points,
        {"type": "line", "strokeWidth": 2},
        {
            "x": quantity("at", {"labels": False, "title": None, "tickCount": 7}, x_scale),
            "y": quantity("chance", {"title": "found", "format": "%", "tickCount": 4}, {"domain": [0, 1]}),
            "detail": {"field": "name"},
            "strokeDash": category("of", {"own": [1, 0], "other": [3, 3]}),
            "color": {"value": "var(--kept)"},
        },
    )
    bars = layer(
        [{"low": one.low, "high": one.high, "documents": one.documents} for one in removed],
        {"type": "bar", "color": "var(--removed)"},
        {
            "x": quantity("low", {"title": settings.axis, "format": "~g", "grid": False, "tickCount": 7}, x_scale),
            "x2": {"field": "high"},
            "y": quantity("documents", {"title": "removed", **COUNT_TICKS}, {"nice": 3, "domainMin": 0}),
            "y2": {"datum": 0},
        },
    )
    halves = [{**lines, "width": WIDTH, "height": 110}, {**bars, "width": WIDTH, "height": 62}]
    return draw({"vconcat": halves, "spacing": 4}, about)


def seconds(values: Sequence[float], about: str) -> Markup:
    """Draw a histogram of the seconds of parts."""
    bars = layer(
        [{"seconds": value} for value in values],
        {"type": "bar", "color": "var(--kept)"},
        {
            "x": {**quantity("seconds", {"title": "seconds per part", "grid": False}), "bin": {"maxbins": 30}},
            "y": {"aggregate": "count", "type": "quantitative", "axis": {"title": "parts", "tickCount": 3}},
        },
    )
    return draw({**bars, "width": WIDTH, "height": 90}, about)


@dataclass(frozen=True)
class Cell:
    """Documents of a row between two values: their share of the row, and the outcome of most of them."""

    row: str
    low: float
    high: float
    share: float
    side: str
    kept: int
    removed: int


def cells(tiles: Sequence[Cell], rows: Mapping[str, float], name: str, about: str) -> Markup:
    """Draw a row of shaded cells for each of ``rows``, with its threshold: one line, if it is the same for all."""
    low = min([*rows.values(), *(one.low for one in tiles)])
    x_scale = {"domain": [low, 1], "nice": False}
    labels = {row: safe(row)[:24] or "(none)" for row in rows}
    values = [
        {
            "row": labels[one.row],
            "low": one.low,
            "high": one.high,
            "shade": one.share**0.5,
            "side": one.side,
            "label": f"{labels[one.row]}, {one.low:.2f} to {one.high:.2f}: {one.kept:,} kept, {one.removed:,} removed",
        }
        for one in tiles
    ]
    y: Spec = {
        "field": "row",
        "type": "ordinal",
        "sort": list(labels.values()),
        "axis": {"title": None, "ticks": False, "domain": False},
    }
    squares = layer(
        values,
        {"type": "rect", "stroke": "var(--page)", "strokeWidth": 1},
        {
            "y": y,
            "x": quantity("low", {"title": name, "grid": False, "tickCount": 10}, x_scale),
            "x2": {"field": "high"},
            "color": category("side", {"kept": "var(--kept)", "removed": "var(--removed)"}),
            "opacity": {
                "field": "shade",
                "type": "quantitative",
                "legend": None,
                "scale": {"domain": [0, 1], "range": [0.15, 1]},
            },
            "description": {"field": "label"},
        },
    )
    x: Spec = {"field": "at", "type": "quantitative", "scale": x_scale}
    if len(set(rows.values())) == 1:
        rule = _threshold(list(rows.values())[:1], x)
    else:
        ticks = [{"row": labels[row], "at": at} for row, at in rows.items()]
        rule = layer(ticks, {"type": "tick", "color": "var(--ink)", "thickness": 1.5}, {"y": y, "x": x})
    return draw({"width": WIDTH, "height": {"step": 20}, "layer": [squares, rule]}, about)


def layer(rows: Sequence[Spec], mark: Spec, encoding: Spec) -> Spec:
    """Return a layer that draws a mark for each row."""
    return {"data": {"values": rows}, "mark": mark, "encoding": encoding}


def quantity(field: str, axis: Spec, scale: Spec | None = None) -> Spec:
    """Return the encoding of a number by its position."""
    return {"field": field, "type": "quantitative", "axis": axis, **({"scale": scale} if scale else {})}


def category(field: str, values: Mapping[str, Any]) -> Spec:
    """Return the encoding of a name by its value, without a legend."""
    scale = {"domain": list(values), "range": list(values.values())}
    return {"field": field, "type": "nominal", "legend": None, "scale": scale}


def _threshold(values: Sequence[float], x: Spec) -> Spec:
    """Return the layer that draws a dashed line at each value on the axis of ``x``."""
    mark = {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5}
    return layer([{x["field"]: at} for at in values], mark, {"x": x})


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
