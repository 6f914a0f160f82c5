"""The locks of a root on this machine."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from refinery.errors import StorageError, UsageError

NOT_WRITABLE = "choose a root that this user can write to"
FILE_AS_ROOT = "use a folder as root"
WAIT = "wait until it ends, or stop it; `refinery status` shows it"


class FileLock:
    """Two file locks of a root: of all its runs, and of the exclusive one. A dead process releases them."""

    def __init__(self, root: str, runs: int, exclusive: int, *, shared: bool) -> None:
        self._root, self._runs, self._exclusive, self._shared = root, runs, exclusive, shared

    def acquire(self, mode: int) -> bool:
        """Acquire the lock of the runs without waiting; return False if others exclude it."""
        try:
            with _lock_errors(self._root):
                fcntl.flock(self._runs, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def check(self) -> None:
        """See ``RootLock``: a file lock cannot be taken over."""

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """See ``RootLock``."""
        with _lock_errors(self._root):
            fcntl.flock(self._exclusive, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._exclusive, fcntl.LOCK_UN)

    @contextmanager
    def leave(self) -> Iterator[bool]:
        """See ``RootLock``."""
        if not self._shared:
            yield True
            return
        with self.exclusive():
            fcntl.flock(self._runs, fcntl.LOCK_UN)  # so that the next run to leave can find no other
            yield self.acquire(fcntl.LOCK_EX)
            fcntl.flock(self._runs, fcntl.LOCK_UN)


@contextmanager
def lock_file(root: str, name: str) -> Iterator[int]:
    """Open a lock file of a root, creating it if necessary."""
    path = f"{root}/{name}"
    try:
        os.makedirs(root, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except FileExistsError as error:
        raise UsageError(f"{root} is a file", hint=FILE_AS_ROOT) from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", hint=NOT_WRITABLE) from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _lock_errors(root: str) -> Iterator[None]:
    """Raise StorageError on a file system without locks."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        hint = "its file system does not support locks: mount it with them (Lustre: -o flock), or use another root"
        raise StorageError(f"{root}: {error.strerror}", hint=hint) from error
