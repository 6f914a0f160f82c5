"""One record to one row: what it is, where it lies, its text if it is a page, and its fate.

A record has exactly one fate: OK, or the first thing that keeps it from being a page. Nothing here knows files.
"""

from __future__ import annotations

import re
from typing import Final

import xxhash

from refinery.kernels import Page, decoded, header_label, unpacked
from stages._warc.headers import Message, message, record_uuid, seconds
from stages._warc.records import DAMAGED, NO_ARCHIVE, RESPONSE, TRUNCATED, UNREADABLE, Record

OK: Final = "ok"
NO_URL: Final = "no_url"
NO_HTTP: Final = "no_http"
STATUS: Final = "status"
MEDIA_TYPE: Final = "media_type"
TOO_LARGE: Final = "too_large"
ENCODING: Final = "encoding"
EMPTY: Final = "empty"

FATES: Final = (
    (NO_ARCHIVE, "The file is no WARC or ARC archive."),
    (UNREADABLE, "Bytes that are no record, or a record whose header cannot be read."),
    (TRUNCATED, "The record ends before its declared length."),
    (DAMAGED, "The record's compressed member fails its checksum."),
    (NO_URL, "A response without the address it came from."),
    (NO_HTTP, "A response that is no HTTP message."),
    (STATUS, "A response with another status than 200."),
    (MEDIA_TYPE, "A response that is not HTML."),
    (TOO_LARGE, "A payload larger than max_payload, as stored or unpacked."),
    (ENCODING, "A payload that cannot be unpacked, or is no text in any encoding."),
    (EMPTY, "A response without a payload."),
)
"""What can keep a record from being a document, and why it does."""

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})

JUNK = 20
"""A payload is no text if it has a character that is none in so many bytes."""

NOTE = 500
"""Characters of a note."""

_TYPE = re.compile(r"\s{0,9}([\w.+-]{1,50}/[\w.+-]{1,50})", re.ASCII)
_BEGINNING = re.compile(
    rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\t\n\f\r ]*(?:<\?xml[^>]{0,500}>[\t\n\f\r ]*)?"
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|meta|link|!--)(?:[\s>/-])",
    re.IGNORECASE,
)


def page(record: Record, file: str, most: int) -> Page:
    """The row for a record of the file named ``file``, of whose payload at most ``most`` bytes are wanted."""
    fields = record.fields
    url = fields.get("warc-target-uri") or fields.get("uri") or ""
    row = Page(_id(record, file), _address(url), seconds(fields.get("warc-date", "")), record.offset, record.length)
    notes = [record.note, *_oddities(record, row)]
    row.fate = _fate(row, record, most, notes)
    row.note = "; ".join(note for note in notes if note)[:NOTE] or None
    return row


def _id(record: Record, file: str) -> bytes:
    """The record's UUID; a hash of file and place where it has none, so that it is the same in every run."""
    place = f"{file}\0{record.offset}" + ("" if record.length else "\0unpacked")
    return record_uuid(record.fields.get("warc-record-id", "")) or xxhash.xxh3_128_digest(place.encode())


def _address(text: str) -> str | None:
    """A target URI without the angle brackets that old wget put around it."""
    return text.strip().removeprefix("<").removesuffix(">").replace("\0", "") or None


def _oddities(record: Record, row: Page) -> list[str]:
    fields = record.fields
    notes = [f"{name}: {fields[name]}" for name in ("warc-truncated", "warc-segment-number") if name in fields]
    if fields and row.date is None:
        notes.append(f"no date in {fields.get('warc-date', '')[:40]!r}")
    return notes


def _fate(row: Page, record: Record, most: int, notes: list[str]) -> str:
    """The record's fate; fills in what is learnt on the way."""
    response = message(record.body) if record.kind == RESPONSE else None
    if response is not None:
        row.status = response.status
        row.media_type = _media_type(record, response)
    if record.flaw or row.url is None or response is None:
        return record.flaw or (NO_URL if row.url is None else NO_HTTP)
    if response.status != 200 or (row.media_type and row.media_type not in HTML_TYPES):
        return STATUS if response.status != 200 else MEDIA_TYPE
    if record.size > len(record.body):
        return TOO_LARGE
    return _unpack(row, response, most, notes)


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
    text = decoded(data, header_label(response.last("content-type")))
    row.charset, row.charset_found, row.charset_declared = text.charset, text.found, text.declared or None
    notes += [f"{text.junk} characters are no text"] if text.junk else []
    notes += [f"{text.nuls} NUL characters dropped"] if text.nuls else []
    if text.junk * JUNK > len(text.utf8):
        return ENCODING
    row.html = text.utf8
    row.digest = xxhash.xxh3_128_digest(row.html)
    return OK


def _media_type(record: Record, response: Message) -> str | None:
    for declared in (record.fields.get("warc-identified-payload-type", ""), response.last("content-type")):
        match = _TYPE.match(declared)
        if match:
            return match[1].lower()
    return None


def sniffed(data: bytes) -> str | None:
    """``text/html`` for bytes that begin as an HTML page does, else None."""
    return "text/html" if _BEGINNING.match(data[:4096].replace(b"\0", b"")) else None
