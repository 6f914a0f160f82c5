"""The function that a worker calls for each task: it reads, processes, writes and commits."""

from __future__ import annotations

import pyarrow as pa

from refinery.root.receipts import Receipt
from refinery.store import PROVEN, taken
from refinery.task.audit import audit
from refinery.task.rounds import of_part, reduce, resolve
from refinery.task.segment import SegmentPass
from refinery.task.tasks import AuditTask, PartTask, ProgressMarker, ReduceTask, SegmentTask, Task


def perform(task: Task, mark: ProgressMarker) -> list[Receipt]:
    """Do a task; the receipts it committed. Raises RefineryError, or what a broken stage raises."""
    PROVEN.set()
    taken()  # what came before is not this task's
    try:
        if isinstance(task, SegmentTask):
            return SegmentPass(task, mark).run()
        if isinstance(task, AuditTask):
            return [audit(task, mark)]
        if isinstance(task, ReduceTask):
            return [reduce(task)]
        if isinstance(task, PartTask):
            return [of_part(task)]
        return [resolve(task)]
    finally:
        pa.default_memory_pool().release_unused()  # what the next one takes is not added to what this one took
