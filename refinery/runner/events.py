"""Events of a run, from which progress, log lines, metrics and the JSON summary all come.

Times are those of clocks. They are for people and enter no result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from refinery.root.receipts import Receipt
from refinery.root.runs import PhaseRecord
from refinery.task.ranks import MergeTask
from refinery.task.tasks import AuditTask, SegmentTask, Task
from refinery.task.tiers import TierTask

EventKind = Literal[
    "run_started",
    "phase_started",
    "task_started",
    "logged",
    "attempt_failed",
    "committed",
    "task_done",
    "task_failed",
    "problem",
    "phase_ended",
    "run_ended",
]
"""``logged`` is a warning or a log record of a worker, ``attempt_failed`` the death of one, ``committed`` a stage of a
task that is done; ``task_failed`` is final."""

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True)
class Event:
    """An event of a run. ``run`` is the name of its record in the root, and ``phases`` its progress after the event."""

    kind: EventKind
    level: Level
    time: datetime
    root: str
    run: str
    phases: tuple[PhaseRecord, ...] = ()
    task: str = ""
    """Title of the task, "" if the event is of none."""
    stage: str = ""
    """Stages of the task, or the one that the event is about."""
    part: int | None = None
    attempt: int = 0
    """1 for the first time that a worker has the task."""
    message: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    """More by name, as JSON values: ``seconds``, ``documents``, ``bytes``, …"""

    @property
    def phase(self) -> PhaseRecord | None:
        """Progress of the phase that the event is in."""
        return self.phases[-1] if self.phases else None


class Listener(Protocol):
    """Receives the events of a run in their order. A function is one: ``refinery.run(recipe, listener=print)``."""

    def __call__(self, event: Event, /) -> None: ...


def silent(event: Event) -> None:
    """Ignore an event."""
    del event


def stage_of(task: Task) -> str:
    """Return the stages that a task commits, as in the titles of phases."""
    if isinstance(task, SegmentTask):
        return " → ".join([*task.stages, *([task.map.name] if task.map else [])])
    return task.name


def part_of(task: Task) -> int | None:
    """Return the part that a task processes, None if it has several or a range of all."""
    if isinstance(task, SegmentTask | AuditTask):
        return task.part
    return None if isinstance(task, MergeTask | TierTask) or task.round.unit != "part" else task.number


def written(receipts: list[Receipt]) -> int:
    """Return the bytes of rows that receipts name."""
    return sum(file.bytes for receipt in receipts for files in receipt.written.values() for file in files)


def committed(receipt: Receipt) -> dict[str, Any]:
    """Return the values of a receipt that a log has."""
    return {
        "kind": receipt.kind,
        "seconds": receipt.seconds,
        "documents": receipt.rows.get("in", 0),
        **({"kept": receipt.rows["kept"]} if "kept" in receipt.rows else {}),
        "bytes": written([receipt]),
        "memory": receipt.peak_memory,
        **({"requests": receipt.requests} if receipt.requests else {}),
        **({"reapplied": True} if receipt.reapplied else {}),
    }
