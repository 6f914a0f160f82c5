"""Storage: list, ranged read, atomic put. Only this package opens files of a root.

Files appear atomically under their final names. There are stores for local paths, for ``s3://`` and, read-only, for
``https://``. Another kind of path needs another ``Store`` and one line in ``store_for``.
"""

from __future__ import annotations

from refinery.errors import UsageError
from refinery.store.base import RootLock, Stat, Store
from refinery.store.local import LocalStore, storage_errors
from refinery.store.retry import PROVEN
from refinery.store.s3 import S3Store
from refinery.store.s3_requests import configure
from refinery.store.traffic import taken
from refinery.store.web import WebStore


def store_for(path: str) -> Store:
    """Return the store of ``path``. Raises UsageError for a kind of path that is not supported."""
    scheme, separator, _ = path.partition("://")
    if not separator:
        return LocalStore()
    if scheme == "s3":
        return S3Store()
    if scheme in {"http", "https"}:
        return WebStore()
    raise UsageError(f"{path}: {scheme}:// paths are not supported", hint="use a local path, s3:// or https://")


def is_remote(path: str) -> bool:
    """Return True if a path is on another machine, where each access costs a request."""
    return "://" in path
