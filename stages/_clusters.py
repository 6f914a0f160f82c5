"""Clusters of documents from edges between their addresses, and which document of each survives.

An address is the number of a part, shifted by 32 bits, plus the row in the part. It only says where to look: ids and
what is known of the documents decide, so clusters and survivors do not depend on how documents are spread over parts.
The same record read twice has one id and one pointer; only there the address decides, between copies that nothing tells
apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import DATE, ID, MappedPart
from refinery.kernels import components, mix64

UNIQUE, SURVIVOR, DUPLICATE = "unique", "survivor", "duplicate"

Policy = Literal["random", "first", "longest"]

INDEX = pa.schema([ID, DATE, ("characters", pa.uint32()), ("pointer", pa.uint64())])
VERDICT = pa.schema([("role", pa.string()), ("size", pa.uint32()), ("cluster", ID.type), ("survivor", ID.type)])

Addresses = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_ROW_BITS = np.uint64(32)
_ROW = np.uint64(0xFFFF_FFFF)


@dataclass(frozen=True)
class Clusters:
    """All documents that match another one, sorted by address.

    ``firsts`` and ``survivors`` give, for each, the position of its cluster's smallest id and of its survivor.
    """

    nodes: Addresses
    ids: pa.FixedSizeBinaryArray
    firsts: Places
    survivors: Places
    sizes: Places

    def verdict(self, part: int, rows: int) -> pa.Table:
        """One row of ``VERDICT`` for each of the ``rows`` documents of a part; cluster and survivor null if unique."""
        inside = _inside(self.nodes, part)
        here = (self.nodes[inside] & _ROW).astype(np.int64)
        places = np.arange(inside.start, inside.stop)
        size = np.ones(rows, np.uint32)
        size[here] = self.sizes[inside]
        role = np.full(rows, UNIQUE, dtype=object)
        role[here] = np.where(self.survivors[inside] == places, SURVIVOR, DUPLICATE)
        named = [self._named(which[inside], here, rows) for which in (self.firsts, self.survivors)]
        return pa.table([pa.array(role, pa.string()), pa.array(size), *named], schema=VERDICT)

    def _named(self, places: Places, here: Places, rows: int) -> pa.FixedSizeBinaryArray:
        """The ids at ``places`` in the rows ``here``, null in all others."""
        picked = np.zeros(rows, np.int64)
        picked[here] = places
        absent = np.ones(rows, np.bool_)
        absent[here] = False
        return self.ids.take(pa.array(picked, mask=absent))


def address(part: npt.NDArray[np.uint32], row: npt.NDArray[np.uint32]) -> Addresses:
    """Addresses of documents."""
    return part.astype(np.uint64) << _ROW_BITS | row.astype(np.uint64)


def clusters_of(a: Addresses, b: Addresses, parts: Sequence[MappedPart], policy: Policy, seed: int) -> Clusters:
    """The clusters that edges make. The index of a part has the columns of ``INDEX``."""
    nodes, labels = components(a, b)
    index = _index_of(nodes, parts)
    ids = index.column("id").combine_chunks()
    high, low = _halves(ids)
    by_id = (nodes, index.column("pointer").to_numpy(), low, high)
    by_policy = (*by_id, *_preference(policy, seed, index, high, low))
    _, cluster, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return Clusters(nodes, ids, _first(cluster, by_id), _first(cluster, by_policy), counts[cluster])


def _preference(
    policy: Policy, seed: int, index: pa.Table, high: Addresses, low: Addresses
) -> tuple[npt.NDArray[Any], ...]:
    """Sort keys, the most important one last; the smallest survives."""
    if policy == "first":
        seconds = index.column("date").cast(pa.int64())
        return (pc.fill_null(seconds, np.iinfo(np.int64).max).to_numpy(),)
    chance = mix64(mix64(high ^ mix64(np.array([seed]))) ^ low)
    if policy == "longest":
        return chance, -index.column("characters").to_numpy().astype(np.int64)
    return (chance,)


def _first(cluster: Places, keys: tuple[npt.NDArray[Any], ...]) -> Places:
    """For each node, which node of its cluster comes first: by the last of ``keys``, then by the last but one, ..."""
    order = np.lexsort((*keys, cluster))
    starts = np.flatnonzero(np.diff(cluster[order], prepend=-1))
    return order[starts][cluster]


def _index_of(nodes: Addresses, parts: Sequence[MappedPart]) -> pa.Table:
    """The index rows of the nodes, in their order. Only parts with nodes are read."""
    found = [INDEX.empty_table()]
    for part in sorted(parts, key=lambda part: part.number):
        rows = nodes[_inside(nodes, part.number)] & _ROW
        if len(rows):
            found.append(part.index().take(pa.array(rows)))
    return pa.concat_tables(found)


def _inside(nodes: Addresses, part: int) -> slice:
    """Where the nodes of a part are."""
    start, end = np.searchsorted(nodes, np.array([part, part + 1], np.uint64) << _ROW_BITS).tolist()
    return slice(start, end)


def _halves(ids: pa.FixedSizeBinaryArray) -> tuple[Addresses, Addresses]:
    """The ids as two integers each, which sort as the bytes do."""
    halves = np.frombuffer(ids.buffers()[1] or b"", ">u8", 2 * len(ids), 16 * ids.offset).reshape(-1, 2)
    return halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)
