"""Reads an archive as rows: all in batches of limited size, or the one at a pointer.

Records of the wanted type and unreadable bytes become rows; other records are counted by type. The source defines the
content of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery import (
    FILE_HEAD,
    HTML,
    ID,
    RECORD_ID,
    WARC,
    Pointers,
    StorageError,
    Store,
    Watch,
    document_ids,
    file_identity,
)
from refinery.kernels import Page, PageRows
from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.records import DAMAGED, Record, odd_records, records
from refinery.stages._warc.rows import NO_ID

TYPES = frozenset(
    {
        *("warcinfo", "request", "response", "metadata", "revisit", "resource", "conversion", "continuation"),
        "filedesc",
    }
)
"""Record types that are counted by name. ``filedesc`` is the first record of an ARC file."""

BATCH_ROWS = 256
BATCH_BYTES = 16 * 1024 * 1024

Batch = tuple[pa.RecordBatch, Mapping[str, int]]
"""Rows and the records skipped since the last batch, by type.

Columns are those of ``refinery.kernels.Page``, with ``id`` the document's and ``record_id`` the record's own.
"""


@dataclass(frozen=True)
class Reading:
    """A source's settings for reading archives: records of the type ``kind``.

    ``block`` limits the bytes that are kept of a record, ``payload`` those of a payload. ``page`` returns the row of a
    record. With ``runs``, the kernel reads ordinary records; its rows of responses equal those of ``page``.
    """

    kind: str
    block: int
    payload: int
    page: Callable[[Record], Page]
    runs: bool

    def all(self, path: str, store: Store, watch: Watch | None = None) -> Iterator[Batch]:
        """Yield the rows of a file in batches of limited size. Raises StorageError.

        With ``watch``, records are read one by one, and the bodies of those that it forbids are ignored.
        """
        with closing(store.stream(path)) as stream:
            blocks = Blocks(stream, path)
            yield from self._read([blocks], path, file_identity(path, blocks.head(FILE_HEAD)), watch)

    def some(self, path: str, pointers: Pointers, stream: BinaryIO, watch: Watch | None = None) -> Iterator[Batch]:
        """Yield the rows of the records at some pointers as ``all`` does; records that adjoin are read as one range.

        Raises StorageError, also where the records there are not those of the pointers.
        """
        file = file_identity(path, Blocks(stream, path, 0, FILE_HEAD).head(FILE_HEAD))
        ranges = (Blocks(stream, path, start, stop) for start, stop in _adjoining(pointers))
        rows = skipped = 0
        for batch, others in self._read(ranges, path, file, watch):
            rows += batch.num_rows
            skipped += sum(others.values())
            yield batch, others
        if rows + skipped != len(pointers.offsets):
            raise StorageError(
                f"{path}: {rows + skipped} records at {len(pointers.offsets)} pointers",
                hint="the index is of another file than this, or the file was replaced",
            )

    def _read(self, ranges: Iterable[Blocks], path: str, file: bytes, watch: Watch | None) -> Iterator[Batch]:
        number = 0
        types = TYPES - {self.kind}
        rows = PageRows(sorted(types), self.payload, BATCH_ROWS, BATCH_BYTES)
        runs = rows if self.runs and watch is None else None
        for record in chain.from_iterable(odd_records(blocks, self.kind, self.block, runs) for blocks in ranges):
            if record is not None and (record.kind == self.kind or record.flaw):
                forbidden = watch is not None and not watch(number)
                rows.add(self.page(_without_body(record) if forbidden else record))
                number += 1
            elif record is not None:
                rows.skip(record.kind if record.kind in types else "unknown type")
            if rows.full:
                yield _finished(rows, path, file)
        yield _finished(rows, path, file)

    def one(self, path: str, offset: int, length: int, store: Store) -> Batch:
        """Return the row of the record at a pointer. Raises StorageError if no record begins there.

        With a ``length`` of 0, ``offset`` counts decompressed bytes of a file whose records share a gzip member; it is
        then read from its beginning.
        """
        with closing(store.open(path)) as stream:
            blocks = Blocks(stream, path, offset, offset + length) if length else Blocks(stream, path)
            file = file_identity(path, blocks.head(FILE_HEAD))
            for record in records(blocks, self.kind, self.block):
                if (record.offset, record.length) == (offset, length):
                    rows = PageRows((), self.payload, 1, 1)
                    rows.add(self.page(record))
                    return _finished(rows, path, file)
        raise StorageError(f"{path}: no record at {offset}, length {length}", hint="the file may have changed")


def _adjoining(pointers: Pointers) -> Iterator[tuple[int, int]]:
    """Yield ranges of records without a gap between them."""
    starts, stops = pointers.offsets, pointers.offsets + pointers.lengths
    apart = starts[1:] != stops[:-1]
    first, last = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return zip(starts[first].tolist(), stops[last].tolist(), strict=True)


def _without_body(record: Record) -> Record:
    return replace(record, body=b"", flaw=record.flaw or DAMAGED, note="its worker died of it")


def _finished(rows: PageRows, path: str, file: bytes) -> Batch:
    batch, skipped = rows.finish()
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns[RECORD_ID] = _ids_or_null(columns[ID.name])
    columns[ID.name] = document_ids(file, columns["offset"], columns["length"])
    columns[WARC.name] = pa.array([path] * batch.num_rows, WARC.type)
    return pa.RecordBatch.from_pydict(columns), skipped


def _ids_or_null(ids: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
    """Return the ids of records, null where they have none."""
    return pc.if_else(pc.equal(ids, pa.scalar(NO_ID, ids.type)), pa.scalar(None, ids.type), ids)


def text_of(batch: pa.RecordBatch) -> pa.Array:
    """Return the pages or texts of a batch."""
    return batch.column(HTML.name)
