"""Charts drawn from Vega-Lite to SVG, which needs no script, loads nothing and takes its colours from the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import vl_convert
from markupsafe import Markup, escape

from refinery.formatting import safe
from refinery.report.curves import Bin, Point
from refinery.stage.base import Explanation
from refinery.stage.rules import Scale

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
FORMAT = {"ratio": "~g", "log": "~s", "count": "~s"}

_PLACED = re.compile(r' (?:d|transform)="[^"]*"')
_FINE = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
"""Coordinates finer than a hundredth of a pixel, which are a fifth of a timeline's bytes."""


def draw(spec: dict[str, Any], about: str) -> Markup:
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
    x_scale: dict[str, Any] = {"type": SCALES[scale], "domain": [low, high], "nice": False}
    if scale == "log":
        x_scale["domain"] = [max(low, 1e-3), max(high, 2e-3)]
    halves = []
    for name, side_bins in (("kept", kept), ("removed", removed)):
        bars = [{"low": b.low, "high": b.high, "documents": b.documents, "tokens": b.tokens} for b in side_bins]
        axis = (
            {"format": FORMAT[scale], "title": unit or None} if name == "removed" else {"labels": False, "title": None}
        )
        y_scale = {"reverse": name == "removed", "nice": 3, "domainMin": 0}
        encoding = {
            "x": {
                "field": "low",
                "type": "quantitative",
                "scale": x_scale,
                "axis": {**axis, "grid": False, "tickCount": 5},
            },
            "x2": {"field": "high"},
            "y": {
                "field": "documents",
                "type": "quantitative",
                "scale": y_scale,
                "axis": {"title": name, "tickCount": 3, "tickMinStep": 1, "format": "~s"},
            },
            "y2": {"datum": 0},
        }
        layers: list[dict[str, Any]] = [
            {"data": {"values": bars}, "mark": {"type": "bar", "color": f"var(--{name})"}, "encoding": encoding},
            {
                "data": {"values": [{"at": at} for _, at in thresholds]},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5},
                "encoding": {"x": {"field": "at", "type": "quantitative", "scale": x_scale}},
            },
        ]
        halves.append({"width": WIDTH, "height": 62, "layer": layers})
    return draw({"vconcat": halves, "spacing": 4}, about)


def what_if(scale: Scale, points: Sequence[Point], at: float, whole: tuple[int, int], about: str) -> Markup:
    """Draw the share of its input that a stage would keep, in documents and tokens, by threshold."""
    rows: list[dict[str, Any]] = []
    for point in points:
        rows.append({"threshold": point.threshold, "share": _share(point.documents, whole[0]), "of": "documents"})
        if whole[1]:
            rows.append({"threshold": point.threshold, "share": _share(point.tokens, whole[1]), "of": "tokens"})
    threshold = [point.threshold for point in points]
    domain = [max(min(threshold), 1e-3), max(threshold)] if scale == "log" else [min(threshold), max(threshold)]
    x = {
        "field": "threshold",
        "type": "quantitative",
        "scale": {"type": SCALES[scale], "domain": [min([*domain, at]), max([*domain, at])], "nice": False},
        "axis": {"format": FORMAT[scale], "title": "threshold", "grid": False, "tickCount": 5},
    }
    line = {
        "data": {"values": [row for row in rows if scale != "log" or row["threshold"] > 0]},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": {
                "field": "share",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "title": "kept of input", "tickCount": 4},
            },
            "strokeDash": {
                "field": "of",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": ["documents", "tokens"], "range": [[1, 0], [3, 3]]},
            },
            "color": {"value": "var(--kept)"},
        },
    }
    rule = {
        "data": {"values": [{"threshold": at}]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5},
        "encoding": {"x": x},
    }
    return draw({"width": WIDTH, "height": 90, "layer": [line, rule]}, about)


