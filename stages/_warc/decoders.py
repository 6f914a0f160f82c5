"""Decompressors of one member each, with one interface: gzip, zstd, and none.

The output of a step is limited for any input. Sources: RFC 1952, RFC 8878.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

OUT = 1 << 20
"""Most bytes of output of one step of gzip."""

GZIP = b"\x1f\x8b\x08"
"""First bytes of a gzip member."""

LEAST = 16
"""Bytes of a gzip member, with its header, that are too few for the first line of a record."""

ZSTD_PIECE = 1 << 11
"""Bytes of input of one step of zstd: its decoder has no limit of output, which may be 32,768 times as much."""

ZSTD = b"\x28\xb5\x2f\xfd"
"""First bytes of a zstd frame."""

WINDOW = 1 << 27
"""Most memory for a zstd frame."""


class Broken(Exception):
    """Damaged data: ``out`` is the output before the damage, from at most ``consumed`` bytes of input."""

    def __init__(self, reason: str, out: bytes, consumed: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.out = out
        self.consumed = consumed


class Decoder(Protocol):
    """The decompressor of one member; ``ended`` is True once it is complete."""

    ended: bool

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Decompress bytes; return the output, and the number of bytes that were used. Raises Broken."""


class Plain:
    """Uncompressed bytes, which have no end marker."""

    ended = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Return the bytes themselves."""
        return data, len(data)


class Gzip:
    """One gzip member."""

    def __init__(self) -> None:
        self.ended = False
        self._inflate = zlib.decompressobj(31)

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Return up to 1 MiB of output, and the number of bytes used for it. Raises Broken."""
        before = self._inflate.copy()
        try:
            out = self._inflate.decompress(data, OUT)
        except zlib.error as error:
            raise _salvaged(before, data, str(error)) from error
        self.ended = self._inflate.eof
        left = self._inflate.unused_data if self.ended else self._inflate.unconsumed_tail
        return out, len(data) - len(left)


def _salvaged(inflate: zlib._Decompress, data: bytes, message: str) -> Broken:
    """Repeat a failed step byte by byte, as zlib returns no output of it."""
    reason = "gzip: " + message.rpartition(": ")[2]
    out = bytearray()
    position = 0
    try:
        while position < len(data):
            out += inflate.decompress(data[position : position + 1])
            position += 1
    except zlib.error:
        return Broken(reason, bytes(out), position)
    return Broken(reason, bytes(out), position)


def may_begin(data: bytes) -> bool:
    """Return False if a gzip member or zstd frame with these first bytes cannot contain a record; a quick test."""
    try:
        if data.startswith(ZSTD):
            zstandard.get_frame_parameters(data)
        elif data.startswith(GZIP):
            zlib.decompressobj(31).decompress(data[:LEAST])
    except (zlib.error, zstandard.ZstdError):
        return False
    return True


class Zstd:
    """One zstd frame."""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self.ended = False
        self._frame = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=WINDOW).decompressobj()

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Return up to 64 MiB of output, and the number of bytes used for it. Raises Broken."""
        piece = data[:ZSTD_PIECE]
        try:
            out = self._frame.decompress(piece)
        except zstandard.ZstdError as error:
            raise Broken("zstd: " + str(error).rpartition(": ")[2], b"", len(piece)) from error
        self.ended = self._frame.eof
        return out, len(piece) - len(self._frame.unused_data)
