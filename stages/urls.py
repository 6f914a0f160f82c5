"""Stage ``urls``: one document of each URL.

The same page is crawled again and again, with the same text or another. Two documents are of one URL if their addresses
are equal but for the case of scheme and host and for the fragment. Query strings count: pages that differ in them only
are left to MinHash, as in RefinedWeb. Nothing here looks at texts, but for their length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from refinery import (
    ID,
    Conclude,
    Docs,
    Edited,
    Mapped,
    MappedPart,
    Metric,
    Reduce,
    Round,
    Rule,
    address,
    is_reference,
    root_number,
    rows_of,
)
from refinery.kernels import key_groups, string_hashes
from refinery.stages._against import AgainstRoots

UNIQUE, SURVIVOR, DUPLICATE = "unique", "survivor", "duplicate"

Keep = Literal["newest", "first", "longest"]

KEYS = pa.schema(
    [
        ("key", pa.uint64()),
        ("check", pa.uint64()),
        ("rank", pa.int64()),
        ID,
        ("pointer", pa.uint64()),
        ("row", pa.uint32()),
    ]
)
INDEX = pa.schema([("addressed", pa.bool_())])
NAMED = (pa.field("survivor", ID.type), pa.field("supersedes", ID.type))
GROUPED = pa.schema([("key", pa.uint64()), ("stays", pa.bool_()), ("size", pa.uint32()), *NAMED])
VERDICT = pa.schema([("role", pa.string()), ("size", pa.uint32()), *NAMED])

LAST = np.iinfo(np.int64).max

# RFC 3986, appendix B; user information is part of no host, and its case counts.
_URL = r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*:)?(?:(?P<user>//(?:[^/?#]*@)?)(?P<host>[^/?#]*))?(?P<rest>[^#]*)"


class Urls(AgainstRoots):
    """Keep one document of each URL.

    Scheme and host are compared without case, the fragment not at all, all else as it is. Which document of a URL stays
    does not depend on their order or on how they are spread over parts. Documents without a URL are all kept.

    ``survivor`` is the id of the document of that URL that stays; null if there is only one.

    With ``against`` a new document is removed if a document of those roots has its URL, kept or not; only their stored
    keys are read. ``survivor`` is the document that the first of those roots kept. If ``keep`` prefers a new document,
    the best of them has the id of that survivor as ``supersedes``, which reports that it is out of date. The new
    document is removed nevertheless.

    With ``parts`` the input files are divided by a hash of their paths, and one partition after another goes through
    all global stages that follow. Documents with a URL that an earlier partition has kept in the end are removed.

    URLs are compared by 128 bits of hash: among 10 billion, some two agree by chance with a probability of 2e-19.

    Memory does not grow with the number of documents: tasks see a range of URLs, or one part.
    """

    name: ClassVar = "urls"
    version: ClassVar = 1
    source: ClassVar = "RefinedWeb §3.3"
    reads: ClassVar = ("url", "text")
    metrics: ClassVar = (
        Metric("role", pa.string(), "label", help="unique, survivor of its URL, or duplicate"),
        Metric("size", pa.uint32(), "count", "documents", "documents of the URL"),
    )
    evidence: ClassVar = NAMED
    survivor_field: ClassVar = "survivor"
    map_fields: ClassVar = ("keep",)

    keep: Keep = Field(
        "newest", description="which document of a URL stays: the newest, the first crawled, the longest"
    )

    parts: int = Field(
        1, ge=1, le=100_000, description="partitions of the input files, deduplicated one after another from here on"
    )

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule that removes duplicates; the survivor stays."""
        return (Rule("duplicate", "role", "A document of the same URL is kept.", not_in=(DUPLICATE,)),)

    def partitions(self) -> int:
        """Return ``parts``. As in RefinedWeb, URLs that one partition keeps in the end are removed from later ones."""
        return self.parts

    def rounds(self) -> tuple[Round, ...]:
        """Return the choice by URL, and the verdict of each part."""
        return (Reduce("reduce", self.reduce), Conclude("resolve", self.resolve))

    def map(self, docs: Docs, row: int) -> Mapped:
        """Return the hash of each URL, with the columns that decide which document of it stays."""
        addresses = canonical(docs.column("url"))
        addressed = pc.fill_null(pc.not_equal(addresses, ""), False)
        columns = [
            string_hashes(addresses),
            string_hashes(pc.binary_join_element_wise(addresses, "#", "")),  # no address has a fragment
            self._ranks(docs),
            docs.column("id"),
            _pointers(docs),
            pa.array(np.arange(row, row + len(docs), dtype=np.uint32)),
        ]
        keys = pa.record_batch(columns, schema=KEYS).filter(addressed)
        return Mapped(keys, pa.record_batch([addressed], schema=INDEX))

    def _ranks(self, docs: Docs) -> pa.Int64Array:
        """Return ranks, of which the smallest of a URL stays. A document without a date comes last."""
        if self.keep == "longest":
            return pc.negate(pc.fill_null(pc.utf8_length(docs.column("text")), 0).cast(pa.int64()))
        dates = docs.column("date").cast(pa.int64())
        ranks = pc.negate(dates) if self.keep == "newest" else dates
        return pc.fill_null(ranks, LAST)

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the decision on each document whose URL others share, with the document's address as key."""
        for batch in groups:
            rows = _in_order(batch)
            sizes, firsts = _groups(rows)
            part, row = (rows.column(name).to_numpy() for name in ("part", "row"))
            new = ~is_reference(part)
            decided = np.flatnonzero(new & (sizes > 1 if self.within else ~new[firsts]))
            columns = [
                pa.array(address(part, row)[decided]),
                pa.array((firsts == np.arange(len(rows)))[decided]),
                pa.array(sizes[decided].astype(np.uint32)),
                rows.column("id").take(pa.array(firsts[decided])),
                rows.column("id").take(pa.array(firsts[decided], mask=~_preferred(rows, new, firsts)[decided])),
            ]
            yield pa.record_batch(columns, schema=GROUPED)

    def resolve(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        """Return role, number of documents of the URL, and survivor of each document of a part."""
        decided = sent.read_all()
        return _verdict(decided if decided.num_columns else GROUPED.empty_table(), part.documents)

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Return the metrics of the batch; the rule removes the duplicates."""
        rows = verdict.slice(row, len(docs))
        return Edited({}, {name: rows.column(name).combine_chunks() for name in VERDICT.names})


def canonical(urls: pa.StringArray) -> pa.StringArray:
    """Return the URLs with scheme and host in lower case and without fragment; null for null.

    Only ASCII letters have another case: hosts of other letters are written in ASCII.
    """
    found = pc.extract_regex(urls, _URL)
    scheme, user, host, rest = (pc.struct_field(found, name) for name in ("scheme", "user", "host", "rest"))
    return pc.binary_join_element_wise(pc.ascii_lower(scheme), user, pc.ascii_lower(host), rest, "")


def _pointers(docs: Docs) -> pa.UInt64Array:
    """Return a hash of the position of each record, which orders copies of one id."""
    offsets = docs.column("offset").cast(pa.string())
    warc = docs.column("warc").cast(pa.string())
    return string_hashes(pc.binary_join_element_wise(warc, offsets, "\n", null_handling="replace"))


def _in_order(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows sorted by URL, and those of a URL so that the first one stays.

    Reference documents come first, root by root.
    """
    part = batch.column("part").to_numpy()
    root = np.where(is_reference(part), root_number(part), np.iinfo(np.uint32).max)
    rows = batch.append_column("root", pa.array(root))
    names = ("key", "check", "root", "rank", "id", "pointer", "part", "row")
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names]))