def chance(settings: Explanation, removed: Sequence[Bin], about: str) -> Markup:
    """Draw the curves of a setting, others dotted, and below them a histogram of removed documents on the same axis."""
    first = next(iter(settings.curves))
    low = min([*settings.at, *(one.low for one in removed)])
    x = {"type": "quantitative", "scale": {"domain": [low, max(settings.at)], "nice": False}}
    lines = {
        "data": {
            "values": [
                {"at": at, "chance": value, "of": "own" if name == first else "other", "name": name}
                for name, values in settings.curves.items()
                for at, value in zip(settings.at, values, strict=True)
            ]
        },
        "width": WIDTH,
        "height": 110,
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": {**x, "field": "at", "axis": {"labels": False, "title": None, "tickCount": 7}},
            "y": {
                "field": "chance",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"title": "found", "format": "%", "tickCount": 4},
            },
            "detail": {"field": "name"},
            "strokeDash": {
                "field": "of",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": ["own", "other"], "range": [[1, 0], [3, 3]]},
            },
            "color": {"value": "var(--kept)"},
        },
    }
    bars = {
        "data": {"values": [{"low": one.low, "high": one.high, "documents": one.documents} for one in removed]},
        "width": WIDTH,
        "height": 62,
        "mark": {"type": "bar", "color": "var(--removed)"},
        "encoding": {
            "x": {**x, "field": "low", "axis": {"title": settings.axis, "format": "~g", "grid": False, "tickCount": 7}},
            "x2": {"field": "high"},
            "y": {
                "field": "documents",
                "type": "quantitative",
                "scale": {"nice": 3, "domainMin": 0},
                "axis": {"title": "removed", "tickCount": 3, "tickMinStep": 1, "format": "~s"},
            },
            "y2": {"datum": 0},
        },
    }
    return draw({"vconcat": [lines, bars], "spacing": 4}, about)


def seconds(values: Sequence[float], about: str) -> Markup:
    """Draw a histogram of the seconds of parts."""
    bars = {
        "data": {"values": [{"seconds": value} for value in values]},
        "width": WIDTH,
        "height": 90,
        "mark": {"type": "bar", "color": "var(--kept)"},
        "encoding": {
            "x": {
                "field": "seconds",
                "type": "quantitative",
                "bin": {"maxbins": 30},
                "axis": {"title": "seconds per part", "grid": False},
            },
            "y": {"aggregate": "count", "type": "quantitative", "axis": {"title": "parts", "tickCount": 3}},
        },
    }
    return draw(bars, about)


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


def cells(tiles: Sequence[Cell], rows: Sequence[str], name: str, at: float, about: str) -> Markup:
    """Draw a row of shaded cells for each of ``rows``, with the threshold."""
    low = min([at, *(one.low for one in tiles)])
    x = {"type": "quantitative", "scale": {"domain": [low, 1], "nice": False}}
    values = [
        {
            "row": safe(one.row)[:24] or "(none)",
            "low": one.low,
            "high": one.high,
            "shade": one.share**0.5,
            "side": one.side,
            "label": f"{safe(one.row)[:24]}, {one.low:.2f} to {one.high:.2f}: "
            f"{one.kept:,} kept, {one.removed:,} removed",
        }
        for one in tiles
    ]
    squares = {
        "data": {"values": values},
        "mark": {"type": "rect", "stroke": "var(--page)", "strokeWidth": 1},
        "encoding": {
            "y": {
                "field": "row",
                "type": "ordinal",
                "sort": [safe(row)[:24] or "(none)" for row in rows],
                "axis": {"title": None, "ticks": False, "domain": False},
            },
            "x": {**x, "field": "low", "axis": {"title": name, "grid": False, "tickCount": 10}},
            "x2": {"field": "high"},
            "color": {
                "field": "side",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": ["kept", "removed"], "range": ["var(--kept)", "var(--removed)"]},
            },
            "opacity": {
                "field": "shade",
                "type": "quantitative",
                "legend": None,
                "scale": {"domain": [0, 1], "range": [0.15, 1]},
            },
            "description": {"field": "label"},
        },
    }
    rule = {
        "data": {"values": [{"at": at}]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5},
        "encoding": {"x": {**x, "field": "at"}},
    }
    return draw({"width": WIDTH, "height": {"step": 20}, "layer": [squares, rule]}, about)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
