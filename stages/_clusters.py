"""Clusters of similar documents: which document of each survives, and the metrics of the others.

An address is the number of a part, shifted by 32 bits, plus the row in the part. It only locates a document: ids and
the properties of documents decide, so survivors do not depend on how documents are spread over parts. An id is
unique in a root; a document of a reference root may have the id of a new one, and is then the same record read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import DATE, ID, MappedPart, address, id_bytes, rows_of
from refinery.kernels import contains, key_groups, mix64, order_of, similarities, starts_group

ROLES = UNIQUE, SURVIVOR, EXACT, DUPLICATE = "unique", "survivor", "exact", "duplicate"
GONE = (EXACT, DUPLICATE)
"""Roles of documents that are removed."""

Policy = Literal["random", "first", "newest", "longest", "best"]

INDEX = pa.schema([ID, DATE, ("characters", pa.uint32()), ("pointer", pa.uint64()), ("content", pa.uint64())])
"""Index of documents, in order; ``value`` (float64) and ``sketch`` (bytes) follow where they are needed."""

MEMBERS = pa.schema(
    [
        ("key", pa.uint64()),
        ("row", pa.uint32()),
        ("rank", pa.uint64()),
        ("chance", pa.uint64()),
        ("pointer", pa.uint64()),
        ("content", pa.uint64()),
        ID,
        ("sketch", pa.binary()),
    ]
)
"""Documents that match others: ``key`` is their cluster's. Excluded copies have no sketch."""

DECIDED = pa.schema(
    [
        ("kept", pa.bool_()),
        ("recorded_size", pa.uint32()),
        ("cluster", ID.type),
        ("survivor", ID.type),
        ("is_reference", pa.bool_()),
    ]
)
"""Columns behind ``MEMBERS`` where there are reference roots: if the document was kept there, size and name of its
cluster, its survivor, and if it is of a reference root. A new document is kept, and a cluster of its own."""

CHOSEN = pa.schema(
    [
        ("key", pa.uint64()),
        ("role", pa.uint8()),
        ("size", pa.uint32()),
        ("cluster", ID.type),
        ("survivor", ID.type),
        ("similarity", pa.float32()),
        ("supersedes", pa.list_(ID.type)),
    ]
)
"""Metrics of documents that match others: ``key`` is the document's address."""

VERDICT = pa.schema(
    [
        ("role", pa.string()),
        ("size", pa.uint32()),
        ("similarity", pa.float32()),
        ("cluster", ID.type),
        ("survivor", ID.type),
        ("supersedes", pa.list_(ID.type)),
    ]
)

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_LAST = np.uint64(2**64 - 1)
_KEPT, _GONE, _NEW = np.arange(3, dtype=np.uint64)
_SIGN = np.uint64(1 << 63)
_AT_ONCE = 65_536


# ---------------------------------------------------------------------------------------------------------- gathering


def members(rows: pa.Table, part: MappedPart, policy: Policy, seed: int) -> pa.Table:
    """``MEMBERS`` of a part, sorted, from ``rows`` (row, key of its cluster) and the part's ``INDEX`` rows."""
    rows = rows.take(pa.array(order_of(whole(rows.column("key")).to_numpy()))).combine_chunks()
    found = part.index(rows=whole(rows.column("row")).to_numpy()).combine_chunks()
    high, low = halves(whole(found.column("id")))
    aside = part.excluded().column("row").to_numpy().astype(np.uint64)
    copy = contains(aside, whole(rows.column("row")).to_numpy().astype(np.uint64))
    columns = {
        "key": rows.column("key"),
        "row": rows.column("row"),
        "rank": pa.array(_rank(policy, found)),
        "chance": pa.array(mix64(mix64(high ^ mix64(np.array([seed]))) ^ low)),
        "pointer": found.column("pointer"),
        "content": found.column("content"),
        "id": found.column("id"),
        "sketch": pc.if_else(
            pa.array(copy), pa.scalar(None, pa.binary()), whole(found.column("sketch")).cast(pa.binary())
        ),
    }
    return pa.table([columns[name] for name in MEMBERS.names], schema=MEMBERS)


def firsts(values: Numbers) -> npt.NDArray[np.bool_]:
    """Return True for the first of each value."""
    first = np.zeros(len(values), np.bool_)
    order = order_of(values)
    first[order[starts_group(values[order])]] = True
    return first


