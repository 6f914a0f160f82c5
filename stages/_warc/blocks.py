"""Buffered reads of a range of a file.

One block is in memory. Repeated reads and decompressed bytes are counted, so that a hostile file cannot make the reader
process it again and again. Not here: the format of the bytes.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from refinery import StorageError

BLOCK = 1 << 21
PIECE = 1 << 16

PASSES = 4
ALLOWANCE = 1 << 20
"""Repeated reads of a file: at most this many times its size, plus this many bytes."""

SWELLING = 100
UNPACKED = 1 << 28
"""A file that decompresses to more than this many times its size, plus this many bytes, is checked for bombs."""

_UNREADABLE = "check the file, and the disk or connection"


class Blocks:
    """Bytes ``start`` to ``stop`` of a seekable stream. Raises StorageError with ``path`` if reading fails."""

    def __init__(self, stream: BinaryIO, path: str, start: int = 0, stop: int | None = None) -> None:
        self._stream = stream
        self._path = path
        self._block = b""
        self._at = 0
        self._again = self._unpacked = 0
        self.size = self._measured()
        self.start = start
        self.stop = self.size if stop is None else min(stop, self.size)
        self.whole = start == 0 and self.stop == self.size
        """True if the range is the whole file."""

    def _measured(self) -> int:
        try:
            return self._stream.seek(0, io.SEEK_END)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error

    def read(self, at: int, stop: int, size: int = PIECE) -> bytes:
        """Return ``size`` bytes from ``at`` (at most 64 KiB), fewer only at ``stop``."""
        size = min(size, stop - at)
        if size <= 0:
            return b""
        if not self._at <= at <= at + size <= self._at + len(self._block):
            self._load(at, size)
        offset = at - self._at
        return self._block[offset : offset + size]

    def around(self, at: int, *, anew: bool = False) -> tuple[bytes, int]:
        """Return the block with the byte at ``at``, and the block's start; with ``anew``, one that starts at ``at``."""
        if anew or not self._at <= at < self._at + len(self._block):
            self._load(at, 1)
        return self._block, self._at

    def head(self, size: int) -> bytes:
        """Return the first bytes of the file, independent of ``start``."""
        try:
            self._stream.seek(0)
            data = self._stream.read(size)
            while len(data) < size and (more := self._stream.read(size - len(data))):
                data += more
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error
        return data

    def _load(self, at: int, size: int) -> None:
        try:
            self._stream.seek(at)
            self._block = self._stream.read(min(BLOCK, self.stop - at))
            while len(self._block) < size and (more := self._stream.read(size - len(self._block))):
                self._block += more
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error
        self._at = at
        if len(self._block) < size:
            raise StorageError(f"{self._path}: the file became shorter while it was read", hint="run again")

    def spend(self, again: int) -> None:
        """Count bytes that will be read again."""
        self._again += again

    def unpacked(self, size: int) -> bool:
        """Count decompressed bytes of members; return True if they are more than those of ordinary archives."""
        self._unpacked += size
        return self._unpacked > SWELLING * (self.stop - self.start) + UNPACKED

    @property
    def exhausted(self) -> bool:
        """True if so much was read again that the reader must only move forward from now on."""
        return self._again > PASSES * (self.stop - self.start) + ALLOWANCE
