"""An executor whose clock is simulated: a real run gets its outcomes in the order in which a cluster would have them.

It is a discrete-event simulation. Tasks begin in the order in which the runner hands them out, on the first free core,
and end after the seconds that their kind takes. Nodes are lost and come back, workers die. The driver does one thing at
a time: it begins tasks and takes outcomes, and cores are idle when it does not keep up. Nothing depends on a clock.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from refinery.executors import Died, Done, Failed, Function, Late, WorkerReport, in_flight, never_late
from refinery.task.tasks import StepRows, unmarked
from tools.simulate.chance import chance, waiting_time
from tools.simulate.cluster import Cluster
from tools.simulate.loads import Load, load_of
from tools.simulate.phases import PhaseTimes
from tools.simulate.store import SimulatedStore
from tools.simulate.timings import Timings


@dataclass(eq=False, slots=True)
class Attempt:
    """A task that was handed out, on its node while it runs there. ``begun`` counts how often it was begun on one."""

    load: Load
    begun: int
    node: int = -1
    began: float = 0.0
    ends: float = 0.0
    demand: float = 0.0
    waits: float = 0.0
    """Seconds for the store."""
    losses: int = 0
    cause: str = ""


@dataclass(eq=False, slots=True)
class Node:
    """A machine: how many more tasks it takes, and those that it runs. ``losses`` counts the machines before it."""

    cores: int
    slots: int = 0
    losses: int = 0
    there: bool = True
    running: dict[Attempt, None] = field(default_factory=dict)


class SimulatedExecutor:
    """A cluster as an ``Executor``. ``work`` returns the result of a task that ends, in place of the real function.

    ``now`` is the time of the driver in seconds, and ``phases`` are what happened. ``load`` describes a task.
    """

    def __init__(
        self,
        cluster: Cluster,
        timings: Timings,
        work: Callable[[Any], Any] | None = None,
        load: Callable[[Any], Load] = load_of,
    ) -> None:
        self.cluster, self.now = cluster, 0.0
        self.phases: list[PhaseTimes] = []
        self._timings, self._work, self._load = timings, work, load
        self._nodes = [Node(cores, cores) for cores in cluster.nodes]
        self._events: list[tuple[float, int, str, Any, int]] = []
        self._number = 0
        self._pending = deque[Attempt]()
        self._finished = deque[Attempt]()
        self._free = deque[tuple[int, int]]()
        self._tries: dict[str, int] = {}
        self._width = max(1, cluster.cores)
        self._store = SimulatedStore(cluster)
        for number in range(len(self._nodes)):
            self._schedule_loss(number)
        for number, seconds in cluster.lost_at:
            self._push(seconds, "loss", number)

    @property
    def width(self) -> int:
        """Return the number of tasks that can run now."""
        return self._width

    @property
    def room(self) -> int:
        """Return the memory of the largest node, in bytes."""
        return max(self.cluster.nodes) * self.cluster.core_memory

    def enter(self, kind: str, planning: float = 0.0) -> None:
        """Begin a phase, for which the driver has planned so many seconds."""
        self.phases.append(PhaseTimes(kind, self.now, planning))
        self.now += planning
        self._tries.clear()

    def map(
        self, function: Function[Any, Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any] | Failed[Any] | Died[Any]]:
        """See ``Executor.map``. Tasks are never ``late``, which the runner decides by a clock that is not simulated."""
        del late
        for node in self._nodes:
            node.slots = min(node.cores, node.cores * self.cluster.core_memory // memory) if memory else node.cores
        if not any(node.slots for node in self._nodes):
            self._nodes[0].slots = 1  # one runs in any case, as with other executors
        places = (n for n, node in enumerate(self._nodes) if node.there for _ in range(node.slots))
        self._free = deque((number, self._nodes[number].losses) for number in places)
        self._count()
        for attempt, task in in_flight(tasks, lambda: self.width, self._begin, self._ended, _never):
            report = WorkerReport(f"node-{attempt.node}", 1 + attempt.node)
            if attempt.cause:
                self.phases[-1].deaths += 1
                yield Died(task, attempt.cause, StepRows(), report)
            else:
                self.phases[-1].done += 1
                yield Done(task, self._work(task) if self._work else function(task, unmarked), report)

    def close(self) -> None:
        """No process is left to end."""

    def _count(self) -> None:
        self._width = max(1, sum(node.slots for node in self._nodes if node.there))

    # ---------------------------------------------------------------------------------------------------- the driver

    def _begin(self, task: Any) -> Attempt:
        load = self._load(task)
        if not self.phases or self.phases[-1].kind != load.kind:
            self.enter(load.kind)
        attempt = Attempt(load, self._tries.get(load.title, 0))
        self._until(self.now)
        self.now += self.cluster.begin_seconds
        self.phases[-1].handed_out = self.now
        self._pending.append(attempt)
        self._fill(self.now)
        return attempt

    def _ended(self, busy: Iterable[Attempt], most: float | None) -> Sequence[Attempt]:
        del busy, most  # the events know which ends first
        while not self._finished:
            self._next()
        attempt = self._finished.popleft()
        self._tries[attempt.load.title] = attempt.begun
        self.now = max(self.now, attempt.ends) + self.cluster.commit_seconds
        self.phases[-1].end = self.now
        return [attempt]

    # ---------------------------------------------------------------------------------------------------- the events

    def _until(self, time: float) -> None:
        while self._events and self._events[0][0] <= time:
            self._next()

    def _next(self) -> None:
        time, _, kind, subject, version = heapq.heappop(self._events)
        if kind == "end":
            if subject.node >= 0 and subject.begun == version:  # else its node was lost meanwhile
                self._end(subject, time)
        elif kind == "loss":
            self._lose(subject, time)
        else:
            self._return(subject, time)
        self._fill(time)

    def _push(self, time: float, kind: str, subject: Any, version: int = 0) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, kind, subject, version))

    def _fill(self, time: float) -> None:
        """Begin tasks that wait on cores that are free."""
        while self._pending and self._free:
            number, losses = self._free.popleft()
            if self._nodes[number].there and self._nodes[number].losses == losses:
                self._start(self._pending.popleft(), number, time)

    def _start(self, attempt: Attempt, number: int, time: float) -> None:
        attempt.node, attempt.began, attempt.begun = number, time, attempt.begun + 1
        load, names = attempt.load, (attempt.load.title, attempt.begun, self.cluster.seed)
        timing = self._timings.of(load.kind)
        seconds = timing.seconds(load.bytes, chance("duration", *names))
        if chance("straggler", *names) < self.cluster.stragglers:
            seconds *= self.cluster.straggler_factor
            self.phases[-1].stragglers += 1
        gets = load.gets if load.gets >= 0 else timing.gets
        puts = load.puts if load.puts >= 0 else timing.puts
        traffic = self._store.enter(seconds, load.bytes, gets, puts)
        attempt.demand, attempt.waits = traffic.demand, traffic.seconds - seconds
        self.phases[-1].send(gets, puts, traffic.refused)
        death = waiting_time(self.cluster.deaths_per_hour, "death", *names)
        attempt.cause = "killed by SIGKILL" if death < traffic.seconds else ""
        self._nodes[number].running[attempt] = None
        self._push(time + min(death, traffic.seconds), "end", attempt, attempt.begun)

    def _stop(self, attempt: Attempt, time: float) -> None:
        attempt.ends = time
        self._store.leave(attempt.demand)
        self.phases[-1].spans.append((attempt.began, time))
        self.phases[-1].store += min(attempt.waits, time - attempt.began)

    def _end(self, attempt: Attempt, time: float) -> None:
        self._stop(attempt, time)
        if attempt.cause:
            self.phases[-1].lost += time - attempt.began
        node = self._nodes[attempt.node]
        del node.running[attempt]
        self._free.append((attempt.node, node.losses))
        self._finished.append(attempt)

    def _schedule_loss(self, number: int, now: float = 0.0) -> None:
        node = self._nodes[number]
        wait = waiting_time(self.cluster.losses_per_hour, "loss", number, node.losses, self.cluster.seed)
        if wait < float("inf"):
            self._push(now + wait, "loss", number)

    def _lose(self, number: int, time: float) -> None:
        """Lose a node. Its tasks wait for another one, as Ray has them, until they were lost too often."""
        node, phase = self._nodes[number], self.phases[-1]
        running = list(node.running)
        node.there, node.losses = False, node.losses + 1
        node.running.clear()
        self._count()
        phase.losses += 1
        for attempt in running:
            self._stop(attempt, time)
            phase.lost += time - attempt.began
            attempt.node, attempt.losses = -1, attempt.losses + 1
            if attempt.losses > self.cluster.repeats:
                attempt.cause = "lost with its node"
                self._finished.append(attempt)
            else:
                phase.repeats += 1
                self._pending.append(attempt)
        self._push(time + self.cluster.replace_seconds, "return", number)

    def _return(self, number: int, time: float) -> None:
        node = self._nodes[number]
        node.there = True
        self._count()
        self._free.extend((number, node.losses) for _ in range(node.slots))
        self._schedule_loss(number, time)


def _never(attempt: Attempt) -> None:
    raise NotImplementedError(f"{attempt.load.title}: no copy is begun that could be abandoned")
