"""Reference documents in clusters of new ones.

A reference document that was removed stands for the one that was kept for it there. Clusters of reference roots are not
computed again: only the documents that new ones match take part, and the documents that were kept for those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import ID, MappedPart, address, id_bytes, is_reference, parts_of, rows_of
from refinery.kernels import contains, key_groups, mix64, order_of, starts_group
from refinery.stages._clusters import DECIDED, GONE, Numbers, halves, whole

LOOKUP = pa.schema(
    [
        ("key", pa.uint64()),
        ("node", pa.uint64()),
        ("other", pa.uint64()),
        ("low", pa.uint64()),
        ("kind", pa.uint8()),
    ]
)
"""Edges of a graph, and documents by ids: ``key`` is a hash of the id, ``node`` an address, ``other`` and ``low`` are
the halves of the id. ``kind`` is that of an edge, of a document that was kept, or of one whose survivor has the id."""

LINK_BYTES = 64
"""Bytes of memory for a reference document that new ones match, while its survivor is looked up."""

_EDGE, _KEPT, _REMOVED = range(3)

Edges = tuple[Numbers, Numbers]
Ids = npt.NDArray[np.bytes_]


def links(edges: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Edges:
    """Return edges from removed reference documents that have an edge now to their survivors.

    Those whose survivor is in no part have none: it is in a root that was a reference of their own root only.
    """
    reference = [part for part in parts if part.is_reference]
    found = [_removed(part, met) for part, met in _by_part(reference, _met(edges))]
    addresses = np.concatenate([np.empty(0, np.uint64), *(where for where, _ in found)])
    wanted = np.concatenate([np.empty(0, "S16"), *(ids for _, ids in found)])
    kept = [_kept(part, np.unique(wanted)) for part in reference] if len(wanted) else []
    where = np.concatenate([np.empty(0, np.uint64), *(one for one, _ in kept)])
    ids = np.concatenate([np.empty(0, "S16"), *(one for _, one in kept)])
    order = np.lexsort((where, ids))
    where, ids = where[order], ids[order]
    if not len(ids):
        return addresses[:0], where
    place = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    there = ids[place] == wanted
    return addresses[there], where[place[there]]


def _met(edges: Iterable[pa.RecordBatch]) -> Numbers:
    """Return the addresses of reference documents that have an edge, sorted."""
    met = np.empty(0, np.uint64)
    for batch in edges:
        ends = (batch.column(side).to_numpy() for side in ("other", "key"))
        met = np.concatenate([met, *(end[is_reference(parts_of(end))] for end in ends)])
        met = met[order_of(met)]
        met = met[starts_group(met)]
    return met


def _by_part(parts: Iterable[MappedPart], addresses: Numbers) -> Iterator[tuple[MappedPart, Numbers]]:
    """Yield each part that has some of the sorted addresses, and these."""
    numbers = parts_of(addresses)
    for part in parts:
        begin, end = np.searchsorted(numbers, np.array([part.number, part.number + 1], np.uint64))
        if begin < end:
            yield part, addresses[begin:end]


def _removed(part: MappedPart, addresses: Numbers) -> tuple[Numbers, Ids]:
    """Return the documents that the root has removed, and the ids of their survivors."""
    rows = part.verdict(["role", "survivor"], rows_of(addresses))
    gone = pc.is_in(rows.column("role"), value_set=pa.array(GONE))
    survivors = whole(rows.column("survivor").filter(gone))
    return addresses[gone.to_numpy()], _bytes(survivors)


def _kept(part: MappedPart, wanted: Ids) -> tuple[Numbers, Ids]:
    """Return the documents with wanted ids that the root has kept, and their ids."""
    ids = whole(part.index(["id"]).column("id"))
    rows = np.flatnonzero(contains(np.sort(_hashes(_column(wanted))), _hashes(ids)))
    found = _bytes(ids.take(pa.array(rows)))
    place = np.minimum(np.searchsorted(wanted, found), len(wanted) - 1)
    rows, found = rows[wanted[place] == found], found[wanted[place] == found]
    roles = part.verdict(["role"], rows).column("role")
    kept = ~pc.is_in(roles, value_set=pa.array(GONE)).to_numpy()
    return address(part.number, rows[kept]), found[kept]


def _hashes(ids: pa.FixedSizeBinaryArray) -> Numbers:
    high, low = halves(ids)
    found: Numbers = mix64(high) ^ low
    return found


def _bytes(ids: pa.FixedSizeBinaryArray) -> Ids:
    return id_bytes(ids).view("S16").ravel()


def _column(ids: Ids) -> pa.FixedSizeBinaryArray:
    return pa.FixedSizeBinaryArray.from_buffers(ID.type, len(ids), [None, pa.py_buffer(ids.tobytes())])


def decided(members: pa.Table, part: MappedPart) -> pa.Table:
    """Return rows of a part's documents with the columns ``DECIDED``, from the verdicts of a reference root."""
    count, ids = members.num_rows, members.column("id")
    if not part.is_reference:
        new: list[pa.Array | pa.ChunkedArray] = [pa.array(np.ones(count, kind)) for kind in (np.bool_, np.uint32)]
        new += [ids, ids, pa.array(np.zeros(count, np.bool_))]
    else:
        verdict = part.verdict(["role", "size", "cluster", "survivor"], members.column("row").to_numpy())
        gone = pc.is_in(verdict.column("role"), value_set=pa.array(GONE))
        named = [pc.coalesce(verdict.column(name), ids) for name in ("cluster", "survivor")]
        new = [pc.invert(gone), verdict.column("size"), *named, pa.array(np.ones(count, np.bool_))]
    for field, column in zip(DECIDED, new, strict=True):
        members = members.append_column(field, column)
    return members


