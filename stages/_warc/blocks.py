"""A file as the reader of archives sees it: bytes from a position, up to a limit.

It keeps one block in memory and counts what is read a second time, and what members unpack to, so that no arrangement
of bytes in a hostile file can make the reader go over it again and again. Nothing here knows what the bytes mean.
"""

from __future__ import annotations

import io
from typing import BinaryIO

from refinery import StorageError

BLOCK = 1 << 21
PIECE = 1 << 16

PASSES = 4
ALLOWANCE = 1 << 20
"""So many times its size, and so many bytes, may be read again in a file."""

SWELLING = 100
UNPACKED = 1 << 28
"""So many times its size, and so many bytes, may a file unpack to before it is watched for bombs."""

_UNREADABLE = "check the file and the disk or connection that it is read from"


class Blocks:
    """Bytes ``start`` to ``stop`` of a seekable stream. Raises StorageError, naming ``path``, where reading fails."""

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
        """Whether this is all of the file."""

    def _measured(self) -> int:
        try:
            return self._stream.seek(0, io.SEEK_END)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error

    def read(self, at: int, stop: int, size: int = PIECE) -> bytes:
        """``size`` bytes from ``at`` (at most 64 KiB), fewer only at ``stop``."""
        size = min(size, stop - at)
        if size <= 0:
            return b""
        if not self._at <= at <= at + size <= self._at + len(self._block):
            self._load(at, size)
        offset = at - self._at
        return self._block[offset : offset + size]

    def around(self, at: int, *, anew: bool = False) -> tuple[bytes, int]:
        """The block in memory that holds the byte at ``at``, and where it begins. ``anew`` reads it from ``at`` on."""
        if anew or not self._at <= at < self._at + len(self._block):
            self._load(at, 1)
        return self._block, self._at

    def head(self, size: int) -> bytes:
        """The first bytes of the file, whatever ``start`` is."""
        try:
            self._stream.seek(0)
            return self._stream.read(size)
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error

    def _load(self, at: int, size: int) -> None:
        try:
            self._stream.seek(at)
            self._block = self._stream.read(min(BLOCK, self.size - at))
            while len(self._block) < size and (more := self._stream.read(size - len(self._block))):
                self._block += more
        except OSError as error:
            raise StorageError(f"{self._path}: {error.strerror or error}", hint=_UNREADABLE) from error
        self._at = at
        if len(self._block) < size:
            raise StorageError(f"{self._path}: the file became shorter while it was read", hint="run again")

    def spend(self, again: int) -> None:
        """Count bytes that are about to be read again."""
        self._again += again

    def unpacked(self, size: int) -> bool:
        """Count bytes that members were unpacked to; whether they are more than archives unpack to."""
        self._unpacked += size
        return self._unpacked > SWELLING * (self.stop - self.start) + UNPACKED

    @property
    def exhausted(self) -> bool:
        """Whether so much was read again that the reader must only go forward from now on."""
        return self._again > PASSES * (self.stop - self.start) + ALLOWANCE
