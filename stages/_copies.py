"""Copies: of documents whose texts are equal, byte for byte, one takes part for all in the rounds that compare keys.

Equal texts have equal keys and equal sketches: what one of them matches, all match. ``copies`` finds them in one task;
``texts``, ``equal_texts`` and ``excluded`` find the same in rounds, for each range of the hashes of texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import MappedPart, address, is_reference, parts_of, root_number, rows_of
from refinery.kernels import key_groups, order_of, starts_group, string_hashes
from refinery.stages._clusters import EXACT, Numbers, Places, whole

EXCLUDED = pa.schema([("row", pa.uint32()), ("leader", pa.uint64())])
"""Copies in a part, sorted, and the address of the document that takes part for each, its own in a reference root."""

TEXTS = pa.schema([("key", pa.uint64()), ("row", pa.uint32()), ("exact", pa.bool_())])
"""``key`` is the hash of a text; ``exact`` documents have been removed as copies of others in a reference root."""

LED = pa.schema([("key", pa.uint64()), ("leader", pa.uint64())])
"""``EXCLUDED`` of all parts: ``key`` is the address of a copy."""

SORTED_BYTES = 128
"""Bytes of memory for each document whose text is looked for among others."""

PLACE_BYTES = 4
"""Bytes of memory for any document besides that; twice as many from 2**32 documents on."""

_EMPTY = string_hashes(pa.array([""])).to_numpy()[0]


class Numbering:
    """Consecutive numbers of documents, part after part."""

    def __init__(self, parts: Sequence[MappedPart]) -> None:
        self._parts = np.array([part.number for part in parts], np.uint64)
        self._starts = np.cumsum([0, *(part.documents for part in parts)], dtype=np.uint64)
        self.documents = int(self._starts[-1])

    def first(self, part: int) -> int:
        """Return the number of a part's first document."""
        return int(self._starts[np.searchsorted(self._parts, np.uint64(part))])

    def of(self, addresses: Numbers) -> Numbers:
        """Return the numbers of addresses."""
        numbers: Numbers = self._starts[np.searchsorted(self._parts, parts_of(addresses))] + rows_of(addresses)
        return numbers

    def addresses(self, numbers: Numbers) -> Numbers:
        """Return the addresses of numbers."""
        place = np.searchsorted(self._starts, numbers, side="right") - 1
        return address(self._parts[place], numbers - self._starts[place])


