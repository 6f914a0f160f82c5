"""What a walk over a root's receipts deals in: what was selected, parts on their way, phases, and what there is.

The walk itself is in ``refinery.planner.planner``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from refinery.errors import UsageError
from refinery.identity import digest, identity, part_key
from refinery.recipe import Step
from refinery.recipe.columns import Flow
from refinery.root.manifests import Head, StageManifest
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.base import Stage
from refinery.stage.global_stage import Global, begins_segment
from refinery.task.tasks import AuditTask, StepRun, Task

Action = Literal["keep", "judge", "run"]


@dataclass(frozen=True)
class Every:
    """Every ``step``-th part, from ``first`` on: one of so many jobs that make all parts together."""

    first: int
    step: int


@dataclass(frozen=True)
class Selection:
    """Which stages and parts a run is about. ``force`` makes the chosen stages again though they are up to date."""

    first: str | None = None
    until: str | None = None
    parts: tuple[int, ...] | Every | None = None
    share: float | None = None
    """Of the parts, a fixed share between 0 and 1 (at least one part)."""
    force: bool = False

    @property
    def partial(self) -> bool:
        """Whether some parts are left out, so that no global stage can run."""
        return self.parts is not None or self.share is not None

    @property
    def shared(self) -> bool:
        """Whether others may work on the root at once: parts are added, each by a receipt, and nothing is replaced."""
        return self.partial and not self.force and self.first is None


@dataclass
class Part:
    """One part on its way through the stages, as far as its receipts are known."""

    number: int
    paths: tuple[str, ...]
    contents: tuple[str, ...]
    bytes: int
    source: str = ""
    """Its input file, or the first of them."""
    verdict: str = ""
    receipts: dict[int, Receipt] = field(default_factory=dict)
    missing: int | None = None
    """Position of the first step that has no receipt; the end of the segment where only the map is missing."""
    mapped: Receipt | None = None
    poison: tuple[tuple[int, str], ...] = ()
    """Of a part with a verdict: see ``Receipt``."""


@dataclass(frozen=True)
class Segment:
    """Steps ``first`` to ``last``, and the global stage whose map follows."""

    first: int
    last: int
    tail: int | None


@dataclass(frozen=True)
class Phase:
    """Tasks that can be done now, in any order."""

    title: str
    tasks: tuple[Task, ...]

    @property
    def memory(self) -> int:
        """Bytes that any of its tasks takes at most; 0 if not known."""
        return max((task.memory for task in self.tasks), default=0)


@dataclass
class Made:
    """What the walk found of one step: its current receipts, and those of its shuffle."""

    receipts: list[Receipt] = field(default_factory=list)
    shuffle: list[Receipt] = field(default_factory=list)
    audit: list[Receipt] = field(default_factory=list)
    """Of the source: those of the shadow audit."""
    expected: int = 0
    actions: dict[Action, int] = field(default_factory=lambda: {"keep": 0, "judge": 0, "run": 0})

    def wait(self, parts: int) -> None:
        """So many more parts will come."""
        self.expected += parts
        self.actions["run"] += parts

    @property
    def complete(self) -> bool:
        """Whether every part has its receipt."""
        return self.expected > 0 and len(self.receipts) == self.expected


@dataclass
class Survey:
    """The result of a walk: the next phase, or None when all is done, and what there is of each step reached."""

    phase: Phase | None
    made: list[Made]
    blocked: str = ""
    """Why the walk ended before the last step though there is nothing to do."""


@dataclass(frozen=True)
class AuditScope:
    """What the shadow audit asks: the steps up to the last row stage that has rules, 1 document in ``one_in``."""

    steps: tuple[StepRun, ...]
    one_in: int
    identity: str

    @classmethod
    def of(cls, steps: Sequence[Step], flows: Sequence[Flow], one_in: int) -> AuditScope:
        """Of a recipe. What global stages do is not asked, so their configuration does not count."""
        judging = [n for n, step in enumerate(steps) if one_in and n and _row_stage(step) and step.stage.rules()]
        count = max(judging, default=0) + 1
        runs = [StepRun(step, flow) for step, flow in zip(steps[:count], flows, strict=False)]
        what = [[step.name, identity(step.stage) if _row_stage(step) else ""] for step in steps[1:count]]
        return cls(tuple(runs), one_in, digest(["audit", one_in, what]))

    def task(self, root: str, folder: str, source: Receipt, paths: tuple[str, ...]) -> AuditTask:
        """The audit of one part of the source."""
        inputs = (*source.inputs, source.contents["kept"])
        return AuditTask(
            root=root,
            name=source.stage,
            folder=folder,
            part=source.part,
            key=part_key(self.identity, inputs),
            inputs=inputs,
            paths=paths,
            rows=tuple(file.path for file in source.files.get("kept", ())),
            steps=self.steps,
            one_in=self.one_in,
        )


def _row_stage(step: Step) -> bool:
    return not isinstance(step.stage, Global)


@dataclass(frozen=True)
class Stretch:
    """Segments that the parts go through together, or one partition of them after another."""

    segments: tuple[Segment, ...]
    partitions: int = 1

    @property
    def last(self) -> int:
        """Position of its last step."""
        return self.segments[-1].last


def segments_of(stages: Sequence[Stage], end: int) -> list[Segment]:
    """The stages up to position ``end`` in segments."""
    starts = [i for i, stage in enumerate(stages[: end + 1]) if i == 0 or begins_segment(stage)]
    found = []
    for first, following in zip(starts, [*starts[1:], end + 1], strict=True):
        tail = following if following <= end and isinstance(stages[following], Global) else None
        found.append(Segment(first, following - 1, tail))
    return found


def stretches_of(stages: Sequence[Stage], end: int) -> list[Stretch]:
    """The stages up to position ``end`` in stretches.

    A divided one reaches from the stage that says so to the last global one, and maps for the former what is kept then.
    Raises UsageError for a recipe that divides twice, or gathers the parts of a partition.
    """
    segments = segments_of(stages, end)
    start = next((n for n, s in enumerate(segments) if _partitions(stages[s.first]) > 1), None)
    if start is None:
        return [Stretch(tuple(segments))]
    stop = 1 + max(n for n, s in enumerate(segments) if isinstance(stages[s.first], Global))
    divider = segments[start].first
    for inner in (stages[s.first] for s in segments[start + 1 : stop]):
        if _partitions(inner) != 1:
            raise UsageError(
                f"stage {inner.name!r} cannot divide or gather the parts: {stages[divider].name!r} has divided them",
                hint="one stage divides, and stages that gather come after the last global one",
            )
    carried = (*segments[start : stop - 1], replace(segments[stop - 1], tail=divider))
    found = [Stretch(tuple(segments[:start])), Stretch(carried, _partitions(stages[divider]))]
    return found + ([Stretch(tuple(segments[stop:]))] if segments[stop:] else [])


def _partitions(stage: Stage) -> int:
    """Into how many partitions a stage that begins a segment divides; 0 for one that gathers."""
    return stage.partitions() if isinstance(stage, Global) else 0


def divided(parts: Sequence[Part], partitions: int) -> list[list[Part]]:
    """The parts of each partition that has some, by a hash of their input files' paths."""
    found: dict[int, list[Part]] = {}
    for part in parts:
        found.setdefault(int(digest(part.source), 16) % partitions, []).append(part)
    return [found[number] for number in sorted(found)]


