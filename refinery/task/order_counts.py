"""Counts of a shard that show whether its documents are a random draw of those of all parts, in a random order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from refinery.root.receipts import ShardOrder
from refinery.task.ranks import RankRange, Ranks

PARTS = 32
"""The number of the run of a document is above so many bits of that of its part."""

LEAST = 5
"""Expected documents of a bin below which chi-square is no good approximation."""


class OrderCounter:
    """Counts the documents of a shard by their part, and the pairs of adjacent ones of one part."""

    def __init__(self, ranks: Ranks) -> None:
        self._ranges = ranks.ranges
        self._lows = np.array([one.low for one in ranks.ranges], np.uint64)
        self._found = np.zeros((len(ranks.ranges), max(1, *(len(one.runs) for one in ranks.ranges))), np.int64)
        self._parts = Counter[int]()
        self._neighbours = 0
        self._last: int | None = None

    def add(self, keys: pa.UInt64Array, parts: pa.UInt64Array) -> None:
        """Count the next documents, by their keys and the numbers of their parts, see ``PARTS``."""
        if not len(parts):
            return
        numbers = parts.to_numpy()
        places = np.searchsorted(self._lows, keys.to_numpy(), side="right") - 1
        np.add.at(self._found, (places, numbers >> np.uint64(PARTS)), 1)
        self._neighbours += int((numbers[1:] == numbers[:-1]).sum()) + int(int(numbers[0]) == self._last)
        self._last = int(numbers[-1])
        self._parts.update(dict(zip(*(some.tolist() for some in np.unique(numbers, return_counts=True)), strict=True)))

    def counts(self) -> ShardOrder:
        """Return the counts of the shard, and what chance leads to expect."""
        tests = [_chi_square(row.tolist(), one) for row, one in zip(self._found, self._ranges, strict=True)]
        expected, variance = _neighbours([*self._parts.values()])
        return ShardOrder(
            chi_square=round(math.fsum(value for value, _ in tests), 6),
            degrees=sum(degrees for _, degrees in tests),
            neighbours=self._neighbours,
            expected=round(expected, 6),
            variance=round(variance, 6),
        )


def _chi_square(counts: Sequence[int], one: RankRange) -> tuple[float, int]:
    """Return chi-square of the documents of each run against its share of the range, and its degrees of freedom.

    A shard is drawn without replacement, which makes deviations smaller: its mean is that of the distribution for that.
    """
    drawn = one.last - one.first
    if not 0 < drawn < one.of:
        return 0.0, 0
    bins = list(_bins(counts, one.runs, LEAST * one.of / drawn))
    value = math.fsum((count - drawn * size / one.of) ** 2 / (drawn * size / one.of) for count, size in bins)
    return value * (one.of - 1) / (one.of - drawn), max(0, len(bins) - 1)


def _bins(counts: Sequence[int], sizes: Sequence[int], least: float) -> Iterator[tuple[int, int]]:
    """Put consecutive runs together until they have ``least`` documents; the last bin has those that are left."""
    bins = [(0, 0)]
    for pair in zip(counts, sizes, strict=False):
        if bins[-1][1] >= least:
            bins.append((0, 0))
        bins[-1] = bins[-1][0] + pair[0], bins[-1][1] + pair[1]
    if len(bins) > 1 and bins[-1][1] < least:
        last = bins.pop()
        bins[-1] = bins[-1][0] + last[0], bins[-1][1] + last[1]
    yield from (one for one in bins if one[1])


def _neighbours(parts: Sequence[int]) -> tuple[float, float]:
    """Return the mean and variance of adjacent pairs of one part in a random order of documents of such parts.

    They follow from those of the number of runs, see Mood, The Distribution Theory of Runs (1940).
    """
    n, squares, cubes = sum(parts), sum(p**2 for p in parts), sum(p**3 for p in parts)
    if n < 2:
        return 0.0, 0.0
    variance = squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3
    return (squares - n) / n, variance / (n * n * (n - 1))
