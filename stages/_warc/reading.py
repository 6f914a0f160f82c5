"""How a source goes through an archive: rows in batches of bounded size, and the one row at a pointer.

A record of the wanted type becomes a row, and so does whatever cannot be read; the others are counted by type. What a
row says is the source's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

import pyarrow as pa

from refinery import HTML, WARC, StorageError, Store, Watch
from refinery.kernels import Page, PageRows
from stages._warc.blocks import Blocks
from stages._warc.records import DAMAGED, Record, odd_records, records

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
"""Rows with the columns of ``refinery.kernels.Page``, and the records skipped since the last batch, by type."""


@dataclass(frozen=True)
class Reading:
    """What a source wants of archives: records of the type ``kind``.

    ``block`` is the bytes that are kept of a record, ``payload`` those of the largest payload that is wanted.
    ``page`` gives the row of a record in a file of some name. ``runs`` says whether ordinary records may be read by the
    kernel, which gives responses the rows that ``page`` would.
    """

    kind: str
    block: int
    payload: int
    page: Callable[[Record, str], Page]
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
            found = odd_records(Blocks(stream, path), self.kind, self.block, runs)
            for record in found:
                if record is not None and (record.kind == self.kind or record.flaw):
                    spared = watch is not None and not watch(number)
                    rows.add(self._row(_spared(record) if spared else record, path))
                    number += 1
                elif record is not None:
                    rows.skip(record.kind if record.kind in types else "unknown type")
                if rows.full:
                    yield _finished(rows, path)
        yield _finished(rows, path)

    def one(self, path: str, offset: int, length: int, store: Store) -> Batch:
        """The row of the record at a pointer. Raises StorageError where none begins.

        A ``length`` of 0 says that ``offset`` counts decompressed bytes of a file whose records share a gzip member: it
        must be read from its beginning.
        """
        with closing(store.open(path)) as stream:
            blocks = Blocks(stream, path, offset, offset + length) if length else Blocks(stream, path)
            for record in records(blocks, self.kind, self.block):
                if (record.offset, record.length) == (offset, length):
                    rows = PageRows((), self.payload, 1, 1)
                    rows.add(self._row(record, path))
                    return _finished(rows, path)
        raise StorageError(f"{path}: no record at {offset}, length {length}", hint="the file may have changed")

    def _row(self, record: Record, path: str) -> Page:
        return self.page(record, path.rpartition("/")[2])


def _spared(record: Record) -> Record:
    return replace(record, body=b"", flaw=record.flaw or DAMAGED, note="its worker died of it")


def _finished(rows: PageRows, path: str) -> Batch:
    batch, skipped = rows.finish()
    warc = pa.array([path] * batch.num_rows, WARC.type)
    return batch.append_column(WARC, warc), skipped


def text_of(batch: pa.RecordBatch) -> pa.Array:
    """The pages or texts of a batch."""
    return batch.column(HTML.name)
