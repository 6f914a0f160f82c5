"""Local folders for files on their way to a remote root: one a process, known by a lock that dies with it."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import uuid
from functools import cache

from refinery.store.local import storage_errors

LOCK = "lock"


def _place() -> str:
    return os.path.join(tempfile.gettempdir(), f"refinery-{os.getuid()}")


def new_path() -> str:
    """A path that nobody else writes to, in this process's folder."""
    return os.path.join(_folder(os.getpid(), _place()), uuid.uuid4().hex)


@cache
def _folder(process: int, place: str) -> str:
    with storage_errors(place):
        os.makedirs(place, mode=0o700, exist_ok=True)
        while True:
            folder = os.path.join(place, f"{process}-{uuid.uuid4().hex[:8]}")
            os.mkdir(folder)
            handle = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:  # another process may have taken it for one of the dead before
                break
            os.close(handle)
    _held.append(handle)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


_held: list[int] = []
"""Open locks: as long as the process lives, its folder is in use."""


def clean() -> None:
    """Remove the folders of processes that are gone."""
    place = _place()
    with storage_errors(place):
        for name in os.listdir(place) if os.path.isdir(place) else ():
            folder = os.path.join(place, name)
            if not _in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: str) -> bool:
    try:
        handle = os.open(os.path.join(folder, LOCK), os.O_RDWR)
    except OSError:
        return True  # it is being made, or is not ours to judge
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
