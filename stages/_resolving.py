"""Clusters of all documents in one task: 4 bytes for each document that has an edge, and a fifth of a byte for any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery import MappedPart, is_reference, parts_of
from refinery.kernels import Unions
from refinery.stages._clusters import Numbers
from refinery.stages._copies import Numbering
from refinery.stages._references import links

EDGES = pa.schema([("key", pa.uint64()), ("other", pa.uint64()), ("verified", pa.bool_())])
"""Addresses of two documents of a cluster. ``key`` is the larger one, or a reference document; both may be."""


def edges_between(a: Numbers, b: Numbers, *, verified: bool = True) -> pa.RecordBatch:
    """``EDGES`` between documents ``a`` and larger ones ``b``, again at ``a`` where that is a reference document."""
    again = is_reference(parts_of(a))
    key, other = np.concatenate([b, a[again]]), np.concatenate([a, b[again]])
    return pa.record_batch([pa.array(key), pa.array(other), pa.array(np.full(len(key), verified))], schema=EDGES)


class AllEdges:
    """Edges as numbers of documents, with a flag for verified ones, read again in each iteration."""

    def __init__(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart], numbers: Numbering) -> None:
        self._reduced, self._parts, self._numbers = reduced, parts, numbers
        self._links = edges_between(*links(reduced, parts))

    def __iter__(self) -> Iterator[tuple[Numbers, Numbers, npt.NDArray[np.bool_]]]:
        for batch in chain(self._reduced, [self._links]):
            a, b = (self._numbers.of(batch.column(side).to_numpy()) for side in ("other", "key"))
            yield a, b, batch.column("verified").to_numpy(zero_copy_only=False)
        for part in self._parts:
            excluded = part.excluded()
            first = self._numbers.of(excluded.column("leader").to_numpy())
            copy = np.uint64(self._numbers.first(part.number)) + excluded.column("row").to_numpy().astype(np.uint64)
            others = first != copy
            yield first[others], copy[others], np.ones(int(others.sum()), np.bool_)


def joined(edges: AllEdges, documents: int) -> Unions:
    """Return the clusters that all edges join."""
    unions = _marked(edges, documents)
    for a, b, _ in edges:
        unions.join(a, b)
    return unions


def split(edges: AllEdges, documents: int, before: Unions, largest: int) -> Unions:
    """Return clusters in which only verified edges join the documents of clusters of more than ``largest``."""
    unions = _marked(edges, documents)
    for a, b, verified_edges in edges:
        stays = verified_edges | (before.sizes(a) <= largest)
        unions.join(a[stays], b[stays])
    return unions


def _marked(edges: AllEdges, documents: int) -> Unions:
    unions = Unions(documents)
    for a, b, _ in edges:
        unions.mark(a)
        unions.mark(b)
    return unions
