"""The three kinds of header in an archive: WARC fields, ARC lines, HTTP messages.

Parsing never fails on what a field says; a field that makes no sense is simply not there. Sources: ISO 28500 (WARC 1.0
and 1.1), https://archive.org/web/researcher/ArcFileFormat.php, RFC 9112.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NUMBER = rb"\d[\d.]{1,9}[ \t]{0,9}\r{0,3}"
_VERSION = rb"(?:WARC|warc)/" + _NUMBER
_ARC = (
    rb"(?P<url>[A-Za-z][A-Za-z0-9+.-]{0,19}:[^\r\n]{1,4096}) [0-9A-Fa-f:.-]{1,45} (?P<date>\d{8,17}) "
    rb"(?P<mime>[^ \r\n]{1,255})(?: [^\r\n]{0,255}?)? (?P<length>\d{1,15}) {0,9}\r?"
)

RECORD = re.compile(rb"(?:" + _VERSION + rb"|" + _ARC + rb")(?:\n|\Z)")
"""What a record begins with: the version line of a WARC record, or the whole header line of an ARC record."""

_AMID = (
    (re.compile(rb"WARC/" + _NUMBER + rb"\n[A-Za-z][\w-]{0,63}[ \t]*:"), 0),
    (re.compile(rb"warc/" + _NUMBER + rb"\n[A-Za-z][\w-]{0,63}[ \t]*:"), 0),
    (re.compile(rb"\n" + _ARC + rb"\n"), 1),
)
"""What a record begins with in the midst of anything, and how far into the match; each has a literal to look for."""

MARGIN = 5_000
"""No header line is longer that RECORD or ``amid`` knows."""

HTTP_HEADER = 1 << 18
"""Bytes in which the header of an HTTP message must end."""

HEADER_END = re.compile(rb"\n(?:(\r{0,3}\n)|(?=" + _VERSION + rb"\n))")
"""The empty line that ends a header (some writers double the carriage return), or a record that comes too early."""

CLOSING = b"\r\n\r\n"
"""What stands behind every record."""

EMPTY_LINE = re.compile(rb"\n\r{0,3}\n")
_STATUS = re.compile(
    rb"\s{0,16}HTTP/\d{1,3}(?:\.\d{1,3})?[ \t]{1,16}(\d{3})(?!\d)[^\n]{0,4096}(?:\n|\Z)", re.IGNORECASE
)
_LENGTH = re.compile(r"[0-9]{1,15}")
_DATE = re.compile(
    r"(\d{4})(?:-?(\d\d)(?:-?(\d\d)(?:[Tt ]?(\d\d):?(\d\d)(?::?(\d\d)(?:\.\d+)?)?)?)?)?(?:[Zz]|([+-])(\d\d):?(\d\d))?",
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

    def last(self, name: str) -> str:
        """The last value of a field, "" where there is none."""
        return self.fields.get(name, ("",))[-1]


def amid(data: bytearray, start: int, stop: int) -> int:
    """The first place in ``data`` where a record begins, a WARC record even within a line; -1 if there is none."""
    first = -1
    for pattern, shift in _AMID:
        match = pattern.search(data, start, stop)
        if match:
            first = stop = match.start() + shift
    return first


def warc_fields(block: bytes) -> dict[str, str]:
    """The fields of a WARC header by lower-case name, the first of each name; the version line is passed over."""
    fields = _fields(block.decode("utf-8", "replace"))
    return {name: values[0] for name, values in fields.items()}


def arc_fields(line: re.Match[bytes]) -> dict[str, str]:
    """The fields of an ARC line, a match of RECORD, under the names that WARC has for them."""
    url, date, mime, length = (line[name].decode("utf-8", "replace") for name in ("url", "date", "mime", "length"))
    kind = "filedesc" if url.startswith("filedesc:") else "response"
    names = ("warc-type", "warc-target-uri", "warc-date", "content-type", "content-length")
    return dict(zip(names, (kind, url, date, mime, length), strict=True))


def message(block: bytes) -> Message | None:
    """The HTTP response in a record's block; None where it does not begin with a status line."""
    line = _STATUS.match(block)
    if line is None:
        return None
    begin = line.end()
    end = EMPTY_LINE.search(block, begin - 1, begin + HTTP_HEADER)
    head = block[begin : end.start()] if end else block[begin : begin + HTTP_HEADER]
    return Message(int(line[1]), _fields(head.decode("latin-1")), block[end.end() :] if end else b"")


def _fields(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in _unfolded(text):
        found.setdefault(name, []).append(value)
    return found


def _unfolded(text: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, list[str]]] = []
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if line[:1] in (" ", "\t") and lines:
            lines[-1][1].append(line.strip())
        elif colon and name.strip():
            lines.append((name.strip().lower(), [value.strip()]))
    return [(name, " ".join(part for part in parts if part)) for name, parts in lines]


def content_length(text: str) -> int | None:
    """Bytes of a record's block as its header says; None where that is no number."""
    return int(text) if _LENGTH.fullmatch(text) else None


def record_uuid(text: str) -> bytes | None:
    """The 16 bytes of the UUID in a WARC-Record-ID; None where it does not hold exactly one."""
    found = _UUID.findall(text)
    return uuid.UUID(found[0]).bytes if len(found) == 1 else None


def seconds(text: str) -> int | None:
    """Seconds since 1970 of a WARC-Date (any precision of WARC 1.1) or an ARC date; None where it is no date."""
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
