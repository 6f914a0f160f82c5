"""Converts one response to one row: its kind, position, text if it is a page, and outcome.

A record has exactly one outcome: OK, or the first reason why it is not a page. Not here: files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import xxhash

from refinery.kernels import Page, dechunked, decoded, header_label, unpacked
from refinery.stages._warc.digests import wrong_digest
from refinery.stages._warc.headers import Message, message, rights
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

RESPONSE: Final = "response"
NO_HTTP: Final = "no_http"
STATUS: Final = "status"
MEDIA_TYPE: Final = "media_type"

OUTCOMES: Final = (
    *FLAWS,
    (NO_HTTP, "A response that is no HTTP message."),
    (STATUS, "A response with another status than 200."),
    (MEDIA_TYPE, "A response that is not HTML."),
    (TOO_LARGE, "A payload larger than max_payload, as stored or unpacked."),
    (ENCODING, "A payload that cannot be unpacked, or is no text in any encoding."),
    (EMPTY, "A response without a payload."),
)
"""Outcomes of records that are not documents, with their explanations."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})

NO_TYPES = frozenset({"unknown/unknown", "application/unknown"})
"""Types that stand for an unknown type, as in browsers."""

JUNK = 20
"""A payload is not text if it has one invalid character per this many bytes."""

_TYPE = re.compile(r"\s{0,9}([\w.+-]{1,50}/[\w.+-]{1,50})", re.ASCII)
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\t\n\f\r ]*(?:<\?xml[^>]{0,500}>[\t\n\f\r ]*)?"
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link|!--)(?:[\s>/-])",
    re.IGNORECASE,
)


def page(record: Record, most: int, *, check: bool = False) -> Page:
    """Return the row for a record, whose payload has at most ``most`` bytes if it is a page.

    ``check`` compares the record with its digest.
    """
    row = row_of(record)
    notes = oddities(record, row)
    return with_outcome(row, _outcome(row, record, most, notes, check=check), notes)


def _outcome(row: Page, record: Record, most: int, notes: list[str], *, check: bool) -> str:
    """Return the record's outcome; set the row's fields."""
    response = message(record.body) if record.kind == RESPONSE else None
    if response is not None:
        row.status = response.status
        row.media_type = _media_type(record, response)
    if (bad := flaw(record, row)) or response is None:
        return bad or NO_HTTP
    if response.status != 200 or (row.media_type and row.media_type not in HTML_TYPES):
        return STATUS if response.status != 200 else MEDIA_TYPE
    if record.size > len(record.body):
        return TOO_LARGE
    if check and (wrong := wrong_digest(record.fields, record.body, _payloads(response, most))):
        notes.append(wrong)
        return DIGEST
    return _unpack(row, response, most, notes)


def _payloads(response: Message, most: int) -> Iterator[bytes]:
    """Yield all byte ranges that writers use as the payload of a response."""
    transfer, content = (response.fields.get(name, ()) for name in ("transfer-encoding", "content-encoding"))
    yield response.payload
    yield dechunked(response.payload)[0]
    yield unpacked(response.payload, transfer, content, most).data


def _unpack(row: Page, response: Message, most: int, notes: list[str]) -> str:
    transfer, content = (response.fields.get(name, ()) for name in ("transfer-encoding", "content-encoding"))
    payload = unpacked(response.payload, transfer, content, most)
    notes += payload.notes
    if payload.too_large or payload.failed:
        return TOO_LARGE if payload.too_large else ENCODING
    row.payload = len(payload.data)
    if not payload.data or payload.data.isspace():
        return EMPTY
    row.media_type = row.media_type or sniffed(payload.data)
    return _decode(row, payload.data, response, notes) if row.media_type in HTML_TYPES else MEDIA_TYPE


def _decode(row: Page, data: bytes, response: Message, notes: list[str]) -> str:
    labels = map(header_label, response.values("content-type"))
    text = decoded(data, next(filter(None, labels), ""))
    row.charset, row.charset_found, row.charset_declared = text.charset, text.source, text.declared or None
    notes += [f"{text.junk} characters are no text"] if text.junk else []
    notes += [f"{text.nuls} NUL characters dropped"] if text.nuls else []
    if text.junk * JUNK > len(text.utf8):
        return ENCODING
    row.html = text.utf8
    row.digest = xxhash.xxh3_128_digest(row.html)
    row.rights = rights(response)
    return OK


def _media_type(record: Record, response: Message) -> str | None:
    declared = (record.fields.get("warc-identified-payload-type", ""), *response.values("content-type"))
    return media_type(*(value for value in declared if media_type(value) not in NO_TYPES))


def media_type(*declared: str) -> str | None:
    """Return the first of the declared values that is a media type, in lower case and without parameters."""
    for value in declared:
        match = _TYPE.match(value)
        if match:
            return match[1].lower()
    return None


def sniffed(data: bytes) -> str | None:
    """Return ``text/html`` for bytes that begin like an HTML page, else None."""
    return "text/html" if _BEGINNING.match(data[:4096].replace(b"\0", b"")) else None
