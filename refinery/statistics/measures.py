"""What statistics are made of: each is empty, takes documents, and adds to another, in any order the same.

Documents are counted together with their tokens, for a share of the one is not a share of the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import mix64
from refinery.stage.documents import id_bytes
from refinery.stage.rules import Scale

COUNT_EXACT = 64
PER_DECADE = 16
DECADES = 18

SAMPLE = 6
"""Documents in a sample."""

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@cache
def edges(scale: Scale) -> Floats:
    """Lower edges of the bins, rising; the last bin is open, values below the first edge have a bin of their own.

    ``ratio``: 100 linear bins from 0 to 1. ``log``: 16 a decade from 1e-3. ``count``: exact to 64, then 16 a decade.
    """
    if scale == "ratio":
        return np.arange(101) / 100  # as 0.7 is read: a multiple of 0.01 may be the next float above
    if scale == "count":
        tail = COUNT_EXACT * 10.0 ** (np.arange(1, PER_DECADE * DECADES) / PER_DECADE)
        return np.concatenate([np.arange(COUNT_EXACT + 1.0), tail])
    return 10.0 ** (np.arange(-3 * PER_DECADE, PER_DECADE * DECADES) / PER_DECADE)


class Tally:
    """Documents and tokens by name."""

    def __init__(self, counts: Mapping[str, tuple[int, int]] | None = None) -> None:
        self.counts: dict[str, tuple[int, int]] = dict(counts or {})

    def add(self, name: str, documents: int, tokens: int) -> None:
        """Count documents of a name."""
        before = self.counts.get(name, (0, 0))
        self.counts[name] = before[0] + documents, before[1] + tokens

    def add_all(self, names: pa.DictionaryArray, tokens: Whole, mask: Mask) -> None:
        """Count the documents where ``mask`` is true, each by its name."""
        places = names.indices.to_numpy()[mask]
        documents = np.bincount(places).tolist()
        sums = np.bincount(places, weights=tokens[mask]).tolist()
        for name, count, size in zip(names.dictionary.to_pylist(), documents, sums, strict=False):
            if count:
                self.add(name, count, int(size))

    def merge(self, other: Tally) -> None:
        """Add another one."""
        for name, (documents, tokens) in other.counts.items():
            self.add(name, documents, tokens)

    def to_json(self) -> list[list[Any]]:
        """``[[name, documents, tokens], …]`` by name."""
        return [[name, *self.counts[name]] for name in sorted(self.counts)]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[Any]]) -> Tally:
        """The inverse of ``to_json``."""
        return cls({name: (documents, tokens) for name, documents, tokens in rows})


class Histogram:
    """Documents and tokens by the bin of a value: bin ``i`` is ``[edge i, edge i + 1)``, ``-1`` is below all edges."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self._counts = np.zeros((2, len(edges(scale)) + 1), np.int64)

    def add(self, places: Whole, tokens: Whole) -> None:
        """Count documents whose values are in these bins."""
        size = self._counts.shape[1]
        self._counts[0] += np.bincount(places + 1, minlength=size)
        self._counts[1] += np.bincount(places + 1, weights=tokens, minlength=size).astype(np.int64)

    def merge(self, other: Histogram) -> None:
        """Add another one of the same scale."""
        self._counts += other._counts

    def to_json(self) -> list[list[int]]:
        """``[[bin, documents, tokens], …]`` by rising bin."""
        places = np.flatnonzero(self._counts[0])
        rows: list[list[int]] = np.column_stack([places - 1, *self._counts[:, places]]).tolist()
        return rows

    @classmethod
    def from_json(cls, scale: Scale, rows: Iterable[Sequence[int]]) -> Histogram:
        """The inverse of ``to_json``."""
        new = cls(scale)
        for place, documents, tokens in rows:
            new._counts[:, place + 1] = documents, tokens
        return new


def bins(scale: Scale, values: pa.Array) -> Whole:
    """The bin of each value; that of null has no meaning."""
    numbers = values.fill_null(0) if values.null_count else values
    floats = numbers.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
    places: Whole = np.searchsorted(edges(scale), floats, side="right") - 1
    return places


class Sample:
    """The documents with the smallest hashes of their ids, and the part that each is in."""

    def __init__(self, drawn: Iterable[tuple[bytes, int]] = ()) -> None:
        self.drawn = list(drawn)

    def add(self, ids: pa.FixedSizeBinaryArray, hashes: npt.NDArray[np.uint64], rows: Whole) -> None:
        """Draw from the documents in ``rows``, which are in part 0."""
        first = rows[np.argsort(hashes[rows], kind="stable")[:SAMPLE]].tolist()
        self._keep([*self.drawn, *((ids[row].as_py(), 0) for row in first)])

    def place(self, part: int) -> None:
        """All documents are in this part."""
        self.drawn = [(identity, part) for identity, _ in self.drawn]

    def merge(self, other: Sample) -> None:
        """Draw from the documents of both."""
        self._keep([*self.drawn, *other.drawn])

    def _keep(self, drawn: list[tuple[bytes, int]]) -> None:
        if len(drawn) > 1:
            hashes = id_hashes(pa.array([identity for identity, _ in drawn], pa.binary(16))).tolist()
            ordered = sorted(zip(hashes, drawn, strict=True))
            drawn = [one for _, one in ordered[:SAMPLE]]
        self.drawn = drawn

    def to_json(self) -> list[list[Any]]:
        """``[[id, part], …]`` by rising hash."""
        return [[identity.hex(), part] for identity, part in self.drawn]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[Any]]) -> Sample:
        """The inverse of ``to_json``."""
        return cls((bytes.fromhex(identity), part) for identity, part in rows)


def id_hashes(ids: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """The hashes by which documents are drawn: those with the smallest ones are the sample."""
    halves = id_bytes(ids).view(">u8")
    return mix64(mix64(halves[:, 0].astype(np.uint64)) ^ halves[:, 1].astype(np.uint64))
