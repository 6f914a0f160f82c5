"""Orders of documents by two numbers: ranks, tiers and how far they agree, all within a language.

Nothing compares the numbers of two languages: a score of .9 may be common in the one and rare in the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

TIERS = 20
"""Tiers of a language, of which the last one has the highest scores."""


def places(values: Floats, groups: Numbers, ties: Numbers) -> Floats:
    """Return the share of the documents of its group below each one, from 0 to below 1; ``ties`` divide equal ones."""
    order = np.lexsort((ties, values, groups))
    starts, sizes = _runs(groups[order])
    found = np.empty(len(order))
    found[order] = (np.arange(len(order)) - np.repeat(starts, sizes)) / np.repeat(sizes, sizes)
    return found


def tiers(values: Floats, groups: Numbers, ties: Numbers) -> npt.NDArray[np.int64]:
    """Return the tier of each document in its group, from 1 to ``TIERS``."""
    return (places(values, groups, ties) * TIERS + 1e-9).astype(np.int64) + 1


def mean_ranks(values: Floats, groups: Numbers) -> Floats:
    """Return the rank of each document in its group, from -.5 to .5; equal values have the mean of their ranks."""
    order = np.lexsort((values, groups))
    starts, sizes = _runs(groups[order])
    first, counts = _runs(values[order], groups[order])
    middle = np.repeat(first + (counts - 1) / 2, counts)
    found = np.empty(len(order))
    found[order] = (middle - np.repeat(starts, sizes) + 0.5) / np.repeat(sizes, sizes) - 0.5
    return found


def agreement(left: Floats, right: Floats, groups: Numbers) -> float | None:
    """Return Spearman's correlation within groups, from -1 to 1; None where one of the sides has no order."""
    both = np.isfinite(left) & np.isfinite(right)
    a, b = (mean_ranks(side[both], groups[both]) for side in (left, right))
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else None


def tier_table(left: Numbers, right: Numbers) -> npt.NDArray[np.int64]:
    """Return the documents of each pair of tiers, those of ``left`` in rows."""
    counts = np.bincount((left - 1) * TIERS + right - 1, minlength=TIERS * TIERS)
    return counts.reshape(TIERS, TIERS)


def _runs(*columns: Numbers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first row and the length of each run of equal rows."""
    starts = np.zeros(len(columns[0]), np.bool_)
    starts[:1] = True
    for column in columns:
        starts[1:] |= column[1:] != column[:-1]
    first = np.flatnonzero(starts)
    return first, np.diff(first, append=len(columns[0]))
