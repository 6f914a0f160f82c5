"""Charts of scores: the share of each language above a score, and the tiers of two scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from refinery.formatting import safe
from refinery.inspect.quality_scores import LanguageScores, ScorePair
from refinery.report.charts import SCALES, WIDTH, category, draw, layer, quantity
from refinery.stage.rules import Scale

COLOURS = ("var(--kept)", "var(--removed)", "var(--other)", "var(--good)", "var(--soft)")
"""Colours of languages, those with most documents first; so many are drawn."""

POINTS = 60
"""Points of a curve."""


def share_above(languages: Sequence[LanguageScores], scale: Scale, metric: str, threshold: float | None) -> Markup:
    """Draw the share of each language's documents at or above a score."""
    rows, names = [], {}
    for number, one in enumerate(languages[: len(COLOURS)]):
        name = safe(one.language)[:24] or "(none)"
        names[name] = COLOURS[number]
        values = np.sort(one.values)
        for at in np.unique(np.quantile(values, np.linspace(0, 1, POINTS), method="lower")).tolist():
            share = 1 - float(np.searchsorted(values, at)) / len(values)
            rows.append({"at": at, "share": share, "language": name})
    labels = [_label([row for row in rows if row["language"] == name], n) for n, name in enumerate(names)]
    x = quantity("at", {"title": metric, "grid": False, "tickCount": 5}, {"type": SCALES[scale], "nice": False})
    y = quantity("share", {"title": "of the language", "format": "%", "tickCount": 4}, {"domain": [0, 1]})
    encoding = {"x": x, "y": y, "color": category("language", names)}
    lines = layer(rows, {"type": "line", "interpolate": "step-before", "strokeWidth": 2}, encoding)
    mark = {"type": "text", "align": "left", "dx": 4, "dy": -4, "fontSize": 11}
    layers = [lines, layer(labels, mark, {**encoding, "text": {"field": "language"}})]
    if threshold is not None:
        rule = {"type": "rule", "color": "var(--ink)", "strokeDash": [4, 3], "strokeWidth": 1.5}
        layers.append(layer([{"at": threshold}], rule, {"x": x}))
    about = f"{metric}: share of each language's documents at or above a score: {', '.join(names)}"
    return draw({"width": WIDTH, "height": 150, "layer": layers}, about)


def _label(rows: Sequence[dict[str, float | str]], number: int) -> dict[str, float | str]:
    """Return the place of a curve's name: of each curve at another height, where it passes."""
    height = 0.85 - 0.15 * number
    return {**min(rows, key=lambda row: abs(float(row["share"]) - height)), "share": height}


def tier_map(pair: ScorePair) -> Markup:
    """Draw the documents of each pair of tiers; eight times the documents of independent ones are darkest."""
    size = len(pair.tiers)
    expected = pair.documents / size**2 or 1.0
    cells = [
        {"left": left + 1, "right": right + 1, "shade": min(1.0, float(pair.tiers[left, right]) / expected / 8)}
        for left in range(size)
        for right in range(size)
        if pair.tiers[left, right]
    ]
    axis = {"ticks": False, "domain": False, "values": [1, *range(5, size + 1, 5)], "labelAngle": 0}
    tiers = list(range(1, size + 1))
    encoding = {
        "x": {"field": "right", "type": "ordinal", "scale": {"domain": tiers}, "axis": {**axis, "title": pair.right}},
        "y": {
            "field": "left",
            "type": "ordinal",
            "scale": {"domain": tiers[::-1]},
            "axis": {**axis, "title": pair.left},
        },
        "opacity": {
            "field": "shade",
            "type": "quantitative",
            "legend": None,
            "scale": {"domain": [0, 1], "range": [0.06, 1]},
        },
    }
    squares = layer(cells, {"type": "rect", "color": "var(--kept)"}, encoding)
    about = f"documents by tier of {pair.left} and tier of {pair.right}"
    return draw({"width": 260, "height": 260, **squares}, about)
