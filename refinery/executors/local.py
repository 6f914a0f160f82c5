"""Tasks in processes of this machine.

Each worker is a spawned process with a pipe, so that the death of one is known at once, with the task it had. A worker
that has grown too large is replaced between tasks; all end when this process ends, however it ends.
"""

from __future__ import annotations

import os
import signal
import struct
import threading
import traceback
from collections.abc import Iterable, Iterator
from multiprocessing import connection, get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

import psutil
import pyarrow as pa

from refinery.errors import RefineryError
from refinery.executors import Died, Done, Failed, Function, in_flight
from refinery.tasks import Crumb

T = TypeVar("T")
R = TypeVar("R")

_SPAWN = get_context("spawn")
_CRUMB = struct.Struct("<QQ64p")
LONGEST_CAUSE = 300
"""Characters of what a worker tells of its own death."""

_ALLOCATORS = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
"""Variables that Arrow and glibc read when a process begins, unless they are set already: what a worker has had goes
back to the system, where otherwise it keeps half as much again as it uses."""


class LocalExecutor:
    """At most ``width`` worker processes. ``memory`` is the bytes that all of them may hold between tasks."""

    def __init__(self, width: int, memory: int) -> None:
        self.width = width
        self.room = memory
        self._share = memory // width
        self._workers: list[_Worker] = []

    def map(
        self, function: Function[T, R], tasks: Iterable[T], memory: int = 0
    ) -> Iterator[Done[T, R] | Failed[T] | Died[T]]:
        """See ``Executor.map``."""
        width = max(1, min(self.width, self.room // max(1, memory)))
        idle = list(self._workers)

        def begin(task: T) -> _Worker:
            worker = idle.pop() if idle else self._new_worker()
            worker.start(function, task)
            return worker

        for worker, task in in_flight(tasks, lambda: width, begin, _ready):
            outcome: Done[T, R] | Failed[T] | Died[T] = self._collect(worker, task)
            idle += [worker] if worker in self._workers else []
            yield outcome

    def _new_worker(self) -> _Worker:
        self._workers.append(_Worker())
        return self._workers[-1]

    def _collect(self, worker: _Worker, task: T) -> Done[T, R] | Failed[T] | Died[T]:
        answer = worker.answer()
        if answer is None:
            self._workers.remove(worker)
            return Died(task, worker.cause_of_death(), worker.crumb())
        kind, value, resident = answer
        if kind == "died" or resident > self._share:
            self._workers.remove(worker)
            worker.stop()
        if kind == "done":
            return Done(task, cast(R, value))
        if kind == "died":
            return Died(task, value, worker.crumb())
        error, summary, trace = value
        return Failed(task, error, summary, trace)

    def close(self) -> None:
        """See ``Executor.close``."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()


class _Worker:
    """One worker process as its parent sees it."""

    def __init__(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._crumb = _SPAWN.RawArray("c", _CRUMB.size)
        for variable, value in _ALLOCATORS.items():
            os.environ.setdefault(variable, value)
        self.process = _SPAWN.Process(target=_serve, args=(theirs, self._crumb), daemon=True)
        resource_tracker.ensure_running()  # the first start would do that, and let Ctrl-C through again
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()  # Ctrl-C is the parent's to handle: a worker hears it at no moment
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        theirs.close()

    def start(self, function: Any, task: Any) -> None:
        self._crumb.raw = bytes(_CRUMB.size)
        try:
            self.pipe.send((function, task))
        except (BrokenPipeError, ConnectionResetError):
            return  # it died while idle; answer() will say so

    def answer(self) -> tuple[str, Any, int] | None:
        try:
            return cast("tuple[str, Any, int]", self.pipe.recv())
        except (EOFError, OSError):  # OSError where it died in the middle of its answer
            self.process.join()
            return None

    def cause_of_death(self) -> str:
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    def crumb(self) -> Crumb:
        first, count, step = _CRUMB.unpack(self._crumb.raw)
        return Crumb(step.decode(), first, count)

    def stop(self) -> None:
        self.pipe.close()
        self.process.join()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


def _ready(busy: Iterable[_Worker]) -> list[_Worker]:
    busy = list(busy)
    ready = connection.wait([worker.pipe for worker in busy])
    return [worker for worker in busy if worker.pipe in ready]


def _serve(pipe: Connection, crumb: Any) -> None:
    """The worker's main loop."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pa.set_cpu_count(1)  # there are as many workers as cores, and each thread has memory of its own
    me = psutil.Process()

    def mark(step: str, first: int, count: int) -> None:
        _CRUMB.pack_into(crumb, 0, first, count, step.encode()[:63])

    while True:
        try:
            function, task = pipe.recv()
        except EOFError:
            return
        try:
            kind, value = "done", function(task, mark)
        except Exception as error:  # noqa: BLE001  a worker reports every failure; the parent decides
            kind, value = "failed", _failure(error)
        except BaseException as error:  # noqa: BLE001  the panic of a native kernel, which is told as a crash is
            kind, value = "died", _cause(error)
        pipe.send((kind, value, me.memory_info().rss))


def _cause(error: BaseException) -> str:
    """What was raised, as one line that Arrow can hold: messages quote documents, lone surrogates included."""
    told = " ".join(f"ended by {type(error).__name__}: {error}".split())
    return told.removesuffix(":")[:LONGEST_CAUSE].encode(errors="backslashreplace").decode()


def _failure(error: Exception) -> tuple[RefineryError | None, str, str]:
    known = error if isinstance(error, RefineryError) else None
    return known, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
