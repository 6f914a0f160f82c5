"""The store that all tasks of a simulation share: seconds of their requests, and refusals when they are too many."""

from __future__ import annotations

import math
from typing import NamedTuple

from tools.simulate.cluster import Cluster
from tools.simulate.throttling import contention


class Traffic(NamedTuple):
    """Seconds of a task with its requests; ``demand`` on the store as a share of its capacity; refused requests."""

    seconds: float
    demand: float
    refused: float


class SimulatedStore:
    """Follows what running tasks demand. Beyond the capacity all become slower, so that they demand as much as it is.

    A task has one request after the other, and none while it computes: an upper limit of its seconds.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._demand = 0.0
        self._running = 0

    def enter(self, seconds: float, size: float, gets: float, puts: float) -> Traffic:
        """Begin a task that computes for so many seconds, and return what the store makes of it."""
        cluster = self._cluster
        transfer = size / cluster.throughput if cluster.throughput else 0.0
        alone = seconds + (gets + puts) * cluster.latency + transfer
        capacity = _seconds(gets, cluster.gets_per_second) + _seconds(puts, cluster.puts_per_second)
        demand = capacity / alone if alone else 0.0
        self._demand += demand
        self._running += 1
        if self._demand <= 1 or not capacity:
            return Traffic(alone, demand, 0.0)
        slowed = alone * self._demand
        contending = self._running * (1 - seconds / slowed)
        found = contention(_rounded(contending), cluster.latency, _rounded((gets + puts) / capacity), cluster.seed)
        return Traffic(slowed / found.efficiency, demand, (gets + puts) * found.refusals)

    def leave(self, demand: float) -> None:
        """End a task."""
        self._running -= 1
        self._demand = self._demand - demand if self._running else 0.0


def _seconds(requests: float, rate: float) -> float:
    """Return the seconds for which requests take all that a store allows."""
    return requests / rate if rate else 0.0


def _rounded(number: float) -> int:
    """Return a power of the square root of 2, so that few cases are simulated."""
    return max(1, round(2 ** (round(2 * math.log2(max(1.0, number))) / 2)))
