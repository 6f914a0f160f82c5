"""Reading files that are objects of a remote store: by ranges, resumed where an answer broke off.

Nothing is copied to this machine as a whole. The bytes of a file are of one version of it: an object that is replaced
while it is read is an error, never a mixture.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, BinaryIO, cast

from refinery.errors import StorageError
from refinery.store.base import Stat
from refinery.store.patience import MOST_AT_ONCE, Pace, Transient, persist
from refinery.store.traffic import count

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST = 1 << 20
"""Bytes that are asked for first: small files come with one request."""

AHEAD = 1 << 24
"""Bytes that are asked for at once at most, of a file that is read from its beginning to its end."""

PIECE = 1 << 14
"""Bytes of an answer that are taken at once."""

SLOW_SECONDS, SLOW_BYTES = 30.0, 1 << 19
"""An answer that brings less than so many bytes in so many seconds is broken off and asked for anew."""


@dataclass(frozen=True)
class Got:
    """An answer: which version of the object it is of, the object's size, and the bytes if some were asked for."""

    etag: str
    modified: str
    total: int
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))

    @property
    def names(self) -> tuple[str, int]:
        """What two answers of one version have in common."""
        return self.etag, self.total

    @property
    def made(self) -> tuple[str, int]:
        """What they have in common even where a tag is wrong."""
        return self.modified, self.total

    @property
    def told(self) -> str:
        """Which version, for a message."""
        return f"{self.etag} of {self.modified}, {self.total} bytes"


def pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """The bytes of an answer as they come. Raises Transient where it breaks off."""
    from urllib3.exceptions import HTTPError

    failures: tuple[type[Exception], ...] = (HTTPError, OSError)
    with contextlib.suppress(ImportError):
        from botocore.exceptions import BotoCoreError

        failures = (*failures, BotoCoreError)
    while True:
        try:
            piece = read(PIECE)
        except failures as error:
            raise Transient(" ".join(str(error).split())[:300]) from error
        if not piece:
            return
        yield piece


