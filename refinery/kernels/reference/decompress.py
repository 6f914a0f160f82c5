"""Decompression of streams that may be damaged: each decoder yields all data before the damage, in bounded pieces."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise

import brotli
import zstandard

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
WINDOW = 1 << 27
"""Memory that a zstd frame may ask for."""

ZSTD_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18", re.DOTALL)
"""The beginnings of frames that a zstd decoder skips."""

MEMBERS = 1 << 12
"""A body may be several gzip members or zstd frames; what follows so many is passed over with a note."""

PIECE = 1 << 12
OUT = 1 << 18
ZSTD_PIECE = 1 << 9
"""Bytes of a zstd frame per step: its decoder has no limit, and may write 32,768 times as much."""

BROKEN = (zlib.error, brotli.error, zstandard.ZstdError)


class EndsEarly(Exception):
    """The packed bytes end before their own end mark."""


class EndsLate(Exception):
    """Other bytes follow the packed ones, in a coding that has no mark, or too many members of one that has."""


def inflated(data: bytes, window: int) -> Iterator[bytes]:
    """Yield the data of deflate streams with a wrapper that ``window`` names, as in ``zlib``."""
    place = 0
    for _ in range(MEMBERS):
        inflate = zlib.decompressobj(window)
        while not inflate.eof:
            piece = data[place : place + PIECE]
            before = inflate.copy()
            try:
                out = inflate.decompress(piece, OUT)
            except zlib.error:
                yield from _bytewise(before.decompress, piece)
                raise
            place += len(piece) - len(inflate.unused_data if inflate.eof else inflate.unconsumed_tail)
            if out:
                yield out
            elif not piece:
                raise EndsEarly
        if data[place : place + 2] != GZIP:
            return
    raise EndsLate


def _bytewise(decode: Callable[[bytes], bytes], data: bytes) -> Iterator[bytes]:
    """Return the data before the damage in a piece from which a decoder, fed all of it, returns nothing."""
    with suppress(*BROKEN):
        for place in range(len(data)):
            yield decode(data[place : place + 1])


def gzip(data: bytes) -> Iterator[bytes]:
    """Yield the data of gzip members."""
    return inflated(data, 31)


def deflate(data: bytes) -> Iterator[bytes]:
    """Yield the data of a deflate stream, with or without a zlib wrapper."""
    return inflated(data, 15 if has_zlib(data) else -15)


def has_zlib(data: bytes) -> bool:
    """Return True if the bytes begin with a zlib header."""
    return data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0


def unbrotli(data: bytes) -> Iterator[bytes]:
    """Yield the data of a brotli stream."""
    decoder = brotli.Decompressor()
    given = 0
    for place in range(0, len(data), PIECE):
        try:
            for out in _processed(decoder, data[place : place + PIECE]):
                given += len(out)
                yield out
        except brotli.error:
            yield from _brotli_end(data, place, given)
            return
        if decoder.is_finished():
            return
    raise EndsEarly


def _processed(decoder: brotli.Decompressor, piece: bytes) -> Iterator[bytes]:
    yield decoder.process(piece, output_buffer_limit=OUT)
    while not decoder.can_accept_more_data():
        yield decoder.process(b"", output_buffer_limit=OUT)


def _brotli_end(data: bytes, place: int, given: int) -> Iterator[bytes]:
    """Return the data after ``given`` bytes where a stream breaks, or other bytes follow, in the piece at ``place``."""
    decoder = brotli.Decompressor()
    last = min(place + PIECE, len(data))
    for begin, end in pairwise([*range(0, place, PIECE), *range(place, last + 1)]):
        for out in _processed(decoder, data[begin:end]):
            yield out[given:]
            given = max(given - len(out), 0)
        if decoder.is_finished():
            raise EndsLate


def unzstd(data: bytes) -> Iterator[bytes]:
    """Yield the data of zstd frames."""
    place = 0
    for _ in range(MEMBERS):
        frame = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
        while not frame.eof:
            piece = data[place : place + ZSTD_PIECE]
            if not piece:
                raise EndsEarly
            yield frame.decompress(piece)
            place += len(piece) - len(frame.unused_data)
        if not has_zstd(data[place : place + 4]):
            return
    raise EndsLate


def has_zstd(data: bytes) -> bool:
    """Return True if the bytes begin with a zstd frame."""
    return data.startswith(ZSTD) or ZSTD_SKIPPED.match(data) is not None
