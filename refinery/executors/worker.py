"""A worker process of this machine: receives tasks through a pipe, does them, and sends back how each ended.

It does not import the program that started it, so a script or a notebook needs no main guard. Only a task that contains
something the program itself defines, such as a stage, makes the worker import it (``_Program``).
"""

from __future__ import annotations

import mmap
import os
import pickle
import runpy
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

LONGEST_CAUSE = 300
"""Characters of what a worker reports of its own death."""

POSITION = struct.Struct("<QQ64p")
"""The rows in the worker's hands, first and count, and the step: in memory that its parent sees after its death."""

START = "import sys; sys.path[:] = sys.argv[4:]; from refinery.executors.worker import main; main()"
"""The code a worker begins with. Its arguments: file descriptors of pipe, lifeline and position; the module path."""

IMPORTED_AS = "__mp_main__"
"""The name of the program's main module in a worker, that of multiprocessing: a main guard is false there."""


@dataclass(frozen=True)
class Program:
    """What the parent runs: its command line, and its main module by name (``-m``) or file, empty where it has none."""

    argv: tuple[str, ...]
    module: str
    file: str

    @classmethod
    def here(cls) -> Program:
        """That of this process."""
        main = sys.modules["__main__"]
        module = getattr(getattr(main, "__spec__", None), "name", "")
        file = os.path.abspath(getattr(main, "__file__", None) or "")
        return cls(tuple(sys.argv), module, file if os.path.isfile(file) else "")


def main() -> None:
    """Serve tasks until the pipe ends, or this process's parent."""
    pipe, lifeline, position = (int(number) for number in sys.argv[1:4])
    threading.Thread(target=_end_with_parent, args=(lifeline,), daemon=True).start()
    pa.set_cpu_count(1)  # there are as many workers as cores, and each thread has memory of its own
    with Connection(pipe) as connection, mmap.mmap(position, POSITION.size) as shared:
        program: Program = connection.recv()
        sys.argv[:], sys.modules["__main__"] = program.argv, _StandIn(program)
        _serve(connection, shared)


def _serve(pipe: Connection, position: mmap.mmap) -> None:
    me = psutil.Process()

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


def _end_with_parent(lifeline: int) -> None:
    """Nothing is ever written to the lifeline, and nobody but the parent can write: it ends with that process."""
    os.read(lifeline, 1)
    os._exit(1)


# ------------------------------------------------------------------------------------------------- the parent's program


class _StandIn(ModuleType):
    """What a task needs of ``__main__``: from the program's main module, which is imported when it is first needed."""

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
    """The names of the program's main module. Raises UsageError where it cannot be imported."""
    if program.module:
        return runpy.run_module(program.module, run_name=IMPORTED_AS)
    if program.file:
        return runpy.run_path(program.file, run_name=IMPORTED_AS)
    raise UsageError(
        f"a worker needs {name!r}, which is defined where no worker can import it",
        hint="write it into a module (a .py file), and import it from there",
    )


def refuse_in_worker() -> None:
    """Raise UsageError in a worker: importing its parent's program, it would begin the same run again."""
    if isinstance(sys.modules["__main__"], _StandIn):
        raise UsageError(
            "a worker that imports the main module, for a stage defined there, would begin the run again",
            hint='call run() under `if __name__ == "__main__":`, or define the stage in a module of its own',
        )
