"""Executors: ways to do many tasks at once. They know tasks as opaque values and nothing of what is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from refinery.errors import RefineryError
from refinery.task.tasks import ProgressMarker, StepRows

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)
H = TypeVar("H")
Given_contra = TypeVar("Given_contra", contravariant=True)


@dataclass(frozen=True)
class Done(Generic[T, R_co]):
    """A task that ended well, and what it gave."""

    task: T
    result: R_co


@dataclass(frozen=True)
class Failed(Generic[T]):
    """A task that raised. ``trace`` is the traceback as text."""

    task: T
    error: RefineryError | None
    summary: str
    trace: str


@dataclass(frozen=True)
class Died(Generic[T]):
    """A task whose worker died: the signal or exit code, and the rows that it was processing last."""

    task: T
    cause: str
    last: StepRows


class Function(Protocol[Given_contra, R_co]):
    """A module-level function of a task and a callback, to which it reports the rows that it is processing."""

    def __call__(self, task: Given_contra, mark: ProgressMarker, /) -> R_co: ...


class Executor(Protocol):
    """Does tasks, at most ``width`` at once."""

    @property
    def width(self) -> int:
        """How many tasks can run now."""

    @property
    def room(self) -> int:
        """How many bytes a task may take that has a machine to itself."""

    def map(
        self, function: Function[T, R_co], tasks: Iterable[T], memory: int = 0
    ) -> Iterator[Done[T, R_co] | Failed[T] | Died[T]]:
        """The outcome of each task, in the order in which they end. Tasks are taken as workers become free.

        ``memory`` is how many bytes each may take; 0 if not known. No more are done at once than there is room for.
        """

    def close(self) -> None:
        """End all workers now."""


def in_flight(
    tasks: Iterable[T], width: Callable[[], int], begin: Callable[[T], H], ended: Callable[[Iterable[H]], Iterable[H]]
) -> Iterator[tuple[H, T]]:
    """Begin tasks, at most ``width`` at once; the handle of each, once it has ended, with the task."""
    waiting, busy = iter(tasks), dict[H, T]()
    exhausted = False
    while True:
        while not exhausted and len(busy) < width():
            task = next(waiting, None)
            if task is None:
                exhausted = True
            else:
                busy[begin(task)] = task
        if not busy:
            return
        for handle in ended(busy):
            yield handle, busy.pop(handle)
