"""Blocklists of millions of strings, each with a category, that are searched in place: in a memory-mapped file.

A blocklist is a record batch. Its rows are sorted by the 64-bit hash (xxh3) of ``entry`` and fall into as many buckets
as there are rows: ``first`` of row ``b`` is the first row of bucket ``b``. The upper half of a hash is the bucket, the
lower half is the row's ``tag``. So a look-up reads two neighbours of ``first`` and about one ``tag``. Strings are
compared as well: hashes that collide cost time, and never cause a wrong result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

BLOCKLIST = pa.schema(
    [
        ("first", pa.uint32()),
        ("tag", pa.uint32()),
        ("entry", pa.large_string()),
        ("category", pa.dictionary(pa.int8(), pa.string())),
    ]
)
"""The columns of a blocklist. No value is null."""

_HALF = 32
_MOST = 2**32 - 1


@dataclass(frozen=True, eq=False)
class Blocklist:
    """A batch of the schema ``BLOCKLIST``. Raises ValueError for another, or where its buffers are too short."""

    batch: pa.RecordBatch

    def __post_init__(self) -> None:
        if self.batch.schema != BLOCKLIST or any(column.null_count for column in self.batch.columns):
            raise ValueError("the columns are not those of a blocklist")
        self.batch.validate()

    def __len__(self) -> int:
        return cast(int, self.batch.num_rows)

    def category(self, entry: str) -> str | None:
        """Return the category of ``entry``; None where it is not listed."""
        if not len(self):
            return None
        digest = xxhash.xxh3_64_intdigest(entry.encode())
        first, tags, entries, categories = self.batch.columns
        bucket = (digest >> _HALF) * len(self) >> _HALF
        end = first[bucket + 1].as_py() if bucket + 1 < len(self) else len(self)
        for row in range(first[bucket].as_py(), end):
            if tags[row].as_py() == digest & _MOST and entries[row].as_py() == entry:
                return str(categories[row].as_py())
        return None


def build_blocklist(
    entries: pa.LargeStringArray, hashes: pa.UInt64Array, codes: pa.Int8Array, categories: Sequence[str]
) -> Blocklist:
    """Return the blocklist of ``entries``, each once, with the category of the smallest of its ``codes``.

    ``hashes`` are the xxh3_64 of the entries, ``codes`` places in ``categories``. Raises ValueError for 2**32 entries
    or more.
    """
    if len(entries) > _MOST:
        raise ValueError(f"{len(entries)} entries do not fit one blocklist")
    table = pa.table({"hash": hashes, "entry": entries, "code": codes})
    table = table.sort_by([(name, "ascending") for name in table.column_names]).combine_chunks()
    if table.num_rows > 1:
        column = table.column("entry").chunk(0)
        changes = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
        table = table.filter(pa.chunked_array([pa.array([True]), changes])).combine_chunks()
    hash_, entry, code = (
        column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns
    )
    first, tag = _index(hash_.to_numpy())
    category = pa.DictionaryArray.from_arrays(code, pa.array(categories, pa.string()))
    return Blocklist(pa.RecordBatch.from_arrays([pa.array(first), pa.array(tag), entry, category], schema=BLOCKLIST))


def _index(hashes: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    rows = len(hashes)
    buckets = (hashes >> np.uint64(_HALF)) * np.uint64(rows) >> np.uint64(_HALF)
    first = np.searchsorted(buckets, np.arange(rows, dtype=np.uint64))
    return first.astype(np.uint32), hashes.astype(np.uint32)
