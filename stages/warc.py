"""Stage ``warc``: reads archive files, and gives every record in them a fate.

A document is a ``response`` record with status 200 and an HTML payload. Every other response, and every stretch that
cannot be read, is a removed row with its reason; records of other types are counted. How files are read is in
``stages._warc``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import HTML, POINTER, WARC, Metric, Records, Rule, Size, Source, StorageError, Store
from refinery.kernels import Page, PageRows
from stages._warc.blocks import Blocks
from stages._warc.headers import HTTP_HEADER
from stages._warc.inputs import archives
from stages._warc.pages import FATES, page
from stages._warc.records import RESPONSE, Record, odd_records, records

TYPES = frozenset({"warcinfo", "request", "metadata", "revisit", "resource", "conversion", "continuation", "filedesc"})
"""Record types that are no documents. ``filedesc`` is the first record of an ARC file."""

BATCH_ROWS = 256
BATCH_BYTES = 16 * 1024 * 1024


class Warc(Source):
    """Read HTML pages from WARC and ARC files; keep where each record lies.

    ``charset`` is the decoder that was used, ``charset_found`` how it was chosen (bom, header, meta, content or
    detector), ``charset_declared`` the label that was given. ``digest`` is the xxh3_128 of the page in UTF-8. ``note``
    says what is odd about the record.
    """

    name: ClassVar = "warc"
    version: ClassVar = 3
    source: ClassVar = "RefinedWeb §3.1; ISO 28500:2017"
    adds: ClassVar = (HTML,)
    metrics: ClassVar = (
        Metric("fate", pa.string(), scale="label", help="ok, or what keeps the record from being a document"),
        Metric("payload", pa.uint64(), scale="log", unit="bytes", help="the payload, its codings undone"),
    )
    evidence: ClassVar = (
        pa.field("status", pa.uint16()),
        pa.field("media_type", pa.string()),
        pa.field("charset", pa.string()),
        pa.field("charset_found", pa.string()),
        pa.field("charset_declared", pa.string()),
        pa.field("digest", pa.binary(16)),
        pa.field("note", pa.string()),
    )
    depends: ClassVar = ("resiliparse",)

    max_payload: Size = Field(Size(16 * 1024 * 1024), gt=0, description="larger payloads, unpacked, are no documents")

    def rules(self) -> tuple[Rule, ...]:
        """One for each fate that is not ``ok``."""
        return tuple(Rule(fate, "fate", because, not_in=(fate,)) for fate, because in FATES)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """The files of a path, a glob, a folder or a list of paths. Raises StorageError."""
        return archives(pattern, store)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """All records of a file, in batches of bounded size. Raises StorageError."""
        rows = PageRows(sorted(TYPES), int(self.max_payload), BATCH_ROWS, BATCH_BYTES)
        with closing(store.open(path)) as stream:
            for record in odd_records(Blocks(stream, path), self._kept(), rows):
                if record is not None and _is_row(record):
                    rows.add(self._row(record, path))
                elif record is not None:
                    rows.skip(record.kind if record.kind in TYPES else "unknown type")
                if rows.full:
                    yield _batch(rows, path)
        yield _batch(rows, path)

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """The record at a pointer. Raises StorageError where none begins.

        A ``length`` of 0 says that ``offset`` counts decompressed bytes of a file whose records share a gzip member: it
        must be read from its beginning.
        """
        with closing(store.open(path)) as stream:
            blocks = Blocks(stream, path, offset, offset + length) if length else Blocks(stream, path)
            for record in records(blocks, self._kept()):
                if (record.offset, record.length) == (offset, length):
                    rows = PageRows((), int(self.max_payload), 1, 1)
                    rows.add(self._row(record, path))
                    return _batch(rows, path)
        raise StorageError(f"{path}: no record at {offset}, length {length}", hint="the file may have changed")

    def _kept(self) -> int:
        return int(self.max_payload) + HTTP_HEADER

    def _row(self, record: Record, path: str) -> Page:
        return page(record, path.rpartition("/")[2], int(self.max_payload))


def _is_row(record: Record) -> bool:
    return record.kind == RESPONSE or bool(record.flaw)


def _batch(rows: PageRows, path: str) -> Records:
    batch, skipped = rows.finish()
    warc = pa.array([path] * batch.num_rows, WARC.type)
    columns = {field.name: warc if field is WARC else batch[field.name] for field in (*POINTER, HTML)}
    return Records(columns, {field.name: batch[field.name] for field in Warc.facts()}, skipped)
