"""The order of 64-bit numbers, and which of them repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]


def order_of(values: Numbers) -> Counts:
    """The places of the values in ascending order; equal values stay in theirs. At most 2**32 - 1 values."""
    return np.argsort(values, kind="stable").astype(np.uint32)


def at_most_twice(lists: Sequence[Numbers]) -> Numbers:
    """The values of all lists, sorted; those that occur more often are there twice."""
    distinct, counts = np.unique(_together(lists), return_counts=True)
    return np.repeat(distinct, np.minimum(counts, 2))


def repeated(values: Numbers) -> Numbers:
    """The values that occur at least twice, each once, sorted."""
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts > 1]


def recurs(lists: Sequence[Numbers]) -> list[npt.NDArray[np.bool_]]:
    """Whether each value of each list occurs at least twice in all of them.

    At most 2**32 - 1 values; made for lists of few ascending runs.
    """
    _, places, counts = np.unique(_together(lists), return_inverse=True, return_counts=True)
    found: npt.NDArray[np.bool_] = counts[places.reshape(-1)] > 1
    return np.split(found, np.cumsum([len(values) for values in lists]))[:-1]


def _together(lists: Sequence[Numbers]) -> Numbers:
    return np.concatenate([np.empty(0, np.uint64), *lists])
