"""Stage ``warc``: reads archive files, and records an outcome for every record in them.

A document is a ``response`` record with status 200 and an HTML payload. Every other response, and every gap that
cannot be read, is a removed row with its reason; records of other types are counted. How files are read is in
``refinery.stages._warc``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import HTML, ID, RECORD_ID, Metric, Size
from refinery.stages._warc.headers import HTTP_HEADER
from refinery.stages._warc.inputs import ARCHIVES
from refinery.stages._warc.pages import OUTCOMES, RESPONSE, page
from refinery.stages._warc.reading import Reading
from refinery.stages._warc.rows import remedy
from refinery.stages._warc.source import Archives
from refinery.stages._warc.texts import CONVERSION


class Warc(Archives):
    """Read HTML pages from WARC and ARC files, with the position of each record.

    ``charset`` is the decoder that was used, ``charset_found`` how it was chosen (bom, header, meta, content or
    detector), ``charset_declared`` the label that was given. ``digest`` is the xxh3_128 of the page in UTF-8. ``note``
    is a remark on an odd record. ``rights`` are the fields of the HTTP header that state rights, such as X-Robots-Tag,
    a line each; null without any. ``record_id`` is the UUID of its WARC-Record-ID, null where it has none. The
    ``id`` of a document is a hash of the name and first 64 KiB of its file and of where in it the record lies.
    """

    name: ClassVar = "warc"
    version: ClassVar = 10
    source: ClassVar = "RefinedWeb §3.1; ISO 28500:2017"
    endings: ClassVar = ARCHIVES
    outcomes: ClassVar = OUTCOMES
    adds: ClassVar = (HTML,)
    metrics: ClassVar = (
        Metric("outcome", pa.string(), scale="label", help="ok, or what keeps the record from being a document"),
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
        pa.field("rights", pa.string()),
        pa.field(RECORD_ID, ID.type),
    )
    depends: ClassVar = ("resiliparse",)

    max_payload: Size = Field(Size(16 * 1024 * 1024), gt=0, description="larger payloads, unpacked, are no documents")

    def remedy(self, counts: Mapping[str, int], documents: int) -> str:
        """Return the fix for an input that is damaged or yields no document."""
        if not documents and counts.get(CONVERSION):
            return "it contains text that was extracted already (WET): use the `wet` source"
        if not documents and counts.get("metadata") and not any(outcome in counts for outcome, _ in OUTCOMES):
            return "it contains metadata of pages alone (WAT): take the WARC files of the same crawl"
        return remedy(counts, documents, "an HTML page with status 200")

    def reading(self) -> Reading:
        """Return the settings for reading responses."""
        most, check = int(self.max_payload), self.check_digests
        return Reading(
            RESPONSE, most + HTTP_HEADER, most, lambda record: page(record, most, check=check), runs=not check
        )
