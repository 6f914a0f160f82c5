"""Decompressors of one member each, alike in how they are fed: gzip, zstd, and none.

Every step is bounded in what it makes, whatever the input claims. Sources: RFC 1952, RFC 8878.
"""

from __future__ import annotations

import zlib
from typing import Protocol

import zstandard

OUT = 1 << 20
"""Bytes that one step of gzip may make."""

GZIP = b"\x1f\x8b\x08"
"""What a gzip member begins with."""

LEAST = 16
"""Bytes of a gzip member, its header included, that hold less than the first line of a record, however it is packed."""

ZSTD_PIECE = 1 << 11
"""What a zstd frame is fed in a step: its decoder takes no limit, and may make 32,768 times as much."""

ZSTD = b"\x28\xb5\x2f\xfd"
"""What a zstd frame begins with."""

WINDOW = 1 << 27
"""Memory that a zstd frame may ask for."""


class Broken(Exception):
    """Compressed data that cannot be read on: ``out`` is what came before, from at most ``consumed`` bytes of input."""

    def __init__(self, reason: str, out: bytes, consumed: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.out = out
        self.consumed = consumed


class Decoder(Protocol):
    """The decompressor of one member; ``ended`` says that the member was whole."""

    ended: bool

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """What the next bytes decompress to, and how many of them were used. Raises Broken."""


class Plain:
    """Bytes as they are, which have no end of their own."""

    ended = False

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """The bytes themselves."""
        return data, len(data)


class Gzip:
    """One gzip member."""

    def __init__(self) -> None:
        self.ended = False
        self._inflate = zlib.decompressobj(31)

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Up to 1 MiB of output, and the bytes of input used for it. Raises Broken."""
        before = self._inflate.copy()
        try:
            out = self._inflate.decompress(data, OUT)
        except zlib.error as error:
            raise _salvaged(before, data, str(error)) from error
        self.ended = self._inflate.eof
        left = self._inflate.unused_data if self.ended else self._inflate.unconsumed_tail
        return out, len(data) - len(left)


def _salvaged(inflate: zlib._Decompress, data: bytes, message: str) -> Broken:
    """Zlib gives nothing from a step that fails, so the step is done again byte by byte."""
    reason = "gzip: " + message.rpartition(": ")[2]
    out = bytearray()
    place = 0
    try:
        while place < len(data):
            out += inflate.decompress(data[place : place + 1])
            place += 1
    except zlib.error:
        return Broken(reason, bytes(out), place)
    return Broken(reason, bytes(out), place)


def may_begin(data: bytes) -> bool:
    """Whether data that begin as a gzip member or a zstd frame does may be one that holds a record: a quick look."""
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
        """Up to 64 MiB of output, and the bytes of input used for it. Raises Broken."""
        piece = data[:ZSTD_PIECE]
        try:
            out = self._frame.decompress(piece)
        except zstandard.ZstdError as error:
            raise Broken("zstd: " + str(error).rpartition(": ")[2], b"", len(piece)) from error
        self.ended = self._frame.eof
        return out, len(piece) - len(self._frame.unused_data)