@cache
def threads() -> ThreadPoolExecutor:
    """The threads of this process that wait for remote stores."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="refinery-store")


class Changed(StorageError):
    """An object was replaced between two answers."""


class RemoteReading:
    """The reading half of a remote store, made of two requests."""

    @abstractmethod
    def _pace(self, path: str) -> Pace:
        """The pace of the host that a path is at."""

    @abstractmethod
    def _head(self, path: str) -> Got | None:
        """What an object is, by one request; None where none is there. Raises Transient or StorageError."""

    @abstractmethod
    def _get(self, path: str, start: int, stop: int | None) -> AbstractContextManager[Got | None]:
        """Bytes by one request, the same way; no bytes where the object ends before ``start``."""

    def _seen(self, path: str) -> Got | None:
        return persist(lambda: self._head(path), path, self._pace(path))

    def stat(self, path: str) -> Stat:
        """See ``Store.stat``."""
        return _there(path, self._find_stat(path))

    def _find_stat(self, path: str) -> Stat | None:
        found = self._seen(path)
        return None if found is None else Stat(found.total, found.etag or found.modified)

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        """See ``Store.stats``."""
        return [_there(path, found) for path, found in zip(paths, self.find_stats(paths), strict=True)]

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """See ``Store.find_stats``."""
        return list(threads().map(self._find_stat, paths))

    def exists(self, path: str) -> bool:
        """See ``Store.exists``."""
        return self._seen(path) is not None

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``Store.read``."""
        fetched = self._fetch(Version(self, path), offset, None if length is None else offset + length)
        if fetched is None:
            raise missing(path)
        return fetched

    def find(self, path: str) -> bytes | None:
        """See ``Store.find``."""
        found = self.find_tagged(path)
        return found and found[0]

    def find_tagged(self, path: str) -> tuple[bytes, str] | None:
        """The same with the tag of the version that they are of."""
        while True:
            version = Version(self, path)
            with contextlib.suppress(Changed):  # what others write to is read anew
                found = self._fetch(version, 0, None)
                return None if found is None else (found, version.etag)

    def find_all(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """See ``Store.find_all``."""
        return list(threads().map(self.find, paths))

    def open(self, path: str) -> BinaryIO:
        """See ``Store.open``."""
        return self._opened(path, whole=False)

    def stream(self, path: str) -> BinaryIO:
        """See ``Store.stream``."""
        return self._opened(path, whole=True)

    def _opened(self, path: str, *, whole: bool) -> BinaryIO:
        version = Version(self, path)
        first = self._fetch(version, 0, FIRST)
        if first is None:
            raise missing(path)
        return cast("BinaryIO", RangedFile(version, first, whole=whole))

    def _fetch(self, version: Version, start: int, stop: int | None) -> bytes | None:
        """The bytes from ``start`` to ``stop``, fewer where the object ends; None where there is none."""
        if stop is not None and stop <= start:
            return b""
        fetch = _Fetch(version, start, stop)
        there = persist(fetch.attempt, version.path, self._pace(version.path), lambda: len(fetch.taken))
        return bytes(fetch.taken) if there else None

    def ask(self, path: str, start: int, stop: int | None) -> AbstractContextManager[Got | None]:
        """One request for bytes, counted."""
        count("get")
        return self._get(path, start, stop)


class Version:
    """One version of an object: what answers are held against, so that all bytes are of the same."""

    def __init__(self, store: RemoteReading, path: str) -> None:
        self.store = store
        self.path = path
        self._pin: Got | None = None
        self._sure = False
        self._doubted: Got | None = None
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes of the object, once an answer was seen."""
        return self._pin.total if self._pin else 0

    @property
    def etag(self) -> str:
        """Its tag."""
        return self._pin.etag if self._pin else ""

    def hold(self, got: Got) -> None:
        """Raises Changed for an answer of another version, Transient for one that nothing has confirmed yet."""
        with self._lock:
            pin, doubted = self._pin, self._doubted
            if pin is None or got.names == pin.names:
                self._pin, self._sure, self._doubted = pin or got, pin is not None, None
            elif doubted is None or got.names != doubted.names:
                self._doubted = got
                raise Transient("the answer has the tag of another file")
            elif self._sure or got.made != pin.made:
                raise Changed(
                    f"{self.path}: the file was changed while it was read ({pin.told}, then {got.told})",
                    hint="run again",
                )
            else:  # two answers agree against the first one: that had a wrong tag
                self._pin, self._sure, self._doubted = got, True, None

    def fetch(self, start: int, stop: int) -> bytes:
        """Bytes of this version."""
        found = self.store._fetch(self, start, min(stop, self.size))  # noqa: SLF001 - two halves of one thing
        if found is None:
            raise StorageError(f"{self.path}: the file was deleted while it was read", hint="run again")
        return found


class _Fetch:
    """Bytes on their way: an attempt goes on where the one before broke off."""

    def __init__(self, version: Version, start: int, stop: int | None) -> None:
        self._version = version
        self._start = start
        self._stop = stop
        self.taken = bytearray()

    def attempt(self) -> bool:
        """Ask for what is missing; whether the object is there."""
        version = self._version
        at = self._start + len(self.taken)
        with version.store.ask(version.path, at, self._stop) as got:
            if got is None:
                return False
            version.hold(got)
            self._take(got)
        stop = version.size if self._stop is None else min(self._stop, version.size)
        if len(self.taken) < stop - self._start:
            raise Transient("the answer ended early")
        return True

    def _take(self, got: Got) -> None:
        since, before = time.monotonic(), len(self.taken)
        for chunk in got.chunks:
            self.taken += chunk
            count("read", len(chunk))
            seconds = time.monotonic() - since
            if seconds > SLOW_SECONDS:
                if len(self.taken) - before < SLOW_BYTES:
                    raise Transient("the answer is too slow")
                since, before = time.monotonic(), len(self.taken)


class RangedFile(io.BufferedIOBase):
    """A seekable stream over one version of an object, of which ``first`` are the first bytes.

    ``whole`` asks for more and more at once, and for the next bytes before they are wanted. Without it no more than
    ``FIRST`` bytes beyond what is wanted are held, for many such files may be open.
    """

    def __init__(self, version: Version, first: bytes, *, whole: bool) -> None:
        super().__init__()
        self._version = version
        self._whole = whole
        self._pos = self._at = 0
        self._window = first
        self._step = FIRST
        self._next: tuple[int, Future[bytes]] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._pos

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._pos, io.SEEK_END: self._version.size}[whence]
        self._pos = max(0, base + offset)
        return self._pos

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self._version.size - self._pos)
        wanted = left if size is None or size < 0 else min(size, left)
        pieces = []
        while wanted:
            if not self._at <= self._pos < self._at + len(self._window):
                self._load(wanted)
            offset = self._pos - self._at
            pieces.append(self._window[offset : offset + wanted])
            self._pos += len(pieces[-1])
            wanted -= len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._window = b""
        self._next = None
        super().close()

    def _load(self, wanted: int) -> None:
        """Bring the window to the position. It only ever moves to bytes that have been fetched."""
        onward = self._pos == self._at + len(self._window)
        ready, self._next = self._next, None
        if ready is not None and ready[0] == self._pos:
            found = ready[1].result()
        else:
            found = self._version.fetch(self._pos, self._pos + max(wanted, FIRST))
        self._at, self._window = self._pos, found
        end = self._at + len(found)
        if self._whole and onward and end < self._version.size:
            self._step = min(AHEAD, 2 * self._step)
            self._next = end, threads().submit(self._version.fetch, end, end + self._step)


def _there(path: str, found: Stat | None) -> Stat:
    if found is None:
        raise missing(path)
    return found


def missing(path: str) -> StorageError:
    """The error that says that a file is not there."""
    return StorageError(f"{path}: no such file", hint="check the path")
