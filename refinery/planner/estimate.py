"""What ``plan`` shows: for each stage what would be done, why, and how much it is. Reads receipts; does nothing.

Amounts are estimated from the parts that are made (``refinery.planner.cost``); of what none is made, none is estimated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from refinery.errors import UsageError
from refinery.formatting import plural, size, span
from refinery.html import paragraph, table
from refinery.planner.cost import Cost, Money, Target, uncertainty, wall
from refinery.planner.inputs import file_content
from refinery.planner.plan import Action, StageState
from refinery.planner.planner import Planner
from refinery.planner.preflight import preflight
from refinery.planner.reasons import reason_of
from refinery.planner.requirements import changed_code, check_root
from refinery.planner.selection import Selection
from refinery.planner.totals import Basis, Total, lines_of
from refinery.recipe import Pipeline
from refinery.root.receipts import Receipt
from refinery.stage.base import Stage
from refinery.stage.global_stage import Global
from refinery.store import is_remote

COLUMNS = ("stage", "parts", "do", "reason", "read", "write", "time")


@dataclass(frozen=True)
class StageForecast:
    """One stage of a plan.

    ``parts`` of which ``todo`` are to be made; sizes in bytes and worker seconds of what is to be done, estimated from
    the parts that are there, None where none is, or where stored metrics are only judged. ``read`` is 0 where rows come
    from the stage before in memory. ``memory`` and ``disk`` are what a global stage takes at most beyond its kept and
    removed rows: of one task, and of the root; ``shuffle`` are the bytes that its map sends on. ``run`` refuses what
    does not fit.
    """

    name: str
    action: Action
    reason: str
    parts: int
    todo: int
    read: int | None
    write: int | None
    seconds: float | None
    memory: int | None = None
    disk: int | None = None
    shuffle: int | None = None

    def cells(self) -> tuple[str, ...]:
        """A row of a table with the columns ``COLUMNS``."""
        parts = f"{self.parts:,}" if self.todo in (0, self.parts) else f"{self.todo:,} of {self.parts:,}"
        if not self.todo:
            return self.name, parts, self.action, self.reason
        return (
            self.name,
            parts,
            self.action,
            self.reason,
            amount(self.read) if self.read != 0 else "",
            amount(self.write),
            "–" if self.seconds is None else span(self.seconds),
        )


@dataclass(frozen=True)
class Forecast:
    """A plan as people read it. ``changed_code`` names stages that ``run`` will refuse to go on with.

    With a ``target`` it is of a new root and that much input. ``total`` is None where nothing is made to measure by.
    """

    dataset: str
    root: str
    inputs: int
    input_bytes: int
    stages: tuple[StageForecast, ...]
    changed_code: tuple[str, ...]
    blocked: str
    audit: int = 0
    """Parts that are still to be audited."""
    target: Target | None = None
    total: Total | None = None

    @property
    def nothing_to_do(self) -> bool:
        """Whether every stage is up to date, and audited."""
        return not self.audit and all(stage.action == "keep" for stage in self.stages)

    def _repr_html_(self) -> str:
        head = paragraph(f"{self.dataset} → {self.root}: {plural(self.inputs, 'input file')}, {size(self.input_bytes)}")
        rows = [(*stage.cells(), *[""] * len(COLUMNS))[: len(COLUMNS)] for stage in self.stages]
        lines = ["nothing to do"] if self.nothing_to_do else lines_of(self.total)
        return f"{head}{table(COLUMNS, rows)}{''.join(map(paragraph, lines))}"


def plan(pipeline: Pipeline, selection: Selection = Selection(), target: Target | None = None) -> Forecast:
    """Compare the recipe with its root, or estimate a run over a ``target``. Raises RefineryError as ``run`` would."""
    if target and (selection.partial or selection.first or selection.force):
        raise UsageError(
            "--for is a run from nothing over all parts", hint="leave out --from, --parts, --sample, --force"
        )
    planner = preflight(pipeline, selection, accept_code=True).cleared()
    return _Plan(planner, selection, target).forecast()


class _Plan:
    """A plan in the making."""

    def __init__(self, planner: Planner, selection: Selection, target: Target | None) -> None:
        self._planner, self._selection, self._target = planner, selection, target
        self._layout = planner.layout
        root = planner.root
        self._head = check_root(root, planner.layout.pipeline.dataset)
        self._known = root.current_manifests(self._head)
        self._plan = planner.plan()
        self._paths = planner.inputs.counted(selection)
        stats = planner.inputs.stats(self._paths)
        self._sizes = {file_content(path, stat): stat.size for path, stat in zip(self._paths, stats, strict=True)}
        self._bytes = sum(stat.size for stat in stats)
        self._receipts = [self._of(folder) for folder in planner.layout.folders[: planner.layout.last + 1]]
        self._measured = self._input_sizes()
        self._costs = [self._cost(position) for position in range(planner.layout.last + 1)]

    def forecast(self) -> Forecast:
        """All of it."""
        planner, target = self._planner, self._target
        found: list[StageForecast] = []
        for position, state in enumerate(self._plan.stages[: planner.layout.last + 1]):
            found.append(self._stage(position, state, found))
        source = self._plan.stages[0]
        changed = changed_code(planner.root, self._head, planner.layout.folders, planner.layout.steps)
        parts = found[0].parts
        return Forecast(
            dataset=planner.layout.pipeline.dataset,
            root=planner.root.path,
            inputs=parts if target else len(self._paths),
            input_bytes=self._todo_bytes(0) if target else self._bytes,
            stages=tuple(found),
            changed_code=tuple(step.name for step in changed),
            blocked="" if target else self._plan.blocked,
            audit=(parts if target else source.expected - len(source.audit)) if planner.layout.audited else 0,
            target=target,
            total=self._total(found),
        )

    # ------------------------------------------------------------------------------------------------------- measured

    def _of(self, folder: str) -> tuple[list[Receipt], list[Receipt]]:
        """The receipts of a stage's parts, and those of its shuffle and audit."""
        manifest, root = self._known.get(folder), self._planner.root
        if manifest is None:
            return [], []
        return root.receipts(folder, manifest.parts), root.receipts(folder, [*manifest.shuffle, *manifest.audit])

    def _input_sizes(self) -> dict[int, int]:
        """Bytes of the input file of each part that is made, where the file is still among the inputs."""
        return {r.part: self._sizes[r.inputs[0]] for r in self._receipts[0][0] if r.inputs[0] in self._sizes}

    def _cost(self, position: int) -> Cost | None:
        """What the parts of a stage took that are made; those of a stage that gathers are of all that was measured.

        Parts whose input file is not among the inputs any more, so that its size is not known, are left out.
        """
        parts, others = self._receipts[position]
        known = self._measured
        if known and not self._gathered(position):
            parts = [receipt for receipt in parts if receipt.part in known]
            others = [receipt for receipt in others if receipt.part in known or receipt.kind not in ("map", "audit")]
        behind = set(known) if self._gathered(position) else {receipt.part for receipt in parts}
        return (
            Cost.of(len(behind), sum(known.get(part, 0) for part in behind), parts, others)
            if behind and parts
            else None
        )

    def _reference_documents(self, position: int) -> int:
        return sum(part.mapped.rows["in"] for part in self._planner.references.get(position, ()))

    def _gathered(self, position: int) -> bool:
        return any(step.stage.shard_bytes() is not None for step in self._planner.layout.steps[: position + 1])

    # ------------------------------------------------------------------------------------------------------ estimated

    def _todo_bytes(self, position: int) -> int:
        """Bytes of the input files whose parts are to be made."""
        if self._target:
            cost = self._costs[position]
            mean = self._bytes / len(self._paths)
            return self._target.bytes or round((cost.inputs / cost.files if cost else mean) * (self._target.files or 0))
        receipts = self._plan.stages[position].receipts
        if self._gathered(position):
            return 0 if self._plan.stages[position].complete else self._bytes
        return self._bytes - sum(self._measured.get(receipt.part, 0) for receipt in receipts)

    def _factor(self, position: int, todo: int, parts: int) -> float:
        """How many times what was measured of a stage is what is to be done."""
        cost = self._costs[position]
        if cost is None or not todo:
            return 0.0
        if self._target:
            return cost.factor(self._target)
        if self._gathered(position):
            return todo / parts * (self._bytes / cost.inputs if cost.inputs else 1.0)
        return self._todo_bytes(position) / cost.inputs if cost.inputs else todo / cost.files

    def _whole(self, position: int) -> Cost | None:
        """The cost of all parts of a stage, whether they are made or not."""
        cost = self._costs[position]
        if cost is None:
            return None
        return cost.times(cost.factor(self._target or Target(bytes=self._bytes, files=len(self._paths))))

    def _todo(self, position: int, state: StageState) -> tuple[int, int]:
        """How many parts there are, and how many of them are to be made."""
        manifest = self._known.get(self._planner.layout.folders[position])
        gathers = self._planner.layout.steps[position].stage.shard_bytes() is not None
        if self._target:
            source = self._costs[0]
            each = source.inputs / source.files if source else self._bytes / len(self._paths)
            files = self._target.files or max(1, round((self._target.bytes or 0) / each))
            cost = self._costs[position]
            shards = round(manifest.expected * cost.factor(self._target)) if manifest and cost else files
            return (max(1, shards),) * 2 if gathers else (files, files)
        todo, parts = state.waiting, state.expected
        if todo == parts and gathers and manifest is not None:
            todo = parts = manifest.expected  # how many shards there will be is not known before
        return parts, todo

    def _stage(self, position: int, state: StageState, before: Sequence[StageForecast]) -> StageForecast:
        planner = self._planner
        stage, manifest = planner.layout.steps[position].stage, self._known.get(planner.layout.folders[position])
        parts, todo = self._todo(position, state)
        action: Action = "keep" if not todo else "run" if state.waiting > state.reapplied or self._target else "reapply"
        changing = any(other.action != "keep" for other in before)
        reason = reason_of(stage, manifest, action, todo, self._selection, changing=changing)
        cost = self._costs[position]
        taken = cost.times(self._factor(position, todo, parts)) if cost else None
        again = self._again(position, todo, before)
        whole = self._whole(position - 1) if todo and position else None
        figures = _global(stage, whole, self._reference_documents(position)) if whole else (None, None, None)
        return StageForecast(
            planner.layout.steps[position].name,
            action,
            f"for {_amount(self._target)}" if self._target else reason,
            parts,
            todo,
            self._read(position, todo, before),
            None if taken is None else taken.written,
            None if taken is None or action == "reapply" else taken.seconds + again,  # judging costs little
            *figures,
        )

    def _begins(self, position: int, before: Sequence[StageForecast]) -> int | None:
        """The step whose input is read where a pass begins at a stage; None where it goes on from the one before."""
        planner = self._planner
        first = max(s.first for s in planner.layout.segments if s.first <= position)
        if position > first and before[position - 1].todo:
            return None
        start = position
        while start > first and (planner.layout.is_transient(start) or not planner.layout.written[start - 1]):
            start -= 1
        return start

    def _again(self, position: int, todo: int, before: Sequence[StageForecast]) -> float:
        """Seconds of the stages before that are computed again in passing, for what they made is not stored."""
        start = self._begins(position, before) if todo and not self._target else None
        steps = range(position if start is None else start, position)
        found = ((self._costs[n], self._todo_bytes(position)) for n in steps)
        return sum(cost.seconds * size / cost.inputs for cost, size in found if cost and cost.inputs)

    def _read(self, position: int, todo: int, before: Sequence[StageForecast]) -> int | None:
        """Bytes that are read: of the rows that a pass begins with, and of what a global stage wrote on its way."""
        start = self._begins(position, before) if todo else None
        own = self._costs[position]
        factor = self._factor(position, todo, before[-1].parts if before else 1)
        shuffled = round(own.shuffled * factor) if own else 0
        if start is None:
            return 0
        if start == 0:
            return self._todo_bytes(position)
        rows, given = self._whole(start - 1), self._target or not self._bytes
        if rows is None:
            return None
        share = 1.0 if given or self._gathered(position) else self._todo_bytes(position) / self._bytes
        return round(rows.kept * share) + shuffled

    # ---------------------------------------------------------------------------------------------------------- total

    def _total(self, stages: Sequence[StageForecast]) -> Total | None:
        source = self._costs[0]
        if source is None:
            return None
        pairs = [(self._estimate(n, stage), stage) for n, stage in enumerate(stages) if stage.todo]
        known = [(cost, stage) for cost, stage in pairs if cost is not None]
        workers = self._planner.layout.pipeline.executor.processes()
        seconds, written = sum(c.seconds for c, _ in known), sum(c.written for c, _ in known)
        requests = self._requests([cost for cost, _ in known])
        errors = self._errors(stages[0].parts)
        return Total(
            seconds=seconds,
            wall=wall([(cost, stage.todo) for cost, stage in known], workers) if workers else None,
            workers=workers,
            read=sum(stage.read or 0 for stage in stages),
            written=written,
            requests=requests,
            money=Money.of(self._planner.layout.pipeline.prices, seconds, written, requests),
            seconds_error=errors[0],
            written_error=errors[1],
            straight=tuple(s.name for _, s in known if isinstance(self._stage_of(s.name), Global)),
            unknown=tuple(stage.name for cost, stage in pairs if cost is None),
            basis=self._basis(source, stages[0].parts),
        )

    def _stage_of(self, name: str) -> Stage:
        return next(step.stage for step in self._planner.layout.steps if step.name == name)

    def _basis(self, source: Cost, parts: int) -> Basis:
        documents = sum(receipt.rows.get("in", 0) for receipt in self._receipts[0][0])
        return Basis(self._planner.root.path, source.files, parts, source.inputs, documents)

    def _estimate(self, position: int, stage: StageForecast) -> Cost | None:
        """What is to be done of a stage takes; its seconds are those that the plan shows."""
        cost = self._costs[position]
        if cost is None:
            return None
        scaled = cost.times(self._factor(position, stage.todo, stage.parts))
        return Cost(
            scaled.files,
            scaled.inputs,
            stage.seconds or 0.0,
            scaled.serial if stage.seconds else 0.0,
            written=scaled.written,
            requests=scaled.requests,
        )

    def _requests(self, costs: Sequence[Cost]) -> dict[str, int] | None:
        found: Counter[str] = Counter()
        for cost in costs:
            found.update(cost.requests)
        pipeline = self._planner.layout.pipeline
        remote = any(map(is_remote, (pipeline.root, *pipeline.inputs)))
        return None if remote and not found else dict(sorted(found.items()))

    def _errors(self, of: int) -> tuple[float | None, float | None]:
        """How uncertain seconds and bytes written are: from the parts of all stages before the first that gathers."""
        seconds: dict[int, float] = dict.fromkeys(self._measured, 0.0)
        written: dict[int, float] = dict.fromkeys(self._measured, 0.0)
        for position, (parts, _) in enumerate(self._receipts):
            for receipt in parts if not self._gathered(position) else ():
                if receipt.part in seconds:
                    seconds[receipt.part] += receipt.seconds
                    written[receipt.part] += sum(receipt.total(name) for name in receipt.files)
        inputs = list(self._measured.values())
        return uncertainty(inputs, list(seconds.values()), of), uncertainty(inputs, list(written.values()), of)


def _global(stage: Stage, before: Cost, earlier: int) -> tuple[int | None, int | None, int | None]:
    """Memory, disk and shuffle of a global stage over what the one before it keeps in all."""
    if not isinstance(stage, Global):
        return None, None, None
    documents = before.documents
    figures = (
        stage.needs(documents + earlier, documents),
        stage.stores(documents, before.text),
        stage.shuffles(documents, before.text),
    )
    memory, disk, shuffle = (count or None for count in figures)
    return memory, disk, shuffle


def amount(count: int | None) -> str:
    """Bytes as people read them; a dash where they are not known."""
    return "–" if count is None else size(count)


def _amount(target: Target) -> str:
    return plural(target.files, "file") if target.files is not None else size(target.bytes or 0)
