"""Parses the three kinds of headers in an archive: WARC fields, ARC lines, HTTP messages.

Parsing never fails on the content of a field; a malformed field is ignored. Sources: ISO 28500 (WARC 1.0
and 1.1), https://archive.org/web/researcher/ArcFileFormat.php, RFC 9112.
"""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NUMBER = rb"\d[\d.]{1,9}[ \t]{0,9}\r{0,3}"
_VERSION = rb"(?:WARC|warc)/" + _NUMBER
_SCHEME = rb"[A-Za-z][A-Za-z0-9+.-]{0,19}:"
_ADDRESS = rb"[0-9A-Fa-f:.-]{1,45}"
_ENDS_SOON = rb"(?=[^\r\n]{0,552}+(?:[\r\n]|\Z))"  # else each of a long line's blanks is tried for long
_REST = rb" " + _ENDS_SOON + rb"(?P<mime>[^ \r\n]{0,255})(?: [^\r\n]{0,255}?)? (?P<length>-?\d{1,30}) {0,9}\r?"
_ARC = rb"(?P<url>" + _SCHEME + rb"[^\r\n]{1,16384}) " + _ADDRESS + rb" (?P<date>\d{8,17})" + _REST
_ODD_ARC = (
    rb"(?P<url>" + _SCHEME + rb"//[^ \r\n]{1,16384}) [^ \r\n]{0,64} (?P<date>[^ \r\n]{0,40})" + _REST,
    rb"(?P<url>[^ \r\n]{1,16384}) " + _ADDRESS + rb" (?P<date>\d{8,17})" + _REST,
)
"""Lines that are ARC headers only where one is expected: if the URL has no blanks, one field may be malformed."""

_ARC_LINES = [re.compile(line) for line in (_ARC, *_ODD_ARC)]
_ANY_ARC = rb"|".join(line.pattern for line in _ARC_LINES)

RECORD = re.compile(rb"(?:" + _VERSION + rb"|(?P<arc>" + re.sub(rb"\?P<\w+>", b"?:", _ANY_ARC) + rb"))(?:\n|\Z)")
"""First line of a record: the version line of a WARC record, or the complete header line of an ARC record."""

_AMID = (
    (re.compile(rb"WARC/" + _NUMBER + rb"\n[A-Za-z][\w-]{0,63}[ \t]*:"), 0),
    (re.compile(rb"warc/" + _NUMBER + rb"\n[A-Za-z][\w-]{0,63}[ \t]*:"), 0),
    (re.compile(rb"\n" + _ARC + rb"\n"), 1),
)
"""Beginnings of records amid other bytes, and their offsets in the match; each starts with a literal, for speed."""

MARGIN = 17_500
"""Longest header line that RECORD or ``amid`` match."""

HTTP_HEADER = 1 << 18
"""Bytes of an HTTP header that are searched for fields."""

HEADER_END = re.compile(rb"\n(?:(\r{0,3}\n)|(?=" + _VERSION + rb"\n))")
"""The empty line that ends a header (some writers double the carriage return), or a record that comes too early."""

CLOSING = b"\r\n\r\n"
"""Bytes that close every record."""

_HTTP_END = re.compile(
    rb"\n(?:\r{0,3}\n|[ \t]{1,16}\r{0,3}\n(?![\w-]{1,64}[ \t]{0,16}:)|(?=<(?:!doctype|html)[\s>]))", re.IGNORECASE
)
"""End of an HTTP header: an empty line, a blank one without a field after it, or a page without either."""

_STATUS = re.compile(
    rb"\s{0,16}(?:HTTP(?:/\S{1,16})?|ICY)[ \t]{1,16}(\d{3})(?!\d)[^\n]{0,65536}(?:\n|\Z)", re.IGNORECASE
)
_INTERIM = range(100, 200)
"""Statuses of responses that precede the final one."""

_WARC_FIELDS = frozenset(
    {
        *("warc-type", "warc-target-uri", "uri", "warc-date", "warc-record-id", "content-type", "content-length"),
        *("warc-identified-payload-type", "warc-truncated", "warc-segment-number"),
        *("warc-block-digest", "warc-payload-digest"),
    }
)
"""Fields of a WARC header that are read; it may have others."""

_RIGHTS = ("x-robots-tag", "tdm-reservation", "tdm-policy", "content-usage", "content-signal", "link")
"""Fields of an HTTP header that state rights; ``link`` does if its value contains one of ``_LINKED``.

Sources: https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag, TDM Reservation Protocol §6.2,
draft-ietf-aipref-attach, https://contentsignals.org, RFC 8288.
"""

