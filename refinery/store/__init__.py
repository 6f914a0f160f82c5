"""Where files are: list, ranged read, atomic put. Nothing else in the engine opens a path.

A file appears under its final name whole or not at all. There are stores for local paths, for ``s3://`` and, to read
from, for ``https://``; another kind of path needs another ``Store`` and one line in ``store_for``.
"""

from __future__ import annotations

from refinery.errors import UsageError
from refinery.store.base import Hold, Stat, Store
from refinery.store.local import LocalStore, storage_errors
from refinery.store.patience import PROVEN
from refinery.store.s3 import S3Store, use
from refinery.store.traffic import taken
from refinery.store.web import WebStore

__all__ = [
    "PROVEN",
    "Hold",
    "LocalStore",
    "S3Store",
    "Stat",
    "Store",
    "WebStore",
    "is_remote",
    "storage_errors",
    "store_for",
    "taken",
    "use",
]


def store_for(path: str) -> Store:
    """The store that holds ``path``. Raises UsageError for a kind of path that is not supported."""
    scheme, found, _ = path.partition("://")
    if not found:
        return LocalStore()
    if scheme == "s3":
        return S3Store()
    if scheme in {"http", "https"}:
        return WebStore()
    raise UsageError(f"{path}: {scheme}:// paths are not supported", hint="give a local path, s3:// or https://")


def is_remote(path: str) -> bool:
    """Whether a path is on another machine, where each look costs a request."""
    return "://" in path