def _groups(rows: pa.RecordBatch) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return for each of the sorted rows the number of rows with its URL, and the first of them."""
    starts, group = key_groups(*(rows.column(name).to_numpy() for name in ("key", "check")))
    return np.diff(starts, append=len(rows))[group], starts[group]


def _preferred(rows: pa.RecordBatch, new: npt.NDArray[np.bool_], firsts: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Return flags of the first new document of a URL that the policy prefers to the survivor in a reference root."""
    rank = rows.column("rank").to_numpy()
    found: npt.NDArray[np.bool_] = new & ~new[firsts] & (rank < rank[firsts])
    found[1:] &= ~new[:-1]
    return found


def _verdict(decided: pa.Table, rows: int) -> pa.Table:
    """Return a row of ``VERDICT`` for each of the ``rows`` documents of a part."""
    here = rows_of(decided.column("key").to_numpy())
    place = np.zeros(rows, np.int64)
    place[here] = np.arange(len(here))
    alone = np.ones(rows, np.bool_)
    alone[here] = False
    named = decided.take(pa.array(place, mask=alone))
    role = pc.if_else(named.column("stays"), SURVIVOR, DUPLICATE)
    columns = [pc.fill_null(role, UNIQUE), pc.fill_null(named.column("size"), 1)]
    columns += [named.column(field.name) for field in NAMED]
    return pa.table(columns, schema=VERDICT)
