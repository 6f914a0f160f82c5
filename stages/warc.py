"""Stage ``warc``: reads archive files, and gives every record in them a fate.

A document is a ``response`` record with status 200 and an HTML payload. Every other response, and every stretch that
cannot be read, is a removed row with its reason; records of other types are counted. How files are read is in
``stages._warc``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import DATE, HTML, POINTER, WARC, Metric, Records, Rule, Size, Source, StorageError, Store
from stages._warc.blocks import Blocks
from stages._warc.headers import HTTP_HEADER
from stages._warc.inputs import archives
from stages._warc.pages import FATES, Page, page
from stages._warc.records import RESPONSE, Record, records

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
    version: ClassVar = 1
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
        rows: list[Page] = []
        skipped: Counter[str] = Counter()
        size = 0
        with closing(store.open(path)) as stream:
            for record in records(Blocks(stream, path), self._kept()):
                if not _is_row(record):
                    skipped[record.kind if record.kind in TYPES else "unknown type"] += 1
                    continue
                rows.append(self._row(record, path))
                size += len(rows[-1].html or b"")
                if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                    yield _batch(rows, path, skipped)
                    rows, skipped, size = [], Counter(), 0
        yield _batch(rows, path, skipped)

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """The record at a pointer. Raises StorageError where none begins.

        A ``length`` of 0 says that ``offset`` counts decompressed bytes of a file whose records share a gzip member: it
        must be read from its beginning.
        """
        with closing(store.open(path)) as stream:
            blocks = Blocks(stream, path, offset, offset + length) if length else Blocks(stream, path)
            for record in records(blocks, self._kept()):
                if (record.offset, record.length) == (offset, length):
                    return _batch([self._row(record, path)], path, {})
        raise StorageError(f"{path}: no record at {offset}, length {length}", hint="the file may have changed")

    def _kept(self) -> int:
        return int(self.max_payload) + HTTP_HEADER

    def _row(self, record: Record, path: str) -> Page:
        return page(record, path.rpartition("/")[2], int(self.max_payload))


def _is_row(record: Record) -> bool:
    return record.kind == RESPONSE or bool(record.flaw)


def _batch(rows: Sequence[Page], path: str, skipped: Counter[str] | dict[str, int]) -> Records:
    def column(field: pa.Field) -> pa.Array:
        values = [path] * len(rows) if field.name == WARC.name else [getattr(row, field.name) for row in rows]
        if field is HTML:  # known to be UTF-8, so that it need not be copied twice
            return pa.array(values, pa.binary()).view(field.type)
        if field is DATE:
            return pa.array(values, pa.timestamp("s", tz="UTC")).cast(field.type)
        return pa.array(values, field.type)

    columns = {field.name: column(field) for field in (*POINTER, HTML)}
    facts = {field.name: column(field) for field in Warc.facts()}
    return Records(columns, facts, dict(sorted(skipped.items())))
