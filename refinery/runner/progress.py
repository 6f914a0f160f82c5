"""Progress of a run: its record in the root, which other terminals read, and its events, which its listener gets."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from refinery.errors import RefineryError
from refinery.executors import WorkerReport
from refinery.identity import canonical
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.root.runs import PhaseRecord, ProblemRecord, RunEstimate, RunningTask, RunRecord, StageAmount, StageWork
from refinery.runner.drain import Drained
from refinery.runner.events import Event, EventKind, Level, Listener, committed, part_of, stage_of, written
from refinery.runner.timeline import Timeline
from refinery.store import taken
from refinery.task.tasks import Task

WRITE_SECONDS = 2.0
"""The record is written at most this often while tasks are done."""

OLDEST = 8
"""Tasks under way that the record names: those that began first."""


_LEVELS: dict[str, Level] = {"error": "error", "critical": "error"}


@dataclass
class _Attempt:
    """The latest time that a worker had a task: its number in the phase, and the seconds, once it has ended."""

    number: int
    began: float
    seconds: float = 0.0
    worker: str = ""

    def values(self) -> dict[str, Any]:
        return {"seconds": self.seconds, **({"worker": self.worker} if self.worker else {})}


@dataclass
class _Work:
    """Work on a stage so far, see ``StageAmount``. A large run adds a million receipts."""

    parts: int = 0
    seconds: float = 0.0
    written: int = 0
    rounds: bool = False
    requests: Counter[str] = field(default_factory=Counter)

    def add(self, receipt: Receipt) -> None:
        self.parts += receipt.kind == "stage"
        self.seconds += receipt.seconds
        self.written += sum(file.bytes for files in receipt.files.values() for file in files)
        self.rounds |= receipt.kind not in ("stage", "audit")
        for kind, number in receipt.requests.items():
            self.requests[kind] += number

    def amount(self, stage: str) -> StageAmount:
        return StageAmount(stage=stage, **{**vars(self), "requests": dict(self.requests)})


class RunRecorder:
    """Keeps the record of a run up to date, and sends its events to a listener. It writes nothing before a phase."""

    def __init__(self, root: Root, command: dict[str, Any], listener: Listener) -> None:
        self._root = root
        self._listener = listener
        # Names sort by time. Quick runs begin in the same second; processes of several machines may share a number.
        self._run = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
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
        self._attempts: dict[str, _Attempt] = {}
        self._work: defaultdict[str, _Work] = defaultdict(_Work)
        self._timeline = Timeline()
        self._began = time.monotonic()
        self._phase_began = self._written = 0.0

    def estimate(self, estimate: RunEstimate | None, prices: Mapping[str, Any]) -> None:
        """Record the estimate of the run, and the prices of that; written with the next change."""
        self._fields |= {"estimate": estimate, "prices": dict(prices)}

    def stages(self, work: Sequence[StageWork]) -> None:
        """Record what is done of each stage; written with the next change."""
        self._fields["stages"] = tuple(work)

    def __enter__(self) -> Self:
        """Send the first event."""
        names = ("host", "pid", "command")
        self._send("run_started", values={"root": self._root.path, **{name: self._fields[name] for name in names}})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Send the last event: how the run ended, though it had nothing to do or could not be recorded."""
        state = self._fields["state"] if self._phases else "done"
        if error is not None:
            state = _ending(error)
        message = str(error.message if isinstance(error, RefineryError) else error or "")
        values = {"state": state, "seconds": round(time.monotonic() - self._began, 3)}
        self._send("run_ended", level="info" if state == "done" else "error", message=message, values=values)

    @property
    def under_way(self) -> int:
        """Tasks that workers have."""
        return len(self._running)

    def phase(self, title: str, tasks: int, size: int) -> None:
        """Begin a phase."""
        self._end_phase()
        self._phases.append(PhaseRecord(title=title, tasks=tasks, bytes=size))
        self._phase_began = time.monotonic()
        self._timeline.phase()
        self._send("phase_started", values={"tasks": tasks, "bytes": size})
        self._write()

    def _end_phase(self) -> None:
        if self._phases:
            self._attempts.clear()
            self._phases[-1] = self._timed(self._phases[-1])
            counts = {"tasks", "done", "failed", "retried", "documents", "bytes_done", "bytes_written", "seconds"}
            self._send("phase_ended", values=self._phases[-1].model_dump(include=counts))

    def begun(self, task: Task) -> None:
        """Record that a worker has a task. Written at once while none is done; later with those that are done."""
        known = self._attempts.get(task.title)
        self._attempts[task.title] = _Attempt(known.number + 1 if known else 1, time.monotonic())
        self._running[task.title] = _now()
        self._timeline.begin(task.title)
        self._count(retried=int(known is not None))
        self._send("task_started", task, values={"bytes": task.bytes})
        self._write(hurry=not self._phases[-1].done)

    def ended(self, task: Task, report: WorkerReport, *, failed: bool) -> None:
        """Record that a worker has ended a task, and what was logged meanwhile."""
        self._running.pop(task.title, None)
        self._timeline.end(task.title, failed=failed)
        attempt = self._attempts[task.title]
        attempt.seconds, attempt.worker = round(time.monotonic() - attempt.began, 3), report.worker
        for when, level, logger, message in report.logged:
            values = {"logger": logger, "worker": report.worker}
            at = datetime.fromtimestamp(when, UTC)
            self._send("logged", task, _LEVELS.get(level, "warning"), message=message, values=values, time=at)

    def died(self, task: Task, message: str, step: str) -> None:
        """Record the death of a worker, in a step if that is known."""
        self.note(message)
        stage = step or stage_of(task)
        self._send("attempt_failed", task, "warning", message=message, values=self._attempt(task), stage=stage)
        self._write()

    def done(self, task: Task, receipts: list[Receipt]) -> None:
        """Record that a task has succeeded."""
        documents = receipts[0].rows.get("in", 0) if receipts else 0
        memory = max((receipt.peak_memory for receipt in receipts), default=0)
        size = written(receipts)
        for receipt in receipts:
            self._work[receipt.stage].add(receipt)
            values = committed(receipt)
            self._send("committed", task, "debug", values=values, stage=receipt.stage, part=receipt.part)
        self._count(task, done=1, documents=documents, bytes_written=size, peak_memory=memory)
        values = {"documents": documents, "bytes": task.bytes, "bytes_written": size, "memory": memory}
        self._send("task_done", task, values={**self._attempt(task), **values})
        del self._attempts[task.title]
        self._write(hurry=False)

    def failed(self, task: Task, summary: str, trace: str = "") -> None:
        """Record that a task has failed for good."""
        message = f"{task.title}: {summary}"
        self.note(message, trace)
        self._count(task, failed=1)
        values = {**self._attempt(task), **({"trace": trace} if trace else {})}
        self._send("task_failed", task, "error", message=message, values=values)
        self._write()

    def _count(self, task: Task | None = None, *, peak_memory: int = 0, **more: int) -> None:
        """Add to the counts of the phase. A ``task`` has ended for good."""
        before = self._phases[-1]
        more |= {"bytes_done": task.bytes} if task else {}
        counts = {name: getattr(before, name) + count for name, count in more.items()}
        counts["peak_memory"] = max(before.peak_memory, peak_memory)
        self._phases[-1] = self._timed(before.model_copy(update=counts))

    def _attempt(self, task: Task) -> dict[str, Any]:
        return self._attempts[task.title].values()

    def _send(
        self, kind: EventKind, task: Task | None = None, level: Level = "info", *, message: str = "", **more: Any
    ) -> None:
        """Send an event to the listener; ``more`` are its other fields."""
        fields: dict[str, Any] = {"time": datetime.now(UTC), "message": message}
        if task:
            attempt = self._attempts[task.title].number
            fields |= {"task": task.title, "stage": stage_of(task), "part": part_of(task), "attempt": attempt}
        fields |= {"root": self._root.path, "run": self._run, "phases": tuple(self._phases)}
        self._listener(Event(kind, level, **{**fields, **more}))

    def _timed(self, phase: PhaseRecord) -> PhaseRecord:
        seconds = time.monotonic() - self._phase_began
        left = seconds * max(0, phase.bytes - phase.bytes_done) / phase.bytes_done if phase.bytes_done else None
        return phase.model_copy(update={"seconds": round(seconds, 1), "eta": left, **self._timeline.of_phase()})

    def problem(self, message: str, trace: str = "") -> None:
        """Record a problem and report it to the listener."""
        self.note(message, trace)
        self._send("problem", level="warning", message=message)
        self._write()

    def note(self, message: str, trace: str = "") -> None:
        """Record a problem that the listener gets elsewhere; written with the next change."""
        self._problems.append(ProblemRecord(time=f"{_now():%Y-%m-%dT%H:%M:%SZ}", message=message, trace=trace))

    def end(self, state: str) -> None:
        """Record the end of the run: ``done``, ``failed``, ``interrupted`` or ``drained``."""
        self._running.clear()
        self._end_phase()
        self._fields |= {"state": state, "ended": _now(), "requests": taken()}
        self._write()

    def _write(self, *, hurry: bool = True) -> None:
        if not hurry and time.monotonic() - self._written < WRITE_SECONDS:
            return
        self._written = time.monotonic()
        if self._phases:
            self._phases[-1] = self._timed(self._phases[-1])
        path = self._root.full(f"runs/{self._run}.json")
        self._root.store.put(path, canonical(self.record().model_dump(mode="json")))

    def record(self) -> RunRecord:
        """Return the record of the run so far."""
        oldest = [RunningTask(task=task, since=since) for task, since in list(self._running.items())[:OLDEST]]
        return RunRecord(
            **self._fields,
            updated=_now(),
            phases=tuple(self._phases),
            problems=tuple(self._problems),
            running=tuple(oldest),
            work=tuple(work.amount(stage) for stage, work in self._work.items()),
            **self._timeline.of_run(),
        )


def _ending(error: BaseException) -> str:
    """Return the state of a run that an error ended."""
    if isinstance(error, Drained):
        return "drained"
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
