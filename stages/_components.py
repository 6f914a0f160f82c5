"""Clusters as connected components, in rounds over ranges of keys: no task sees all edges or all documents.

The rows of a graph are its edges, each at a key of one end. ``contract`` replaces the edges of a range by stars around
the smallest document of each of its clusters. ``spread`` takes the edges of a document to its smallest neighbour. The
two alternate until nothing changes: then each cluster is one star around its smallest document. No edge is added, and
the sum of smaller ends falls until then. These are small-star and large-star of Kiveris et al. 2014, "Connected
Components in MapReduce and Beyond", but that a whole range is joined at once, where theirs joins the neighbours of one
document; a chain of n documents takes about log n rounds.

Where verified edges count for themselves, they are edges of a second graph of ``verified`` documents as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery import MappedPart, rows_of
from refinery.kernels import forest_of, key_groups, mix64, order_of
from refinery.stages._clusters import Numbers

GRAPH = pa.schema([("key", pa.uint64()), ("part", pa.uint32()), ("node", pa.uint64()), ("other", pa.uint64())])
"""An edge, at the key of ``node``. ``part`` is always 0."""

CLUSTERS = pa.schema([("key", pa.uint64()), ("cluster", pa.uint64())])
"""``key`` is the address of a document."""

_VERIFIED = np.uint64(1 << 31)
"""The bit of an address by which the document in the graph of verified edges is known: no part has so many rows."""

Edges = tuple[Numbers, Numbers]


# -------------------------------------------------------------------------------------------------------------- edges


def both_graphs(a: Numbers, b: Numbers, verified: npt.NDArray[np.bool_] | None) -> Edges:
    """Return edges, and verified ones again in the second graph; ``verified`` is None where there is no second one."""
    if verified is None:
        return a, b
    return np.concatenate([a, a[verified] | _VERIFIED]), np.concatenate([b, b[verified] | _VERIFIED])


class SentEdges:
    """The edges that were sent to a part, and those of its copies to the documents that take part for them."""

    def __init__(self, sent: pa.RecordBatchReader, part: MappedPart, *, split: bool) -> None:
        self._sent, self._part, self._split = sent, part, split
        self._met = np.zeros(part.documents, np.bool_)

    def forest(self) -> Edges:
        """Read all; return as few edges with the same clusters."""
        return forest_of(self._edges())

    @property
    def met(self) -> Numbers:
        """The rows of the part's documents to which edges were sent, once all are read."""
        return np.flatnonzero(self._met).astype(np.uint64)

    def _edges(self) -> Iterator[Edges]:
        for batch in self._sent:
            key, other = batch.column("key").to_numpy(), batch.column("other").to_numpy()
            self._met[rows_of(key)] = True
            yield self._in_graphs(other, key, batch.column("verified").to_numpy(zero_copy_only=False))
        copies = self._part.excluded()
        leader = copies.column("leader").to_numpy()
        own = np.uint64(self._part.number << 32) | copies.column("row").to_numpy().astype(np.uint64)
        others = leader != own
        yield self._in_graphs(leader[others], own[others], np.ones(int(others.sum()), np.bool_))

    def _in_graphs(self, a: Numbers, b: Numbers, verified: npt.NDArray[np.bool_]) -> Edges:
        return both_graphs(a, b, verified if self._split else None)


def edge_rows(a: Numbers, b: Numbers) -> pa.RecordBatch:
    """``GRAPH`` of edges, each at its larger end, sorted by key."""
    rows = _rows(np.maximum(a, b), np.minimum(a, b))
    return rows.take(pa.array(order_of(rows.column("key").to_numpy())))


# ------------------------------------------------------------------------------------------------------------- rounds


def contract(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the fewest edges with the clusters of a range, from the smallest document of each, at both ends."""
    first, other = forest_of(_edges_of(groups))
    yield _rows(np.concatenate([first, other]), np.concatenate([other, first]))


def spread(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield an edge from the smallest neighbour of each document, or itself if smaller, to each larger neighbour."""
    for batch in groups:
        node, other = _ends(batch)
        least, _ = _least(batch, node, other)
        larger = other > node
        yield _rows(other[larger], least[larger])


def label(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield ``CLUSTERS`` of stars."""
    for batch in groups:
        node, other = _ends(batch)
        least, starts = _least(batch, node, other)
        yield _clusters(node[starts], least[starts])


# -------------------------------------------------------------------------------------------------------- two graphs


def label_both(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the smallest document of each star, at the key of the document in the first graph, for both graphs."""
    for batch in groups:
        node, other = _ends(batch)
        least, starts = _least(batch, node, other)
        yield _rows(node[starts], least[starts], at=node[starts] & ~_VERIFIED)


def pair_labels(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield each document at the key of its cluster in the first graph, with its cluster in the second one."""
    for batch in groups:
        node, labels = _ends(batch)
        starts, _ = key_groups(batch.column("key").to_numpy())  # the document in the second graph is the larger one
        last = np.append(starts[1:], len(node)) - 1
        verified = np.where(last > starts, labels[last], node[starts] | _VERIFIED)
        yield _rows(node[starts], verified, at=labels[starts])


def split_clusters(groups: Iterator[pa.RecordBatch], largest: int) -> Iterator[pa.RecordBatch]:
    """Yield ``CLUSTERS``: those of the second graph where one of the first has more than ``largest`` documents."""
    for batch in groups:
        node, verified = _ends(batch)
        starts, group = key_groups(batch.column("key").to_numpy())
        sizes = np.diff(np.append(starts, len(node)))
        yield _clusters(node, np.where(sizes[group] > largest, verified, node[starts][group]))


def of_part(sent: pa.RecordBatchReader) -> pa.Table:
    """Return the ``row`` of each document of a part that is in a cluster, and the cluster as ``key``."""
    rows = sent.read_all()
    if not rows.num_columns:
        rows = CLUSTERS.empty_table()
    row = rows_of(rows.column("key").to_numpy())
    order = np.argsort(row)
    return pa.table({"row": row[order], "key": rows.column("cluster").to_numpy()[order]})


# --------------------------------------------------------------------------------------------------------------- rows


def _edges_of(batches: Iterable[pa.RecordBatch]) -> Iterator[Edges]:
    return (_ends(batch) for batch in batches)


def _ends(batch: pa.RecordBatch) -> Edges:
    return batch.column("node").to_numpy(), batch.column("other").to_numpy()


def _least(batch: pa.RecordBatch, node: Numbers, other: Numbers) -> tuple[Numbers, npt.NDArray[np.int64]]:
    """Return the smallest of each document and its neighbours, for each row, and where the rows of a document begin."""
    starts, group = key_groups(batch.column("key").to_numpy())
    least: Numbers = np.minimum(np.minimum.reduceat(other, starts), node[starts])[group]
    return least, starts


def _rows(node: Numbers, other: Numbers, at: Numbers | None = None) -> pa.RecordBatch:
    columns = (mix64(node if at is None else at), np.zeros(len(node), np.uint32), node, other)
    return pa.record_batch([pa.array(column) for column in columns], schema=GRAPH)


def _clusters(node: Numbers, first: Numbers) -> pa.RecordBatch:
    return pa.record_batch([pa.array(node), pa.array(mix64(first))], schema=CLUSTERS)
