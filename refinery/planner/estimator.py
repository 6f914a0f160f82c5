"""The estimate of a plan, calculated from the plan and the measurements of finished parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from refinery.errors import UsageError
from refinery.formatting import plural, size
from refinery.planner.compatibility import changed_code, check_root
from refinery.planner.cost import Cost, Money, Target, wall
from refinery.planner.estimate import Basis, Estimate, IndexedRecords, StageEstimate, Total
from refinery.planner.measurements import Measurements
from refinery.planner.plan import Action, Plan, StageState
from refinery.planner.planner import Planner
from refinery.planner.preflight import preflight
from refinery.planner.reasons import reason_of
from refinery.planner.requests import RoundRequests
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.root.input_lists import InputList
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipt_sequence import briefs_of
from refinery.stage.base import Stage
from refinery.stage.completing import inputs_table
from refinery.stage.global_stage import Global
from refinery.stage.ordered import splits_of
from refinery.store import is_remote
from refinery.task.ordered import BUDGET


def plan(pipeline: Pipeline, selection: Selection = Selection(), target: Target | None = None) -> Estimate:
    """Compare the recipe with its root, or estimate a run over a ``target``. Raises RefineryError as ``run`` would."""
    if target and (selection.partial or selection.forced):
        raise UsageError(
            "--for is a run from nothing over all parts", hint="leave out --from, --parts, --sample, --force"
        )
    planner = preflight(pipeline, selection, accept_code=True).cleared()
    head = check_root(planner.root, pipeline.dataset)
    changed = changed_code(planner.root, head, planner.layout.folders, planner.layout.steps)
    return estimate_of(planner, planner.plan(), head, changed=tuple(step.name for step in changed), target=target)


def estimate_of(
    planner: Planner, planned: Plan, head: Head | None, *, changed: tuple[str, ...] = (), target: Target | None = None
) -> Estimate:
    """Estimate a plan from the finished parts of the manifests that ``head`` names. Raises StorageError."""
    manifests = planner.root.current_manifests(head)  # not before: a walk and all keys take much memory each
    return _Estimator(planner, planned, manifests, Measurements.of(planner, manifests), target).estimate(changed)


@dataclass(frozen=True)
class _Estimator:
    """Estimates the stages of a plan, one after another."""

    planner: Planner
    plan: Plan
    manifests: Mapping[str, StageManifest]
    measured: Measurements
    target: Target | None

    def estimate(self, changed: tuple[str, ...]) -> Estimate:
        """The estimate of all selected stages. ``changed`` are those whose code changed."""
        layout, target, measured = self.planner.layout, self.target, self.measured
        stages: list[StageEstimate] = []
        for position, state in enumerate(self.plan.stages[: layout.last + 1]):
            stages.append(self._stage(position, state, stages))
        source, parts = self.plan.stages[0], stages[0].parts
        return Estimate(
            dataset=layout.pipeline.dataset,
            root=self.planner.root.path,
            inputs=parts if target else measured.files,
            input_bytes=self._todo_bytes(0) if target else measured.bytes,
            stages=tuple(stages),
            changed_code=changed,
            blocked="" if target else self.plan.blocked,
            audit=(parts if target else source.expected - len(source.audit)) if layout.audited else 0,
            target=target,
            total=self._total(stages),
            records=_chosen(self.planner.inputs.lists),
            next_round=RoundRequests.of(self.plan.phase) if is_remote(self.planner.root.path) and not target else None,
            inputs_table=inputs_table(layout.pipeline.source),
            files=self.planner.inputs.count,
        )

    # --------------------------------------------------------------------------------------------------------- amounts

    def _todo_bytes(self, position: int) -> int:
        """Bytes of the input files of the parts to be processed."""
        measured, state = self.measured, self.plan.stages[position]
        if self.target:
            cost = measured.costs[position]
            mean = cost.inputs / cost.files if cost else measured.bytes / measured.files
            return self.target.bytes or round(mean * (self.target.files or 0))
        if measured.gathered[position]:
            return 0 if state.complete else measured.bytes
        return measured.bytes - sum(measured.inputs.get(one.part, 0) for one in briefs_of(state.receipts))

    def _factor(self, position: int, todo: int, parts: int) -> float:
        """The ratio of the parts to be processed to the measured ones."""
        cost = self.measured.costs[position]
        if cost is None or not todo:
            return 0.0
        if self.target:
            return cost.factor(self.target)
        if self.measured.gathered[position]:
            return todo / parts * (self.measured.bytes / cost.inputs if cost.inputs else 1.0)
        return self._todo_bytes(position) / cost.inputs if cost.inputs else todo / cost.files

    def _parts(self, position: int, state: StageState) -> tuple[int, int]:
        """The number of parts, and of those to be processed."""
        manifest = self.manifests.get(self.planner.layout.folders[position])
        gathers = self.planner.layout.steps[position].stage.shard_bytes() is not None
        if self.target:
            files = self._target_files(self.target)
            cost = self.measured.costs[position]
            shards = round(manifest.expected * cost.factor(self.target)) if manifest and cost else files
            return (max(1, shards),) * 2 if gathers else (files, files)
        if gathers and manifest is not None and state.waiting == state.expected:
            return manifest.expected, manifest.expected  # how many shards there will be is not known before
        return state.expected, state.waiting

    def _target_files(self, target: Target) -> int:
        source = self.measured.costs[0]
        each = source.inputs / source.files if source else self.measured.bytes / self.measured.files
        return target.files or max(1, round((target.bytes or 0) / each))

    # ---------------------------------------------------------------------------------------------------------- stages

    def _stage(self, position: int, state: StageState, before: Sequence[StageEstimate]) -> StageEstimate:
        layout = self.planner.layout
        stage, manifest = layout.steps[position].stage, self.manifests.get(layout.folders[position])
        parts, todo = self._parts(position, state)
        runs = state.waiting > state.reapplied or self.target
        action: Action = "keep" if not todo else "run" if runs else "reapply"
        changing = any(other.action != "keep" for other in before)
        reason = reason_of(stage, manifest, action, todo, layout.selection, changing=changing)
        cost = self.measured.costs[position]
        scaled = cost.times(self._factor(position, todo, parts)) if cost else None
        seconds = None
        if scaled is not None and action != "reapply":  # that costs little
            seconds = scaled.seconds + self._recomputed(position, todo, before)
        whole = self.measured.whole(position - 1, self.target) if todo and position else None
        references = self._reference_documents(position)
        limits = _limits(stage, whole, references) if whole else (None, None, None)
        form = stage.form_of(whole.documents + references) if whole and isinstance(stage, Global) else ""
        return StageEstimate(
            layout.steps[position].name,
            action,
            f"for {_target_size(self.target)}" if self.target else reason,
            parts,
            todo,
            self._read(position, todo, before),
            None if scaled is None else scaled.written,
            seconds,
            *limits,
            form,
            wall=self._wall(scaled, seconds, todo),
        )

    def _wall(self, cost: Cost | None, seconds: float | None, todo: int) -> float | None:
        """Seconds until all parts to be processed are done; None if they or the number of workers are not known."""
        workers = self.planner.layout.pipeline.executor.processes()
        if cost is None or seconds is None or not workers:
            return None
        return wall(replace(cost, seconds=seconds), todo, workers)

    def _reference_documents(self, position: int) -> int:
        return sum(part.mapped.rows["in"] for part in self.planner.references.get(position, ()))

    def _pass_start(self, position: int, before: Sequence[StageEstimate]) -> int | None:
        """The step whose input is read where a pass begins at a stage; None if it goes on from the one before."""
        layout = self.planner.layout
        first = max(segment.first for segment in layout.segments if segment.first <= position)
        if position > first and before[position - 1].todo:
            return None
        start = position
        while start > first and (layout.is_transient(start) or not layout.written[start - 1]):
            start -= 1
        return start

    def _recomputed(self, position: int, todo: int, before: Sequence[StageEstimate]) -> float:
        """Seconds of the stages before that are computed again in passing, because their output is not stored."""
        start = self._pass_start(position, before) if todo and not self.target else None
        costs = self.measured.costs[position if start is None else start : position]
        todo_bytes = self._todo_bytes(position) if costs else 0
        return sum(cost.seconds * todo_bytes / cost.inputs for cost in costs if cost and cost.inputs)

    def _read(self, position: int, todo: int, before: Sequence[StageEstimate]) -> int | None:
        """Bytes to read: the rows that a pass begins with, and what the rounds of a global stage wrote."""
        start = self._pass_start(position, before) if todo else None
        if start is None:
            return 0
        if start == 0:
            return self._todo_bytes(position)
        rows = self.measured.whole(start - 1, self.target)
        if rows is None:
            return None
        cost = self.measured.costs[position]
        factor = self._factor(position, todo, before[-1].parts if before else 1)
        shuffled = round(cost.shuffled * factor) if cost else 0
        whole = self.target or not self.measured.bytes or self.measured.gathered[position]
        return round(rows.kept * (1.0 if whole else self._todo_bytes(position) / self.measured.bytes)) + shuffled

    # ----------------------------------------------------------------------------------------------------------- total

    def _total(self, stages: Sequence[StageEstimate]) -> Total | None:
        source, pipeline = self.measured.costs[0], self.planner.layout.pipeline
        if source is None:
            return None
        costs = {stage: self._cost(position, stage) for position, stage in enumerate(stages) if stage.todo}
        known = [(cost, stage) for stage, cost in costs.items() if cost is not None]
        workers = pipeline.executor.processes()
        seconds, written = sum(cost.seconds for cost, _ in known), sum(cost.written for cost, _ in known)
        requests = _requests(pipeline, [cost for cost, _ in known])
        seconds_error, written_error = self.measured.errors(stages[0].parts)
        rounds = {step.name for step in pipeline.steps if isinstance(step.stage, Global)}
        return Total(
            seconds=seconds,
            wall=sum(stage.wall or 0.0 for _, stage in known) if workers else None,
            workers=workers,
            read=sum(stage.read or 0 for stage in stages),
            written=written,
            requests=requests,
            money=Money.of(pipeline.prices, seconds, written, requests),
            seconds_error=seconds_error,
            written_error=written_error,
            extrapolated=tuple(stage.name for _, stage in known if stage.name in rounds),
            unknown=tuple(stage.name for stage, cost in costs.items() if cost is None),
            basis=Basis(self.planner.root.path, source.files, stages[0].parts, source.inputs, self.measured.documents),
        )

    def _cost(self, position: int, stage: StageEstimate) -> Cost | None:
        """The cost of the parts of a stage to be processed, with the seconds of its estimate."""
        cost = self.measured.costs[position]
        if cost is None:
            return None
        scaled = cost.times(self._factor(position, stage.todo, stage.parts))
        return replace(scaled, seconds=stage.seconds or 0.0)


def _chosen(lists: Sequence[InputList]) -> IndexedRecords | None:
    if not any(one.records for one in lists):
        return None
    records, archives, size, fetched, requests = (
        sum(getattr(one, name) for one in lists) for name in ("records", "files", "bytes", "fetched", "requests")
    )
    return IndexedRecords(records, archives, size, fetched, requests)


def _requests(pipeline: Pipeline, costs: Iterable[Cost]) -> dict[str, int] | None:
    """Requests by kind; None if remote files will be read and no cost has requests."""
    requests: Counter[str] = Counter()
    for cost in costs:
        requests.update(cost.requests)
    remote = any(map(is_remote, (pipeline.root, *pipeline.inputs)))
    return None if remote and not requests else dict(sorted(requests.items()))


def _limits(stage: Stage, before: Cost, references: int) -> tuple[int | None, int | None, int | None]:
    """Memory, disk and shuffle of a global stage over all documents that the stage before it keeps.

    A stage with an order of its own reads them from sorted copies, which are no larger than the kept rows before it.
    """
    if splits_of(stage):
        return 2 * BUDGET, before.kept or None, before.kept or None
    if not isinstance(stage, Global):
        return None, None, None
    documents = before.documents
    memory = stage.needs(documents + references, documents)
    disk, shuffle = stage.stores(documents, before.text), stage.shuffles(documents, before.text)
    return memory or None, disk or None, shuffle or None


def _target_size(target: Target) -> str:
    return plural(target.files, "file") if target.files is not None else size(target.bytes or 0)
