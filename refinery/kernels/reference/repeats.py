"""The order of 64-bit numbers, and their duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]


def order_of(values: Numbers) -> Counts:
    """Return the places of the values in ascending order, stable for equal values. At most 2**32 - 1 values."""
    return np.argsort(values, kind="stable").astype(np.uint32)


def at_most_twice(lists: Sequence[Numbers]) -> Numbers:
    """Return the values of all lists, sorted, each at most twice."""
    distinct, counts = np.unique(_together(lists), return_counts=True)
    return np.repeat(distinct, np.minimum(counts, 2))


def repeated(values: Numbers) -> Numbers:
    """Return the values that occur at least twice, each once, sorted."""
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts > 1]


def duplicated(lists: Sequence[Numbers]) -> list[npt.NDArray[np.bool_]]:
    """Return True for each value of each list that occurs at least twice in all lists together.

    At most 2**32 - 1 values; fast for lists of few ascending runs.
    """
    _, places, counts = np.unique(_together(lists), return_inverse=True, return_counts=True)
    found: npt.NDArray[np.bool_] = counts[places.reshape(-1)] > 1
    return np.split(found, np.cumsum([len(values) for values in lists]))[:-1]


def _together(lists: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, np.uint64), *lists])
