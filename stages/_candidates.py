"""Candidate pairs and their verification: documents that share a key, and those of them with similar sketches.

Where a key is shared, all its documents are compared, pair by pair, until each is reached: comparing with the first one
only would find another set of pairs for another order. Of keys that the same documents share one is enough.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from refinery import MappedPart, address, is_reference, rows_of
from refinery.kernels import first_similar, key_groups, mix64, starts_group
from refinery.stages._clusters import Numbers, firsts, whole

CANDIDATES = pa.schema([("key", pa.uint64()), ("group", pa.uint64())])
"""``key`` is the address of a document, ``group`` stands for the set of those with which it shares a key."""

GROUPED = pa.schema([("key", pa.uint64()), ("row", pa.uint32())])
"""``key`` is the group; the document's ``sketch`` follows."""

AT_ONCE = 1 << 15
"""Rows to which sketches are brought together: all those of one part may be many gigabytes."""

Edges = tuple[Numbers, Numbers]

_ANY, _REFERENCE, _NEW = np.arange(3, dtype=np.uint8)
"""Kinds of documents: those of the first are compared with each other too."""


def groups_of(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch:
    """``CANDIDATES`` of a range of keys: a group for each set of documents that share a key, once a range."""
    documents, groups = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)]
    for batch in batches:
        found = address(batch.column("part").to_numpy(), batch.column("row").to_numpy())
        starts, number = key_groups(batch.column("key").to_numpy())
        sizes = np.diff(np.append(starts, len(found)))
        names = mix64(np.add.reduceat(mix64(found), starts))
        keep = sizes > 1
        keep[keep] = firsts(names[keep])
        members = keep[number]
        documents.append(found[members])
        groups.append(names[number[members]])
    where, group = np.concatenate(documents), np.concatenate(groups)
    order = np.lexsort((group, where))
    where, group = where[order], group[order]
    new = starts_group(where, group)  # another batch may have had the same group
    return pa.record_batch([pa.array(where[new]), pa.array(group[new])], schema=CANDIDATES)


def with_reference(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows whose key a reference document has: documents that match new ones only are left out."""
    for batch in batches:
        starts, number = key_groups(batch.column("key").to_numpy())
        reference = is_reference(batch.column("part").to_numpy())
        yield batch.filter(pa.array(np.logical_or.reduceat(reference, starts)[number]))


def with_sketches(sent: pa.Table, part: MappedPart, size: int) -> pa.RecordBatchReader:
    """``GROUPED`` of a part from its ``CANDIDATES``, sorted, with sketches of ``size`` bytes as they are read."""
    schema = GROUPED.append(pa.field("sketch", pa.binary(size)))
    return pa.RecordBatchReader.from_batches(schema, _with_sketches(sent, part, schema))


def _with_sketches(sent: pa.Table, part: MappedPart, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    if not sent.num_rows:
        return
    row, group = rows_of(sent.column("key").to_numpy()), sent.column("group").to_numpy()
    order = np.lexsort((row, group))
    order = order[starts_group(group[order], row[order])]
    row, group = row[order], group[order]
    wanted = np.zeros(part.documents, np.bool_)
    wanted[row] = True
    place = (np.cumsum(wanted) - 1)[row]
    sketches = whole(part.index(["sketch"], np.flatnonzero(wanted)).column("sketch"))
    for start in range(0, len(row), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        columns = (group[some], row[some], sketches.take(pa.array(place[some])))
        yield pa.record_batch([pa.array(column) for column in columns], schema=schema)


def stars(batch: pa.RecordBatch) -> Edges:
    """Edges from the first document with a key to each other one that has it."""
    found = address(batch.column("part").to_numpy(), batch.column("row").to_numpy())
    starts, number = key_groups(batch.column("key").to_numpy())
    centres = found[starts][number]
    others = centres != found
    return centres[others], found[others]


def verified(batch: pa.RecordBatch, least: int, *, among: bool) -> Edges:
    """Edges between documents of a group whose sketches have ``least`` bytes in common, thinned to stars.

    Reference documents are not compared with each other, nor new ones unless ``among``; an edge may stand for a chain.
    """
    part = batch.column("part").to_numpy()
    found = address(part, batch.column("row").to_numpy())
    starts, _ = key_groups(batch.column("key").to_numpy())
    places = np.arange(len(found), dtype=np.uint32)
    kinds = np.where(is_reference(part), _REFERENCE, _ANY if among else _NEW)
    offsets = np.append(starts, len(found)).astype(np.uint64)
    first = first_similar(offsets, places, kinds, whole(batch.column("sketch")), least).astype(np.int64)
    others = first != places
    return found[first[others]], found[others]
