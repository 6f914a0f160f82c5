"""HTTP bodies as they were before the server packed them: transfer coding, then content codings, undone.

Headers lie: CommonCrawl stores bodies already unpacked below headers of another coding, and servers name codings that
they did not use, or none. So a coding that the bytes plainly do not have is passed over with a note, one that they have
without a name is undone where a page comes out, a broken one yields what is left, and every step is bounded in what
it makes. Sources: RFC 9110, 9112, 1951, 1952, 7932, 8878.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from refinery.kernels.reference.decompress import (
    BROKEN,
    GZIP,
    ZSTD,
    EndsEarly,
    EndsLate,
    deflate,
    gzip,
    has_zlib,
    has_zstd,
    inflated,
    unbrotli,
    unzstd,
)

LAYERS = 6

FIRST = 1 << 10
"""Bytes that suffice to recognise the beginning of a page."""

_LINE = rb"[ \t]{0,16}(0{0,64}[0-9A-Fa-f]{1,15})[ \t]{0,16}(?:;[^\r\n]{0,1024})?\r?\n"
_CHUNK = re.compile(_LINE)
_NEXT_CHUNK = re.compile(rb"\n(?=0{0,64}[0-9A-Fa-f]{1,15}\r?\n)")
_UNPACKED = frozenset({"", "identity", "none", "chunked"})


@dataclass(frozen=True, slots=True)
class Payload:
    """``data`` as far as it could be unpacked. ``too_large`` is true if it is longer than the limit."""

    data: bytes
    notes: tuple[str, ...] = ()
    too_large: bool = False
    failed: bool = False
    """True if packed bytes yielded nothing."""


def unpacked(data: bytes, transfer: Sequence[str], content: Sequence[str], most: int) -> Payload:
    """The body of a response, of which ``most`` bytes are wanted.

    ``transfer`` and ``content`` are the values of its Transfer-Encoding and Content-Encoding fields.
    """
    notes: list[str] = []
    if "chunked" in ",".join(transfer).lower():
        data, note = dechunked(data)
        notes += [note] if note else []
    for coding in _codings(transfer, content):
        found = _named(data, coding, most)
        data = found.data
        notes += found.notes
        if found.too_large or found.failed:
            return replace(found, notes=tuple(notes))
    for _ in range(LAYERS):
        unnamed = _unnamed(data, most)
        if unnamed is None:
            break
        data = unnamed.data
        notes += unnamed.notes
        if unnamed.too_large:
            return replace(unnamed, notes=tuple(notes))
    return Payload(data, tuple(notes), too_large=len(data) > most)


def _codings(transfer: Sequence[str], content: Sequence[str]) -> list[str]:
    """Names of the codings in the order in which they are undone."""
    names = ",".join([*content, *transfer])
    wanted = [name.strip(" \t\"'").lower().removeprefix("x-") for name in names.split(",")]
    return [name for name in reversed(wanted) if name not in _UNPACKED][:LAYERS]


def dechunked(data: bytes) -> tuple[bytes, str]:
    """The bytes in the chunks, and what is wrong with them; the bytes as they are where they are not chunked.

    Where no chunk begins that should, the bytes up to the next one that does are taken as they are.
    """
    out = bytearray()
    place = 0
    broken = -1
    while line := _CHUNK.match(data, place) or _next_chunk(data, place):
        if line.start() > place:
            broken = place if broken < 0 else broken
            out += data[place : line.start()].removesuffix(b"\n").removesuffix(b"\r")
        size = int(line[1], 16)
        place = line.end() + size
        if size == 0 or place > len(data):
            out += data[line.end() :] if size else b""
            return bytes(out), _trouble(broken, early=size > 0)
        out += data[line.end() : place]
        place += len(b"\r\n") if data[place : place + 2] == b"\r\n" else data[place : place + 1] == b"\n"
    if place == 0:
        return data, "named chunked, but is not" if data else ""
    early = place >= len(data)
    if not early:
        broken = place if broken < 0 else broken
        out += data[place:]
    return bytes(out), _trouble(broken, early=early)


def _next_chunk(data: bytes, place: int) -> re.Match[bytes] | None:
    """Return the line of a later chunk, after whose stated length another chunk or the end follows; never the first."""
    for start in _NEXT_CHUNK.finditer(data, place) if place else ():
        line = _CHUNK.match(data, start.end())
        if line and (int(line[1], 16) == 0 or _CHUNK.match(data, line.end() + int(line[1], 16) + len(b"\r\n"))):
            return line
    return None


def _trouble(broken: int, *, early: bool) -> str:
    if broken >= 0:
        return f"the chunked coding breaks at byte {broken}"
    return "the chunked coding ends early" if early else ""


def _named(data: bytes, coding: str, most: int) -> Payload:
    """The bytes without a coding that the header names."""
    if coding not in _DECODERS:
        return Payload(data, (f"unknown coding {coding[:40]!r}",))
    has_it, pieces = _DECODERS[coding]
    if not data or not has_it(data):
        return Payload(data, (f"named {coding}, but is not",) if data else ())
    found = _undone(pieces(data), coding, most)
    if found.notes and not begins_as_page(found.data):
        if _unnamed(data, most):
            return Payload(data, (f"named {coding}, but is not",))
        return replace(found, failed=not found.data)
    return found


def _undone(pieces: Iterator[bytes], coding: str, most: int) -> Payload:
    out = bytearray()
    try:
        for piece in pieces:
            out += piece
            if len(out) > most:
                return Payload(b"", too_large=True)
    except EndsEarly:
        return Payload(bytes(out), (f"{coding} ends early",))
    except EndsLate:
        return Payload(bytes(out), (f"{coding} ends before the body does",))
    except BROKEN as error:
        return Payload(bytes(out), (f"{coding} breaks: {error}",))
    return Payload(bytes(out))


def _unnamed(data: bytes, most: int) -> Payload | None:
    """The bytes without one coding that no header names; None where they have none that a page comes out of.

    Codings without a mark of their own must be whole.
    """
    if not data or begins_as_page(data):
        return None
    if _CHUNK.match(data):
        joined, trouble = dechunked(data)
        if _promises(joined) and not trouble.startswith("the chunked coding breaks"):
            notes = ("chunked, though not named", *([trouble] if trouble else []))
            return Payload(joined, notes, too_large=len(joined) > most)
    for coding, marked, pieces in _UNNAMED:
        if (marked is None or marked(data)) and _promises(_beginning(pieces(data))):
            found = _undone(pieces(data), coding, most)
            if marked or not found.notes:
                return replace(found, notes=(f"{coding}, though not named", *found.notes))
    return None


def _beginning(pieces: Iterator[bytes]) -> bytes:
    out = bytearray()
    with suppress(EndsEarly, EndsLate, *BROKEN):
        for piece in pieces:
            out += piece
            if len(out) >= FIRST:
                break
    return bytes(out)


def _promises(data: bytes) -> bool:
    """Return True if a page begins here, or a coding with a mark."""
    return begins_as_page(data) or any(marked and marked(data) for _, marked, _ in _UNNAMED)


def _printable(data: bytes) -> bool:
    """Return True if the bytes begin as a page does, so that they cannot be packed."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n\f").startswith(b"<")


def begins_as_page(data: bytes) -> bool:
    """Return True if the bytes begin with an element, in ASCII or UTF-16, after marks and blanks."""
    return data[:FIRST].lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n\f").startswith(b"<")


def _always(data: bytes) -> bool:
    return not _printable(data)


_Known = tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[bytes]]]
_DECODERS: dict[str, _Known] = {
    "gzip": (lambda data: data.startswith(GZIP), gzip),
    "deflate": (_always, deflate),
    "br": (_always, unbrotli),
    "zstd": (has_zstd, unzstd),
}
"""Codings that headers name: whether the bytes may have it, and what they are without it."""

_UNNAMED: tuple[tuple[str, Callable[[bytes], bool] | None, Callable[[bytes], Iterator[bytes]]], ...] = (
    ("gzip", lambda data: data.startswith(GZIP), gzip),
    ("zstd", lambda data: data.startswith(ZSTD), unzstd),
    ("deflate", lambda data: len(data) > 1 and has_zlib(data), deflate),
    ("br", None, unbrotli),
    ("raw deflate", None, lambda data: inflated(data, -15)),
)
"""Codings that are looked for without a name: how their mark is known, if they have one, and what they pack."""
