"""The interface between the engine and storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from refinery.store.spans import Span


@dataclass(frozen=True)
class Stat:
    """Size of a file in bytes, and a tag that changes when its content may have changed."""

    size: int
    etag: str


class RootLock(Protocol):
    """The lock of a root, exclusive to one run or shared by several."""

    def check(self) -> None:
        """Raise Refused if another run has taken over the root. Runs call this regularly."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Exclude all other runs from changing the head; runs that share a root wait for each other."""

    def leave(self) -> AbstractContextManager[bool]:
        """Release a shared lock, then yield True if no other run works on the root, excluding others meanwhile."""


class Store(Protocol):
    """A file system as the engine uses it. All methods raise StorageError."""

    def list(self, pattern: str) -> list[str]:
        """Return the paths that match a glob pattern, sorted: a file itself, and all files below a folder."""

    def folders(self, path: str) -> Sequence[str]:
        """Return the names of the folders directly in a folder, sorted; none if it is absent."""

    def stat(self, path: str) -> Stat:
        """Return size and tag of a file."""

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        """Return size and tag of many files, in their order."""

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """Return size and tag of many files, in their order; None for an absent one."""

    def sizes(self, folder: str, paths: Sequence[str]) -> Sequence[int | None]:
        """Return the sizes of many files, whose paths are below a folder, in their order; None for an absent one."""

    def exists(self, path: str) -> bool:
        """Return True if the path is a file."""

    def open(self, path: str) -> BinaryIO:
        """Open a seekable stream for reading."""

    def stream(self, path: str) -> BinaryIO:
        """Open a stream for reading a file from beginning to end."""

    def open_spans(self, path: str, spans: Sequence[Span]) -> BinaryIO:
        """Open a seekable stream for reading these spans of a file, of which the first begins at 0, in their order."""

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return ``length`` bytes from ``offset``; fewer where the file ends."""

    def find(self, path: str) -> bytes | None:
        """Return all bytes of a file, or None if it is absent."""

    def find_all(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """Return all bytes of many files, in their order; None for an absent one."""

    def temporary(self, root: str) -> str:
        """Return a new local path to write to, invisible to readers of ``root``."""

    def publish(self, temporary: str, path: str) -> None:
        """Make a finished temporary file durable and move it to ``path``, replacing any file there."""

    def put(self, path: str, data: bytes) -> None:
        """Write a small file atomically."""

    def copy(self, path: str, target: str) -> None:
        """Copy an immutable file to ``target``, replacing any file there."""

    def delete(self, path: str) -> None:
        """Remove a file; an absent one is no error."""

    def names(self, folder: str) -> Sequence[str]:
        """Return names of files and folders directly in a folder, sorted; of a large one the first, none if absent."""

    def tags(self, folder: str) -> Mapping[str, str]:
        """Return the names of the files directly in a folder, each with a tag that differs once it is replaced."""

    def check_writable(self, folder: str) -> None:
        """Raise StorageError or UsageError if the folder, which may be absent, is known not to be writable."""

    def free(self, path: str) -> int | None:
        """Return the free space below an existing folder in bytes; None if it is unlimited."""

    def clean(self, root: str) -> None:
        """Remove temporary files of ``root`` whose writers have ended."""

    def lock(self, root: str, *, shared: bool = False) -> AbstractContextManager[RootLock]:
        """Lock a root for one run, or share it with other runs that do. The lock of a killed run is released.

        Raises Refused if a run is at work whose lock excludes this one.
        """
