"""The walk that makes a plan: a pure function of a pipeline, its parts and the receipts of its root.

A key depends on the contents before it, so only the tasks of the next phase are known. Whoever has committed their
receipts makes another plan.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from refinery.identity import part_key
from refinery.planner.parts import Part, gathered, in_order, merges, partitioned, shard_bytes, with_verdict
from refinery.planner.plan import Phase, Plan, StageState
from refinery.planner.rounds import FileShuffle
from refinery.planner.segment_tasks import segment_task
from refinery.planner.segments import Layout, PartitionGroup, Segment
from refinery.root.receipts import Receipt
from refinery.root.reference import ReferencePart
from refinery.stage.addresses import reference_number
from refinery.stage.global_stage import Global
from refinery.stage.ordered import Ordered
from refinery.stage.rounds import Round
from refinery.task.tasks import AuditTask
from refinery.task.tiers import TierTask


class ReceiptLookup(Protocol):
    """Finds what tasks have committed."""

    def find(self, folder: str, key: str) -> Receipt | None:
        """The receipt of a key, if there is one and its files are there."""

    def is_fresh(self, key: str) -> bool:
        """True if a task of this run committed it, so that a forced stage is not run again."""

    def metrics(self, folder: str, measure: str) -> Mapping[tuple[str, ...], tuple[str, ...]]:
        """Files with the metrics of a filter, by the contents that it measured."""


def make_plan(
    layout: Layout,
    parts: Sequence[Part],
    receipts: ReceiptLookup,
    references: Mapping[int, Sequence[ReferencePart]],
    left_out: Container[tuple[int, int]] = frozenset(),
) -> Plan:
    """Plan what the receipts do not have yet.

    ``parts`` are the selected input files. ``references`` are the parts of other roots, by the position of the global
    stage that compares with them. ``left_out`` are parts that failed, by the first step of the segment and their
    number: everything that follows lacks them.
    """
    return _Walk(layout, receipts, references, left_out).plan(parts)


@dataclass(frozen=True)
class _End:
    """The end of a walk: at tasks that must be done first, or for a reason why nothing can be."""

    phase: Phase | None = None
    blocked: str = ""


class _Walk:
    """One walk with the parts through the segments, which counts what it meets."""

    def __init__(
        self,
        layout: Layout,
        receipts: ReceiptLookup,
        references: Mapping[int, Sequence[ReferencePart]],
        left_out: Container[tuple[int, int]],
    ) -> None:
        self._layout = layout
        self._lookup = receipts
        self._references = references
        self._left_out = left_out
        self._forced = [layout.is_forced(position) for position in range(len(layout.steps))]
        self._stages = [StageState(step.name, 0) for step in layout.steps]

    def plan(self, parts: Sequence[Part]) -> Plan:
        """Walk until something is missing. The audit comes last: nothing waits for it."""
        paths = {part.contents[0]: part.source for part in parts}
        end = self._groups(parts)
        most = max(state.expected for state in self._stages)
        for position in range(self._layout.last + 1):
            if not self._stages[position].expected:  # its input does not exist yet
                self._add(position, expected=most)
        audits = self._audits(paths)
        phase = Phase("audit", audits) if end.phase is None and audits else end.phase
        return Plan(tuple(self._stages), phase, end.blocked, paths)

    def _groups(self, parts: Sequence[Part]) -> _End:
        for group in self._layout.groups:
            reached = self._partitions(group, parts) if group.partitions > 1 else self._segments(group, parts)
            if isinstance(reached, _End):
                return reached
            if not reached:
                return _End(blocked="every part failed")
            parts = reached
        return _End()

    def _partitions(self, group: PartitionGroup, parts: Sequence[Part]) -> Sequence[Part] | _End:
        """Take one partition after another through the group; each is compared with what those before it kept."""
        done: list[Part] = []
        partitions = partitioned(parts, group.partitions)
        for number, partition in enumerate(partitions):
            reached = self._segments(group, partition, done)
            if isinstance(reached, _End):
                self._expect(group.first, group.last, sum(map(len, partitions[number + 1 :])))
                return reached
            done += reached
        return sorted(done, key=lambda part: part.number)

    def _segments(
        self, group: PartitionGroup, parts: Sequence[Part], done: Sequence[Part] = ()
    ) -> Sequence[Part] | _End:
        for segment in group.segments:
            entered = self._entered(segment, parts, done if segment.first == group.first else ())
            if isinstance(entered, _End):
                self._expect(segment.first, group.last, len(parts))
                return entered
            parts = self._through(segment, entered)
            missing = [part for part in parts if part.missing is not None]
            if missing:
                self._expect(segment.last + 1, group.last, len(parts))
                return _End(self._phase(segment, missing))
        return parts

    def _entered(self, segment: Segment, parts: Sequence[Part], done: Sequence[Part]) -> Sequence[Part] | _End:
        """The parts as the segment's first step takes them, or the end of the walk before it."""
        if segment.first == 0:
            return parts
        step = self._layout.steps[segment.first]
        if self._layout.selection.partial:
            return _End(blocked=f"{step.name} needs all parts, and only some are selected")
        if isinstance(step.stage, Global):
            return self._shuffled(segment.first, step.stage, parts, done)
        shard = shard_bytes(step.stage)
        if isinstance(step.stage, Ordered) and step.stage.splits():
            return self._sorted(segment.first, step.stage, parts, shard)
        return gathered(parts, shard)

    def _sorted(self, position: int, stage: Ordered, parts: Sequence[Part], shard: int) -> Sequence[Part] | _End:
        """The shards of an order of all documents, or the tasks that merge many runs to few."""
        name, folder = self._layout.steps[position].name, self._layout.folders[position]
        runs, tier = [part.mapped for part in parts if part.mapped is not None], 0
        while tasks := merges(runs, self._layout.pipeline.root, stage, name, folder, tier):
            receipts = [self._receipt(position, task.key) for task in tasks]
            runs, tier = [receipt for receipt in receipts if receipt is not None], tier + 1
            self._add(position, shuffle=runs)
            if len(runs) < len(tasks):
                missing = (task for task, receipt in zip(tasks, receipts, strict=True) if receipt is None)
                return _End(Phase(f"{name} merge", tuple(missing)))
        return in_order(parts, runs, stage, shard)

    def _shuffled(
        self, position: int, stage: Global, parts: Sequence[Part], done: Sequence[Part]
    ) -> Sequence[Part] | _End:
        """The parts with their verdicts, or the tasks of the first round that is not done."""
        step, folder = self._layout.steps[position], self._layout.folders[position]
        after_all_roots = reference_number(len(stage.reference_roots()), 0)
        known = list(self._references[position])
        known += [ReferencePart(n, "", p.mapped) for n, p in enumerate(done, after_all_roots) if p.mapped is not None]
        shuffle = FileShuffle(self._layout.pipeline.root, step, folder, parts, known)
        for operator in stage.rounds():
            merges = self._merged(position, shuffle, operator)
            tasks = operator.tasks(shuffle)
            receipts = [self._receipt(position, task.key) for task in tasks]
            missing = tuple(task for task, receipt in zip(tasks, receipts, strict=True) if receipt is None)
            if missing:  # only then the merged files are needed
                title = "merge" if merges else operator.name
                return _End(Phase(f"{step.name} {title}", merges or missing))
            committed = [receipt for receipt in receipts if receipt is not None]
            self._add(position, shuffle=committed)
            operator.pass_on(shuffle, committed)
        return [with_verdict(part, verdict) for part, verdict in shuffle.verdicts()]

    def _merged(self, position: int, shuffle: FileShuffle, operator: Round) -> tuple[TierTask, ...]:
        """Merge the files that the tasks of a round read, tier after tier; return the tasks that are missing for it."""
        while tasks := shuffle.merges(operator):
            receipts = [self._receipt(position, task.key) for task in tasks]
            committed = [receipt for receipt in receipts if receipt is not None]
            self._add(position, shuffle=committed)
            if len(committed) < len(tasks):
                return tuple(task for task, receipt in zip(tasks, receipts, strict=True) if receipt is None)
            shuffle.merge(operator, committed)
        return ()

    def _through(self, segment: Segment, parts: Sequence[Part]) -> list[Part]:
        """The parts with their receipts in a segment, without those that are left out from here on."""
        followed = [self._followed(segment, part) for part in parts]
        for position in segment.positions:
            place = position - segment.first
            receipts = [part.receipts[place] for part in followed if len(part.receipts) > place]
            reapplied = sum(part.missing == position and bool(part.stored) for part in followed)
            self._add(position, len(followed), receipts, reapplied=reapplied)
        if segment.tail is not None:
            self._add(segment.tail, shuffle=[part.mapped for part in followed if part.mapped is not None])
        going = [p for p in followed if p.missing is None or (segment.first, p.number) not in self._left_out]
        self._expect(segment.last + 1, self._layout.last, len(followed) - len(going))
        return going

    def _followed(self, segment: Segment, part: Part) -> Part:
        """A part with the receipts of the segment's steps, up to the first one that is missing."""
        contents = part.contents
        receipts: list[Receipt] = []
        for position in segment.positions:
            receipt = self._receipt(position, part_key(self._layout.identities[position], contents))
            if receipt is None or (self._layout.written[position] and not receipt.files):
                stored = self._stored(position, contents)
                return replace(part, receipts=tuple(receipts), missing=position, stored=stored)
            receipts.append(receipt)
            contents = (receipt.contents["kept"],)
        if segment.tail is None:
            return replace(part, receipts=tuple(receipts))
        mapped = self._receipt(segment.tail, part_key(self._layout.maps[segment.tail], contents))
        missing = segment.last + 1 if mapped is None else None
        return replace(part, receipts=tuple(receipts), mapped=mapped, missing=missing)

    def _phase(self, segment: Segment, parts: Sequence[Part]) -> Phase:
        first = min(part.missing for part in parts if part.missing is not None)
        names = [step.name for step in self._layout.steps[first : segment.last + 1]]
        title = " → ".join(names) or f"{self._layout.steps[segment.tail or 0].name} map"
        return Phase(title, tuple(segment_task(self._layout, segment, part) for part in parts), segment.first)

    def _audits(self, paths: Mapping[str, str]) -> tuple[AuditTask, ...]:
        """The audits that are missing of the source's parts; those that are done are counted."""
        if not self._layout.audited:
            return ()
        root, folder = self._layout.pipeline.root, self._layout.folders[0]
        tasks = [
            self._layout.audit.task(root, folder, receipt, paths[receipt.inputs[0]])
            for receipt in self._stages[0].receipts
        ]
        receipts = [self._receipt(0, task.key) for task in tasks]
        self._stages[0] = replace(self._stages[0], audit=tuple(r for r in receipts if r is not None))
        return tuple(task for task, receipt in zip(tasks, receipts, strict=True) if receipt is None)

    # ------------------------------------------------------------------------------------------------------ receipts

    def _receipt(self, position: int, key: str) -> Receipt | None:
        if self._forced[position] and not self._lookup.is_fresh(key):
            return None
        return self._lookup.find(self._layout.folders[position], key)

    def _stored(self, position: int, contents: tuple[str, ...]) -> tuple[str, ...]:
        """Files with the metrics that a filter has measured of these contents."""
        measure = self._layout.measures[position]
        if self._layout.selection.forced or not measure or self._layout.is_transient(position):
            return ()
        return self._lookup.metrics(self._layout.folders[position], measure).get(contents, ())

    # ------------------------------------------------------------------------------------------------------- counting

    def _expect(self, first: int, last: int, parts: int) -> None:
        """Count parts that are still to come to steps ``first`` to ``last``."""
        for position in range(first, last + 1):
            self._add(position, parts)

    def _add(
        self,
        position: int,
        expected: int = 0,
        receipts: Sequence[Receipt] = (),
        shuffle: Sequence[Receipt] = (),
        reapplied: int = 0,
    ) -> None:
        before = self._stages[position]
        self._stages[position] = replace(
            before,
            expected=before.expected + expected,
            receipts=(*before.receipts, *receipts),
            shuffle=(*before.shuffle, *shuffle),
            reapplied=before.reapplied + reapplied,
        )
