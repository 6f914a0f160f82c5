"""A store that allows fewer requests than are sent, request by request, with the back-off of ``refinery.store.retry``.

Every process wants to send at all times. The limiter and the waits are those of the store's client, whose constants are
used; the clock is simulated.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from refinery.store.retry import AT_ONCE, FIRST_WAIT, LONGEST_WAIT, MOST_AT_ONCE

WARM_UP, SECONDS = 5.0, 10.0
"""Simulated seconds that are not counted, in which limits adapt, and those that are."""

BURST = 0.1
"""Seconds whose requests a store takes at once."""

ENOUGH = 100
"""Processes that are simulated at most: more of them share as much more, which changes nothing."""


class Contention(NamedTuple):
    """Share of a store's capacity that requests use with success, and refusals for each of them."""

    efficiency: float
    refusals: float


@dataclass
class _Process:
    """The limiter of a process, see ``RequestLimiter``; requests wait in ``queue`` with the tries they have behind."""

    limit: float = float(AT_ONCE)
    under_way: int = 0
    halved: float = -LONGEST_WAIT
    pause: float = 0.0
    wakes: float = 0.0
    queue: list[int] = field(default_factory=lambda: [0] * MOST_AT_ONCE)

    def succeeded(self) -> None:
        self.limit = min(MOST_AT_ONCE, self.limit + 1 / self.limit)

    def refused(self, now: float) -> None:
        if now - self.halved > FIRST_WAIT:
            self.halved = now
            self.limit = max(1.0, self.limit / 2)
        self.pause = max(self.pause, now + FIRST_WAIT)


@cache
def contention(processes: int, latency: float, rate: float, seed: int = 0) -> Contention:
    """Simulate processes that send as much as they may to a store that allows ``rate`` requests a second."""
    if processes > ENOUGH:
        return contention(ENOUGH, latency, rate * ENOUGH / processes, seed)
    return _Store(processes, max(latency, 0.001), rate, seed).run()


class _Store:
    """The simulation: a bucket of tokens, which refuses what comes when it is empty."""

    def __init__(self, processes: int, latency: float, rate: float, seed: int) -> None:
        self._latency, self._rate = latency, rate
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._tokens, self._filled = rate * BURST, 0.0
        self._processes = [_Process() for _ in range(processes)]
        self._events: list[tuple[float, int, str, _Process, int]] = []
        self._number = self._accepted = self._refused = 0

    def run(self) -> Contention:
        for process in self._processes:
            self._push(self._chance.random() * self._latency, "send", process)
        while self._events[0][0] < WARM_UP + SECONDS:
            now, _, kind, process, tries = heapq.heappop(self._events)
            if kind == "accepted":
                process.under_way -= 1
                process.succeeded()
                process.queue.append(0)
                self._accepted += now >= WARM_UP
            elif kind == "refused":
                process.under_way -= 1
                process.refused(now)
                self._refused += now >= WARM_UP
                wait = self._chance.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries + 1, 10)))
                self._push(now + wait, "again", process, tries + 1)
            elif kind == "again":
                process.queue.append(tries)
            self._send(now, process)
        possible = self._rate * SECONDS
        return Contention(min(1.0, self._accepted / possible), self._refused / max(1, self._accepted))

    def _send(self, now: float, process: _Process) -> None:
        if now < process.pause:
            if process.wakes < process.pause:
                process.wakes = process.pause
                self._push(process.pause, "send", process)
            return
        while process.queue and process.under_way < int(process.limit):
            process.under_way += 1
            tries = process.queue.pop()
            self._push(now + self._latency, "accepted" if self._allowed(now) else "refused", process, tries)

    def _allowed(self, now: float) -> bool:
        self._tokens = min(max(1.0, self._rate * BURST), self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _push(self, time: float, kind: str, process: _Process, tries: int = 0) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, kind, process, tries))
