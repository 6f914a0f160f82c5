"""The units of work as data: picklable values that contain all that a worker needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Protocol

import pyarrow as pa

from refinery.errors import PartFailed
from refinery.recipe import Step
from refinery.recipe.columns import Flow
from refinery.root.receipts import Receipt
from refinery.stage.base import Source
from refinery.stage.global_stage import Global
from refinery.stage.rounds import Round
from refinery.task.left_out import NOTHING, LeftOut
from refinery.task.ranks import MergeTask, OrderRun, Ranks
from refinery.task.tiers import SortedRun, TierTask


@dataclass(frozen=True)
class StepRun:
    """One step as it is computed: its stage, and the columns before and behind it."""

    step: Step
    flow: Flow
    stored: tuple[str, ...] = ()
    """Parquet files below the root with metrics that are not measured again."""


@dataclass(frozen=True)
class StepOutput:
    """The place of a step's rows. ``commit`` is False for a step that is only computed in passing: it has a receipt."""

    folder: str
    identity: str
    write: bool
    commit: bool
    expected: str = ""
    """Content id of the kept rows of a step that is computed in passing."""


@dataclass(frozen=True)
class MapRun:
    """The map of a global stage at the tail of a segment."""

    stage: Global
    name: str
    folder: str
    identity: str
    given: pa.Schema


MEBIBYTE = 2**20
"""Bytes; budgets are recommended in whole ones."""

ALL_ROWS = 1 << 62
"""As ``StepRows.count``: all rows that a source was about to read."""


@dataclass(frozen=True)
class StepRows:
    """Rows ``first`` to ``first + count`` of the input of a step; none if ``count`` is 0."""

    step: str = ""
    first: int = 0
    count: int = 0


@dataclass(frozen=True)
class Poison:
    """A document that kills its worker in a step."""

    step: str
    row: int
    note: str


class _Modest:
    """A task whose memory is not estimated: a few batches of documents."""

    memory: ClassVar[int] = 0

    def advice(self, memory: int) -> str:
        """Return the setting with which it takes at most ``memory`` bytes; "" if there is none."""
        del memory
        return ""


@dataclass(frozen=True)
class SegmentTask(_Modest):
    """One part through a run of row stages. ``paths`` are source files, or Parquet files below the root."""

    root: str
    part: int
    paths: tuple[str, ...]
    contents: tuple[str, ...]
    """Content ids of the input; of the verdict as well, where the first step is a global stage."""
    steps: tuple[StepRun, ...]
    outputs: tuple[StepOutput, ...]
    """Those of ``steps``, in their order."""
    verdict: str = ""
    """Path of the verdict below the root, where the first step is a global stage."""
    map: MapRun | OrderRun | None = None
    ranks: Ranks | None = None
    """The documents of the part among those of all runs in ``paths``, where the first step sorts them."""
    force: bool = False
    keep_removed: str = "metrics"
    batch: int = 1024
    bytes: int = 0
    """Size of the input, for progress."""
    disk: int = 0
    """Bytes that the map will write; 0 if not known."""
    suspects: tuple[StepRows, ...] = ()
    """Rows that a worker had in hand when it died: they are processed one by one."""
    poison: tuple[Poison, ...] = ()
    left_out: LeftOut = NOTHING

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        return f"part {self.part}"

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages it commits."""
        return tuple(run.step.name for run, output in zip(self.steps, self.outputs, strict=True) if output.commit)


@dataclass(frozen=True)
class JointTask(_Modest):
    """One part through the first segments of several pipelines. Their source reads its files once."""

    tasks: tuple[SegmentTask, ...]

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        return self.tasks[0].title

    @property
    def bytes(self) -> int:
        """Size of the input, for progress."""
        return self.tasks[0].bytes

    @property
    def disk(self) -> int:
        """Bytes that the maps will write; 0 if not known."""
        return sum(task.disk for task in self.tasks)

    def divided(self, receipts: Sequence[Receipt]) -> Iterator[tuple[SegmentTask, list[Receipt]]]:
        """Yield each task with its own receipts, of which there is one for each stage and one for a map."""
        left = iter(receipts)
        for task in self.tasks:
            yield task, list(islice(left, len(task.stages) + bool(task.map)))


@dataclass(frozen=True, slots=True)
class MappedFiles:
    """The index of one part, the verdict of a reference part, and the number of documents.

    They are below the task's own root if ``root`` is empty.
    """

    number: int
    documents: int
    index: str
    root: str = ""
    verdict: str = ""
    excluded: str = ""
    """Path below the task's own root of the table of excluded documents, where the stage excludes some."""


