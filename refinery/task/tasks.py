"""The units of work as data: picklable values that contain all that a worker needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from refinery.errors import PartFailed
from refinery.recipe import Step
from refinery.recipe.columns import Flow
from refinery.stage.base import Source
from refinery.stage.global_stage import Global


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


@dataclass(frozen=True)
class SegmentTask:
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
    map: MapRun | None = None
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

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages it commits."""
        return tuple(run.step.name for run, output in zip(self.steps, self.outputs, strict=True) if output.commit)


@dataclass(frozen=True)
class SortedRun:
    """The sorted keyed rows of one part: a path below a root, the task's own if that is empty."""

    number: int
    path: str
    root: str = ""
    aside: str = ""
    """Path below the task's own root of a table of documents whose rows are left out; empty if none are."""


@dataclass(frozen=True, kw_only=True)
class RoundTask:
    """A task of a global stage's rounds: what ``method`` of the stage makes of ``inputs``, under ``key``."""

    root: str
    stage: Global
    method: str
    name: str
    folder: str
    key: str
    inputs: tuple[str, ...]
    bytes: int = 0
    streamed: bool = False
    memory: int = 0
    """Bytes that it takes at most; 0 if not known."""


@dataclass(frozen=True, kw_only=True)
class ReduceTask(RoundTask):
    """One key range of a global stage."""

    number: int
    low: int
    high: int
    runs: tuple[SortedRun, ...]


@dataclass(frozen=True)
class MappedFiles:
    """Where one part's map output lies, below a root, and how many documents it is of.

    The root is the task's own if ``root`` is empty; parts of another one have a verdict as well.
    """

    number: int
    documents: int
    keys: str
    index: str
    root: str = ""
    verdict: str = ""
    aside: str = ""
    """Path below the task's own root of what the first round made of the part, where it sets documents aside."""


@dataclass(frozen=True, kw_only=True)
class ResolveTask(RoundTask):
    """What is said of all parts of a global stage at once: their verdicts, unless a round follows that makes them."""

    reduced: tuple[str, ...]
    parts: tuple[MappedFiles, ...]


@dataclass(frozen=True, kw_only=True)
class PartTask(RoundTask):
    """What rounds before have sent to one part of a global stage, made into keyed rows or, at last, into its verdict.

    ``sent`` are files below the root: where ``mixed``, of rows for all parts, sorted by address.
    """

    part: MappedFiles
    sent: tuple[str, ...]
    mixed: bool
    last: bool


@dataclass(frozen=True)
class AuditTask:
    """1 document in ``one_in`` of one part through ``steps``, the first of which is the source, whatever they say.

    ``paths`` are the source's files; ``rows`` those below the root with what it kept, none where that is not stored.
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

    @property
    def stage(self) -> Source:
        """The source."""
        source = self.steps[0].step.stage
        assert isinstance(source, Source)
        return source


Task = SegmentTask | ReduceTask | ResolveTask | PartTask | AuditTask


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


def describe(task: Task) -> str:
    """A task in a few words, for people."""
    if isinstance(task, SegmentTask):
        return f"part {task.part}"
    if isinstance(task, ReduceTask):
        return f"{task.name} {task.method}, range {task.number}"
    if isinstance(task, AuditTask):
        return f"audit of part {task.part}"
    if isinstance(task, PartTask):
        return f"{task.name} {task.method}, part {task.part.number}"
    return f"{task.name} {task.method}"
