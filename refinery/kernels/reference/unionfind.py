"""Connected components of a graph given as edges between 64-bit node numbers.

The result depends on the set of edges, never on their order. A stream of edges is thinned on the way, so memory grows
with the nodes that have an edge, not with the edges.

Method: every root takes the smallest root it has an edge to as parent, then all paths are flattened, until no edge
joins two roots. As no node's parent is larger than the node, a component's root is its smallest node. See Liu and
Tarjan 2019, arXiv 1812.06177, on why such rounds are few (polylogarithmic).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

Nodes = npt.NDArray[np.uint64]
Edges = tuple[Nodes, Nodes]


def components(a: Nodes, b: Nodes) -> Edges:
    """The nodes of the edges (a[i], b[i]), sorted, and for each the smallest node of its component."""
    nodes, ends = np.unique(np.concatenate([a, b]), return_inverse=True)
    roots = _roots(len(nodes), ends[: len(a)], ends[len(a) :])
    return nodes, nodes[roots]


def spanning_forest(a: Nodes, b: Nodes) -> Edges:
    """The fewest edges with the same components, sorted: from each component's smallest node to its other nodes.

    They need not be among the edges given.
    """
    nodes, labels = components(a, b)
    inner = nodes != labels
    order = np.lexsort((nodes[inner], labels[inner]))
    return labels[inner][order], nodes[inner][order]


def forest_of(edges: Iterable[Edges], limit: int = 1 << 22) -> Edges:
    """The spanning forest of a stream of edges. In memory are ``limit`` edges, or twice the forest if that is more."""
    return forest_by(spanning_forest, edges, limit)


def forest_by(forest: Callable[[Nodes, Nodes], Edges], edges: Iterable[Edges], limit: int) -> Edges:
    """Return the spanning forest of a stream by a function ``forest``, ``spanning_forest`` or the native one."""
    pending: list[Edges] = []
    size, allowed = 0, limit
    for pair in edges:
        pending.append(pair)
        size += len(pair[0])
        if size > allowed:
            pending = [_thinned(pending, forest)]
            size = len(pending[0][0])
            allowed = max(limit, 2 * size)
    return _thinned(pending, forest)


def _thinned(pending: list[Edges], forest: Callable[[Nodes, Nodes], Edges]) -> Edges:
    none = np.empty(0, np.uint64)
    a, b = (np.concatenate([none, *(pair[side] for pair in pending)]) for side in (0, 1))
    return forest(a, b)


def _roots(count: int, a: npt.NDArray[np.intp], b: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    parent = np.arange(count)
    while len(a):
        low, high = np.minimum(parent[a], parent[b]), np.maximum(parent[a], parent[b])
        apart = low != high
        a, b = low[apart], high[apart]
        np.minimum.at(parent, b, a)
        parent = _flattened(parent)
    return parent


def _flattened(parent: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    while True:
        grandparent = parent[parent]
        if np.array_equal(grandparent, parent):
            return parent
        parent = grandparent


class Unions:
    """Clusters of documents that are numbered from 0 to ``documents``, from edges that come in any order.

    All documents with an edge are marked before the first edge is joined.
    """

    def __init__(self, documents: int) -> None:
        self._marks = np.zeros(documents, np.bool_)
        self._a: list[Nodes] = []
        self._b: list[Nodes] = []

    def mark(self, documents: Nodes) -> None:
        """Mark documents that have edges. Raises ValueError where there is no such document, or after ``join``."""
        if self._a:
            raise ValueError("all documents are marked before the first edge")
        if len(documents) and documents.max() >= len(self._marks):
            raise ValueError(f"there is no document {documents.max()}")
        self._marks[documents] = True

    def join(self, a: Nodes, b: Nodes) -> None:
        """Put the documents of each edge into one cluster. Raises ValueError for one that is not marked."""
        self._check(np.concatenate([a, b]))
        self._a.append(a)
        self._b.append(b)

    def sizes(self, documents: Nodes) -> npt.NDArray[np.uint32]:
        """Return the size of the cluster of each of these documents."""
        self._check(documents)
        nodes, roots = self._roots()
        counts = np.bincount(roots, minlength=len(nodes))
        found: npt.NDArray[np.uint32] = counts[roots[np.searchsorted(nodes, documents)]].astype(np.uint32)
        return found

    def clusters(self, first: int, count: int) -> tuple[npt.NDArray[np.uint32], Nodes]:
        """Of the marked ones among ``count`` documents from ``first`` on: their place among them, and their cluster.

        A cluster has the number of its first document among the marked ones.
        """
        nodes, roots = self._roots()
        start, end = np.searchsorted(nodes, [first, first + count])
        return (nodes[start:end] - np.uint64(first)).astype(np.uint32), roots[start:end].astype(np.uint64)

    def _check(self, documents: Nodes) -> None:
        if len(documents) and (documents.max() >= len(self._marks) or not self._marks[documents].all()):
            raise ValueError("a document has not been marked")

    def _roots(self) -> tuple[Nodes, npt.NDArray[np.intp]]:
        """The marked documents, and for each the place of the first one of its cluster."""
        nodes = np.flatnonzero(self._marks).astype(np.uint64)
        a, b = (np.searchsorted(nodes, np.concatenate([np.empty(0, np.uint64), *ends])) for ends in (self._a, self._b))
        return nodes, _roots(len(nodes), a, b)
