"""Runs tasks in processes of this machine.

Each worker is a new process with a pipe (``refinery.executors.worker``), so that its death is noticed at once, with its
task. A worker with too much memory is replaced between tasks. All workers end when this process ends or is killed.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from multiprocessing import Pipe, connection
from typing import Any, TypeVar, cast

from refinery.executors import Died, Done, Failed, Function, Late, Logged, WorkerReport, in_flight, never_late
from refinery.executors.worker import POSITION, START, Answer, Program
from refinery.task.tasks import StepRows

T = TypeVar("T")
R = TypeVar("R")

_ALLOCATORS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
"""Default variables for Arrow and glibc: a worker then returns freed memory to the system, instead of keeping half as
much again as it uses."""


class PackedTask(bytes):
    """A function and its task, pickled: what a worker receives."""

    @classmethod
    def of(cls, function: Any, task: Any) -> PackedTask:
        """Pickle both. Raises what ``pickle`` raises for a task that cannot be sent to another process."""
        return cls(pickle.dumps((function, task), pickle.HIGHEST_PROTOCOL))


class LocalExecutor:
    """At most ``width`` worker processes. ``memory`` limits their total size between tasks, in bytes."""

    def __init__(self, width: int, memory: int) -> None:
        self.width = width
        self.room = memory
        self._share = memory // width
        self._workers: list[_Worker] = []

    def map(
        self, function: Function[T, R], tasks: Iterable[T], memory: int = 0, late: Late[T] = never_late
    ) -> Iterator[Done[T, R] | Failed[T] | Died[T]]:
        """See ``Executor.map``."""
        width = max(1, min(self.width, self.room // max(1, memory)))
        idle = list(self._workers)

        def begin(task: T) -> _Worker:
            worker = idle.pop() if idle else self._new_worker()
            worker.start(PackedTask.of(function, task))
            return worker

        for worker, task in in_flight(tasks, lambda: width, begin, _ready, self._abandon, late):
            outcome: Done[T, R] | Failed[T] | Died[T] = self._collect(worker, task)
            idle += [worker] if worker in self._workers else []
            yield outcome

    def perform(self, packed: PackedTask) -> Done[None, Any] | Failed[None] | Died[None]:
        """Perform one task, and wait for its outcome, which does not contain the task."""
        worker = self._workers[-1] if self._workers else self._new_worker()
        worker.start(packed)
        return self._collect(worker, None)

    def _new_worker(self) -> _Worker:
        self._workers.append(_Worker())
        return self._workers[-1]

    def _abandon(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()

    def _collect(self, worker: _Worker, task: T) -> Done[T, R] | Failed[T] | Died[T]:
        answer = worker.answer()
        if answer is None:
            self._workers.remove(worker)
            return Died(task, worker.cause_of_death(), worker.last_rows(), worker.report())
        kind, value, resident, logged = answer
        report = worker.report(logged)
        if kind == "died" or resident > self._share:
            self._workers.remove(worker)
            worker.stop()
        if kind == "done":
            return Done(task, cast(R, value), report)
        if kind == "died":
            return Died(task, value, worker.last_rows(), report)
        error, summary, trace = value
        return Failed(task, error, summary, trace, report)

    def close(self) -> None:
        """See ``Executor.close``."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()


class _Worker:
    """The parent's side of a worker process."""

    def __init__(self) -> None:
        for variable, value in _ALLOCATORS.items():
            os.environ.setdefault(variable, value)
        self.pipe, its_pipe = Pipe()
        watched, self._lifeline = Pipe(duplex=False)
        with tempfile.TemporaryFile() as file:
            file.truncate(POSITION.size)
            self._position = mmap.mmap(file.fileno(), POSITION.size)
            self.process = _start(its_pipe.fileno(), watched.fileno(), file.fileno())
        watched.close()
        its_pipe.close()
        self._send(pickle.dumps(Program.here()))

    def start(self, packed: PackedTask) -> None:
        self._position[:] = bytes(POSITION.size)
        self._send(packed)

    def _send(self, message: bytes) -> None:
        try:
            self.pipe.send_bytes(message)
        except (BrokenPipeError, ConnectionResetError):
            return  # it died while idle; answer() notices that

    def answer(self) -> Answer | None:
        try:
            return cast(Answer, self.pipe.recv())
        except (EOFError, OSError):  # OSError if it died while it answered
            self._end()
            return None

    def cause_of_death(self) -> str:
        code = self.process.poll()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def last_rows(self) -> StepRows:
        first, count, step = POSITION.unpack(self._position[:])
        return StepRows(step.decode(), first, count)

    def report(self, logged: tuple[Logged, ...] = ()) -> WorkerReport:
        return WorkerReport(socket.gethostname(), self.process.pid, logged)

    def stop(self) -> None:
        self.pipe.close()
        self._end()

    def kill(self) -> None:
        self.process.kill()
        self._end()
        self.pipe.close()

    def _end(self) -> None:
        self.process.wait()
        self._lifeline.close()


def _start(*shared: int) -> subprocess.Popen[bytes]:
    """Start a worker process that inherits these file descriptors."""
    # -P: before the module path is set, a folder in the current one must not shadow a module.
    command = [sys.executable, "-P", "-c", START, *map(str, shared), *map(str, sys.path)]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:  # the whole group gets Ctrl-C and a scheduler's SIGTERM; the parent alone decides what they end
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=shared)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ready(busy: Iterable[_Worker], seconds: float | None) -> list[_Worker]:
    busy = list(busy)
    ready = connection.wait([worker.pipe for worker in busy], seconds)
    return [worker for worker in busy if worker.pipe in ready]
