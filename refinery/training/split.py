"""A split of examples in which no domain is on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xxhash

Rows = npt.NDArray[np.int64]


def rows_for_test(domains: Sequence[str], share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which examples are for testing: about ``share`` of all, those of whole domains."""
    return np.equal(fold_numbers(domains, max(round(1 / share), 2), seed), 0)


def fold_numbers(domains: Sequence[str], folds: int, seed: int) -> Rows:
    """Return the fold of each example; those of a domain are in one fold, and folds are of about the same size.

    Domains are dealt out in the order of their hashes, each to the smallest fold so far.
    """
    names, inverse, sizes = np.unique(np.array(domains, object), return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda place: xxhash.xxh3_64_intdigest(f"{seed} {names[place]}".encode()))
    filled = [0] * folds
    fold_of = np.zeros(len(names), np.int64)
    for place in order:
        fold = filled.index(min(filled))
        fold_of[place] = fold
        filled[fold] += int(sizes[place])
    return fold_of[inverse]
