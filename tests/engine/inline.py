"""An executor that does tasks in this process, one after the other: quick, and nothing it raises is lost."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from typing import TypeVar

from refinery.errors import RefineryError
from refinery.executors import Died, Done, Failed, Function, Late, never_late
from refinery.task.tasks import StepRows

T = TypeVar("T")
R = TypeVar("R")


class Death(BaseException):
    """A worker's death, as ``InlineExecutor`` knows it: raised by a stage with an exit code, it ends the task only."""


class InlineExecutor:
    """Does tasks in the calling process. Exceptions are outcomes; other ``BaseException``s than deaths get through."""

    width = 1

    def __init__(self, room: int = 1 << 62) -> None:
        self.room = room

    def map(
        self, function: Function[T, R], tasks: Iterable[T], memory: int = 0, late: Late[T] = never_late
    ) -> Iterator[Done[T, R] | Failed[T] | Died[T]]:
        """See ``Executor.map``."""
        del memory, late
        for task in tasks:
            yield self._do(function, task)

    def _do(self, function: Function[T, R], task: T) -> Done[T, R] | Failed[T] | Died[T]:
        marked = [StepRows()]

        def mark(step: str, first: int, count: int) -> None:
            marked.append(StepRows(step, first, count))

        try:
            return Done(task, function(task, mark))
        except Death as death:
            return Died(task, f"ended with exit code {death}", marked[-1])
        except Exception as error:  # noqa: BLE001  as a worker does
            known = error if isinstance(error, RefineryError) else None
            return Failed(task, known, f"{type(error).__name__}: {error}", traceback.format_exc())

    def close(self) -> None:
        """Nothing is left to end."""
