"""HTTP bodies as they were before the server packed them: transfer coding, then content codings, undone.

Headers lie: CommonCrawl stores bodies already unpacked below headers that say otherwise, and servers name codings that
they did not use. So a coding that the bytes plainly do not have is passed over with a note, a broken one gives what
came before the break, and every step is bounded in what it makes. Sources: RFC 9110, 9112, 1951, 1952, 7932, 8878.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import brotli
import zstandard

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
WINDOW = 1 << 27
"""Memory that a zstd frame may ask for."""

PIECE = 1 << 12
OUT = 1 << 18
MEMBERS = 64
"""A gzip body may be several members; more than these are no page."""

LAYERS = 6

_CHUNK = re.compile(rb"[ \t]{0,16}([0-9A-Fa-f]{1,15})[ \t]{0,16}(?:;[^\r\n]{0,1024})?\r?\n")
_UNPACKED = frozenset({"", "identity", "none", "chunked"})


class _Early(Exception):
    """The packed bytes end before their own end mark."""


@dataclass(frozen=True, slots=True)
class Payload:
    """``data`` as far as it could be unpacked. ``too_large`` says that there is more than was wanted of it."""

    data: bytes
    notes: tuple[str, ...] = ()
    too_large: bool = False
    failed: bool = False
    """Whether nothing came out of bytes that were packed."""


def unpacked(data: bytes, transfer: Sequence[str], content: Sequence[str], most: int) -> Payload:
    """The body of a response, of which ``most`` bytes are wanted.

    ``transfer`` and ``content`` are the values of its Transfer-Encoding and Content-Encoding fields.
    """
    notes: list[str] = []
    if "chunked" in ",".join(transfer).lower():
        data, note = dechunked(data)
        notes += [note] if note else []
    for coding in _codings(transfer, content):
        result = _decoded(data, coding, most)
        data = result.data
        notes += result.notes
        if result.too_large or result.failed:
            return Payload(b"", tuple(notes), result.too_large, result.failed)
    return Payload(data, tuple(notes), too_large=len(data) > most)


def _codings(transfer: Sequence[str], content: Sequence[str]) -> list[str]:
    """Names of the codings in the order in which they are undone."""
    names = ",".join([*content, *transfer])
    wanted = [name.strip(" \t\"'").lower().removeprefix("x-") for name in names.split(",")]
    return [name for name in reversed(wanted) if name not in _UNPACKED][:LAYERS]


def dechunked(data: bytes) -> tuple[bytes, str]:
    """The bytes in the chunks, and what is wrong with them; the bytes as they are where they are not chunked."""
    out = bytearray()
    place = 0
    while line := _CHUNK.match(data, place):
        size = int(line[1], 16)
        if size == 0:
            return bytes(out), ""
        out += data[line.end() : line.end() + size]
        place = line.end() + size
        if place > len(data):
            return bytes(out), "the chunked coding ends early"
        place += len(b"\r\n") if data[place : place + 2] == b"\r\n" else data[place : place + 1] == b"\n"
    if place == 0:
        return data, "named chunked, but is not" if data else ""
    early = place >= len(data)
    return bytes(out), "the chunked coding ends early" if early else f"the chunked coding breaks at byte {place}"


def _decoded(data: bytes, coding: str, most: int) -> Payload:
    known = _DECODERS.get(coding)
    if known is None:
        return Payload(data, (f"unknown coding {coding[:40]!r}",))
    has_it, pieces = known
    if not data or not has_it(data):
        return Payload(data, (f"named {coding}, but is not",) if data else ())
    out = bytearray()
    note = ""
    try:
        for piece in pieces(data):
            out += piece
            if len(out) > most:
                return Payload(b"", too_large=True)
    except _Early:
        note = f"{coding} ends early"
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        note = f"{coding} breaks: {error}"
    if not out and note and _printable(data):
        return Payload(data, (f"named {coding}, but is not",))
    return Payload(bytes(out), (note,) if note else (), failed=bool(note) and not out)


def _printable(data: bytes) -> bool:
    """Whether the bytes begin as a page does, so that they cannot be packed."""
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n\f").startswith(b"<")


def _inflated(data: bytes, window: int) -> Iterator[bytes]:
    place = 0
    for _ in range(MEMBERS):
        inflate = zlib.decompressobj(window)
        while not inflate.eof:
            piece = data[place : place + PIECE]
            out = inflate.decompress(piece, OUT)
            place += len(piece) - len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
            if out:
                yield out
            elif not piece:
                raise _Early
        if data[place : place + 2] != GZIP:
            return


def _gzip(data: bytes) -> Iterator[bytes]:
    return _inflated(data, 31)


def _deflate(data: bytes) -> Iterator[bytes]:
    return _inflated(data, 15 if _has_zlib(data) else -15)


def _has_zlib(data: bytes) -> bool:
    return data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


def _brotli(data: bytes) -> Iterator[bytes]:
    decoder = brotli.Decompressor()
    for place in range(0, len(data), PIECE):
        yield decoder.process(data[place : place + PIECE], output_buffer_limit=OUT)
        while not decoder.can_accept_more_data():
            yield decoder.process(b"", output_buffer_limit=OUT)
        if decoder.is_finished():
            return
    raise _Early


def _zstd(data: bytes) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(data, read_across_frames=True) as frames:
        while piece := frames.read(OUT):
            yield piece


def _always(data: bytes) -> bool:
    return not _printable(data)


_Known = tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[bytes]]]
_DECODERS: dict[str, _Known] = {
    "gzip": (lambda data: data.startswith(GZIP), _gzip),
    "deflate": (_always, _deflate),
    "br": (_always, _brotli),
    "zstd": (lambda data: data.startswith(ZSTD), _zstd),
}