# ---------------------------------------------------------------------------------------------------------- in rounds


def with_survivors(edges: pa.RecordBatch, met: Numbers, part: MappedPart) -> pa.RecordBatchReader:
    """``LOOKUP`` of edges, and of a reference part: its kept documents, and the removed ones of those that were met."""
    none = pa.array(np.zeros(len(edges), np.uint64))
    kinds = pa.array(np.full(len(edges), _EDGE, np.uint8))
    tables = [pa.table([*(edges.column(name) for name in ("key", "node", "other")), none, kinds], schema=LOOKUP)]
    if part.is_reference:
        where, survivors = _removed(part, address(part.number, met))
        kept = pc.invert(pc.is_in(part.verdict(["role"]).column("role"), value_set=pa.array(GONE)))
        ids = whole(part.index(["id"]).column("id").filter(kept))
        rows = address(part.number, np.flatnonzero(kept.to_numpy()))
        tables += [_lookup(rows, ids, _KEPT), _lookup(where, _column(survivors), _REMOVED)]
    table = pa.concat_tables(tables).combine_chunks()
    return table.take(pa.array(order_of(whole(table.column("key")).to_numpy()))).to_reader()


def _lookup(where: Numbers, ids: pa.FixedSizeBinaryArray, kind: int) -> pa.Table:
    columns = (_hashes(ids), where, *halves(ids), np.full(len(where), kind, np.uint8))
    return pa.table([pa.array(column) for column in columns], schema=LOOKUP)


def linked(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Numbers, Numbers]:
    """Return the edges among ``LOOKUP``, and those from removed documents to their survivors, as ``links`` does."""
    kind = batch.column("kind").to_numpy()
    edges = batch.filter(pa.array(kind == _EDGE)).select(["key", "part", "node", "other"])
    found = batch.filter(pa.array(kind != _EDGE))
    kind, where, high, low = (found.column(name).to_numpy() for name in ("kind", "node", "other", "low"))
    order = np.lexsort((where, kind, low, high))
    starts, group = key_groups(high[order], low[order])
    first = order[starts][group]
    there = (kind[order] == _REMOVED) & (kind[first] == _KEPT)
    return edges, where[order][there], where[first][there]