def copies(parts: Sequence[MappedPart], memory: int, *, new: bool, reference: bool) -> Iterator[pa.Table]:
    """``EXCLUDED`` of each part: copies among ``new`` documents, and copies within ``reference`` roots.

    The first of new documents takes part. Of a text in a reference root those do that are not removed as exact copies
    there, or one if all are. Documents without text are no copies. Takes as many passes as ``memory`` asks for.
    """
    numbers = Numbering(parts)
    passes = max(1, -(-numbers.documents * SORTED_BYTES // memory))
    none = np.iinfo(np.uint32 if numbers.documents < 2**32 else np.uint64).max
    first = np.full(numbers.documents, none, np.min_scalar_type(none))
    past = sum(part.documents for part in parts if not part.is_reference)
    for number in range(passes):
        found, text = _equal(parts, number, passes)
        old = found >= past
        if new:
            leader = found[key_groups(text)[0]][text]  # documents of a text ascend
            out = ~old & (found != leader)
            first[found[out]] = leader[out]
        if reference and old.any():
            gone = found[old][_copied_elsewhere(parts, numbers, found[old], text[old])]
            first[gone] = gone
    for part in parts:
        begin = numbers.first(part.number)
        its = first[begin : begin + part.documents]
        row = np.flatnonzero(its != none)
        leader = numbers.addresses(its[row].astype(np.uint64))
        yield pa.table([pa.array(row.astype(np.uint32)), pa.array(leader)], schema=EXCLUDED)


def _equal(parts: Sequence[MappedPart], number: int, passes: int) -> tuple[Numbers, Places]:
    """Return the documents that share a text with others, text by text, and for each the number of its text."""
    contents, places, begin = [np.empty(0, np.uint64)], [np.empty(0, np.uint64)], 0
    for part in parts:
        content = whole(part.index(["content"]).column("content")).to_numpy()
        rows = np.flatnonzero((content != _EMPTY) & (content % np.uint64(passes) == number))
        contents.append(content[rows])
        places.append(rows.astype(np.uint64) + np.uint64(begin))
        begin += part.documents
    content = np.concatenate(contents)
    order = order_of(content)
    content = content[order]
    same = content[1:] == content[:-1]
    several = np.zeros(len(content), np.bool_)
    several[1:] |= same
    several[:-1] |= same
    return np.concatenate(places)[order[several]], key_groups(content[several])[1]


def _copied_elsewhere(
    parts: Sequence[MappedPart], numbers: Numbering, documents: Numbers, text: Places
) -> npt.NDArray[np.bool_]:
    """Return True for reference documents that are exact copies of others in their root, by its verdicts."""
    root, exact = np.zeros(len(documents), np.int64), np.zeros(len(documents), np.bool_)
    for part in parts:
        if part.is_reference:
            begin = numbers.first(part.number)
            here = np.flatnonzero((documents >= begin) & (documents < begin + part.documents))
            roles = part.verdict(["role"], (documents[here] - np.uint64(begin)).astype(np.int64)).column("role")
            exact[here] = whole(pc.equal(roles, EXACT)).to_numpy(zero_copy_only=False)
            root[here] = part.root_number
    order = np.lexsort((documents, exact, root, text))
    exact[order[starts_group(text[order], root[order])]] = False
    return exact


# ---------------------------------------------------------------------------------------------------------- in rounds


def texts(part: MappedPart, *, new: bool, reference: bool) -> pa.RecordBatchReader:
    """``TEXTS`` of a part, sorted, if copies of such documents are excluded; see ``copies``."""
    content = whole(part.index(["content"]).column("content")).to_numpy()
    rows = np.flatnonzero(content != _EMPTY) if (reference if part.is_reference else new) else np.empty(0, np.int64)
    rows = rows[order_of(content[rows])]
    exact = np.zeros(part.documents, np.bool_)
    if part.is_reference:
        roles = part.verdict(["role"]).column("role")
        exact = whole(pc.equal(roles, EXACT)).to_numpy(zero_copy_only=False)
    columns = (content[rows], rows.astype(np.uint32), exact[rows])
    return pa.table([pa.array(column) for column in columns], schema=TEXTS).to_reader()


def equal_texts(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield ``LED`` of the documents of a range of texts."""
    for batch in groups:
        part = batch.column("part").to_numpy()
        where = address(part, batch.column("row").to_numpy())
        exact = batch.column("exact").to_numpy(zero_copy_only=False)
        starts, text = key_groups(batch.column("key").to_numpy())
        old = is_reference(part)
        leader = where[starts][text]  # new documents come before those of reference roots
        copy = ~old & (where != leader)
        root = np.where(old, root_number(part.astype(np.int64)), -1)
        order = np.lexsort((where, exact, root, text))
        exact[order[starts_group(text[order], root[order])]] = False
        gone = old & exact
        columns = [np.concatenate([where[copy], where[gone]]), np.concatenate([leader[copy], where[gone]])]
        yield pa.record_batch([pa.array(column) for column in columns], schema=LED)


def excluded(sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
    """``EXCLUDED`` of a part from what was sent to it."""
    del part
    rows = sent.read_all()
    if not rows.num_columns:
        return EXCLUDED.empty_table()
    row = rows_of(rows.column("key").to_numpy())
    order = np.argsort(row)
    return pa.table([pa.array(row[order]), pa.array(rows.column("leader").to_numpy()[order])], schema=EXCLUDED)
