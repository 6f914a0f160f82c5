"""The runs of a root: where the newest one stands, and all that went wrong in any.

Read from ``runs/``, by anyone who can read the root, while a run is at work or after it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refinery.errors import StorageError
from refinery.inspect.reader import open_root
from refinery.root.root import Root

KILLED = "killed"
"""A run whose record says ``running`` while its process is gone."""

LOOKED_AT = 200
"""Records of runs that ``status`` reads: those that may still be at work."""

LATE = 5.0
"""Seconds by which a process may seem younger than the record that it wrote, for clocks are coarse."""


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class SpanRecord(NamedTuple):
    """Time in which a place was at work, see ``refinery.runner.timeline.Span``."""

    place: Count
    begin: Seconds
    end: Seconds
    phase: Count
    tasks: Count
    unwell: Count
    task: str

    @property
    def seconds(self) -> float:
        """How long it was."""
        return max(0.0, self.end - self.begin)


class PhaseRecord(BaseModel):
    """How far a phase came. ``seconds`` and ``eta`` are as of the run's last word."""

    model_config = ConfigDict(frozen=True)

    title: str
    tasks: int
    bytes: int
    done: int
    failed: int
    bytes_done: int
    documents: int
    seconds: float
    eta: float | None
    begin: Seconds = 0.0
    """Seconds since the run began."""
    ended: Count = 0
    """Tasks that ended, those included that are tried again."""
    busy: Seconds = 0.0
    """Seconds of these."""
    places: Count = 0
    """Tasks that were at work at once, at most."""
    longest: tuple[SpanRecord, ...] = ()

    @property
    def mean(self) -> float:
        """Seconds of a task."""
        return self.busy / self.ended if self.ended else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Of input."""
        return self.bytes_done / self.seconds if self.seconds > 0 else 0.0

    @property
    def documents_per_second(self) -> float:
        """Documents that went into the phase's first stage."""
        return self.documents / self.seconds if self.seconds > 0 else 0.0


class ProblemRecord(BaseModel):
    """Something that went wrong while the run went on. ``trace`` is a traceback, or empty."""

    model_config = ConfigDict(frozen=True)

    time: str
    message: str
    trace: str = ""


class RunningRecord(BaseModel):
    """A task that a worker had at the run's last word, and since when."""

    model_config = ConfigDict(frozen=True)

    task: str
    since: datetime


class WorkRecord(BaseModel):
    """What a run did of a stage, see ``refinery.runner.progress.StageWork``."""

    model_config = ConfigDict(frozen=True)

    stage: str
    kept: Count
    judged: Count
    run: Count
    waiting: Count


class RunFile(BaseModel):
    """``runs/TIME.json``, as a run keeps it up to date."""

    model_config = ConfigDict(frozen=True)

    started: datetime
    updated: datetime
    ended: datetime | None = None
    host: str
    pid: int
    command: dict[str, Any]
    state: str
    phases: tuple[PhaseRecord, ...]
    problems: tuple[ProblemRecord, ...]
    running: tuple[RunningRecord, ...] = ()
    """The tasks that began first of those under way."""
    stages: tuple[WorkRecord, ...] = ()
    spans: tuple[SpanRecord, ...] = ()
    """When tasks were at work, as of the run's last word."""
    unwell: tuple[SpanRecord, ...] = ()
    """Of the tasks that ended badly the first ones, each by itself."""
    under_way: tuple[SpanRecord, ...] = ()
    """The tasks that had not ended at the run's last word, each until then."""


