"""Tasks of several pipelines that read the same files, put together."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from refinery.identity import measure_identity
from refinery.root.input_lists import list_content
from refinery.stage.base import Source
from refinery.task.tasks import JointTask, SegmentTask, Task


def joined(phases: Sequence[Sequence[Task]]) -> list[Task | JointTask]:
    """Return the tasks of the next phases of several pipelines; those that begin with one source are joined."""
    groups: dict[Hashable, list[Task]] = {}
    for number, tasks in enumerate(phases):
        for place, task in enumerate(tasks):
            groups.setdefault(_reading(task) or (number, place), []).append(task)
    return [
        tasks[0] if len(tasks) == 1 else JointTask(tuple(task for task in tasks if isinstance(task, SegmentTask)))
        for tasks in groups.values()
    ]


def _reading(task: Task) -> Hashable:
    """Return what a task reads from the source: the files as they are, and how. None if it reads no source."""
    if not isinstance(task, SegmentTask) or not task.steps:
        return None
    source, flow = task.steps[0].step.stage, task.steps[0].flow
    if not isinstance(source, Source):
        return None
    return (
        tuple(list_content(path) or path for path in task.paths),
        task.contents,
        measure_identity(source),
        tuple(flow.given.names),
    )
