"""The order of 64-bit numbers, and which of them repeat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint32]


def order_of(values: Numbers) -> Counts:
    """The places of the values in ascending order; equal values stay in theirs. At most 2**32 - 1 values."""
    return np.argsort(values, kind="stable").astype(np.uint32)


def at_most_twice(values: Numbers) -> Numbers:
    """The values, sorted; those that occur more often are there twice."""
    distinct, counts = np.unique(values, return_counts=True)
    return np.repeat(distinct, np.minimum(counts, 2))


def repeated(values: Numbers) -> Numbers:
    """The values that occur at least twice, each once, sorted."""
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts > 1]


def recurs(values: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each value occurs at least twice. At most 2**32 - 1 values; made for few ascending runs of them."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: npt.NDArray[np.bool_] = counts[places.reshape(-1)] > 1
    return found
