"""The seam between the engine and where files are, and what every store says of a file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class Stat:
    """Size in bytes, and a tag that changes when the content may have changed."""

    size: int
    etag: str


class Hold(Protocol):
    """A root that one run holds, or that several share."""

    def check(self) -> None:
        """Called now and then: raises Refused where another run has taken the root over."""

    def turn(self) -> AbstractContextManager[None]:
        """Nobody else changes the head meanwhile: runs that share a root wait for each other."""

    def last(self) -> AbstractContextManager[bool]:
        """The last turn. It gives whether nobody else is at work on the root; what is shared is given up with it."""


class Store(Protocol):
    """The seam between the engine and a file system. All methods raise StorageError."""

    def list(self, pattern: str) -> list[str]:
        """Paths that match a glob pattern, sorted. What names a file is that file, what names a folder all in it."""

    def folders(self, path: str) -> Sequence[str]:
        """Names of the folders directly in a folder, sorted; none where it is not there."""

    def stat(self, path: str) -> Stat:
        """Size and tag of a file."""

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        """The same of many files, in their order."""

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        """Return size and tag of many files, in their order; None for one that is not there."""

    def exists(self, path: str) -> bool:
        """Whether a file is there."""

    def open(self, path: str) -> BinaryIO:
        """A seekable stream for reading."""

    def stream(self, path: str) -> BinaryIO:
        """The same, for a file that will be read from its beginning to its end."""

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """``length`` bytes from ``offset``; fewer where the file ends."""

    def find(self, path: str) -> bytes | None:
        """All bytes of a file; None where it is not there."""

    def find_all(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        """The same of many files, in their order."""

    def temporary(self, root: str) -> str:
        """A new local path to write to, invisible to readers of ``root``."""

    def publish(self, temporary: str, path: str) -> None:
        """Make a finished temporary file durable, then let it appear as ``path``, replacing what was there."""

    def put(self, path: str, data: bytes) -> None:
        """Write a small file whole."""

    def copy(self, path: str, target: str) -> None:
        """Let a file that never changes appear as ``target`` as well, replacing what was there."""

    def delete(self, path: str) -> None:
        """Remove a file; one that is not there is no error."""

    def names(self, folder: str) -> Sequence[str]:
        """Names of files and folders directly in a folder, sorted, of very many the first; none where it is absent."""

    def check_writable(self, folder: str) -> None:
        """Raise StorageError or UsageError where it is known that nothing can be written in a folder, absent or not."""

    def free(self, path: str) -> int | None:
        """Bytes that can be written below a folder that is there; None where that has no bound."""

    def clean(self, root: str) -> None:
        """Remove the temporary files that writers of ``root`` left who are gone."""

    def hold(self, root: str, *, shared: bool = False) -> AbstractContextManager[Hold]:
        """Hold a root for one run, or share it with others that do. A run that was killed holds nothing.

        Raises Refused where a run is at work that does not go with this one.
        """
