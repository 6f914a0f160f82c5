"""Tasks as the simulation sees them: their kind, input and requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from refinery.task.ranks import MergeTask
from refinery.task.tasks import AuditTask, JointTask, RoundTask, SegmentTask
from refinery.task.tiers import TierTask


@dataclass(frozen=True, slots=True)
class Load:
    """A task of a kind with so many bytes of input. Requests are those of the kind where they are negative."""

    kind: str
    number: int
    bytes: float = 0.0
    gets: float = -1.0
    puts: float = -1.0

    @property
    def title(self) -> str:
        """The task in a few words, by which the runner counts its deaths."""
        return f"{self.kind} {self.number}"


def kind_of(task: Any) -> str:
    """Return the kind of a task of the planner: the title of its phase, where all parts of a phase lack as much."""
    if isinstance(task, JointTask):
        return kind_of(task.tasks[0])
    if isinstance(task, SegmentTask):
        return " → ".join(task.stages) or f"{task.map.name if task.map else ''} map"
    if isinstance(task, RoundTask):
        return f"{task.name} {task.round.name}"
    if isinstance(task, TierTask | MergeTask):
        return f"{task.name} merge"
    assert isinstance(task, AuditTask)
    return "audit"


def number_of(task: Any) -> int:
    """Return the number of a task within its phase."""
    if isinstance(task, JointTask):
        return number_of(task.tasks[0])
    return task.part if isinstance(task, SegmentTask | AuditTask) else task.number


def load_of(task: Any) -> Load:
    """Return the load of a task of the planner as it is."""
    return task if isinstance(task, Load) else Load(kind_of(task), number_of(task), task.bytes)
