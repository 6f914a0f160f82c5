"""Reads objects of a remote store by ranges, and resumes interrupted responses.

No object is copied to this machine as a whole. All bytes of a file come from one version of the object: if it is
replaced while it is read, that is an error, never a mixture.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from abc import abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, BinaryIO, cast

from refinery.errors import StorageError
from refinery.store.base import Stat
from refinery.store.responses import Response, threads
from refinery.store.retry import RequestLimiter, Transient, retrying
from refinery.store.spans import Span, SpannedFile
from refinery.store.traffic import count

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

FIRST = 1 << 20
"""Bytes of the first request: a small file needs no other."""

AHEAD = 1 << 24
"""Most bytes of one request, for a file that is read from beginning to end."""

SLOW_SECONDS, SLOW_BYTES = 30.0, 1 << 19
"""A response with fewer bytes in this time is aborted, and the request is repeated."""


class Changed(StorageError):
    """An object was replaced between two responses."""


class RemoteReading:
    """The reading methods of a remote store, implemented by two kinds of requests."""

    @abstractmethod
    def _limiter(self, path: str) -> RequestLimiter:
        """Return the limiter of the path's host."""

    @abstractmethod
    def _head(self, path: str) -> Response | None:
        """Request an object's version and size; return None if it is absent. Raises Transient or StorageError."""

    @abstractmethod
    def _get(self, path: str, start: int, stop: int | None) -> AbstractContextManager[Response | None]:
        """Request bytes of an object, likewise; without bytes if the object ends before ``start``."""

    def _response(self, path: str) -> Response | None:
        return retrying(lambda: self._head(path), path, self._limiter(path))

    def stat(self, path: str) -> Stat:
        """See ``Store.stat``."""
        return _present(path, self._find_stat(path))

    def _find_stat(self, path: str) -> Stat | None:
        response = self._response(path)
        return None if response is None else Stat(response.total, response.etag or response.modified)

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        """See ``Store.stats``."""
        return [_present(path, stat) for path, stat in zip(paths, self.find_stats(paths), strict=True)]

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """See ``Store.find_stats``."""
        return list(threads().map(self._find_stat, paths))

    def exists(self, path: str) -> bool:
        """See ``Store.exists``."""
        return self._response(path) is not None

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """See ``Store.read``."""
        fetched = self._fetch(Version(self, path), offset, None if length is None else offset + length)
        if fetched is None:
            raise missing(path)
        return fetched

    def find(self, path: str) -> bytes | None:
        """See ``Store.find``."""
        tagged = self.find_tagged(path)
        return tagged and tagged[0]

    def find_tagged(self, path: str) -> tuple[bytes, str] | None:
        """Return all bytes of a file and the tag of their version, or None if it is absent."""
        while True:
            version = Version(self, path)
            with contextlib.suppress(Changed):  # another process wrote it: read it again
                data = self._fetch(version, 0, None)
                return None if data is None else (data, version.etag)

    def find_all(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """See ``Store.find_all``."""
        return list(threads().map(self.find, paths))

    def open(self, path: str) -> BinaryIO:
        """See ``Store.open``."""
        return self._opened(path, whole=False)

    def stream(self, path: str) -> BinaryIO:
        """See ``Store.stream``."""
        return self._opened(path, whole=True)

    def open_spans(self, path: str, spans: Sequence[Span]) -> BinaryIO:
        """See ``Store.open_spans``."""
        version = Version(self, path)
        first = self._fetch(version, *spans[0])
        if first is None:
            raise missing(path)
        stream = SpannedFile(path, spans, first, version.size, version.fetch, threads().submit)
        return cast("BinaryIO", stream)

    def _opened(self, path: str, *, whole: bool) -> BinaryIO:
        version = Version(self, path)
        first = self._fetch(version, 0, FIRST)
        if first is None:
            raise missing(path)
        return cast("BinaryIO", RangedFile(version, first, whole=whole))

    def _fetch(self, version: Version, start: int, stop: int | None) -> bytes | None:
        """Return the bytes from ``start`` to ``stop``, fewer where the object ends; None if it is absent."""
        if stop is not None and stop <= start:
            return b""
        fetch = _Fetch(version, start, stop)
        limiter = self._limiter(version.path)
        present = retrying(fetch.attempt, version.path, limiter, lambda: len(fetch.received))
        return bytes(fetch.received) if present else None

    def request(self, path: str, start: int, stop: int | None) -> AbstractContextManager[Response | None]:
        """Send one request for bytes, and count it."""
        count("get")
        return self._get(path, start, stop)


class Version:
    """One version of an object, with which all responses are compared."""

    def __init__(self, store: RemoteReading, path: str) -> None:
        self.store = store
        self.path = path
        self._expected: Response | None = None
        self._confirmed = False
        self._suspect: Response | None = None
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes of the object, 0 before the first response."""
        return self._expected.total if self._expected else 0

    @property
    def etag(self) -> str:
        """Tag of the version, "" before the first response."""
        return self._expected.etag if self._expected else ""

    def check(self, response: Response) -> None:
        """Raise Changed for a response of another version, Transient for one that no other has confirmed yet."""
        with self._lock:
            expected, suspect = self._expected, self._suspect
            if expected is None or response.version == expected.version:
                self._expected, self._confirmed, self._suspect = expected or response, expected is not None, None
            elif suspect is None or response.version != suspect.version:
                self._suspect = response
                raise Transient("the response has the tag of another file")
            elif self._confirmed or response.modification != expected.modification:
                versions = f"{expected.description}, then {response.description}"
                raise Changed(f"{self.path}: the file was changed while it was read ({versions})", hint="run again")
            else:  # two responses agree against the first one, which had a wrong tag
                self._expected, self._confirmed, self._suspect = response, True, None

    def fetch(self, start: int, stop: int) -> bytes:
        """Return bytes of this version."""
        data = self.store._fetch(self, start, min(stop, self.size))  # noqa: SLF001 - two halves of one class
        if data is None:
            raise StorageError(f"{self.path}: the file was deleted while it was read", hint="run again")
        return data


class _Fetch:
    """A request for bytes whose attempts each continue where the one before was interrupted."""

    def __init__(self, version: Version, start: int, stop: int | None) -> None:
        self._version = version
        self._start = start
        self._stop = stop
        self.received = bytearray()

    def attempt(self) -> bool:
        """Request the missing bytes; return False if the object is absent."""
        version = self._version
        offset = self._start + len(self.received)
        with version.store.request(version.path, offset, self._stop) as response:
            if response is None:
                return False
            version.check(response)
            self._receive(response)
        stop = version.size if self._stop is None else min(self._stop, version.size)
        if len(self.received) < stop - self._start:
            raise Transient("the response ended early")
        return True

    def _receive(self, response: Response) -> None:
        since, before = time.monotonic(), len(self.received)
        for chunk in response.chunks:
            self.received += chunk
            count("read", len(chunk))
            seconds = time.monotonic() - since
            if seconds > SLOW_SECONDS:
                if len(self.received) - before < SLOW_BYTES:
                    raise Transient("the response is too slow")
                since, before = time.monotonic(), len(self.received)


class RangedFile(io.BufferedIOBase):
    """A seekable stream over one version of an object, which begins with the bytes ``first``.

    With ``whole``, requests grow and are sent ahead of the reader. Without, at most ``FIRST`` bytes are buffered beyond
    the requested ones, because many such files may be open.
    """

    def __init__(self, version: Version, first: bytes, *, whole: bool) -> None:
        super().__init__()
        self._version = version
        self._whole = whole
        self._pos = self._begin = 0
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
            if not self._begin <= self._pos < self._begin + len(self._window):
                self._load(wanted)
            offset = self._pos - self._begin
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
        """Move the window to the position, after its bytes have been fetched."""
        sequential = self._pos == self._begin + len(self._window)
        ready, self._next = self._next, None
        if ready is not None and ready[0] == self._pos:
            data = ready[1].result()
        else:
            data = self._version.fetch(self._pos, self._pos + max(wanted, FIRST))
        self._begin, self._window = self._pos, data
        end = self._begin + len(data)
        if self._whole and sequential and end < self._version.size:
            self._step = min(AHEAD, 2 * self._step)
            self._next = end, threads().submit(self._version.fetch, end, end + self._step)


def _present(path: str, stat: Stat | None) -> Stat:
    if stat is None:
        raise missing(path)
    return stat


def missing(path: str) -> StorageError:
    """Return the error about an absent file."""
    return StorageError(f"{path}: no such file", hint="check the path")
