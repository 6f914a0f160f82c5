"""A worker process: receives tasks through a pipe, performs them, and sends back their outcomes.

It does not import the program that started it, so that a script or a notebook needs no ``if __name__ == "__main__"``.
It only imports that program for a task with something that is defined there, such as a stage (``Program``).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import runpy
import signal
import struct
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import psutil
import pyarrow as pa

from refinery.errors import RefineryError, UsageError
from refinery.executors import Logged
from refinery.executors.messages import Messages

LONGEST_CAUSE = 300
"""Characters of a worker's report of its death."""

POSITION = struct.Struct("<QQ64p")
"""The worker's current rows (first and count) and step, in memory that the parent can read after its death."""

START = "import sys; sys.path[:] = sys.argv[4:]; from refinery.executors.worker import main; main()"
"""Code of a worker process. Its arguments: file descriptors of pipe, lifeline and position; the module path."""

PARENT_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of prctl(2)."""

IMPORTED_AS = "__mp_main__"
"""Name of the main module in a worker, as with multiprocessing: ``__name__ == "__main__"`` is false there."""


Answer = tuple[str, Any, int, tuple[Logged, ...]]
"""The answer of a worker: ``done``, ``failed`` or ``died``, with its value; bytes in memory; and what was logged."""


@dataclass(frozen=True)
class Program:
    """The parent's program: its command line, and its main module by name (``-m``) or file, or empty without one."""

    argv: tuple[str, ...]
    module: str
    file: str

    @classmethod
    def here(cls) -> Program:
        """Return the program of this process."""
        main = sys.modules["__main__"]
        module = getattr(getattr(main, "__spec__", None), "name", "")
        file = os.path.abspath(getattr(main, "__file__", None) or "")
        return cls(tuple(sys.argv), module, file if os.path.isfile(file) else "")


def main() -> None:
    """Serve tasks until the pipe is closed or the parent ends."""
    pipe, lifeline, position = (int(number) for number in sys.argv[1:4])
    _end_with_parent(lifeline)
    pa.set_cpu_count(1)  # there is one worker per core, and each thread needs memory of its own
    with Connection(pipe) as connection, mmap.mmap(position, POSITION.size) as shared:
        program: Program = connection.recv()
        sys.argv[:], sys.modules["__main__"] = program.argv, _StandIn(program)
        _serve(connection, shared)


def _serve(pipe: Connection, position: mmap.mmap) -> None:
    me, messages = psutil.Process(), Messages()

    def mark(step: str, first: int, count: int) -> None:
        POSITION.pack_into(position, 0, first, count, step.encode()[:63])

    while True:
        try:
            message = pipe.recv_bytes()
        except EOFError:
            return
        try:
            function, task = pickle.loads(message)  # noqa: S301 - from the parent alone
            kind, value = "done", function(task, mark)
        except Exception as error:  # noqa: BLE001  a worker reports every failure; the parent decides
            kind, value = "failed", _failure(error)
        except BaseException as error:  # noqa: BLE001  the panic of a native kernel, reported like a crash
            kind, value = "died", _cause(error)
        pipe.send((kind, value, me.memory_info().rss, messages.taken()))


def _cause(error: BaseException) -> str:
    """Return the exception as one line of valid UTF-8, although messages may quote lone surrogates of documents."""
    line = " ".join(f"ended by {type(error).__name__}: {error}".split())
    return line.removesuffix(":")[:LONGEST_CAUSE].encode(errors="backslashreplace").decode()


def _failure(error: Exception) -> tuple[RefineryError | None, str, str]:
    known = error if isinstance(error, RefineryError) else None
    return known, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error))


def _end_with_parent(lifeline: int) -> None:
    """Have this process end when its parent ends, even while it is stopped (on Linux: elsewhere once it goes on)."""
    threading.Thread(target=_end_with_lifeline, args=(lifeline,), daemon=True).start()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _end_with_lifeline(lifeline: int) -> None:
    """End this process when the lifeline is closed: only the parent can write to it, and never does."""
    os.read(lifeline, 1)
    os._exit(1)


# ------------------------------------------------------------------------------------------------- the parent's program


class _StandIn(ModuleType):
    """Replaces ``__main__``; imports the program's main module when a task first needs a name from it."""

    def __init__(self, program: Program) -> None:
        super().__init__("__main__")
        self._program = program
        self._imported: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._imported:
            self._imported = _run_again(self._program, name)
        try:
            return self._imported[name]
        except KeyError as error:
            raise AttributeError(f"the main module has no {name}") from error


def _run_again(program: Program, name: str) -> dict[str, Any]:
    """Return the names of the program's main module. Raises UsageError if it cannot be imported."""
    if program.module:
        return runpy.run_module(program.module, run_name=IMPORTED_AS)
    if program.file:
        return runpy.run_path(program.file, run_name=IMPORTED_AS)
    raise UsageError(
        f"a worker needs {name!r}, which it cannot import from where it is defined",
        hint="move it to a module (a .py file), and import it from there",
    )


def refuse_in_worker() -> None:
    """Raise UsageError in a worker, where importing the parent's program would start the same run again."""
    if isinstance(sys.modules["__main__"], _StandIn):
        raise UsageError(
            "a worker imports the main module for a stage defined there, and would start the run again",
            hint='call run() under `if __name__ == "__main__":`, or move the stage to a module of its own',
        )
