"""Responses of remote stores: versions of objects, and their bytes as they arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from refinery.store.retry import MOST_AT_ONCE, Transient

PIECE = 1 << 14
"""Bytes of a response that are read at once."""


@dataclass(frozen=True)
class Response:
    """A response: the version of the object, its total size, and the requested bytes."""

    etag: str
    modified: str
    total: int
    chunks: Iterator[bytes] = field(default_factory=lambda: iter(()))

    @property
    def version(self) -> tuple[str, int]:
        """Tag and size, equal in all responses of one version."""
        return self.etag, self.total

    @property
    def modification(self) -> tuple[str, int]:
        """Time of modification and size, equal in all responses of one version even if a tag is wrong."""
        return self.modified, self.total

    @property
    def description(self) -> str:
        """Text about the version for a message."""
        return f"{self.etag} of {self.modified}, {self.total} bytes"


def pieces(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield the bytes of a response as they arrive. Raises Transient if it is interrupted."""
    from urllib3.exceptions import HTTPError

    failures: tuple[type[Exception], ...] = (HTTPError, OSError)
    with contextlib.suppress(ImportError):
        from botocore.exceptions import BotoCoreError

        failures = (*failures, BotoCoreError)
    while True:
        try:
            piece = read(PIECE)
        except failures as error:
            raise Transient(" ".join(str(error).split())[:300]) from error
        if not piece:
            return
        yield piece


@cache
def threads() -> ThreadPoolExecutor:
    """Return this process's threads for requests to remote stores."""
    return ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="refinery-store")
