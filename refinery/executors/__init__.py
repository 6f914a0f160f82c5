"""Executors run tasks concurrently. To them a task is an opaque value."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from refinery.errors import RefineryError
from refinery.task.tasks import ProgressMarker, StepRows

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)
H = TypeVar("H")
Given_contra = TypeVar("Given_contra", contravariant=True)


class Logged(NamedTuple):
    """A warning or a log record of a task: seconds since the epoch, the name of its level, its logger, and its text."""

    time: float
    level: str
    logger: str
    message: str


@dataclass(frozen=True)
class WorkerReport:
    """The process that did a task, and what the task logged there; nothing is known of that if it died."""

    host: str = ""
    pid: int = 0
    logged: tuple[Logged, ...] = ()

    @property
    def worker(self) -> str:
        """Host and process."""
        return f"{self.host}:{self.pid}" if self.pid else ""


@dataclass(frozen=True)
class Done(Generic[T, R_co]):
    """A successful task and its result."""

    task: T
    result: R_co
    report: WorkerReport = WorkerReport()


@dataclass(frozen=True)
class Failed(Generic[T]):
    """A task that raised. ``trace`` is the traceback as text."""

    task: T
    error: RefineryError | None
    summary: str
    trace: str
    report: WorkerReport = WorkerReport()


@dataclass(frozen=True)
class Died(Generic[T]):
    """A task whose worker died: the signal or exit code, and the rows that it was processing last."""

    task: T
    cause: str
    last: StepRows
    report: WorkerReport = WorkerReport()


class Function(Protocol[Given_contra, R_co]):
    """A module-level function of a task and a callback, to which it reports the rows that it is processing."""

    def __call__(self, task: Given_contra, mark: ProgressMarker, /) -> R_co: ...


LOOK_SECONDS = 5.0
"""While slots are idle, it is asked so often which tasks are late."""


class Late(Protocol[R_co]):
    """Returns running tasks, at most so many, that another worker is to do as well."""

    def __call__(self, most: int, /) -> Sequence[R_co]: ...


def never_late(most: int) -> Sequence[Any]:
    """Return no task."""
    del most
    return ()


class TaskQueue(Iterator[T]):
    """Tasks that wait for a slot. It may be empty, and contain a task again once one is to begin again.

    It is always empty while ``closed`` returns True. ``begun`` is called with each task that is taken.
    """

    def __init__(
        self,
        tasks: Iterable[T],
        begun: Callable[[T], object] = lambda _: None,
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._waiting, self._begun, self._closed = deque(tasks), begun, closed

    def begin_again(self, tasks: Sequence[T]) -> None:
        """Have these tasks taken behind those that wait: what ended a worker, as scarce memory, may be over then."""
        self._waiting.extend(tasks)

    def __next__(self) -> T:
        """Return the next task. Raises StopIteration while there is none."""
        if self._closed() or not self._waiting:
            raise StopIteration
        task = self._waiting.popleft()
        self._begun(task)
        return task


class Executor(Protocol):
    """Runs tasks, at most ``width`` at once."""

    @property
    def width(self) -> int:
        """Return the number of tasks that can run now."""

    @property
    def room(self) -> int:
        """Return the memory of a task that runs alone on a machine, in bytes."""

    def map(
        self, function: Function[T, R_co], tasks: Iterable[T], memory: int = 0, late: Late[T] = never_late
    ) -> Iterator[Done[T, R_co] | Failed[T] | Died[T]]:
        """Yield the outcome of each task as it ends. The next task is taken when a worker becomes free.

        After each outcome ``tasks`` is asked again, even if it had no task before: see ``TaskQueue``.
        ``memory`` is the memory of each task in bytes, 0 if unknown. Fewer tasks run at once if it is scarce.
        When no task waits and slots are idle, a second copy of ``late`` ones is begun. What ends first is the outcome,
        and the other copy is ended before it is yielded; if both have ended, both are yielded.
        """

    def close(self) -> None:
        """End all workers now."""


def in_flight(
    tasks: Iterable[T],
    width: Callable[[], int],
    begin: Callable[[T], H],
    ended: Callable[[Iterable[H], float | None], Sequence[H]],
    abandon: Callable[[H], None],
    late: Late[T] = never_late,
) -> Iterator[tuple[H, T]]:
    """Start tasks, at most ``width`` at once, and yield the handle of each that has ended, with the task.

    ``ended`` waits until some have, at most so many seconds. For ``late`` ones see ``Executor.map``: of two copies the
    one that has not ended is abandoned.
    """
    waiting, busy, copies = iter(tasks), dict[H, T](), dict[H, H]()
    while True:
        while (idle := width() - len(busy)) > 0 and (task := next(waiting, None)) is not None:
            busy[begin(task)] = task
        if not busy:
            return
        for task in late(idle) if idle > 0 else ():
            first, second = next(handle for handle, one in busy.items() if one is task), begin(task)
            busy[second], copies[first], copies[second] = task, second, first
        known = ended(busy, LOOK_SECONDS if idle > 0 and late is not never_late else None)
        for handle in known:
            copy = copies.pop(handle, None)
            if copy is not None:
                del copies[copy]
                if copy not in known:
                    abandon(copy)
                    del busy[copy]
            yield handle, busy.pop(handle)