def manifests(root: Root, head: Head | None) -> dict[str, StageManifest]:
    """The current manifests of a root by folder, in order."""
    if head is None:
        return {}
    return {folder: root.manifest(head.manifests[folder]) for folder in head.folders if folder in head.manifests}


def next_part(part: Part, before: int, verdicts: Receipt) -> Part:
    """A part that goes on behind a global stage, with its verdict."""
    number = str(part.number)
    receipt = part.receipts[before]
    return Part(
        number=part.number,
        paths=tuple(f.path for f in receipt.files["kept"]),
        contents=(receipt.contents["kept"], verdicts.contents[number]),
        bytes=receipt.total("kept"),
        source=part.source,
        verdict=verdicts.files[number][0].path,
        poison=part.mapped.poison if part.mapped else (),
    )


def gathered(parts: Sequence[Part], before: int, shard: int) -> list[Part]:
    """Consecutive parts put together until they hold ``shard`` bytes of text."""
    found: list[Part] = []
    size = shard
    for part in parts:
        receipt = part.receipts[before]
        if size >= shard:
            found.append(Part(len(found), (), (), 0, part.source))
            size = 0
        last = found[-1]
        last.paths += tuple(f.path for f in receipt.files["kept"])
        last.contents += (receipt.contents["kept"],)
        last.bytes += receipt.total("kept")
        size += receipt.rows["text"]
    return found
