"""Where files are: list, ranged read, atomic put. Nothing else in the engine opens a path.

A file appears under its final name whole or not at all. Only the local file system is here; another kind of path
needs another ``Store`` and one line in ``store_for``.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from refinery.errors import StorageError, UsageError

FREE_SPACE = "free some space, then run again: what is finished is kept"


@dataclass(frozen=True)
class Stat:
    """Size in bytes, and a tag that changes when the content may have changed."""

    size: int
    etag: str


class Store(Protocol):
    """The seam between the engine and a file system. All methods raise StorageError."""

    def list(self, pattern: str) -> list[str]:
        """Paths that match a glob pattern, sorted. What names a file is that file, what names a folder all in it."""

    def stat(self, path: str) -> Stat:
        """Size and tag of a file."""

    def exists(self, path: str) -> bool:
        """Whether a file is there."""

    def open(self, path: str) -> BinaryIO:
        """A seekable stream for reading."""

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """``length`` bytes from ``offset``; fewer where the file ends."""

    def temporary(self, root: str) -> str:
        """A new local path to write to, invisible to readers of ``root``."""

    def publish(self, temporary: str, path: str) -> None:
        """Make a finished temporary file durable, then let it appear as ``path``, replacing what was there."""

    def put(self, path: str, data: bytes) -> None:
        """Write a small file whole."""

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""

    def free(self, path: str) -> int | None:
        """Bytes that can be written below a folder that is there; None where that has no bound."""


class LocalStore:
    """The local file system."""

    def list(self, pattern: str) -> list[str]:
        with storage_errors(pattern):
            if os.path.isfile(pattern):
                return [pattern]
            if os.path.isdir(pattern):
                folders = os.walk(pattern, onerror=_raise)
                return sorted(os.path.join(folder, name) for folder, _, names in folders for name in names)
            return sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))

    def stat(self, path: str) -> Stat:
        with storage_errors(path):
            found = os.stat(path)
            return Stat(found.st_size, f"{found.st_mtime_ns:x}")

    def exists(self, path: str) -> bool:
        return os.path.isfile(path)

    def free(self, path: str) -> int | None:
        with storage_errors(path):
            return shutil.disk_usage(path).free

    def open(self, path: str) -> BinaryIO:
        with storage_errors(path):
            return open(path, "rb")

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        with storage_errors(path), open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(-1 if length is None else length)

    def temporary(self, root: str) -> str:
        folder = os.path.join(root, "tmp")
        with storage_errors(folder):
            os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, uuid.uuid4().hex)

    def publish(self, temporary: str, path: str) -> None:
        folder = os.path.dirname(path) or "."
        with storage_errors(path):
            os.makedirs(folder, exist_ok=True)
            _sync(temporary)
            os.replace(temporary, path)
            _sync(folder)

    def put(self, path: str, data: bytes) -> None:
        folder = os.path.dirname(path) or "."
        temporary = os.path.join(folder, f".{os.path.basename(path)}.{uuid.uuid4().hex[:8]}")
        with storage_errors(path):
            os.makedirs(folder, exist_ok=True)
            try:
                with open(temporary, "wb") as stream:
                    stream.write(data)
                self.publish(temporary, path)
            except BaseException:
                self.delete(temporary)
                raise

    def delete(self, path: str) -> None:
        with storage_errors(path):
            try:
                os.remove(path)
            except FileNotFoundError:
                return


def store_for(path: str) -> Store:
    """The store that holds ``path``. Raises UsageError for a kind of path that is not supported."""
    scheme, found, _ = path.partition("://")
    if found:
        raise UsageError(f"{path}: {scheme}:// paths are not supported", hint="give a local path")
    return LocalStore()


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Turn the system's errors into StorageError with the path."""
    try:
        yield
    except OSError as error:
        hints = {
            "FileNotFoundError": "check the path",
            "PermissionError": "give this user the right to it, or choose another path",
        }
        hint = FREE_SPACE if _is_full(error) else hints.get(type(error).__name__, "")
        raise StorageError(f"{path}: {error.strerror or error}", hint=hint) from error


def _is_full(error: OSError) -> bool:
    """Whether a disk or a quota is full. Libraries that lose the number keep its text."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or os.strerror(errno.ENOSPC) in str(error)


def _raise(error: OSError) -> None:
    raise error


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
