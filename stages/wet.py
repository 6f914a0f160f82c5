"""Stage ``wet``: reads the text that Common Crawl has extracted itself, where there is no HTML to extract anew.

A document is a ``conversion`` record of plain text. Other conversions, and every gap that cannot be read, are
removed rows with their reason; records of other types are counted. A recipe that begins with it has no ``extract``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import ID, POINTER, RECORD_ID, TEXT, Metric, Records, Rule, Size, Source, Store, Watch
from refinery.kernels import Page
from stages._warc.inputs import PREFIX, TEXT_ARCHIVES, archives
from stages._warc.pages import RESPONSE
from stages._warc.reading import Batch, Reading, text_of
from stages._warc.records import Record
from stages._warc.rows import remedy, rules
from stages._warc.texts import CONVERSION, OUTCOMES, text


class Wet(Source):
    """Read extracted text from WET files; keep where each record lies.

    RefinedWeb rejects such text, for it keeps menus and other noise; it is for comparison, and for crawls of which
    nothing else is at hand. ``digest`` is the xxh3_128 of the text. ``note`` is a remark on an odd record.
    ``id`` and ``record_id`` are as of ``warc``.
    """

    name: ClassVar = "wet"
    version: ClassVar = 4
    source: ClassVar = "https://commoncrawl.org/get-started; ISO 28500:2017, 6.7"
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("outcome", pa.string(), scale="label", help="ok, or what keeps the record from being a document"),
        Metric("payload", pa.uint64(), scale="log", unit="bytes", help="the text as it is stored"),
    )
    evidence: ClassVar = (
        pa.field("media_type", pa.string()),
        pa.field("digest", pa.binary(16)),
        pa.field("note", pa.string()),
        pa.field(RECORD_ID, ID.type),
    )

    max_text: Size = Field(Size(16 * 1024 * 1024), gt=0, description="larger texts are no documents")
    check_digests: bool = Field(False, description="compare records with the digests in their headers")
    prefix: str = Field("", description=PREFIX)

    def rules(self) -> tuple[Rule, ...]:
        """One for each outcome that is not ``ok``."""
        return rules(OUTCOMES)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """The files of a path, a glob, a folder or a list of paths. Raises StorageError."""
        return archives(pattern, store, TEXT_ARCHIVES, self.prefix)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """All records of a file, in batches of bounded size. Raises StorageError."""
        return map(_records, self._reading().all(path, store))

    def read_watched(self, path: str, store: Store, watch: Watch) -> Iterator[Records]:
        """See ``Source.read_watched``. Raises StorageError."""
        return map(_records, self._reading().all(path, store, watch))

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """The record at a pointer. Raises StorageError where none begins."""
        return _records(self._reading().one(path, offset, length, store))

    def remedy(self, counts: Mapping[str, int], documents: int) -> str:
        """Return the fix for an input that is damaged or yields no document."""
        if not documents and counts.get(RESPONSE):
            return "it contains pages (WARC): use the `warc` source, and `extract`"
        return remedy(counts, documents, "plain text")

    def _reading(self) -> Reading:
        most = int(self.max_text)
        return Reading(CONVERSION, most, most, self._row, runs=False)

    def _row(self, record: Record) -> Page:
        return text(record, int(self.max_text), check=self.check_digests)


def _records(texts: Batch) -> Records:
    batch, skipped = texts
    columns = {field.name: batch.column(field.name) for field in POINTER} | {TEXT.name: text_of(batch)}
    return Records(columns, {field.name: batch.column(field.name) for field in Wet.metrics_type()}, skipped)