def _rank(policy: Policy, index: pa.Table) -> Numbers:
    """Return ranks, of which the smallest survives; documents without a value come last."""
    if policy == "random":
        return np.zeros(len(index), np.uint64)
    if policy == "longest":
        characters: Numbers = index.column("characters").to_numpy().astype(np.uint64)
        return _LAST - characters
    values = index.column("value" if policy == "best" else "date")
    if policy == "best":
        values = pc.if_else(pc.is_nan(values), None, values)
        bits = pc.fill_null(values, 0).to_numpy().view(np.uint64)
        ordered = np.where(bits & _SIGN, ~bits, bits | _SIGN)  # floats as integers that sort as they do
    else:
        ordered = pc.fill_null(values.cast(pa.int64()), 0).to_numpy().view(np.uint64) ^ _SIGN
    # 0 and the last number are left to those without a value: no date and no finite float has them.
    ranks = ordered if policy == "first" else ~ordered
    found: Numbers = np.where(values.is_null().to_numpy(), _LAST, ranks)
    return found


# ----------------------------------------------------------------------------------------------------------- choosing


def choose(group: pa.Table | pa.RecordBatch) -> pa.Table:
    """``CHOSEN`` for whole clusters of ``MEMBERS`` with the number of their part, in any order.

    Where ``DECIDED`` follows, reference documents stay, and have no row.
    """
    columns = {name: whole(group.column(name)) for name in group.schema.names}
    key, content = columns["key"].to_numpy(), columns["content"].to_numpy()
    where = address(columns["part"].to_numpy(), columns["row"].to_numpy())
    precedence = _precedence(columns)
    high, low = halves(columns["id"])
    chance = (columns["rank"].to_numpy(), columns["chance"].to_numpy())
    others = (high, low, columns["pointer"].to_numpy(), where)
    order = _sorted((key, *chance) if precedence is None else (key, precedence, *chance), others)
    starts, cluster = key_groups(key[order])
    survivor = order[starts][cluster]
    by_text = np.lexsort((content[order], cluster))  # texts in the order in which they would survive
    first_of_text, text = key_groups(cluster[by_text], content[order][by_text])
    text_of = np.empty(len(order), np.int64)
    text_of[by_text] = text
    best = np.zeros(len(order), np.bool_)
    best[by_text[first_of_text]] = True
    role = np.where(order == survivor, ROLES.index(SURVIVOR), ROLES.index(EXACT))
    role[best & (order != survivor)] = ROLES.index(DUPLICATE)
    sizes = (
        np.diff(np.append(starts, len(order))) if precedence is None else _sizes(columns, precedence, order, cluster)
    )[cluster]
    similarity = _similarities(columns["sketch"].take(pa.array(order)), text_of, text_of[starts][cluster])
    unknown = order == survivor if precedence is None else (order == survivor) | (precedence[survivor] == _GONE)
    names = columns.get("cluster", columns["id"]).take(pa.array(order))
    found = {
        "key": pa.array(where[order]),
        "role": pa.array(role.astype(np.uint8)),
        "size": pa.array(sizes.astype(np.uint32)),
        "cluster": _smallest(*halves(names), starts).take(pa.array(cluster)),
        "survivor": columns.get("survivor", columns["id"]).take(pa.array(survivor)),
        "similarity": pa.array(similarity, mask=unknown),
        "supersedes": pa.nulls(len(order), pa.list_(ID.type)),
    }
    matched = sizes > 1  # a cluster was split, and one was left
    if precedence is not None:
        matched &= precedence[order] == _NEW
        found["supersedes"] = _superseded(
            precedence[order], starts, [v[order] for v in (*chance, high, low)], columns["id"], order
        )
    made = pa.table([found[name] for name in CHOSEN.names], schema=CHOSEN)
    return made if matched.all() else made.filter(pa.array(matched))


def _precedence(columns: dict[str, pa.Array]) -> npt.NDArray[np.uint64] | None:
    """Return classes of documents that decide before rank: kept reference documents, removed ones, new ones."""
    if "is_reference" not in columns:
        return None
    reference, kept = (columns[name].to_numpy(zero_copy_only=False) for name in ("is_reference", "kept"))
    return np.where(reference, np.where(kept, _KEPT, _GONE), _NEW)


def _sizes(columns: dict[str, pa.Array], precedence: npt.NDArray[np.uint64], order: Places, cluster: Places) -> Places:
    """Return the documents of each cluster: new ones, and for each kept reference one the largest size of its cluster.

    A new document counts beside a reference document of its id: they are the same record in two roots.
    """
    high, low = halves(columns["survivor"].take(pa.array(order)))
    alone = np.where(precedence[order] == _NEW, np.arange(1, len(order) + 1), 0)
    sorted_ = np.lexsort((alone, low, high, cluster))
    starts, _ = key_groups(cluster[sorted_], high[sorted_], low[sorted_], alone[sorted_])
    most = np.maximum.reduceat(columns["recorded_size"].to_numpy()[order][sorted_].astype(np.int64), starts)
    return np.add.reduceat(most, key_groups(cluster[sorted_][starts])[0])


