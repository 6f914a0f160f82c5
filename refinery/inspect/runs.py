"""The runs of a root: the state of the newest one, and the problems of all.

Read from ``runs/`` while a run is at work or after it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import psutil
from pydantic import ValidationError

from refinery.errors import StorageError
from refinery.inspect.reader import open_root
from refinery.planner.amounts import RunAmounts, amounts_of
from refinery.root.root import Root
from refinery.root.runs import PhaseRecord, RunRecord

KILLED = "killed"
"""State of a run whose record has ``running`` while its process is gone."""

LOOKED_AT = 200
"""Records of runs that ``status`` reads: those that may still be at work."""

LATE = 5.0
"""Seconds by which a process may seem younger than the record that it wrote, for clocks are coarse."""


@dataclass(frozen=True)
class RunStatus:
    """A run. ``state`` is that of its record, see ``RunRecord``, or ``killed``."""

    file: str
    state: str
    record: RunRecord

    @property
    def phase(self) -> PhaseRecord | None:
        """Phase that it is in, or ended in."""
        return self.record.phases[-1] if self.record.phases else None

    @property
    def amounts(self) -> RunAmounts:
        """Amounts so far, beside their estimates. The time left is from now."""
        amounts = amounts_of(self.record)
        if self.state != "running":
            return replace(amounts, left=None, left_seconds=None, unknown=())
        return amounts if amounts.left is None else replace(amounts, left=max(0.0, amounts.left - self.silence))

    @property
    def silence(self) -> float:
        """Seconds since the last update of its record."""
        return max(0.0, (datetime.now(UTC) - self.record.updated).total_seconds())

    @property
    def longest(self) -> tuple[str, float] | None:
        """Task that has been under way for longest, and its seconds until now; None where the run is over."""
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
    """Parts of a stage that are done, as of the last phase that ended."""

    name: str
    done: int
    expected: int | None
    """None where it is not known yet."""

    @property
    def complete(self) -> bool:
        """True if every part is done."""
        return self.done == self.expected


@dataclass(frozen=True)
class RootStatus:
    """Status of a root: its newest run, if there was one, and its stages."""

    dataset: str
    run: RunStatus | None
    stages: tuple[StageStatus, ...]
    others: int = 0
    """Runs at work beside the newest one, among the last ``LOOKED_AT``."""
    outputs_current: bool = True
    """False if a glob over ``kept`` and ``removed`` may read outdated rows, see ``Head``."""


@dataclass(frozen=True)
class RunProblem:
    """A problem of a run, which is named by its file."""

    run: str
    time: str
    message: str
    trace: str


def status(path: str) -> RootStatus:
    """Return the status of the root at ``path``. Raises UsageError, and StorageError for damaged records."""
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
    """Return the problems of all runs of the root at ``path``, newest first. Raises UsageError, StorageError."""
    return tuple(
        RunProblem(run.file, problem.time, problem.message, problem.trace)
        for run in runs(open_root(path).root)
        for problem in reversed(run.record.problems)
    )


def runs(root: Root, newest: int | None = None) -> Sequence[RunStatus]:
    """Return the runs of a root, newest first. Raises StorageError for a damaged record."""
    files = (path.removeprefix(f"{root.path}/") for path in root.store.list(root.full("runs")))
    names = sorted((name for name in files if name.count("/") == 1 and name.endswith(".json")), reverse=True)
    records = zip(names, root.store.find_all([root.full(name) for name in names[:newest]]), strict=False)
    return [_run(root, name, data) for name, data in records if data is not None]


def _run(root: Root, file: str, data: bytes) -> RunStatus:
    path = root.full(file)
    try:
        record = RunRecord.model_validate_json(data)
    except ValidationError as error:
        hint = "it is only the history of a run and may be deleted"
        raise StorageError(f"{path}: not the record of a run ({error.errors()[0]['msg']})", hint=hint) from error
    return RunStatus(file, _state(record), record)


def _state(record: RunRecord) -> str:
    """Return the state of a run. The processes of another host cannot be seen, so its record is believed."""
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
