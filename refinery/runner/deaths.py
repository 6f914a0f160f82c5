"""The next try of a task whose worker died: the rows that the worker had in hand are suspects, processed one by one.

A document that is suspected alone and kills a worker again is poison: the task leaves it out and quarantines it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from refinery.executors import Died
from refinery.task.tasks import ALL_ROWS, AuditTask, Poison, SegmentTask, StepRows, Task

TRIES = 3
"""A task whose worker died is begun so many times while its death leads to no suspects."""

POISON_LIMIT = 100
"""A part in which more documents than this kill their worker is given up."""


class Deaths:
    """Counts the deaths of a phase's workers."""

    def __init__(self) -> None:
        self._tries: Counter[str] = Counter()

    def next_try(self, death: Died[Task]) -> Task | None:
        """The task to begin again, with suspects if the position of the worker is known; None after too many deaths."""
        task = death.task
        if isinstance(task, SegmentTask | AuditTask) and death.last.count:
            narrowed = _narrowed(task, death.last, death.cause)
            if narrowed is not None:
                return narrowed
        self._tries[task.title] += 1
        return task if self._tries[task.title] < TRIES else None


def describe(death: Died[Task]) -> str:
    """A death in one line: the task, the cause, and the step and the rows that the worker had in hand."""
    last = death.last
    rows = f", rows {last.first} to {last.first + last.count - 1}" if last.count < ALL_ROWS else ""
    return f"{death.task.title}: its worker was {death.cause}{f' in {last.step}{rows}' if last.count else ''}"


def _narrowed(task: SegmentTask | AuditTask, last: StepRows, cause: str) -> SegmentTask | AuditTask | None:
    """The task with the last rows of its worker as suspects. None where that happened too often.

    A document that was alone in two deaths is poison: one death may have had another cause.
    """
    if last not in task.suspects and len(task.suspects) < 2 * POISON_LIMIT:
        return replace(task, suspects=(*task.suspects, last))
    if last in task.suspects and last.count == 1 and len(task.poison) < POISON_LIMIT:
        poison = Poison(last.step, last.first, f"worker {cause}")
        return replace(task, poison=(*task.poison, poison))
    return None
