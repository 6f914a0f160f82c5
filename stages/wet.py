"""Stage ``wet``: reads the text that Common Crawl has extracted itself, where there is no HTML to extract anew.

A document is a ``conversion`` record of plain text. Other conversions, and every gap that cannot be read, are
removed rows with their reason; records of other types are counted. A recipe that begins with it has no ``extract``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import ID, RECORD_ID, TEXT, Metric, Size
from refinery.stages._warc.inputs import TEXT_ARCHIVES
from refinery.stages._warc.pages import RESPONSE
from refinery.stages._warc.reading import Reading
from refinery.stages._warc.rows import remedy
from refinery.stages._warc.source import Archives
from refinery.stages._warc.texts import CONVERSION, OUTCOMES, text


class Wet(Archives):
    """Read extracted text from WET files, with the position of each record.

    RefinedWeb rejects such text, for it keeps menus and other noise; it is for comparison, and for crawls of which
    nothing else is at hand. ``digest`` is the xxh3_128 of the text. ``note`` is a remark on an odd record.
    ``id`` and ``record_id`` are as of ``warc``.
    """

    name: ClassVar = "wet"
    version: ClassVar = 4
    source: ClassVar = "https://commoncrawl.org/get-started; ISO 28500:2017, 6.7"
    endings: ClassVar = TEXT_ARCHIVES
    outcomes: ClassVar = OUTCOMES
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

    def remedy(self, counts: Mapping[str, int], documents: int) -> str:
        """Return the fix for an input that is damaged or yields no document."""
        if not documents and counts.get(RESPONSE):
            return "it contains pages (WARC): use the `warc` source, and `extract`"
        return remedy(counts, documents, "plain text")

    def reading(self) -> Reading:
        """Return the settings for reading conversions."""
        most, check = int(self.max_text), self.check_digests
        return Reading(CONVERSION, most, most, lambda record: text(record, most, check=check), runs=False)
