"""The task that remains of a part in a segment: where it begins, what it reads, what it commits."""

from __future__ import annotations

from refinery.planner.parts import Part
from refinery.planner.segments import Layout, Segment, moved
from refinery.root.receipts import Receipt
from refinery.stage.documents import TRANSIENT
from refinery.stage.global_stage import Global
from refinery.stage.ordered import Ordered
from refinery.task.left_out import LeftOut
from refinery.task.ranks import OrderRun
from refinery.task.tasks import MapRun, Poison, SegmentTask, StepOutput, StepRun


def segment_task(layout: Layout, segment: Segment, part: Part) -> SegmentTask:
    """The task that takes a part from its first missing step to the end of a segment."""
    start = _start(layout, segment, part)
    read = part.receipts[start - segment.first - 1] if start > segment.first else None
    positions = range(start, segment.last + 1)
    first = layout.steps[segment.first]
    has_verdict = read is None and isinstance(first.stage, Global)
    return SegmentTask(
        root=layout.pipeline.root,
        part=part.number,
        paths=tuple(file.path for file in read.files["kept"]) if read else part.paths,
        contents=(read.contents["kept"],) if read else part.contents,
        steps=tuple(_step_run(layout, part, position) for position in positions),
        outputs=tuple(_step_output(layout, segment, part, position) for position in positions),
        ranks=None if read else part.ranks,
        verdict=part.verdict if has_verdict else "",
        map=_map_run(layout, segment),
        force=layout.selection.forced,
        keep_removed=layout.pipeline.keep_removed,
        batch=layout.pipeline.executor.batch,
        bytes=read.total("kept") if read else part.bytes,
        disk=_mapped_bytes(layout, segment, read),
        poison=tuple(Poison(first.name, *each) for each in part.poison) if has_verdict else (),
        left_out=LeftOut.of(read) if read else part.left_out,
    )


def _start(layout: Layout, segment: Segment, part: Part) -> int:
    """Position of the step to begin with: the missing one, or one before it whose input is in Parquet."""
    assert part.missing is not None
    for start in range(part.missing, segment.first, -1):
        given = layout.flows[start].given if start <= segment.last else layout.flows[segment.last].passed
        if part.receipts[start - segment.first - 1].files.get("kept") and not TRANSIENT & set(given.names):
            return start
    return segment.first


def _step_run(layout: Layout, part: Part, position: int) -> StepRun:
    return StepRun(layout.steps[position], layout.flows[position], part.stored if position == part.missing else ())


def _step_output(layout: Layout, segment: Segment, part: Part, position: int) -> StepOutput:
    assert part.missing is not None
    commit = position >= part.missing
    return StepOutput(
        folder=layout.folders[position],
        identity=layout.identities[position],
        write=layout.written[position],
        commit=commit,
        expected="" if commit else part.receipts[position - segment.first].contents["kept"],
    )


def _map_run(layout: Layout, segment: Segment) -> MapRun | OrderRun | None:
    if segment.tail is None:
        return None
    step = layout.steps[segment.tail]
    folder, identity = layout.folders[segment.tail], layout.maps[segment.tail]
    given = layout.flows[segment.last].passed
    if isinstance(step.stage, Global):
        return MapRun(step.stage, step.name, folder, identity, given)
    assert isinstance(step.stage, Ordered)
    columns = tuple(moved(step.stage, layout.flows[segment.tail].given).names)
    return OrderRun(step.stage, step.name, folder, identity, given, columns)


def _mapped_bytes(layout: Layout, segment: Segment, read: Receipt | None) -> int:
    """Bytes that the map will write of a part, if it is known how many documents the part has; else 0."""
    stage = layout.steps[segment.tail].stage if segment.tail is not None else None
    if read is not None and isinstance(stage, Ordered):
        return read.total("kept")
    if read is None or not isinstance(stage, Global):
        return 0
    return stage.stores(read.rows["kept"], read.rows.get("text", 0))
