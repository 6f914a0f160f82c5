"""Retries and concurrency limits of requests to remote stores: back-off with jitter, fewer requests to a busy store.

The limit follows the rule of TCP (AIMD): it rises by one for each successful round and is halved after a refusal.
Time and chance only decide when a request is sent, never how its response is used.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import TypeVar

from refinery.errors import StorageError
from refinery.store.traffic import count

T = TypeVar("T")

RETRY_SECONDS = 300.0
"""Seconds during which a request without progress is retried: a store that restarts takes minutes."""

FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0
"""Seconds: the back-off doubles from the first to the longest, and the wait is a random share of it."""

AT_ONCE, MOST_AT_ONCE = 8, 16
"""Concurrent requests of a process: initial limit, and maximum."""

FORBIDDEN_TRIES = 3
"""Stores answer 403 for a wrong key, and some when they are busy. Tries of a request with a 403 of unknown cause."""

PROVEN = threading.Event()
"""Set in workers: the process that planned the task has reached the stores, so the credentials are valid."""


class Transient(Exception):
    """A request failed for a temporary reason. ``busy`` is True if the store asks for fewer requests."""

    def __init__(self, reason: str, *, busy: bool = False, forbidden: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.busy = busy
        self.forbidden = forbidden
        self.wait = wait
        """Seconds until the next try, as requested by the store."""


class RequestLimiter:
    """Limit of a process's concurrent requests to one host; entering it waits for a free slot."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._changed = threading.Condition()
        self._under_way = 0
        self._halved = self._pause = 0.0
        self.succeeded = 0.0
        """Monotonic time of the last request that did."""
        self.limit = float(AT_ONCE)
        self.proven = PROVEN.is_set()
        """True once a request succeeded, here or in the process that planned the tasks: the credentials are valid."""

    def __enter__(self) -> None:
        with self._changed:
            while self._under_way >= int(self.limit) or self._pause > time.monotonic():
                rest = self._pause - time.monotonic()
                self._changed.wait(rest if rest > 0 else None)
            self._under_way += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._under_way -= 1
            if kind is None:
                self.proven = True
                self.succeeded = time.monotonic()
                self.limit = min(MOST_AT_ONCE, self.limit + 1 / self.limit)
            elif isinstance(error, Transient) and error.busy:
                self._slow_down(error.wait)
            self._changed.notify_all()

    def _slow_down(self, wait: float) -> None:
        now = time.monotonic()
        if now - self._halved > FIRST_WAIT:  # a burst of refusals counts once
            self._halved = now
            self.limit = max(1.0, self.limit / 2)
        self._pause = max(self._pause, now + min(max(wait, FIRST_WAIT), LONGEST_WAIT))


@cache
def limiter_of(host: str) -> RequestLimiter:
    """Return this process's limiter for a host."""
    return RequestLimiter(host)


def retrying(attempt: Callable[[], T], path: str, limiter: RequestLimiter, progress: Callable[[], int] = int) -> T:
    """Return the result of ``attempt``, calling it again while it raises Transient.

    The time for retries starts again whenever ``progress`` has grown, and where the store is busy whenever another
    request succeeded: a store that serves some requests will serve this one. Raises StorageError with ``path`` when it
    ends.
    """
    tries, since, reached = 0, time.monotonic(), progress()
    while True:
        try:
            with limiter:
                return attempt()
        except Transient as failure:
            if progress() > reached:
                tries, since, reached = 0, time.monotonic(), progress()
            if failure.busy and not failure.forbidden:
                since = max(since, limiter.succeeded)
            tries += 1
            count("retried")
            count("throttled", int(failure.busy))
            if _exhausted(failure, tries, time.monotonic() - since, limiter):
                raise StorageError(f"{path}: {failure} ({tries} tries)", hint=_hint(failure)) from failure
            time.sleep(max(failure.wait, random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 10)))))  # noqa: S311 - no secret


def _exhausted(failure: Transient, tries: int, seconds: float, limiter: RequestLimiter) -> bool:
    if failure.forbidden and not limiter.proven:
        return tries >= FORBIDDEN_TRIES
    return seconds >= (RETRY_SECONDS if limiter.proven else RETRY_SECONDS / 10)


def _hint(failure: Transient) -> str:
    if failure.forbidden:
        return "check that the credentials are valid and allow reading and writing there"
    return "the store fails repeatedly: run again when it works; finished parts are kept"
