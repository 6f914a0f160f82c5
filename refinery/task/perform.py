"""What one worker does for one task: read, carry batches through the steps, write, commit. It knows no other task."""

from __future__ import annotations

import time

import pyarrow as pa

from refinery.root.parquet import publish, write_batches
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.statistics import AuditStatistics, put_statistics
from refinery.store import PROVEN, store_for, taken
from refinery.task.audit import Audit
from refinery.task.commit import commit
from refinery.task.rounds import of_part, reduce, resolve
from refinery.task.segment import Segment
from refinery.task.shuffle import ROW_GROUP
from refinery.task.tasks import AuditTask, PartTask, ProgressMarker, ReduceTask, SegmentTask, Task


def perform(task: Task, mark: ProgressMarker) -> list[Receipt]:
    """Do a task; the receipts it committed. Raises RefineryError, or what a broken stage raises."""
    PROVEN.set()
    taken()  # what came before is not this task's
    try:
        if isinstance(task, SegmentTask):
            return Segment(task, mark).run()
        if isinstance(task, AuditTask):
            return [_audit(task, mark)]
        if isinstance(task, ReduceTask):
            return [reduce(task)]
        if isinstance(task, PartTask):
            return [of_part(task)]
        return [resolve(task)]
    finally:
        pa.default_memory_pool().release_unused()  # what the next one takes is not added to what this one took


def _audit(task: AuditTask, mark: ProgressMarker) -> Receipt:
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    audit, counts = Audit(task, mark), AuditStatistics()
    content, written = write_batches(root, audit.schema, counts.passing(audit.rows()), ROW_GROUP)
    root.withdraw(task.folder, task.key)
    statistics = f"{task.folder}/stats/audit-{task.part:05d}-{task.key[:8]}.json.gz"
    put_statistics(root, statistics, counts.to_json())
    receipt = Receipt(
        kind="audit",
        stage=task.name,
        part=task.part,
        key=task.key,
        inputs=task.inputs,
        contents={"audit": content},
        rows={"in": counts.documents},
        files={"audit": publish(root, written, f"{task.folder}/audit", task.part, task.key)},
        statistics=statistics,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)