_LINKED = ("license", "tdm")
_RIGHTS_CHARACTERS = 4096

_LENGTH = re.compile(r"[0-9]{1,15}")
_DATE = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[Tt ]?(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+|\d{3})?)?)?)?)?"
    r"(?:[Zz]|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_LEAST = (1, 1, 1, 0, 0, 0)
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Message:
    """An HTTP response: its status, its fields by lower-case name, and its body."""

    status: int
    fields: Mapping[str, Sequence[str]]
    payload: bytes

    def values(self, name: str) -> Sequence[str]:
        """Return the values of a field, the last first."""
        return self.fields.get(name, ())[::-1]


def amid(data: bytearray, start: int, stop: int) -> int:
    """Return the first position of a record in ``data``, of a WARC record even within a line; -1 if there is none."""
    first = -1
    for pattern, shift in _AMID:
        match = pattern.search(data, start, stop)
        if match:
            first = stop = match.start() + shift
    return first


def warc_fields(block: bytes) -> dict[str, str]:
    """Return the fields of a WARC header that are read, by lower-case name, the first of each."""
    fields: dict[str, str] = {}
    for name, value in _fields(block):
        key = name.decode("utf-8", "replace").lower()
        if key in _WARC_FIELDS:
            fields.setdefault(key, value.decode("utf-8", "replace"))
    return fields


def arc_fields(line: re.Match[bytes]) -> dict[str, str]:
    """Return the fields of an ARC line, a match of RECORD, by their WARC names."""
    fields = next(match for pattern in _ARC_LINES if (match := pattern.fullmatch(line["arc"])))
    url, date, mime, length = (fields[name].decode("utf-8", "replace") for name in ("url", "date", "mime", "length"))
    kind = "filedesc" if url.startswith("filedesc:") else "response"
    names = ("warc-type", "warc-target-uri", "warc-date", "content-type", "content-length")
    return dict(zip(names, (kind, url, date, mime, length), strict=True))


def message(block: bytes) -> Message | None:
    """Return the HTTP response in a record's block, the last of several; None if there is no status line."""
    line = _STATUS.match(block)
    while line is not None:
        end = _HTTP_END.search(block, line.end() - 1)
        behind = end.end() if end else len(block)
        final = _STATUS.match(block, behind) if int(line[1]) in _INTERIM else None
        if final is None:
            head = block[line.end() : min(end.start() if end else behind, line.end() + HTTP_HEADER)]
            return Message(int(line[1]), _values(head), block[behind:])
        line = final
    return None


def rights(response: Message) -> str | None:
    """Return the fields of a response that state rights, a line each as ``name: value``; None without any."""
    lines = [
        f"{name}: {value}"
        for name in _RIGHTS
        for value in response.fields.get(name, ())
        if value and (name != "link" or any(word in value.lower() for word in _LINKED))
    ]
    return "\n".join(lines)[:_RIGHTS_CHARACTERS] or None


def _values(head: bytes) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in _fields(head):
        values.setdefault(name.decode("latin-1").strip().lower(), []).append(value.decode("latin-1").strip())
    return values


def _fields(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and values, unfolded; other lines are ignored."""
    name = b""
    value = bytearray()
    for line in io.BytesIO(block):
        begin, colon, rest = line.partition(b":")
        if name and line[:1] in b" \t":
            value += b" " + line.strip() if value else line.strip()
        elif colon and begin.strip():
            if name:
                yield name, bytes(value)
            name, value = begin.strip(), bytearray(rest.strip())
    if name:
        yield name, bytes(value)


def content_length(text: str) -> int | None:
    """Return the length of a record's block from its header; None if it is not a number."""
    return int(text) if _LENGTH.fullmatch(text) else None


def record_uuid(text: str) -> bytes | None:
    """Return the 16 bytes of the UUID in a WARC-Record-ID; None unless it contains exactly one."""
    uuids = _UUID.findall(text)
    return uuid.UUID(uuids[0]).bytes if len(uuids) == 1 else None


def seconds(text: str) -> int | None:
    """Return the seconds since 1970 of a WARC-Date (any precision of WARC 1.1) or an ARC date; None for other text."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(match[n + 1] or least) for n, least in enumerate(_LEAST))
    shift = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        moment = moment + shift if match[7] == "-" else moment - shift
    except (ValueError, OverflowError):
        return None
    return int(moment.timestamp())
