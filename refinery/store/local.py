"""Files of this machine. Files appear atomically under their final names."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

from refinery.errors import Refused, StorageError, UsageError
from refinery.store.base import RootLock, Stat
from refinery.store.file_lock import FILE_AS_ROOT, NOT_WRITABLE, WAIT, FileLock, lock_file

FREE_SPACE = "free some space, then run again; finished parts are kept"
_FORBIDDEN = "grant this user access, or choose another path"
_NO_FOLDER = "a file exists in place of a folder: choose another path"
_HINTS = {
    errno.ENOENT: "check the path",
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _FORBIDDEN),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR), _NO_FOLDER),
}


class LocalStore:
    """The local file system."""

    def list(self, pattern: str) -> list[str]:
        with storage_errors(pattern):
            if os.path.isfile(pattern):
                return [pattern]
            if os.path.isdir(pattern):
                folders = os.walk(pattern, onerror=_raise)
                paths = (os.path.join(folder, name) for folder, _, names in folders for name in names)
                return sorted(path for path in paths if not _is_special(path))
            return sorted(p for p in glob.glob(pattern, recursive=True) if os.path.isfile(p))

    def folders(self, path: str) -> Sequence[str]:
        with storage_errors(path):
            try:
                return sorted(entry.name for entry in os.scandir(path) if entry.is_dir())
            except FileNotFoundError:
                return []

    def stat(self, path: str) -> Stat:
        with storage_errors(path):
            return _stat(os.stat(path))

    def stats(self, paths: Sequence[str]) -> Sequence[Stat]:
        try:
            return [_stat(os.stat(path)) for path in paths]
        except OSError:
            return [self.stat(path) for path in paths]  # raises StorageError

    def find_stats(self, paths: Sequence[str]) -> Sequence[Stat | None]:
        return [self._find_stat(path) for path in paths]

    def sizes(self, folder: str, paths: Sequence[str]) -> Sequence[int | None]:
        try:  # of a crawl's millions, so each takes no more than it must
            with _opened(folder) as handle:
                if handle is not None:
                    return [os.stat(path, dir_fd=handle).st_size for path in paths]
        except OSError:  # one is absent, or cannot be looked at
            pass
        stats = self.find_stats([f"{folder}/{path}" for path in paths])
        return [None if stat is None else stat.size for stat in stats]

    def _find_stat(self, path: str) -> Stat | None:
        try:
            return _stat(os.stat(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return self.stat(path)  # raises StorageError

    def exists(self, path: str) -> bool:
        return os.path.isfile(path)

    def names(self, folder: str) -> Sequence[str]:
        with storage_errors(folder):
            return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

    def tags(self, folder: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        with storage_errors(folder), _opened(folder) as handle:
            for name in os.listdir(handle) if handle is not None else ():
                try:  # below an open folder: in two thirds of the time that an entry of ``os.scandir`` takes
                    one = os.stat(name, dir_fd=handle, follow_symlinks=False)
                except FileNotFoundError:  # it was deleted since it was listed
                    continue
                # A clock is coarse, and a new file has another number than the one that it replaces.
                found[name] = f"{one.st_ino:x}-{one.st_mtime_ns:x}-{one.st_size:x}"
        return found

    def check_writable(self, folder: str) -> None:
        existing = os.path.abspath(folder)
        while not os.path.lexists(existing):
            existing = os.path.dirname(existing)
        if not os.path.isdir(existing) and existing == os.path.abspath(folder):
            raise UsageError(f"{folder} is a file", hint=FILE_AS_ROOT)
        # Permissions, read-only mounts, quotas and servers may each refuse: only an attempt shows it.
        probe = os.path.join(existing, f".{uuid.uuid4().hex}")
        try:
            os.mkdir(probe)
            os.rmdir(probe)
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror}", hint=NOT_WRITABLE) from error

    def free(self, path: str) -> int | None:
        with storage_errors(path):
            return shutil.disk_usage(path).free

    def open(self, path: str) -> BinaryIO:
        with storage_errors(path):
            return open(path, "rb")

    def stream(self, path: str) -> BinaryIO:
        return self.open(path)

    def open_spans(self, path: str, spans: Sequence[tuple[int, int]]) -> BinaryIO:
        del spans  # what is not read costs nothing
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
                self.delete(temporary)  # remains if both names already were the same file
            _sync(folder)

    def delete(self, path: str) -> None:
        with storage_errors(path):
            try:
                os.remove(path)
            except FileNotFoundError:
                return
        folder = os.path.dirname(path)
        if "=" in os.path.basename(folder):  # the folder of a partition goes with its last file, as in a bucket
            with suppress(OSError):
                os.rmdir(folder)

    def clean(self, root: str) -> None:
        # A folder that became a root later may contain a `tmp` of its own: only names of `temporary` are removed.
        for path in self.list(os.path.join(glob.escape(root), "tmp", "[0-9a-f]" * 32)):
            self.delete(path)

    @contextmanager
    def lock(self, root: str, *, shared: bool = False) -> Iterator[RootLock]:
        with lock_file(root, ".lock") as runs, lock_file(root, ".turn") as exclusive:
            lock = FileLock(root, runs, exclusive, shared=shared)
            with lock.exclusive():  # waits for a run that is about to end
                if not lock.acquire(fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
                    raise Refused(f"another run is at work on {root}", hint=WAIT)
            yield lock


@contextmanager
def storage_errors(path: str) -> Iterator[None]:
    """Convert OSError to StorageError with the path and a hint."""
    try:
        yield
    except OSError as error:
        hint = FREE_SPACE if _is_full(error) else _HINTS.get(error.errno or 0, "check the path and the disk")
        raise StorageError(f"{path}: {error.strerror or error}", hint=hint) from error


@contextmanager
def _opened(folder: str) -> Iterator[int | None]:
    """Open a folder; None where there is none."""
    if not os.path.isdir(folder):
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _is_full(error: OSError) -> bool:
    """Return True if a disk or a quota is full. Some libraries lose the error number and keep its text."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT} or os.strerror(errno.ENOSPC) in str(error)


def _is_special(path: str) -> bool:
    """Return True for a pipe, a socket or a device, whose reading might never end; False for a dangling link."""
    return os.path.exists(path) and not os.path.isfile(path)


def _stat(status: os.stat_result) -> Stat:
    return Stat(status.st_size, f"{status.st_mtime_ns:x}")


def _raise(error: OSError) -> None:
    raise error


def _link(path: str, target: str) -> None:
    """Create a hard link, or a copy where the file system does not support links."""
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
