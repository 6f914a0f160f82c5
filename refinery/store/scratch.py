"""Local folders for files to be uploaded: one per process, with a lock that the system frees when the process ends."""

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


def _parent() -> str:
    return os.path.join(tempfile.gettempdir(), f"refinery-{os.getuid()}")


def new_path() -> str:
    """Return a new path in this process's folder."""
    return os.path.join(_folder(os.getpid(), _parent()), uuid.uuid4().hex)


@cache
def _folder(process: int, parent: str) -> str:
    with storage_errors(parent):
        os.makedirs(parent, mode=0o700, exist_ok=True)
        while True:
            folder = os.path.join(parent, f"{process}-{uuid.uuid4().hex[:8]}")
            os.mkdir(folder)
            handle = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink:  # another process may have cleaned the folder before it was locked
                break
            os.close(handle)
    _open_locks.append(handle)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


_open_locks: list[int] = []
"""Handles of locks, which stay open as long as the process lives."""


def clean() -> None:
    """Remove the folders of processes that have ended."""
    parent = _parent()
    with storage_errors(parent):
        for name in os.listdir(parent) if os.path.isdir(parent) else ():
            folder = os.path.join(parent, name)
            if not _in_use(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _in_use(folder: str) -> bool:
    try:
        handle = os.open(os.path.join(folder, LOCK), os.O_RDWR)
    except OSError:
        return True  # it is being created, or belongs to another program
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
