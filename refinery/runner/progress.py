"""Progress of a run: the record in the root, which other terminals read, and the listener of the run."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from refinery.identity import canonical
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.runs import PhaseRecord, ProblemRecord, RunningTask, RunRecord, StageWork
from refinery.runner.timeline import Timeline
from refinery.store import taken
from refinery.task.tasks import Task

WRITE_SECONDS = 2.0
"""The record is written at most this often while tasks are done."""

OLDEST = 8
"""Tasks under way that the record names: those that began first."""


class Listener(Protocol):
    """Receives the progress of a run."""

    def phase(self, progress: PhaseRecord) -> None:
        """Called when a phase begins."""

    def advance(self, progress: PhaseRecord, task: Task) -> None:
        """Called when a task has ended."""

    def problem(self, message: str) -> None:
        """Called with a problem after which the run goes on."""


class Silent:
    """A listener that ignores all progress."""

    def phase(self, progress: PhaseRecord) -> None:
        """See ``Listener``."""

    def advance(self, progress: PhaseRecord, task: Task) -> None:
        """See ``Listener``."""

    def problem(self, message: str) -> None:
        """See ``Listener``."""


class RunRecorder:
    """Keeps the record of a run up to date, and reports progress to a listener."""

    def __init__(self, root: Root, command: dict[str, Any], listener: Listener) -> None:
        self._root = root
        self._listener = listener
        # Names sort by time. Quick runs begin in the same second; processes of several machines may share a number.
        self._path = f"runs/{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{uuid.uuid4().hex[:6]}.json"
        self._fields: dict[str, Any] = {
            "started": _now(),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "command": command,
            "state": "running",
        }
        self._phases: list[PhaseRecord] = []
        self._problems: list[ProblemRecord] = []
        self._running: dict[str, datetime] = {}
        self._timeline = Timeline()
        self._phase_began = self._written = 0.0

    def stages(self, work: Sequence[StageWork]) -> None:
        """Record what is done of each stage; written with the next change."""
        self._fields["stages"] = tuple(work)

    def phase(self, title: str, tasks: int, size: int) -> None:
        """Begin a phase."""
        if self._phases:
            self._write()
        self._phases.append(PhaseRecord(title=title, tasks=tasks, bytes=size))
        self._phase_began = time.monotonic()
        self._timeline.phase()
        self._listener.phase(self._phases[-1])
        self._write()

    def begun(self, task: Task) -> None:
        """Record that a worker has a task. Written at once while none is done; later with those that are done."""
        self._running[task.title] = _now()
        self._timeline.begin(task.title)
        self._write(hurry=not self._phases[-1].done)

    def ended(self, task: Task, *, failed: bool) -> None:
        """Record that a worker has ended a task."""
        self._running.pop(task.title, None)
        self._timeline.end(task.title, failed=failed)

    def done(self, task: Task, receipts: list[Receipt]) -> None:
        """Record that a task has succeeded."""
        documents = receipts[0].rows.get("in", 0) if receipts else 0
        self._advance(task, done=1, documents=documents)
        self._write(hurry=False)

    def failed(self, task: Task, summary: str, trace: str = "") -> None:
        """Record that a task has failed for good."""
        self.problem(f"{task.title}: {summary}", trace)
        self._advance(task, failed=1)

    def _advance(self, task: Task, **more: int) -> None:
        before = self._phases[-1]
        counts = {name: getattr(before, name) + count for name, count in (*more.items(), ("bytes_done", task.bytes))}
        self._phases[-1] = self._timed(before.model_copy(update=counts))
        self._listener.advance(self._phases[-1], task)

    def _timed(self, phase: PhaseRecord) -> PhaseRecord:
        seconds = time.monotonic() - self._phase_began
        left = seconds * max(0, phase.bytes - phase.bytes_done) / phase.bytes_done if phase.bytes_done else None
        return phase.model_copy(update={"seconds": round(seconds, 1), "eta": left, **self._timeline.of_phase()})

    def problem(self, message: str, trace: str = "") -> None:
        """Record a problem and report it to the listener."""
        self.note(message, trace)
        self._listener.problem(message)
        self._write()

    def note(self, message: str, trace: str = "") -> None:
        """Record a problem that the listener gets elsewhere; written with the next change."""
        self._problems.append(ProblemRecord(time=f"{_now():%Y-%m-%dT%H:%M:%SZ}", message=message, trace=trace))

    def end(self, state: str) -> None:
        """Record the end of the run: ``done``, ``failed`` or ``interrupted``."""
        self._running.clear()
        self._fields |= {"state": state, "ended": _now(), "requests": taken()}
        self._write()

    def _write(self, *, hurry: bool = True) -> None:
        if not hurry and time.monotonic() - self._written < WRITE_SECONDS:
            return
        self._written = time.monotonic()
        if self._phases:
            self._phases[-1] = self._timed(self._phases[-1])
        oldest = [RunningTask(task=task, since=since) for task, since in list(self._running.items())[:OLDEST]]
        record = RunRecord(
            **self._fields,
            updated=_now(),
            phases=tuple(self._phases),
            problems=tuple(self._problems),
            running=tuple(oldest),
            **self._timeline.of_run(),
        )
        self._root.store.put(self._root.full(self._path), canonical(record.model_dump(mode="json")))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