@dataclass(frozen=True, kw_only=True)
class RoundTask:
    """One task of a round: see ``refinery.stage.rounds``. It has a key range of ``runs``, one part, or all parts.

    ``sent`` are the files that the round before wrote, ``addressed`` if they have rows of all parts, sorted by address.
    """

    root: str
    stage: Global
    round: Round
    name: str
    folder: str
    key: str
    inputs: tuple[str, ...]
    number: int = 0
    low: int = 0
    high: int = 0
    runs: tuple[SortedRun, ...] = ()
    sent: tuple[str, ...] = ()
    sent_bytes: int = 0
    addressed: bool = False
    parts: tuple[MappedFiles, ...] = ()
    bytes: int = 0
    memory: int = 0
    """Upper limit of its memory in bytes; 0 if not known."""

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        title = f"{self.name} {self.round.name}"
        return f"{title}, {self.round.unit} {self.number}" if self.round.unit else title

    @property
    def disk(self) -> int:
        """Estimate of the bytes that it writes."""
        return self.bytes

    def advice(self, memory: int) -> str:
        """Return the setting with which it takes at most ``memory`` bytes; "" if there is none."""
        budget = (self.stage.memory - (self.memory - memory)) // MEBIBYTE * MEBIBYTE
        if budget < MEBIBYTE:
            return ""
        saved = self.stage.needs(0, 0) - self.stage.model_copy(update={"memory": budget}).needs(0, 0)
        return f", or set {self.name} memory: {budget // MEBIBYTE}MiB" if self.memory - saved <= memory else ""


@dataclass(frozen=True)
class AuditTask(_Modest):
    """Process 1 document in ``one_in`` of one part by all ``steps``, source included, whatever rules it violates.

    ``paths`` are the source's files; ``rows`` the files below the root with its kept documents, none if not stored.
    """

    root: str
    name: str
    folder: str
    part: int
    key: str
    inputs: tuple[str, ...]
    paths: tuple[str, ...]
    rows: tuple[str, ...]
    steps: tuple[StepRun, ...]
    one_in: int
    bytes: int = 0
    suspects: tuple[StepRows, ...] = ()
    poison: tuple[Poison, ...] = ()

    disk: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        return f"audit of part {self.part}"

    @property
    def stage(self) -> Source:
        """The source."""
        source = self.steps[0].step.stage
        assert isinstance(source, Source)
        return source


Task = SegmentTask | RoundTask | TierTask | MergeTask | AuditTask
"""A task of one root."""


class ProgressMarker(Protocol):
    """Records the rows of a step's input that are processed now: if the worker dies, they are suspects.

    mark("extract", 1024, 32)  # rows 1024 to 1055
    mark("extract", 1024, 0)  # none: a later death is not their fault
    """

    def __call__(self, step: str, first: int, count: int, /) -> None: ...


def unmarked(step: str, first: int, count: int) -> None:
    """Mark nothing, where no other process watches this one."""
    del step, first, count


class Unreadable(PartFailed):
    """A source raised on ``rows``. They are isolated as rows are whose worker died: read one by one, then left out."""

    def __init__(self, message: str, *, hint: str = "", rows: StepRows = StepRows()) -> None:
        super().__init__(message, hint=hint)
        self.rows = rows

    @property
    def cause(self) -> str:
        """The exception as the cause of a death is reported, on one line."""
        return " ".join(f"ended by {type(self).__name__}: {self.message}".split())

    def __reduce__(self) -> tuple[object, ...]:
        return *super().__reduce__(), {"rows": self.rows}
