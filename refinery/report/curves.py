"""Histograms and what-if curves from statistics.

A what-if curve is exact at the edges of bins, for its stage alone. It depends on the documents that are kept now, and
on the removed documents that fail by this metric alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from refinery.root.statistics import MetricCounts, Tally
from refinery.stage.rules import Rule, Scale
from refinery.statistics.measures import bins, edges


@dataclass(frozen=True)
class Bin:
    """Documents and tokens with a value from ``low`` to below ``high``."""

    low: float
    high: float
    documents: int
    tokens: int


@dataclass(frozen=True)
class Point:
    """Documents and tokens that a stage would keep at ``threshold``."""

    threshold: float
    documents: int
    tokens: int


def bars(scale: Scale, tally: Tally) -> list[Bin]:
    """Return the bins that are not empty, without those below the first edge and above the last."""
    lower = edges(scale).tolist()
    return [
        Bin(lower[place], lower[place + 1], documents, tokens)
        for place, documents, tokens in tally
        if isinstance(place, int) and 0 <= place < len(lower) - 1
    ]


def beyond(scale: Scale, tally: Tally) -> tuple[int, int]:
    """Return the number of documents below the first edge, and above the last."""
    last = len(edges(scale)) - 1
    return sum(n for place, n, _ in tally if place == -1), sum(n for place, n, _ in tally if place == last)


def curve(counts: MetricCounts, scale: Scale, rule: Rule) -> list[Point]:
    """Return what the rule would keep with its threshold at each edge of the bins that contain documents."""
    at = rule.at_least if rule.at_least is not None else rule.at_most
    assert at is not None
    upward = rule.at_least is not None
    lower = edges(scale).tolist()
    here = int(bins(scale, pa.array([float(at)]))[0])
    kept, sole = _by_bin(counts.kept), _by_bin(counts.sole)
    places = sorted({*kept, *sole, here})
    total = [sum(values[number] for values in kept.values()) for number in (0, 1)]
    points = []
    for place in range(max(0, places[0]), min(places[-1] + 1, len(lower) - 1) + 1):
        if upward:
            more = [sum(v[n] for p, v in sole.items() if place <= p <= here) for n in (0, 1)]
            less = [sum(v[n] for p, v in kept.items() if p < place) if place > here else 0 for n in (0, 1)]
        else:
            more = [sum(v[n] for p, v in sole.items() if here <= p < place) for n in (0, 1)]
            less = [sum(v[n] for p, v in kept.items() if p >= place) if place <= here else 0 for n in (0, 1)]
        points.append(Point(lower[place], *(t + m - x for t, m, x in zip(total, more, less, strict=True))))
    return points


def _by_bin(tally: Tally) -> dict[int, tuple[int, int]]:
    return {place: (documents, tokens) for place, documents, tokens in tally if isinstance(place, int)}


def numeric(rules: Sequence[Rule], metric: str) -> list[Rule]:
    """Return the rules of a metric that compare a number with a threshold."""
    return [r for r in rules if r.metric == metric and (r.at_least is not None or r.at_most is not None)]