def _superseded(
    precedence: npt.NDArray[np.uint64],
    starts: Places,
    preferred: Sequence[Numbers],
    ids: pa.FixedSizeBinaryArray,
    order: Places,
) -> pa.ListArray:
    """Return for the best new document of each cluster the reference ones that a decision over all would remove.

    Rows are those of ``order``, each cluster's from one of ``starts`` on. Of kept reference documents the first stays,
    unless the new document is before it in what is ``preferred``; the same record read again is not.
    """
    ends = np.append(starts[1:], len(precedence))
    kept, new = (np.add.reduceat(precedence == kind, starts) for kind in (_KEPT, _NEW))
    met = (kept > 0) & (new > 0)
    first, best, kept = starts[met], (ends - new)[met], kept[met]
    before, equal = np.zeros(len(best), np.bool_), np.ones(len(best), np.bool_)
    for values in preferred:
        before |= equal & (values[best] < values[first])
        equal &= values[best] == values[first]
    counts = np.zeros(len(precedence), np.int64)
    counts[best] = kept - ~before
    lists = np.repeat(np.arange(len(best)), counts[best])
    offsets = np.cumsum(np.append(0, counts))
    places = first[lists] + ~before[lists] + np.arange(len(lists)) - offsets[best][lists]
    values = ids.take(pa.array(order[places]))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, mask=pa.array(counts == 0))


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column in one piece."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def _sorted(keys: Sequence[Numbers], others: Sequence[Numbers]) -> Places:
    """Return the order of documents by cluster, the survivor first. ``keys`` nearly always decide."""
    order = np.lexsort(keys[::-1])
    equal = np.ones(max(0, len(order) - 1), np.bool_)
    for values in keys:
        equal &= values[order][1:] == values[order][:-1]
    return np.lexsort((*others[::-1], *keys[::-1])) if equal.any() else order


def _similarities(sketches: pa.Array, text: Places, other: Places) -> npt.NDArray[np.float32]:
    """Return the similarity of each text to the ``other``; at least one document of a text has its sketch."""
    holders = np.flatnonzero(pc.is_valid(sketches).to_numpy(zero_copy_only=False))
    place = np.empty(int(text.max(initial=-1)) + 1, np.int64)
    place[text[holders]] = np.arange(len(holders))
    matrix = matrix_of(sketches.take(pa.array(holders)))
    found = np.ones(len(text), np.float32)
    differ = np.flatnonzero(text != other)
    for start in range(0, len(differ), _AT_ONCE):
        some = differ[start : start + _AT_ONCE]
        found[some] = similarities(matrix[place[text[some]]], matrix[place[other[some]]])
    return found


def matrix_of(sketches: pa.Array) -> npt.NDArray[np.uint8]:
    """Return binary values of one length as rows of a matrix."""
    offsets, data = (
        np.frombuffer(b or b"", kind) for b, kind in zip(sketches.buffers()[1:], ("<i4", "u1"), strict=True)
    )
    offsets = offsets[sketches.offset : sketches.offset + len(sketches) + 1]
    return data[offsets[0] : offsets[-1]].reshape(len(sketches), -1) if len(sketches) else np.empty((0, 0), np.uint8)


def _smallest(high: Numbers, low: Numbers, starts: Places) -> pa.FixedSizeBinaryArray:
    """Return the smallest id of each run."""
    if not len(starts):
        return pa.array([], ID.type)
    least = np.minimum.reduceat(high, starts)
    counts = np.diff(np.append(starts, len(high)))
    rest = np.minimum.reduceat(np.where(high == np.repeat(least, counts), low, _LAST), starts)
    data = np.stack([least, rest], axis=1).astype(">u8").tobytes()
    return pa.FixedSizeBinaryArray.from_buffers(ID.type, len(starts), [None, pa.py_buffer(data)])


def halves(ids: pa.FixedSizeBinaryArray) -> tuple[Numbers, Numbers]:
    """Return ids as two integers each, which sort as their bytes."""
    halves = id_bytes(ids).view(">u8")
    return halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64)


# ------------------------------------------------------------------------------------------------------------ verdict


def verdict(chosen: pa.Table, documents: int) -> pa.Table:
    """A row of ``VERDICT`` for each of the documents of a part, from the ``CHOSEN`` rows of those that match others."""
    chosen = chosen.combine_chunks() if chosen.num_columns else CHOSEN.empty_table()
    here = rows_of(chosen.column("key").to_numpy())
    places = np.zeros(documents, np.int64)
    places[here] = np.arange(len(here))
    unique = np.ones(documents, np.bool_)
    unique[here] = False
    found = chosen.take(pa.array(places, mask=unique)).combine_chunks()
    columns = {name: found.column(name) for name in VERDICT.names}
    columns["role"] = pa.array(ROLES).take(whole(pc.fill_null(columns["role"], 0)))
    columns["size"] = pc.fill_null(columns["size"], 1)
    return pa.table([columns[name] for name in VERDICT.names], schema=VERDICT)
