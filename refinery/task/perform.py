"""The function that a worker calls for each task: it reads, processes, writes and commits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from refinery.root.receipts import Receipt
from refinery.store import PROVEN, taken
from refinery.task.audit import audit
from refinery.task.order_runs import merge_runs
from refinery.task.ranks import MergeTask
from refinery.task.rounds import perform_round
from refinery.task.segment import process_part
from refinery.task.tasks import AuditTask, JointTask, ProgressMarker, RoundTask, SegmentTask, Task
from refinery.task.tiers import TierTask, merge_tier


def perform(task: Task | JointTask, mark: ProgressMarker) -> list[Receipt]:
    """Do a task; the receipts it committed. Raises RefineryError, or what a broken stage raises."""
    PROVEN.set()
    taken()  # what came before is not this task's
    try:
        return _PERFORM[type(task)](task, mark)
    finally:
        pa.default_memory_pool().release_unused()  # what the next one takes is not added to what this one took


_PERFORM: dict[type[Task | JointTask], Callable[[Any, ProgressMarker], list[Receipt]]] = {
    SegmentTask: lambda task, mark: process_part([task], mark),
    JointTask: lambda task, mark: process_part(task.tasks, mark),
    RoundTask: lambda task, _: [perform_round(task)],
    TierTask: lambda task, _: [merge_tier(task)],
    MergeTask: lambda task, _: [merge_runs(task)],
    AuditTask: lambda task, mark: [audit(task, mark)],
}
"""The function for each kind of task."""