@dataclass(frozen=True)
class RunStatus:
    """A run. ``state`` is what its record says (``running``, ``done``, ``failed``, ``interrupted``) or ``killed``."""

    file: str
    state: str
    record: RunFile

    @property
    def phase(self) -> PhaseRecord | None:
        """The phase it is in, or ended in."""
        return self.record.phases[-1] if self.record.phases else None

    @property
    def silence(self) -> float:
        """Seconds since it wrote last."""
        return max(0.0, (datetime.now(UTC) - self.record.updated).total_seconds())

    @property
    def longest(self) -> tuple[str, float] | None:
        """The task that has been under way for longest, and its seconds until now; None where the run is over."""
        if self.state != "running" or not self.record.running:
            return None
        first = self.record.running[0]
        return first.task, max(0.0, (datetime.now(UTC) - first.since).total_seconds())

    @property
    def eta(self) -> float | None:
        """Seconds to the end of the phase, from now; None where it is not running or nothing is done yet."""
        known = self.phase.eta if self.phase and self.state == "running" else None
        return None if known is None else max(0.0, known - self.silence)


@dataclass(frozen=True)
class StageStatus:
    """How far a stage is made, as of the last phase that ended."""

    name: str
    made: int
    expected: int | None
    """None where it is not known yet."""

    @property
    def complete(self) -> bool:
        """Whether every part is made."""
        return self.made == self.expected


@dataclass(frozen=True)
class RootStatus:
    """Where a root stands: its newest run, if there was one, and its stages."""

    dataset: str
    run: RunStatus | None
    stages: tuple[StageStatus, ...]
    others: int = 0
    """Runs at work beside the newest one, among the last ``LOOKED_AT``."""
    outputs_current: bool = True
    """False if a glob over ``kept`` and ``removed`` may read outdated rows, see ``Head``."""


@dataclass(frozen=True)
class RunProblem:
    """Something that went wrong in a run, named by its file."""

    run: str
    time: str
    message: str
    trace: str


def status(path: str) -> RootStatus:
    """Where the root at ``path`` stands. Raises UsageError where there is none, StorageError for damaged records."""
    reader = open_root(path)
    made = {entry.name: entry.manifest for entry in reader.stages}
    stages = tuple(
        StageStatus(name, len(made[name].parts), made[name].expected) if name in made else StageStatus(name, 0, None)
        for name in reader.names
    )
    history = runs(reader.root, newest=LOOKED_AT)
    others = sum(run.state == "running" for run in history[1:])
    newest = history[0] if history else None
    return RootStatus(reader.head.dataset, newest, stages, others, reader.head.outputs_current)


def problems(path: str) -> tuple[RunProblem, ...]:
    """All that went wrong in the runs of the root at ``path``, newest first. Raises UsageError, StorageError."""
    return tuple(
        RunProblem(run.file, problem.time, problem.message, problem.trace)
        for run in runs(open_root(path).root)
        for problem in reversed(run.record.problems)
    )


def runs(root: Root, newest: int | None = None) -> Sequence[RunStatus]:
    """The runs of a root, newest first. Raises StorageError for a damaged record."""
    files = (path.removeprefix(f"{root.path}/") for path in root.store.list(root.full("runs")))
    names = sorted((name for name in files if name.count("/") == 1 and name.endswith(".json")), reverse=True)
    found = zip(names, root.store.find_all([root.full(name) for name in names[:newest]]), strict=False)
    return [_run(root, name, data) for name, data in found if data is not None]


def _run(root: Root, file: str, data: bytes) -> RunStatus:
    path = root.full(file)
    try:
        record = RunFile.model_validate_json(data)
    except ValidationError as error:
        hint = "it only tells the past of a run; it may be deleted"
        raise StorageError(f"{path}: not the record of a run ({error.errors()[0]['msg']})", hint=hint) from error
    return RunStatus(file, _state(record), record)


def _state(record: RunFile) -> str:
    """What became of the run; another host's processes cannot be seen, so there the record is believed."""
    if record.state != "running" or record.host != socket.gethostname():
        return record.state
    try:
        process = psutil.Process(record.pid)
        # Another process may have got the number of one that is gone.
        gone = process.status() == psutil.STATUS_ZOMBIE or process.create_time() > record.started.timestamp() + LATE
    except psutil.NoSuchProcess:
        gone = True
    except psutil.AccessDenied:
        gone = False
    return KILLED if gone else record.state
