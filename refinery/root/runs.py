"""The record of a run, ``runs/TIME.json``: what it was asked, how far it came, when its tasks were at work, problems.

A run keeps it up to date; anyone who can read the root reads it meanwhile. Seconds without a date are since the run
began.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=0)]


class WorkSpan(NamedTuple):
    """Time in which a worker slot was at work on a task, or on several short ones, mostly of ``phase``."""

    slot: Number
    begin: Seconds
    end: Seconds
    phase: Number
    tasks: Number = 1
    failed: Number = 0
    """Of the tasks those that failed, or whose worker died."""
    task: str = ""
    """The task, where it is one."""

    @property
    def seconds(self) -> float:
        """Length of the span."""
        return max(0.0, self.end - self.begin)

    def joined(self, later: WorkSpan) -> WorkSpan:
        """Return a span of both, which are of one slot."""
        phase = later.phase if later.seconds > self.seconds else self.phase
        tasks, failed = self.tasks + later.tasks, self.failed + later.failed
        return WorkSpan(self.slot, self.begin, later.end, phase, tasks, failed)


class _Record(BaseModel):
    """A part of the record of a run."""

    model_config = ConfigDict(frozen=True)


class PhaseRecord(_Record):
    """Progress of a phase. Bytes are those of the tasks' inputs; ``seconds`` and ``eta`` are as of the last update."""

    title: str
    tasks: int
    bytes: int
    done: int = 0
    failed: int = 0
    retried: int = 0
    """Times that a task was begun again, such as after the death of its worker."""
    bytes_done: int = 0
    bytes_written: int = 0
    """Bytes of rows."""
    documents: int = 0
    seconds: float = 0.0
    eta: float | None = None
    """Seconds to the end at the rate so far, by bytes; None before anything is done."""
    begin: Seconds = 0.0
    ended: Number = 0
    """Tasks that ended, those included that are tried again."""
    busy: Seconds = 0.0
    """Sum of the seconds of the tasks that ended."""
    slots: Number = 0
    """Tasks that were at work at once, at most."""
    running: Number = 0
    """Tasks that were at work at the last update."""
    peak_memory: Number = 0
    """Most bytes that a process took for a task, without the libraries that workers share."""
    longest: tuple[WorkSpan, ...] = ()

    @property
    def mean(self) -> float:
        """Mean seconds of a task."""
        return self.busy / self.ended if self.ended else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes of input per second."""
        return self.bytes_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def documents_per_second(self) -> float:
        """Documents per second that went into the first stage of the phase."""
        return self.documents / self.seconds if self.seconds > 0 else 0.0


class ProblemRecord(_Record):
    """A problem after which the run went on. ``trace`` is a traceback, or empty."""

    time: str
    message: str
    trace: str = ""


class RunningTask(_Record):
    """A task that a worker had at the last update, and since when."""

    task: str
    since: datetime


class StageWork(_Record):
    """Parts of a stage in a run: current before it, re-applied to stored metrics, computed, and waiting."""

    stage: str
    current: Number
    reapplied: Number
    computed: Number
    waiting: Number


class StageAmount(_Record):
    """Work on a stage in a run: ``parts``, seconds in which workers are busy, bytes of all files, requests by kind.

    Estimated when the run begins, None where nothing was measured; or of the tasks that are done. ``wall`` seconds are
    only estimated: until the stage ends, with the workers of the recipe. ``rounds`` is True once the receipts of tasks
    over several parts are in it.
    """

    stage: str
    parts: Number = 0
    seconds: Seconds | None = None
    wall: Seconds | None = None
    written: Number | None = None
    rounds: bool = False
    requests: dict[str, int] = {}


class RunEstimate(_Record):
    """The estimate of a run when it began, see ``refinery.planner.estimate.Total``."""

    stages: tuple[StageAmount, ...]
    seconds: Seconds
    wall: Seconds | None
    written: Number
    requests: dict[str, int] | None
    seconds_error: Seconds | None
    written_error: Seconds | None
    measured: Number
    """Finished parts that it scales."""


class RunRecord(_Record):
    """All that is recorded of a run. ``state``: ``running``, ``done``, ``failed``, ``interrupted`` or ``drained``."""

    started: datetime
    updated: datetime
    ended: datetime | None = None
    host: str
    pid: int
    command: dict[str, Any]
    state: str
    phases: tuple[PhaseRecord, ...]
    problems: tuple[ProblemRecord, ...]
    running: tuple[RunningTask, ...] = ()
    """The tasks that began first of those under way."""
    stages: tuple[StageWork, ...] = ()
    estimate: RunEstimate | None = None
    """None if no part was finished when the run began."""
    work: tuple[StageAmount, ...] = ()
    """Of each stage, the work of the tasks that are done."""
    prices: dict[str, Any] = {}
    """Those of the recipe."""
    spans: tuple[WorkSpan, ...] = ()
    failed_spans: tuple[WorkSpan, ...] = ()
    """The first tasks that failed, each by itself."""
    open_spans: tuple[WorkSpan, ...] = ()
    """The tasks under way, each until the last update."""
    requests: dict[str, int] = {}
    """Requests of this process to remote stores, by kind; written when the run ends."""
