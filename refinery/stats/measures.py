"""Histograms with edges fixed by the metric's scale, so that merging two is adding their counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from refinery.stage import Scale

COUNT_EXACT = 64
PER_DECADE = 16
DECADES = 18


def edges(scale: Scale) -> np.ndarray[Any, Any]:
    """Lower edges of the bins, rising; the last bin is open, values below the first edge have a bin of their own.

    ``ratio``: 100 linear bins from 0 to 1. ``log``: 16 a decade from 1e-3. ``count``: exact to 64, then 16 a decade.
    """
    if scale == "ratio":
        return np.linspace(0.0, 1.0, 101)
    if scale == "count":
        tail = COUNT_EXACT * 10.0 ** (np.arange(1, PER_DECADE * DECADES) / PER_DECADE)
        return np.concatenate([np.arange(COUNT_EXACT + 1.0), tail])
    return 10.0 ** (np.arange(-3 * PER_DECADE, PER_DECADE * DECADES) / PER_DECADE)


class Histogram:
    """Counts of values by bin: ``bins[i]`` counts the values in ``[edge i, edge i + 1)``, ``-1`` those below all."""

    def __init__(self, scale: Scale, bins: dict[int, int] | None = None) -> None:
        self.scale = scale
        self.bins: Counter[int] = Counter(bins or {})

    def add(self, values: pa.Array) -> None:
        """Count the values that are not null."""
        numbers = values.drop_null().to_numpy(zero_copy_only=False).astype(np.float64)
        if len(numbers):
            places, counts = np.unique(
                np.searchsorted(edges(self.scale), numbers, side="right") - 1, return_counts=True
            )
            self.bins.update({int(p): int(c) for p, c in zip(places, counts, strict=True)})

    def merge(self, other: Histogram) -> None:
        """Add another histogram of the same scale."""
        self.bins.update(other.bins)

    def to_json(self) -> list[list[int]]:
        """``[[bin, count], …]`` by rising bin."""
        return [[place, self.bins[place]] for place in sorted(self.bins)]

    @classmethod
    def from_json(cls, scale: Scale, rows: list[list[int]]) -> Histogram:
        """The inverse of ``to_json``."""
        return cls(scale, {row[0]: row[1] for row in rows})
