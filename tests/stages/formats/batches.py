"""Batches of documents for the tests of formats, and files in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO

import pyarrow as pa

from refinery.stage.documents import DATE, ID, LANG, LENGTH, OFFSET, STRUCTURE, TEXT, TOKENS, URL, WARC, Docs
from refinery.stage.shards import ShardFormat

CRAWL = "s3://commoncrawl/crawl-data/CC-MAIN-2019-35/segments/1566027315321.52/warc/CC-MAIN-x-00000.warc.gz"


def page(text: str | None, *, warc: str = CRAWL, structure: Sequence[dict[str, object]] | None = None) -> Docs:
    """Return a batch of one document."""
    image = {"depth": 0, "number": None}
    marks = None if structure is None else [{**image, "start": 0, "end": 0, **mark} for mark in structure]
    digest = hashlib.sha256((text or "").encode()).digest()[:16]
    values = {
        ID: digest,
        URL: "https://example.org/ä?a=1",
        DATE: datetime(2019, 8, 20, 11, 0, 36, tzinfo=UTC),
        WARC: warc,
        OFFSET: 12,
        LENGTH: 2**40,
        LANG: "en",
        TEXT: text,
        TOKENS: 3,
        STRUCTURE: marks,
    }
    arrays = [pa.array([value], field.type) for field, value in values.items()]
    return Docs(pa.RecordBatch.from_arrays(arrays, schema=pa.schema(list(values))))


def written(form: ShardFormat, batches: Sequence[pa.RecordBatch]) -> tuple[list[bytes], int | None]:
    """Return the files of a shard with these rows, and its tokens."""
    schema = batches[0].schema
    form.check(schema)
    outputs = [BytesIO() for _ in form.suffixes]
    writer = form.open(outputs, schema)
    for batch in batches:
        writer.add(batch)
    tokens = writer.close().tokens
    return [output.getvalue() for output in outputs], tokens
