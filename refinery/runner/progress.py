"""What a run tells while it is under way: a record in the root that other terminals read, and whoever listens."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from refinery.identity import canonical
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.runner.timeline import Timeline
from refinery.store import taken
from refinery.task.tasks import Task, describe

WRITE_SECONDS = 2.0
"""The run file is written at most this often."""

OLDEST = 8
"""Tasks under way that the run file names: those that began first."""


@dataclass
class PhaseProgress:
    """How far a phase is. Bytes are those of the tasks' inputs."""

    title: str
    tasks: int
    bytes: int
    done: int = 0
    failed: int = 0
    bytes_done: int = 0
    documents: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the phase began."""
        return time.monotonic() - self.started

    @property
    def eta(self) -> float | None:
        """Seconds to the end at the rate so far, by bytes; None before anything is done."""
        if not self.bytes_done:
            return None
        return self.seconds * max(0, self.bytes - self.bytes_done) / self.bytes_done


@dataclass(frozen=True)
class StageWork:
    """What a run did of a stage, in parts that it was about: found up to date, judged from stored metrics, or run.

    ``waiting`` are those that are still to be made.
    """

    stage: str
    kept: int
    judged: int
    run: int
    waiting: int


class Listener(Protocol):
    """Shows a run's progress."""

    def phase(self, progress: PhaseProgress) -> None:
        """A phase begins."""

    def advance(self, progress: PhaseProgress, task: Task) -> None:
        """A task ended."""

    def problem(self, message: str) -> None:
        """Something went wrong and the run goes on."""


class Silent:
    """Shows nothing."""

    def phase(self, progress: PhaseProgress) -> None:
        """See ``Listener``."""

    def advance(self, progress: PhaseProgress, task: Task) -> None:
        """See ``Listener``."""

    def problem(self, message: str) -> None:
        """See ``Listener``."""


class RunRecord:
    """``runs/TIME.json``: what a run was asked to do, where it stands, what failed, how it ended."""

    def __init__(self, root: Root, command: dict[str, Any], listener: Listener) -> None:
        self._root = root
        self._listener = listener
        # The names tell which run is the newest; quick ones begin in the same second, processes of several machines
        # may have the same number.
        self._path = f"runs/{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{uuid.uuid4().hex[:6]}.json"
        self._data: dict[str, Any] = {
            "started": _now(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "command": command,
            "state": "running",
            "phases": [],
            "problems": [],
            "stages": [],
        }
        self._timeline = Timeline()
        self._written = 0.0
        self._progress: PhaseProgress | None = None
        self._running: dict[str, str] = {}

    def stages(self, work: Sequence[StageWork]) -> None:
        """What is done of each stage; written with what comes next."""
        self._data["stages"] = [vars(one) for one in work]

    def phase(self, title: str, tasks: int, size: int) -> None:
        """A phase begins."""
        if self._progress is not None:
            self._write()
        self._progress = PhaseProgress(title, tasks, size)
        self._data["phases"].append({})
        self._timeline.phase()
        self._listener.phase(self._progress)
        self._write()

    def begun(self, task: Task) -> None:
        """A task is given to a worker. It is written at once while none is done; later ones are with those that are."""
        assert self._progress is not None
        self._running[describe(task)] = _now()
        self._timeline.begin(describe(task))
        self._write(hurry=not self._progress.done)

    def ended(self, task: Task, *, well: bool) -> None:
        """A worker is rid of a task, whatever became of it."""
        self._running.pop(describe(task), None)
        self._timeline.end(describe(task), well=well)

    def done(self, task: Task, receipts: list[Receipt]) -> None:
        """A task ended well."""
        assert self._progress is not None
        self._progress.done += 1
        self._progress.bytes_done += task.bytes
        self._progress.documents += receipts[0].rows.get("in", 0) if receipts else 0
        self._listener.advance(self._progress, task)
        self._write(hurry=False)

    def failed(self, task: Task, summary: str, trace: str = "") -> None:
        """A task ended badly, for good."""
        assert self._progress is not None
        self._progress.failed += 1
        self._progress.bytes_done += task.bytes
        self.problem(f"{describe(task)}: {summary}", trace)
        self._listener.advance(self._progress, task)

    def problem(self, message: str, trace: str = "") -> None:
        """Something worth a line in ``logs``."""
        self.note(message, trace)
        self._listener.problem(message)
        self._write()

    def note(self, message: str, trace: str = "") -> None:
        """The same, where the listener is told otherwise; written with what comes next."""
        self._data["problems"].append({"time": _now(), "message": message, "trace": trace})

    def end(self, state: str) -> None:
        """The run ended: ``done``, ``failed`` or ``interrupted``. What this process asked of remote stores is told."""
        self._running.clear()
        self._data |= {"state": state, "ended": _now(), "requests": taken()}
        self._write()

    def _write(self, *, hurry: bool = True) -> None:
        if not hurry and time.monotonic() - self._written < WRITE_SECONDS:
            return
        self._written = time.monotonic()
        if self._progress is not None:
            shown = {k: v for k, v in vars(self._progress).items() if k != "started"}
            times = {"seconds": round(self._progress.seconds, 1), "eta": self._progress.eta}
            self._data["phases"][-1] = {**shown, **times, **self._timeline.of_phase()}
        oldest = list(self._running.items())[:OLDEST]
        self._data["running"] = [{"task": task, "since": since} for task, since in oldest]
        self._data |= {name: getattr(self._timeline, name) for name in ("spans", "unwell", "under_way")}
        self._data["updated"] = _now()
        self._root.store.put(self._root.full(self._path), canonical(self._data))


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
