"""From a recipe and the receipts in its root to what must be done next. Reads receipts; does nothing.

A pipeline is cut into segments: a run of row stages that one pass carries a part through. A global stage ends a segment
with its map and begins the next with its verdict; a stage that gathers parts into shards begins one as well. Because a
key depends on the contents before it, only the tasks of the next phase can be known; they are found by walking again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa

from refinery.errors import UsageError, did_you_mean
from refinery.identity import digest, identity, map_identity, measure_identity, part_key
from refinery.planner.inputs import Inputs
from refinery.planner.rounds import FileShuffle
from refinery.planner.state import (
    AuditScope,
    Made,
    Part,
    Phase,
    Segment,
    Selection,
    Stretch,
    Survey,
    divided,
    gathered,
    next_part,
    stretches_of,
)
from refinery.recipe import Pipeline
from refinery.recipe.columns import Flow, flows
from refinery.root.receipt_cache import Receipts
from refinery.root.receipts import Receipt
from refinery.root.reference import EarlierPart, earlier_parts
from refinery.root.root import Root
from refinery.stage.addresses import reference_number
from refinery.stage.base import Filter
from refinery.stage.documents import TRANSIENT
from refinery.stage.global_stage import Global
from refinery.task.tasks import AuditTask, MapRun, Poison, SegmentTask, StepOutput, StepRun


class Planner:
    """Walks a pipeline over its root. Raises UsageError for a selection or recipe that makes no sense."""

    def __init__(
        self, pipeline: Pipeline, root: Root, selection: Selection = Selection(), inputs: Inputs | None = None
    ) -> None:
        self.pipeline = pipeline
        self.root = root
        self.steps = pipeline.steps
        self.flows: list[Flow] = flows(self.steps)
        self.folders = [f"{i:02d}-{step.name}" for i, step in enumerate(self.steps)]
        self.identities = [digest([identity(s.stage), pipeline.keep_removed]) for s in self.steps]
        self._first = self._position(selection.first, 0)
        self.last = self._position(selection.until, len(self.steps) - 1)
        if self._first > self.last:
            order = ", ".join(step.name for step in self.steps)
            raise UsageError(
                f"--from {selection.first} comes after --until {selection.until}", hint=f"the order is {order}"
            )
        self._scope = AuditScope.of(self.steps, self.flows, pipeline.audit)
        self.paths: dict[str, str] = {}
        """Input files by their content id, once they are walked."""
        self._forced = selection.force or selection.first is not None
        self.selection = selection
        self.inputs = inputs or Inputs(pipeline)
        self._receipts = Receipts(root, self.folders)
        self.stretches = self._stretches()
        self._against: dict[int, list[EarlierPart]] = {}
        self._left_out: set[tuple[int, int]] = set()
        self._others = False
        """Whether parts are walked that were not selected, whose remote files nobody need look at."""

    def _position(self, name: str | None, default: int) -> int:
        if name is None:
            return default
        names = [step.name for step in self.steps]
        if name not in names:
            raise UsageError(f"the recipe has no stage {name[:80]!r}", hint=did_you_mean(name, names))
        return names.index(name)

    def _stretches(self) -> list[Stretch]:
        stages = [step.stage for step in self.steps]
        for stretch in stretches_of(stages, len(stages) - 1):
            first = stretch.segments[0].first
            if stretch.partitions > 1 and first <= self.last < stretch.last:
                begin, end = self.steps[first].name, self.steps[stretch.last].name
                raise UsageError(
                    f"--until {self.steps[self.last].name}: one partition after another goes from {begin} to {end}",
                    hint=f"choose {end}, or a stage before {begin}",
                )
        return stretches_of(stages, self.last)

    # --------------------------------------------------------------------------------------------------------- walking

    def survey(self) -> Survey:
        """Walk from the inputs until something is missing. The audit comes last: nothing waits for it."""
        found = self._survey()
        missing = tuple(self._audit_tasks())
        if found.phase is None and missing:
            return Survey(Phase("audit", missing), self.made, found.blocked)
        return found

    def _survey(self) -> Survey:
        self.made = [Made() for _ in self.steps]
        self._receipts.fetch()
        self._find_earlier()
        parts: list[Part] | Survey = self._source_parts()
        for stretch in self.stretches:
            assert isinstance(parts, list)
            parts = self._one_by_one(stretch, parts) if stretch.partitions > 1 else self._walk(stretch, parts)
            if isinstance(parts, Survey):
                self._mark_rest()
                return parts
            if not parts:
                return Survey(None, self.made, "every part failed")
        return Survey(None, self.made)

    def _audit_tasks(self) -> Iterator[AuditTask]:
        """What is not audited yet of what the source has made; what is, is noted."""
        if not self.audits:
            return
        for receipt in self.made[0].receipts:
            task = self._scope.task(self.root.path, self.folders[0], receipt, (self.paths[receipt.inputs[0]],))
            known = self._receipt(0, task.key)
            if known is None:
                yield task
            else:
                self.made[0].audit.append(known)

    @property
    def audits(self) -> bool:
        """Whether documents are audited, and the selection reaches the last step that the audit asks."""
        return bool(self.pipeline.audit) and self.last >= len(self._scope.steps) - 1

    def earlier_documents(self, position: int) -> int:
        """How many documents the earlier roots have that a stage is held against."""
        return sum(part.mapped.rows["in"] for part in self._against.get(position, ()))

    def remember_earlier(self, position: int, parts: list[EarlierPart]) -> None:
        """Take the parts that a global stage is held against as already looked for."""
        self._against[position] = parts

    def _find_earlier(self) -> None:
        """Look once at the roots that global stages are held against, so that what is wrong with them is told first."""
        for position, step in enumerate(self.steps[: self.last + 1]):
            if isinstance(step.stage, Global) and position not in self._against:
                self._against[position] = earlier_parts(step.stage)

    def _one_by_one(self, stretch: Stretch, parts: list[Part]) -> list[Part] | Survey:
        """Carry one partition after another through the stretch; each is told what the earlier ones kept."""
        done: list[Part] = []
        groups = divided(parts, stretch.partitions)
        for number, group in enumerate(groups):
            found = self._walk(stretch, group, earlier=done)
            if isinstance(found, Survey):
                self._wait(stretch.segments[0].first, stretch, sum(map(len, groups[number + 1 :])))
                return found
            done += found
        return sorted(done, key=lambda part: part.number)

    def _walk(self, stretch: Stretch, parts: list[Part], earlier: Sequence[Part] = ()) -> list[Part] | Survey:
        for segment in stretch.segments:
            entered = self._enter(segment, parts, earlier if segment == stretch.segments[0] else ())
            if not isinstance(entered, list):
                phase, blocked = (entered, "") if isinstance(entered, Phase) else (None, entered)
                self._wait(segment.first, stretch, len(parts))
                return Survey(phase, self.made, blocked)
            parts = entered
            for part in parts:
                self._follow(segment, part)
            parts = self._without_failed(segment, parts)
            tasks = tuple(self._segment_task(segment, part) for part in parts if part.missing is not None)
            if tasks:
                self._wait(segment.last + 1, stretch, len(parts))
                names = [self.steps[i].name for i in range(min(_first_of(parts)), segment.last + 1)]
                title = " → ".join(names) or f"{self.steps[segment.tail or 0].name} map"
                return Survey(Phase(title, tasks), self.made)
        return parts

    def _without_failed(self, segment: Segment, parts: list[Part]) -> list[Part]:
        """The parts but for those that are left out, which all further steps lack."""
        left = [part for part in parts if part.missing is None or (segment.first, part.number) not in self._left_out]
        for made in self.made[segment.last + 1 : self.last + 1]:
            made.wait(len(parts) - len(left))
        return left

    def _wait(self, first: int, stretch: Stretch, parts: int) -> None:
        """So many parts have not come to step ``first`` yet, nor to those behind it in the stretch."""
        for made in self.made[first : stretch.last + 1]:
            made.wait(parts)

    def _source_parts(self) -> list[Part]:
        parts = self.inputs.parts(self.selection, self._recorded if self._others else None)
        self.paths = {part.contents[0]: part.source for part in parts}
        return parts

    def _recorded(self) -> dict[int, set[str]]:
        return self._receipts.made_from(self.folders[0], self.identities[0])

    def everything(self, *, afresh: bool = False) -> Planner:
        """The same walk over all stages and parts, with the receipts known so far.

        ``afresh`` looks for receipts anew, for other runs may have made some.
        """
        other = Planner(self.pipeline, self.root)
        other.inputs = self.inputs
        other._others = self._others or self.selection.partial
        other._left_out = self._left_out
        if not afresh:
            other._receipts, other._against = self._receipts, self._against
        return other

    def _enter(self, segment: Segment, parts: list[Part], earlier: Sequence[Part]) -> list[Part] | Phase | str:
        """The parts as the segment's first step takes them; or what must be done or cannot be done before."""
        if segment.first == 0:
            return parts
        step = self.steps[segment.first]
        before = segment.first - 1
        if self.selection.partial:
            return f"{step.name} needs all parts, and only some are selected"
        if isinstance(step.stage, Global):
            return self._shuffle(segment.first, step.stage, parts, earlier)
        shard = step.stage.shard_bytes() or 0
        return gathered(parts, before, shard)

    def _follow(self, segment: Segment, part: Part) -> None:
        contents = part.contents
        for position in range(segment.first, segment.last + 1):
            made = self.made[position]
            made.expected += 1
            if part.missing is not None:
                made.actions["run"] += 1
                continue
            key = part_key(self.identities[position], contents)
            receipt = self._receipt(position, key)
            if receipt is None or (self.taps(position) and not receipt.files):
                part.missing = position
                part.contents = contents
                made.actions["judge" if self._stored_paths(position, contents) else "run"] += 1
                continue
            part.receipts[position] = receipt
            made.receipts.append(receipt)
            made.actions["keep"] += 1
            contents = (receipt.contents["kept"],)
        if part.missing is None and segment.tail is not None:
            self._follow_map(segment.tail, segment.last + 1, part, contents)

    def _follow_map(self, position: int, end: int, part: Part, contents: tuple[str, ...]) -> None:
        stage = self.steps[position].stage
        assert isinstance(stage, Global)
        part.mapped = self._receipt(position, part_key(map_identity(stage), contents))
        if part.mapped is None:
            part.missing = end
            part.contents = contents
        else:
            self.made[position].shuffle.append(part.mapped)

    def _mark_rest(self) -> None:
        """Steps that no part has reached: their inputs are not made yet."""
        parts = max((m.expected for m in self.made), default=0)
        for made in self.made[: self.last + 1]:
            if not made.expected:
                made.wait(parts)

    # -------------------------------------------------------------------------------------------------- global stages

    def _shuffle(self, position: int, stage: Global, parts: list[Part], earlier: Sequence[Part]) -> list[Part] | Phase:
        before = position - 1
        after_all_roots = reference_number(len(stage.reference_roots()), 0)
        known = list(self._against[position])
        known += [EarlierPart(n, "", p.mapped) for n, p in enumerate(earlier, after_all_roots) if p.mapped is not None]
        shuffle = FileShuffle(self.root.path, self.steps[position], self.folders[position], parts, known)
        for operator in stage.rounds():
            tasks = operator.tasks(shuffle)
            receipts = [self._receipt(position, task.key) for task in tasks]
            missing = tuple(task for task, receipt in zip(tasks, receipts, strict=True) if receipt is None)
            if missing:
                return Phase(f"{self.steps[position].name} {operator.name}", missing)
            made = [receipt for receipt in receipts if receipt is not None]
            self.made[position].shuffle += made
            operator.pass_on(shuffle, made)
        return [next_part(part, before, verdict) for part, verdict in shuffle.verdicts()]

    # ---------------------------------------------------------------------------------------------------------- tasks

    def _segment_task(self, segment: Segment, part: Part) -> SegmentTask:
        assert part.missing is not None
        start = self._start(segment, part)
        read_files = start > segment.first
        before = part.receipts[start - 1] if read_files else None
        contents = self._inputs_of(segment, part, start)
        positions = range(start, segment.last + 1)
        tail = segment.tail
        first = self.steps[segment.first]
        starts_with_verdict = not read_files and isinstance(first.stage, Global)
        return SegmentTask(
            root=self.root.path,
            part=part.number,
            paths=tuple(f.path for f in before.files["kept"]) if before else part.paths,
            contents=contents,
            steps=tuple(self._step_run(position, part) for position in positions),
            outputs=tuple(self._step_output(position, part) for position in positions),
            verdict=part.verdict if starts_with_verdict else "",
            map=self._map_run(tail, self.flows[segment.last].passed) if tail is not None else None,
            force=self._forced,
            keep_removed=self.pipeline.keep_removed,
            batch=self.pipeline.executor.batch,
            bytes=before.total("kept") if before else part.bytes,
            disk=self._mapped_bytes(tail, before),
            poison=tuple(Poison(first.name, *each) for each in part.poison) if starts_with_verdict else (),
        )

    def _mapped_bytes(self, tail: int | None, before: Receipt | None) -> int:
        """What the map will write of a part, where it is known how many documents that has."""
        stage = self.steps[tail].stage if tail is not None else None
        if before is None or not isinstance(stage, Global):
            return 0
        return stage.stores(before.rows["kept"], before.rows.get("text", 0))

    def _start(self, segment: Segment, part: Part) -> int:
        """The step to begin with: the first missing one, or an earlier one where its input is not in Parquet."""
        start = part.missing if part.missing is not None else segment.first
        while start > segment.first:
            given = self.flows[start].given if start <= segment.last else self.flows[segment.last].passed
            if part.receipts[start - 1].files.get("kept") and not TRANSIENT & set(given.names):
                return start
            start -= 1
        return segment.first

    def _inputs_of(self, segment: Segment, part: Part, start: int) -> tuple[str, ...]:
        if start == part.missing:
            return part.contents
        if start == segment.first:
            return part.receipts[start].inputs
        return (part.receipts[start - 1].contents["kept"],)

    def _step_run(self, position: int, part: Part) -> StepRun:
        stored = self._stored_paths(position, part.contents) if position == part.missing else ()
        return StepRun(self.steps[position], self.flows[position], stored)

    def _step_output(self, position: int, part: Part) -> StepOutput:
        assert part.missing is not None
        commit = position >= part.missing
        return StepOutput(
            folder=self.folders[position],
            identity=self.identities[position],
            write=self.taps(position),
            commit=commit,
            expected="" if commit else part.receipts[position].contents["kept"],
        )

    def _map_run(self, position: int, given: pa.Schema) -> MapRun:
        stage = self.steps[position].stage
        assert isinstance(stage, Global)
        return MapRun(stage, self.steps[position].name, self.folders[position], map_identity(stage), given)

    # ---------------------------------------------------------------------------------------------------------- state

    def taps(self, position: int) -> bool:
        """Whether a step's rows are written: by the recipe, and always where a segment or the pipeline ends."""
        ends = {s.last for stretch in self.stretches for s in stretch.segments} | {len(self.steps) - 1}
        step = self.steps[position]
        return position in ends or step.write or self.pipeline.write == "every"

    def _receipt(self, position: int, key: str) -> Receipt | None:
        if self._forced and self._first <= position <= self.last and not self._receipts.is_fresh(key):
            return None
        return self._receipts.find(self.folders[position], key)

    def leave_out(self, task: SegmentTask) -> None:
        """Go on without a part: its task has failed."""
        name = task.steps[0].step.name if task.steps else task.map.name if task.map else ""
        position = [step.name for step in self.steps].index(name)
        segments = (segment for stretch in self.stretches for segment in stretch.segments)
        found = next(s for s in segments if s.first <= position <= s.last or (not task.steps and s.tail == position))
        self._left_out.add((found.first, task.part))

    @property
    def lost(self) -> Mapping[str, Receipt]:
        """Receipts that do not count any more, by a file that each names and that is gone or has another size."""
        return self._receipts.lost

    def learn(self, receipt: Receipt) -> None:
        """A task committed this receipt in this run."""
        folder = next(f for f, s in zip(self.folders, self.steps, strict=True) if s.name == receipt.stage)
        self._receipts.learn(folder, receipt)

    def _stored_paths(self, position: int, contents: tuple[str, ...]) -> tuple[str, ...]:
        stage = self.steps[position].stage
        if self._forced or not isinstance(stage, Filter) or TRANSIENT & set(self.flows[position].given.names):
            return ()
        return self._receipts.metrics(self.folders[position], measure_identity(stage)).get(contents, ())


def _first_of(parts: Iterable[Part]) -> list[int]:
    return [part.missing for part in parts if part.missing is not None]
