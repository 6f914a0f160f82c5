"""How often, and how many at once, a remote store is asked: back-off with jitter, and fewer requests when it is busy.

The rule for how many is that of TCP: one more for each round that went well, half as many after a refusal (AIMD).
Times and chances only decide when a request is sent, never what is made of its answer.
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

PATIENCE = 300.0
"""Seconds that a request is tried again for while nothing comes of it: a store that restarts takes minutes."""

FIRST_WAIT, LONGEST_WAIT = 0.2, 20.0
"""Seconds: the back-off doubles from the first to the longest, and the wait is a random share of it."""

AT_ONCE, MOST_AT_ONCE = 8, 16
"""Requests of a process at once: in the beginning, and at most."""

FORBIDDEN_TRIES = 3
"""Stores say 403 for a wrong key, and some when they are busy; without a word of which, that often is asked."""

PROVEN = threading.Event()
"""Set where a task is done: the process that planned it has talked to the stores, so the credentials are good."""


class Transient(Exception):
    """A request failed for a reason that may pass. ``busy`` says that the store wants fewer of them."""

    def __init__(self, reason: str, *, busy: bool = False, forbidden: bool = False, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.busy = busy
        self.forbidden = forbidden
        self.wait = wait
        """Seconds that the store asks to wait."""


class Pace:
    """How many requests a process may have under way at one host, and when the next one may begin."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._changed = threading.Condition()
        self._under_way = 0
        self._halved = self._pause = 0.0
        self.limit = float(AT_ONCE)
        self.proven = PROVEN.is_set()
        """True once a request went well, here or where the tasks of this process were planned: credentials are good."""

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
                self.limit = min(MOST_AT_ONCE, self.limit + 1 / self.limit)
            elif isinstance(error, Transient) and error.busy:
                self._slow_down(error.wait)
            self._changed.notify_all()

    def _slow_down(self, wait: float) -> None:
        now = time.monotonic()
        if now - self._halved > FIRST_WAIT:  # a burst of refusals is one word
            self._halved = now
            self.limit = max(1.0, self.limit / 2)
        self._pause = max(self._pause, now + min(max(wait, FIRST_WAIT), LONGEST_WAIT))


@cache
def pace_of(host: str) -> Pace:
    """The pace of this process at a host."""
    return Pace(host)


def persist(attempt: Callable[[], T], path: str, pace: Pace, progress: Callable[[], int] = int) -> T:
    """What ``attempt`` gives, which is called again while it raises Transient.

    ``progress`` tells how far it has come: patience begins anew whenever that has grown. Raises StorageError, naming
    ``path``, when patience ends.
    """
    tries, since, reached = 0, time.monotonic(), progress()
    while True:
        try:
            with pace:
                return attempt()
        except Transient as failure:
            if progress() > reached:
                tries, since, reached = 0, time.monotonic(), progress()
            tries += 1
            count("retried")
            count("throttled", int(failure.busy))
            if _gives_up(failure, tries, time.monotonic() - since, pace):
                raise StorageError(f"{path}: {failure} ({tries} tries)", hint=_hint(failure)) from failure
            time.sleep(max(failure.wait, random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries, 10)))))  # noqa: S311 - no secret


def _gives_up(failure: Transient, tries: int, seconds: float, pace: Pace) -> bool:
    if failure.forbidden and not pace.proven:
        return tries >= FORBIDDEN_TRIES
    return seconds >= (PATIENCE if pace.proven else PATIENCE / 10)


def _hint(failure: Transient) -> str:
    if failure.forbidden:
        return "check the credentials, and that they may read and write there"
    return "the store does not answer as it should; what is finished is kept: run again when it does"
