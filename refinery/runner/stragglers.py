"""Second copies of stragglers: tasks that take much longer than those of their phase that have ended.

A worker may hang where its task would not: on a sick disk, a throttled machine, a connection that sends nothing. When
slots are idle, another worker does such a task as well. The outcome that is there first counts, and the other copy is
ended. Times decide which tasks are copied, and nothing that a task commits: both copies write the same files.
"""

from __future__ import annotations

import time
from bisect import insort
from collections.abc import Callable, Sequence
from math import ceil

from refinery.executors import Done
from refinery.runner.active import Outcome
from refinery.task.tasks import JointTask, Task

FACTOR, SHARE = 3, 0.95
"""A straggler has taken so many times as long, per byte of its input, as this share of the tasks that ended."""

LEAST_SECONDS = 60.0
"""No task that has taken less is one."""

ENDED = 0.5
"""Share of the tasks of a phase that must have ended."""

Work = Task | JointTask


class Stragglers:
    """Follows the tasks of one phase. A task is known by the object: those of two pipelines may be equal."""

    def __init__(self, tasks: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._tasks, self._clock = tasks, clock
        self._running: dict[int, tuple[Work, float]] = {}
        self._rates: list[float] = []
        self._copied: dict[int, tuple[Work, Outcome[Work] | None]] = {}

    def begun(self, task: Work) -> None:
        """Take note that a worker has a task, perhaps once more after a death."""
        self._copied.pop(id(task), None)
        self._running[id(task)] = task, self._clock()

    def late(self, most: int) -> Sequence[Work]:
        """Return up to ``most`` stragglers to be copied, those that began first. None is returned twice."""
        if not self._rates or len(self._rates) < ENDED * self._tasks:
            return ()
        usual = self._rates[ceil(SHARE * len(self._rates)) - 1]
        running = [task for task, _ in self._running.values() if id(task) not in self._copied]
        late = [task for task in running if self.seconds(task) > max(LEAST_SECONDS, FACTOR * usual * _size(task))][
            :most
        ]
        self._copied |= {id(task): (task, None) for task in late}
        return late

    def seconds(self, task: Work) -> float:
        """Return how long a worker has had a task."""
        return self._clock() - self._running[id(task)][1]

    def copied(self, task: Work) -> bool:
        """Return True for a task that two workers have, or had."""
        return id(task) in self._copied

    def first(self, outcome: Outcome[Work]) -> Outcome[Work]:
        """Take an outcome, and return that of the copy that ended first: this one, if no other did."""
        task = outcome.task
        if id(task) in self._running:
            seconds = self.seconds(task)
            del self._running[id(task)]
            if isinstance(outcome, Done):
                insort(self._rates, seconds / _size(task))
            if self.copied(task):
                self._copied[id(task)] = task, outcome
            return outcome
        _, first = self._copied[id(task)]
        assert first is not None
        return first


def _size(task: Work) -> int:
    return max(1, task.bytes)


def differ(one: Outcome[Work], other: Outcome[Work]) -> bool:
    """Return True if both copies of a task committed, and their content ids differ."""
    if not isinstance(one, Done) or not isinstance(other, Done):
        return False
    return [receipt.contents for receipt in one.result] != [receipt.contents for receipt in other.result]
