"""Converts one record of extracted text (WET) to one row: its text and its outcome. Source: https://commoncrawl.org/get-started."""

from __future__ import annotations

from typing import Final

import xxhash

from refinery.kernels import Page
from refinery.stages._warc.digests import wrong_digest
from refinery.stages._warc.pages import JUNK, MEDIA_TYPE, media_type
from refinery.stages._warc.records import Record
from refinery.stages._warc.rows import (
    DIGEST,
    EMPTY,
    ENCODING,
    FLAWS,
    OK,
    TOO_LARGE,
    flaw,
    oddities,
    row_of,
    with_outcome,
)

CONVERSION: Final = "conversion"
TEXT_TYPE: Final = "text/plain"

OUTCOMES: Final = (
    *FLAWS,
    (MEDIA_TYPE, "A conversion to something else than plain text."),
    (TOO_LARGE, "A text larger than max_text."),
    (ENCODING, "A text that is not UTF-8."),
    (EMPTY, "A record without text."),
)
"""Outcomes of records that are not documents, with their explanations."""


def text(record: Record, most: int, *, check: bool = False) -> Page:
    """Return the row for a record, with its text if it has at most ``most`` bytes.

    ``check`` compares the record with its digest.
    """
    row = row_of(record)
    notes = oddities(record, row)
    return with_outcome(row, _outcome(row, record, most, notes, check=check), notes)


def _outcome(row: Page, record: Record, most: int, notes: list[str], *, check: bool) -> str:
    """Return the record's outcome; set the row's fields."""
    row.media_type = media_type(record.fields.get("content-type", ""))
    if bad := flaw(record, row):
        return bad
    if row.media_type not in (None, TEXT_TYPE):
        return MEDIA_TYPE
    if record.size > most:
        return TOO_LARGE
    row.payload = len(record.body)
    if check and (wrong := wrong_digest(record.fields, record.body, [record.body])):
        notes.append(wrong)
        return DIGEST
    return _decode(row, record.body, notes)


def _decode(row: Page, data: bytes, notes: list[str]) -> str:
    content = data.decode("utf-8", "replace").replace("\0", "")
    broken = content.count("\ufffd") - data.count("\ufffd".encode())
    notes += [f"{broken} characters are no text"] if broken else []
    if not content.strip():
        return EMPTY
    if broken * JUNK > len(data):
        return ENCODING
    row.html = content.encode()
    row.digest = xxhash.xxh3_128_digest(row.html)
    return OK
