"""Counters of documents by name and by bin of a value.

Documents are counted together with their tokens, for a share of the one is not a share of the other.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.root.statistics import Tally
from refinery.stage.rules import Scale

COUNT_EXACT = 64
PER_DECADE = 16
DECADES = 18

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@cache
def edges(scale: Scale) -> Floats:
    """Return the lower edges of the bins, rising. The last bin is open; values below the first edge have their own.

    ``ratio``: 100 linear bins from 0 to 1. ``log``: 16 a decade from 1e-3. ``count``: exact to 64, then 16 a decade.
    """
    if scale == "ratio":
        return np.arange(101) / 100  # as 0.7 is read: a multiple of 0.01 may be the next float above
    if scale == "count":
        tail = COUNT_EXACT * 10.0 ** (np.arange(1, PER_DECADE * DECADES) / PER_DECADE)
        return np.concatenate([np.arange(COUNT_EXACT + 1.0), tail])
    return 10.0 ** (np.arange(-3 * PER_DECADE, PER_DECADE * DECADES) / PER_DECADE)


class NameCounter:
    """Documents and tokens by name."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, int]] = {}

    def add(self, name: str, documents: int, tokens: int) -> None:
        """Count documents of a name."""
        before = self._counts.get(name, (0, 0))
        self._counts[name] = before[0] + documents, before[1] + tokens

    def add_all(self, names: pa.DictionaryArray, tokens: Whole, mask: Mask) -> None:
        """Count the documents where ``mask`` is true, each by its name."""
        places = names.indices.to_numpy()[mask]
        documents = np.bincount(places).tolist()
        sums = np.bincount(places, weights=tokens[mask]).tolist()
        for name, count, size in zip(names.dictionary.to_pylist(), documents, sums, strict=False):
            if count:
                self.add(name, count, int(size))

    def documents(self, name: str) -> int:
        """Return how many documents have a name."""
        return self._counts.get(name, (0, 0))[0]

    def tally(self) -> Tally:
        """Return the counts by name."""
        return tuple((name, *self._counts[name]) for name in sorted(self._counts))


class BinCounter:
    """Documents and tokens by the bin of a value: bin ``i`` is ``[edge i, edge i + 1)``, ``-1`` is below all edges."""

    def __init__(self, scale: Scale) -> None:
        self._counts = np.zeros((2, len(edges(scale)) + 1), np.int64)

    def add(self, places: Whole, tokens: Whole) -> None:
        """Count documents whose values are in these bins."""
        size = self._counts.shape[1]
        self._counts[0] += np.bincount(places + 1, minlength=size)
        self._counts[1] += np.bincount(places + 1, weights=tokens, minlength=size).astype(np.int64)

    def tally(self) -> Tally:
        """Return the counts by rising bin."""
        places = np.flatnonzero(self._counts[0])
        return tuple(map(tuple, np.column_stack([places - 1, *self._counts[:, places]]).tolist()))


def bins(scale: Scale, values: pa.Array) -> Whole:
    """Return the bin of each value; that of null has no meaning."""
    numbers = values.fill_null(0) if values.null_count else values
    floats = numbers.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    places: Whole = np.searchsorted(edges(scale), floats, side="right") - 1
    return places
