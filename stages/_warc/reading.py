"""How a source goes through an archive: rows in batches of bounded size, and the one row at a pointer.

A record of the wanted type becomes a row, and so does whatever cannot be read; the others are counted by type. What a
row says is the source's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from refinery import FILE_HEAD, HTML, ID, RECORD_ID, WARC, StorageError, Store, Watch, document_ids, file_identity
from refinery.kernels import Page, PageRows
from stages._warc.blocks import Blocks
from stages._warc.records import DAMAGED, Record, odd_records, records
from stages._warc.rows import NO_ID

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
    """What a source wants of archives: records of the type ``kind``.

    ``block`` is the bytes that are kept of a record, ``payload`` those of the largest payload that is wanted.
    ``page`` gives the row of a record. ``runs`` says whether ordinary records may be read by the kernel, which gives
    responses the rows that ``page`` would.
    """

    kind: str
    block: int
    payload: int
    page: Callable[[Record], Page]
    runs: bool

    def all(self, path: str, store: Store, watch: Watch | None = None) -> Iterator[Batch]:
        """The rows of a file, in batches of bounded size. Raises StorageError.

        With ``watch`` records are taken one by one, and the bodies of those that it forbids are not looked at.
        """
        number = 0
        types = TYPES - {self.kind}
        rows = PageRows(sorted(types), self.payload, BATCH_ROWS, BATCH_BYTES)
        with closing(store.stream(path)) as stream:
            runs = rows if self.runs and watch is None else None
            blocks = Blocks(stream, path)
            file = file_identity(path, blocks.head(FILE_HEAD))
            found = odd_records(blocks, self.kind, self.block, runs)
            for record in found:
                if record is not None and (record.kind == self.kind or record.flaw):
                    spared = watch is not None and not watch(number)
                    rows.add(self.page(_spared(record) if spared else record))
                    number += 1
                elif record is not None:
                    rows.skip(record.kind if record.kind in types else "unknown type")
                if rows.full:
                    yield _finished(rows, path, file)
        yield _finished(rows, path, file)

    def one(self, path: str, offset: int, length: int, store: Store) -> Batch:
        """The row of the record at a pointer. Raises StorageError where none begins.

        A ``length`` of 0 says that ``offset`` counts decompressed bytes of a file whose records share a gzip member: it
        must be read from its beginning.
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


def _spared(record: Record) -> Record:
    return replace(record, body=b"", flaw=record.flaw or DAMAGED, note="its worker died of it")


def _finished(rows: PageRows, path: str, file: bytes) -> Batch:
    batch, skipped = rows.finish()
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns[RECORD_ID] = _named(columns[ID.name])
    columns[ID.name] = document_ids(file, columns["offset"], columns["length"])
    columns[WARC.name] = pa.array([path] * batch.num_rows, WARC.type)
    return pa.RecordBatch.from_pydict(columns), skipped


def _named(ids: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
    """The ids of records, null where they have none."""
    return pc.if_else(pc.equal(ids, pa.scalar(NO_ID, ids.type)), pa.scalar(None, ids.type), ids)


def text_of(batch: pa.RecordBatch) -> pa.Array:
    """The pages or texts of a batch."""
    return batch.column(HTML.name)
