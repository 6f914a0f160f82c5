"""The walk that makes a plan: a pure function of a pipeline, its parts and the receipts of its root.

A key depends on the contents before it, so only the tasks of the next phase are known. Whoever has committed their
receipts makes another plan.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import TypeVar

from msgspec import structs

from refinery.identity import part_key
from refinery.planner.parts import Kept, Part, gathered, in_order, merges, partitioned, shard_bytes, with_verdict
from refinery.planner.plan import Phase, Plan, StageState
from refinery.planner.receipt_lookup import ReceiptLookup
from refinery.planner.round_walk import RoundWalk
from refinery.planner.rounds import FileShuffle
from refinery.planner.segment_tasks import segment_task
from refinery.planner.segments import Layout, PartitionGroup, Segment
from refinery.root.briefs import Brief
from refinery.root.receipt_sequence import briefs_of, joined
from refinery.root.receipts import Receipt, lean
from refinery.root.reference import ReferencePart
from refinery.stage.addresses import reference_number
from refinery.stage.global_stage import Global
from refinery.stage.ordered import Ordered
from refinery.task.tasks import AuditTask

T = TypeVar("T")


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
            parts, entered = entered, ()  # those before it have receipts of maps, which nothing needs any more
            parts = self._through(segment, parts)
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
        if isinstance(step.stage, Ordered) and step.stage.splits():
            return self._sorted(segment.first, step.stage, parts, shard_bytes(step.stage))
        return gathered(parts, shard_bytes(step.stage))

    def _sorted(self, position: int, stage: Ordered, parts: Sequence[Part], shard: int) -> Sequence[Part] | _End:
        """The shards of an order of all documents, or the tasks that merge many runs to few."""
        name, folder = self._layout.steps[position].name, self._layout.folders[position]
        runs, tier = [part.mapped for part in parts if part.mapped is not None], 0
        while tasks := merges(runs, self._layout.pipeline.root, stage, name, folder, tier):
            keys = [task.key for task in tasks]
            receipts = dict(zip(keys, self._receipts(position, keys), strict=True))
            runs, tier = [receipt for receipt in receipts.values() if receipt is not None], tier + 1
            self._add(position, shuffle=[receipt.key for receipt in runs])
            missing = tuple(task for task in tasks if receipts[task.key] is None)
            if missing:
                return _End(Phase(f"{name} merge", missing))
        return in_order(parts, runs, stage, shard)

    def _shuffled(
        self, position: int, stage: Global, parts: Sequence[Part], done: Sequence[Part]
    ) -> Sequence[Part] | _End:
        """The parts with their verdicts, or the tasks of the first round that is not done."""
        step, folder = self._layout.steps[position], self._layout.folders[position]
        after_all_roots = reference_number(len(stage.reference_roots()), 0)
        known = list(self._references[position])
        known += [ReferencePart(n, "", p.mapped) for n, p in enumerate(done, after_all_roots) if p.mapped is not None]
        mapped = [part.mapped for part in parts] + [part.mapped for part in known]
        documents = sum(receipt.rows["in"] for receipt in mapped if receipt is not None)
        walks = list[RoundWalk]()
        for rounds in stage.forms(documents):
            shuffle = FileShuffle(self._layout.pipeline.root, step, folder, parts, known)
            walks.append(RoundWalk(shuffle, partial(self._receipts, position)).through(step.name, rounds))
            if walks[-1].phase is None or walks[0].keys:
                break  # of other forms a whole one counts, where nothing of the first is done
        walk = walks[-1] if walks[-1].phase is None else walks[0]
        self._add(position, shuffle=walk.keys)
        return _End(walk.phase) if walk.phase else [with_verdict(*one) for one in walk.shuffle.verdicts()]

    def _through(self, segment: Segment, parts: Sequence[Part]) -> list[Part]:
        """The parts with their receipts in a segment, without those that are left out from here on."""
        followed = self._followed(segment, parts)
        going = [p for p in followed if p.missing is None or (segment.first, p.number) not in self._left_out]
        self._expect(segment.last + 1, self._layout.last, len(followed) - len(going))
        return going

    def _followed(self, segment: Segment, parts: Sequence[Part]) -> list[Part]:
        """The parts with what the last step of a segment kept of them, or the first missing step: all, step by step."""
        followed: list[Part] = list(parts)
        going = [(place, part.contents) for place, part in enumerate(parts)]
        kept = list[Kept]()
        for position in segment.positions:
            reached, going, keys, reapplied = going, [], list[str](), 0
            sought = [part_key(self._layout.identities[position], contents) for _, contents in reached]
            read = self._receipts if position == segment.last else self._briefs
            for (place, contents), key, receipt in zip(reached, sought, read(position, sought), strict=True):
                if receipt is None or (self._layout.written[position] and not receipt.written):
                    stored = self._stored(position, contents)
                    reapplied += bool(stored)
                    followed[place] = self._with_receipts(segment, parts[place], position, stored)
                    continue
                keys.append(key)
                going.append((place, (receipt.content,)))
                if isinstance(receipt, Receipt):  # of the last step
                    kept.append(Kept.of(receipt))
            self._add(position, len(parts), keys, reapplied=reapplied)
        mapped = self._mapped(segment.tail, going) if segment.tail is not None else {}
        for (place, _), rows in zip(going, kept, strict=True):
            missing = segment.last + 1 if segment.tail is not None and place not in mapped else None
            part = structs.replace(parts[place], kept=rows, mapped=mapped.get(place), missing=missing)
            followed[place] = part if missing is None else self._with_receipts(segment, part, missing)
        return followed

    def _mapped(self, tail: int, going: Sequence[tuple[int, tuple[str, ...]]]) -> dict[int, Receipt]:
        """The receipts of the map at the end of a segment, by the places of the parts that have one."""
        keys = [part_key(self._layout.maps[tail], contents) for _, contents in going]
        each = zip(going, self._receipts(tail, keys), strict=True)
        mapped = {place: lean(one) for (place, _), one in each if one is not None}
        self._add(tail, shuffle=[key for (place, _), key in zip(going, keys, strict=True) if place in mapped])
        return mapped

    def _with_receipts(self, segment: Segment, part: Part, missing: int, stored: tuple[str, ...] = ()) -> Part:
        """A part that lacks a step, with the receipts of those before it."""
        contents, receipts = part.contents, list[Receipt]()
        for position in range(segment.first, missing):
            found = self._receipts(position, [part_key(self._layout.identities[position], contents)])
            receipts += [receipt for receipt in found if receipt is not None]
            contents = (receipts[-1].contents["kept"],)
        return structs.replace(part, receipts=tuple(receipts), missing=missing, stored=stored)

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
        source = self._stages[0].receipts
        keys = [self._layout.audit.key(one) for one in briefs_of(source)]
        there = [receipt is not None for receipt in self._briefs(0, keys)]
        audits = [*compress(keys, there)]
        self._stages[0] = replace(self._stages[0], audit=self._lookup.sequence(folder, audits))
        missing = (source[place] for place, done in enumerate(there) if not done)
        return tuple(self._layout.audit.task(root, folder, one, paths[one.inputs[0]]) for one in missing)

    def _receipts(self, position: int, keys: Sequence[str]) -> Iterator[Receipt | None]:
        return self._unforced(position, keys, self._lookup.find_all(self._layout.folders[position], keys))

    def _briefs(self, position: int, keys: Sequence[str]) -> Iterator[Brief | None]:
        return self._unforced(position, keys, self._lookup.briefs(self._layout.folders[position], keys))

    def _unforced(self, position: int, keys: Sequence[str], known: Iterator[T | None]) -> Iterator[T | None]:
        """The receipts or briefs of keys, but of a forced stage only those that were committed in this run."""
        fresh = (one if self._lookup.is_fresh(key) else None for key, one in zip(keys, known, strict=True))
        return fresh if self._forced[position] else known

    def _stored(self, position: int, contents: tuple[str, ...]) -> tuple[str, ...]:
        """Files with the metrics that a filter has measured of these contents."""
        measure = self._layout.measures[position]
        if self._layout.selection.forced or not measure or self._layout.is_transient(position):
            return ()
        return self._lookup.metrics(self._layout.folders[position], measure).get(contents, ())

    def _expect(self, first: int, last: int, parts: int) -> None:
        """Count parts that are still to come to steps ``first`` to ``last``."""
        for position in range(first, last + 1):
            self._add(position, parts)

    def _add(
        self,
        position: int,
        expected: int = 0,
        receipts: Sequence[str] = (),
        shuffle: Sequence[str] = (),
        reapplied: int = 0,
    ) -> None:
        """Count parts that are expected, and the receipts of keys."""
        before, folder = self._stages[position], self._layout.folders[position]
        self._stages[position] = replace(
            before,
            expected=before.expected + expected,
            receipts=joined(before.receipts, self._lookup.sequence(folder, receipts)),
            shuffle=joined(before.shuffle, self._lookup.sequence(folder, shuffle)),
            reapplied=before.reapplied + reapplied,
        )
