"""A pipeline cut into segments: runs of row stages through which one pass processes a part.

A global stage ends a segment with its map and begins the next one with its verdict; so does a stage that gathers parts
into shards, without a map. Segments form partition groups: all parts go through them together, or, if a stage divides
the dataset, one partition after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from refinery.errors import UsageError, did_you_mean
from refinery.identity import digest, identity, map_identity, measure_identity, order_identity
from refinery.planner.audit_scope import AuditScope
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Step
from refinery.recipe.columns import Flow, flows
from refinery.stage.base import Stage
from refinery.stage.documents import STRUCTURE, TEXT, TRANSIENT
from refinery.stage.global_stage import Global, begins_segment, stores_metrics
from refinery.stage.ordered import Ordered, splits_of


@dataclass(frozen=True)
class Segment:
    """Steps ``first`` to ``last``, and the position of the global stage whose map follows, if one does."""

    first: int
    last: int
    tail: int | None

    @property
    def positions(self) -> range:
        """Positions of its steps."""
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class PartitionGroup:
    """Segments that all parts go through together, or one partition of the parts after another."""

    segments: tuple[Segment, ...]
    partitions: int = 1

    @property
    def first(self) -> int:
        """Position of its first step."""
        return self.segments[0].first

    @property
    def last(self) -> int:
        """Position of its last step."""
        return self.segments[-1].last


def segments_of(stages: Sequence[Stage], last: int) -> list[Segment]:
    """Cut the stages up to position ``last`` into segments."""
    starts = [i for i, stage in enumerate(stages[: last + 1]) if i == 0 or begins_segment(stage)]
    segments = []
    for first, following in zip(starts, [*starts[1:], last + 1], strict=True):
        tail = following if following <= last and _takes_map(stages[following]) else None
        segments.append(Segment(first, following - 1, tail))
    return segments


def _takes_map(stage: Stage) -> bool:
    """Return True for a stage for which the segment before it writes a map, or a run in its order."""
    return isinstance(stage, Global) or bool(splits_of(stage))


def partition_groups(stages: Sequence[Stage], last: int) -> list[PartitionGroup]:
    """Cut the stages up to position ``last`` into partition groups.

    A divided group reaches from the stage that divides to the last global one, whose segment ends with another map of
    the former: later partitions are compared with what is kept then. Raises UsageError for a recipe that divides twice,
    or gathers the parts of a partition.
    """
    segments = segments_of(stages, last)
    start = next((n for n, s in enumerate(segments) if _partitions(stages[s.first]) > 1), None)
    if start is None:
        return [PartitionGroup(tuple(segments))]
    stop = 1 + max(n for n, s in enumerate(segments) if isinstance(stages[s.first], Global))
    divider = segments[start].first
    for inner in (stages[s.first] for s in segments[start + 1 : stop]):
        if _partitions(inner) != 1:
            raise UsageError(
                f"stage {inner.name!r} cannot divide or gather the parts: {stages[divider].name!r} has divided them",
                hint="one stage divides, and stages that gather come after the last global one",
            )
    divided = (*segments[start : stop - 1], replace(segments[stop - 1], tail=divider))
    groups = [PartitionGroup(tuple(segments[:start])), PartitionGroup(divided, _partitions(stages[divider]))]
    return groups + ([PartitionGroup(tuple(segments[stop:]))] if segments[stop:] else [])


def _partitions(stage: Stage) -> int:
    """The number of partitions of a stage that begins a segment; 0 for one that gathers."""
    return stage.partitions() if isinstance(stage, Global) else 0


@dataclass(frozen=True)
class Layout:
    """The steps of a pipeline with their folders, identities and partition groups, as far as a selection reaches."""

    pipeline: Pipeline
    selection: Selection
    flows: tuple[Flow, ...]
    folders: tuple[str, ...]
    identities: tuple[str, ...]
    measures: tuple[str, ...]
    """The identity of what a stage measures where its rules can be applied to stored metrics, else ""; ``maps`` of each
    global stage's map."""
    maps: tuple[str, ...]
    first: int
    """Position of the first selected step; ``last`` that of the last one."""
    last: int
    groups: tuple[PartitionGroup, ...]
    written: tuple[bool, ...]
    """True for each step whose rows are written to Parquet: by the recipe, and where a segment or the pipeline ends."""
    audit: AuditScope

    @classmethod
    def of(cls, pipeline: Pipeline, selection: Selection = Selection()) -> Layout:
        """Lay out a pipeline. Raises UsageError for a recipe or a selection that cannot run."""
        steps = pipeline.steps
        stages = [step.stage for step in steps]
        first, last = _selected(steps, selection)
        _refuse_cut(steps, last)
        groups = partition_groups(stages, last)
        ends = {segment.last for group in groups for segment in group.segments} | {len(steps) - 1}
        each = tuple(flows(steps))
        return cls(
            pipeline,
            selection,
            flows=each,
            folders=tuple(f"{position:02d}-{step.name}" for position, step in enumerate(steps)),
            identities=tuple(digest([identity(stage), pipeline.keep_removed]) for stage in stages),
            measures=tuple(measure_identity(stage) if stores_metrics(stage) else "" for stage in stages),
            maps=tuple(_map_identity(stage, flow) for stage, flow in zip(stages, each, strict=True)),
            first=first,
            last=last,
            groups=tuple(groups),
            written=tuple(n in ends or step.write or pipeline.write == "every" for n, step in enumerate(steps)),
            audit=AuditScope.of(steps, each, pipeline.audit),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the pipeline."""
        return self.pipeline.steps

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments of all groups."""
        return tuple(segment for group in self.groups for segment in group.segments)

    @property
    def audited(self) -> bool:
        """True if documents are audited and the selection reaches the last step of the audit."""
        return bool(self.pipeline.audit) and self.last >= len(self.audit.steps) - 1

    def is_forced(self, position: int) -> bool:
        """True if a step runs again even if it is up to date."""
        return self.selection.forced and self.first <= position <= self.last

    def is_transient(self, position: int) -> bool:
        """True if a step reads columns that are never written, such as HTML."""
        return bool(TRANSIENT & set(self.flows[position].given.names))

    def position(self, name: str) -> int:
        """Position of the step of a name."""
        return [step.name for step in self.steps].index(name)


def _map_identity(stage: Stage, flow: Flow) -> str:
    if isinstance(stage, Global):
        return map_identity(stage)
    return order_identity(stage, moved(stage, flow.given)) if isinstance(stage, Ordered) and stage.splits() else ""


def moved(stage: Stage, given: pa.Schema) -> pa.Schema:
    """Return the columns of documents that move to the places that a stage's order has for them.

    Nested columns, such as metrics, are left out if the stage neither selects nor reads them, nor renders structure.
    """
    read = [name.partition(".")[0] for name in stage.wants()]
    rendered = any(column.name == TEXT.name for column in stage.added())
    wanted = {*stage.selects(given.names), *read, *([STRUCTURE.name] if rendered else [])}
    return pa.schema([column for column in given if column.name in wanted or not pa.types.is_nested(column.type)])


def _selected(steps: Sequence[Step], selection: Selection) -> tuple[int, int]:
    """Positions of the first and the last selected step. Raises UsageError where there are none."""
    names = [step.name for step in steps]
    for name in (selection.first, selection.until):
        if name is not None and name not in names:
            raise UsageError(f"the recipe has no stage {name[:80]!r}", hint=did_you_mean(name, names))
    first = 0 if selection.first is None else names.index(selection.first)
    last = len(names) - 1 if selection.until is None else names.index(selection.until)
    if first > last:
        raise UsageError(
            f"--from {selection.first} comes after --until {selection.until}", hint=f"the order is {', '.join(names)}"
        )
    return first, last


def _refuse_cut(steps: Sequence[Step], last: int) -> None:
    """Raise UsageError if a selection ends between the first and the last step of a divided group."""
    for group in partition_groups([step.stage for step in steps], len(steps) - 1):
        if group.partitions > 1 and group.first <= last < group.last:
            begin, end = steps[group.first].name, steps[group.last].name
            raise UsageError(
                f"--until {steps[last].name}: one partition after another goes from {begin} to {end}",
                hint=f"choose {end}, or a stage before {begin}",
            )
