"""Files of this machine. A file appears under its final name whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from refinery.errors import Refused, StorageError, UsageError
from refinery.store.base import Hold, Stat

FREE_SPACE = "free some space, then run again: what is finished is kept"
_FORBIDDEN = "give this user the right to it, or choose another path"
_NOT_WRITABLE = "give a root that this user can write to"
_NO_FOLDER = "a file is where a folder should be: choose another path"
_HINTS = {
    errno.ENOENT: "check the path",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _FORBIDDEN),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), _NO_FOLDER),
}
WAIT = "wait for it, or stop it; `refinery status` shows it"


class LocalStore:
    """The local file system."""

    def list(self, pattern: str) -> list[str]:
        with storage_errors(pattern):
            if os.path.isfile(pattern):
                return [pattern]
            if os.path.isdir(pattern):
                folders = os.walk(pattern, onerror=_raise)
                found = (os.path.join(folder, name) for folder, _, names in folders for name in names)
                return sorted(path for path in found if not _is_pipe(path))
            return sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))

    def folders(self, path: str) -> Sequence[str]:
        with storage_errors(path):
            try:
                return sorted(entry.name for entry in os.scandir(path) if entry.is_dir())
            except FileNotFoundError:
                return []

    def stat(self, path: str) -> Stat:
        with storage_errors(path):
            found = os.stat(path)
            return Stat(found.st_size, f"{found.st_mtime_ns:x}")

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        return [self.stat(path) for path in paths]

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        return [self._find_stat(path) for path in paths]

    def _find_stat(self, path: str) -> Stat | None:
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return self.stat(path)  # raises StorageError
        return Stat(found.st_size, f"{found.st_mtime_ns:x}")

    def exists(self, path: str) -> bool:
        return os.path.isfile(path)

    def names(self, folder: str) -> Sequence[str]:
        with storage_errors(folder):
            return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def check_writable(self, folder: str) -> None:
        place = os.path.abspath(folder)
        while not os.path.lexists(place):
            place = os.path.dirname(place)
        if not os.path.isdir(place) and place == os.path.abspath(folder):
            raise UsageError(f"{folder} is a file", hint="give a folder as root")
        # Permissions, read-only mounts, quotas and servers all have a say: only trying tells.
        probe = os.path.join(place, f".{uuid.uuid4().hex}")
        try:
            os.mkdir(probe)
            os.rmdir(probe)
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror}", hint=_NOT_WRITABLE) from error

    def free(self, path: str) -> int | None:
        with storage_errors(path):
            return shutil.disk_usage(path).free

    def open(self, path: str) -> BinaryIO:
        with storage_errors(path):
            return open(path, "rb")

    def stream(self, path: str) -> BinaryIO:
        return self.open(path)

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        with storage_errors(path), open(path, "rb") as stream:
            stream.seek(offset)
            return stream.read(-1 if length is None else length)

    def find(self, path: str) -> bytes | None:
        try:
            with storage_errors(path), open(path, "rb") as stream:
                return stream.read()
        except StorageError as error:
            if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError | IsADirectoryError):
                return None
            raise

    def find_all(self, paths: Sequence[str]) -> Sequence[bytes | None]:
        return [self.find(path) for path in paths]

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

    def copy(self, path: str, target: str) -> None:
        folder, name = os.path.split(target)
        temporary = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}")
        with storage_errors(target):
            os.makedirs(folder, exist_ok=True)
            try:
                _link(path, temporary)
                os.replace(temporary, target)
            finally:
                self.delete(temporary)  # also there if both names were the same file before
            _sync(folder)

    def delete(self, path: str) -> None:
        with storage_errors(path):
            try:
                os.remove(path)
            except FileNotFoundError:
                return

    def clean(self, root: str) -> None:
        # Whoever makes a root of a folder that is there may have a `tmp` of their own in it.
        for path in self.list(os.path.join(glob.escape(root), "tmp", "[0-9a-f]" * 32)):
            self.delete(path)

    @contextmanager
    def hold(self, root: str, *, shared: bool = False) -> Iterator[Hold]:
        with _opened(root, ".lock") as lock, _opened(root, ".turn") as turn:
            held = _Locks(root, lock, turn, shared=shared)
            with held.turn():  # a run that is about to end is waited for
                if not held.take(fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                    raise Refused(f"another run is at work on {root}", hint=WAIT)
            yield held


class _Locks:
    """Two locks of a root: who is at work there, and whose turn it is. The system frees those of a killed process."""

    def __init__(self, root: str, lock: int, turn: int, *, shared: bool) -> None:
        self._root, self._lock, self._turn, self._shared = root, lock, turn, shared

    def take(self, how: int) -> bool:
        """Take the lock of those at work, if others leave it."""
        try:
            with _locking(self._root):
                fcntl.flock(self._lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def check(self) -> None:
        """See ``Hold``: a lock is never lost."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """See ``Hold``."""
        with _locking(self._root):
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    @contextmanager
    def last(self) -> Iterator[bool]:
        """See ``Hold``."""
        if not self._shared:
            yield True
            return
        with self.turn():
            fcntl.flock(self._lock, fcntl.LOCK_UN)  # who comes next, and finds it free, is the last
            yield self.take(fcntl.LOCK_EX)
            fcntl.flock(self._lock, fcntl.LOCK_UN)


@contextmanager
def _opened(root: str, name: str) -> Iterator[int]:
    """A file of locks of a root, which is made if it is not there."""
    path = f"{root}/{name}"
    try:
        os.makedirs(root, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except FileExistsError as error:
        raise UsageError(f"{root} is a file", hint="give a folder as root") from error
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}", hint=_NOT_WRITABLE) from error
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _locking(root: str) -> Iterator[None]:
    """Raises StorageError on a file system that knows no locks."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        hint = "its file system keeps no locks: mount it with them (Lustre: -o flock), or give another root"
        raise StorageError(f"{root}: {error.strerror}", hint=hint) from error


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Turn the system's errors into StorageError with the path."""
    try:
        yield
    except OSError as error:
        hint = FREE_SPACE if _is_full(error) else _HINTS.get(error.errno or 0, "check the path and the disk")
        raise StorageError(f"{path}: {error.strerror or error}", hint=hint) from error


def _is_full(error: OSError) -> bool:
    """Whether a disk or a quota is full. Libraries that lose the number keep its text."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or os.strerror(errno.ENOSPC) in str(error)


def _is_pipe(path: str) -> bool:
    """Whether reading a path of a folder might never end: a pipe, a socket or a device. A link to nowhere is none."""
    return os.path.exists(path) and not os.path.isfile(path)


def _raise(error: OSError) -> None:
    raise error


def _link(path: str, target: str) -> None:
    """Give a file a second name; where the file system has no hard links, a copy."""
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, target)
        _sync(target)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
