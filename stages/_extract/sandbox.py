"""Runs a third-party engine in a process of its own, with limits of time and memory.

One long-lived child serves one page at a time. If it exceeds a limit or dies, the page gets an outcome and the next
page a new child. Not here: engines and documents.

The limits are a safeguard: times and resident sizes depend on the machine, so they should be far above those of
ordinary pages. Time is the child's processor time, so that a busy machine does not change outcomes. Neither earlier
pages nor other processes may change an outcome: a child that has grown is replaced, and a death or an excess of memory
only counts if a new child repeats it.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from functools import cache
from multiprocessing import Pipe
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import psutil

from refinery import PartFailed
from refinery.stages._extract import child

START = 60.0
"""Seconds for a child to load its engine."""

POLL_SECONDS = 0.05
"""Seconds between checks of a busy child; a page may exceed its limits for that long."""

WALL_FACTOR = 10
"""Limit of wall-clock time as a multiple of the processor time, for a child that waits."""


Mark = dict[str, Any]
"""A mark of the column ``structure``."""


class Reply(NamedTuple):
    """``outcome`` is ok, timeout, memory, crash or exception; ``note`` describes the last two.

    ``marks`` are the structure of the text; None without one.
    """

    outcome: str
    text: str = ""
    note: str | None = None
    marks: list[Mark] | None = None


class Sandbox:
    """An engine by ``module:function``, which the child calls with ``options`` and which returns ``html -> text``.

    ``timeout`` is in seconds of processor time for one page, ``memory`` in resident bytes. The child starts with the
    first page. Threads may share a sandbox; they take turns.
    """

    def __init__(self, engine: str, options: Mapping[str, Any], *, timeout: float, memory: int) -> None:
        self._engine, self._options = engine, json.dumps(dict(options))
        self._timeout, self._memory = timeout, memory
        self._child: _Child | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Return the id of the current child."""
        return self._child.pid if self._child else None

    def extract(self, page: bytes | memoryview) -> Reply:
        """Return the text of a page in UTF-8. Raises PartFailed if the engine cannot be loaded."""
        with self._lock:
            reply = self._attempt(page)
            return self._attempt(page) if reply.outcome in {"memory", "crash"} else reply

    def _attempt(self, page: bytes | memoryview) -> Reply:
        served, self._child = self._child or _Child(self._engine, self._options), None
        with ExitStack() as cleanup:
            cleanup.callback(served.kill)  # also after an interrupt: a reply must never meet the next page
            reply = served.request(page, self._timeout, self._memory)
            if reply.outcome == "ok" and served.growth() <= self._memory // 4:
                cleanup.pop_all()
                self._child = served
        return reply

    def close(self) -> None:
        """End the child."""
        with self._lock:
            if self._child:
                self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def shared(engine: str, options: Mapping[str, Any], *, timeout: float, memory: int) -> Sandbox:
    """Return this process's sandbox for these settings."""
    return once_a_process(_sandbox, engine, tuple(sorted(options.items())), timeout, memory)


def _sandbox(engine: str, options: tuple[tuple[str, Any], ...], timeout: float, memory: int) -> Sandbox:
    return Sandbox(engine, dict(options), timeout=timeout, memory=memory)


class _Closes(Protocol):
    def close(self) -> None: ...


C = TypeVar("C", bound=_Closes)


def once_a_process(make: Callable[..., C], *settings: Hashable) -> C:
    """Return what ``make`` returned in this process for these settings; it is closed when the process ends."""
    closing: C = _closed_at_exit(os.getpid(), make, settings)
    return closing


@cache
def _closed_at_exit(pid: int, make: Callable[..., Any], settings: tuple[Hashable, ...]) -> Any:
    del pid  # part of the key: a forked process must not write to its parent's pipe
    closing = make(*settings)
    atexit.register(closing.close)
    return closing


def cause_of_death(process: subprocess.Popen[bytes]) -> str:
    """Return the signal or exit code of a process that closed its pipe."""
    try:
        code = process.wait(timeout=START)
    except subprocess.TimeoutExpired:
        return "its pipe closed"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


class _Child:
    """One child process, from its start to its death."""

    def __init__(self, engine: str, options: str) -> None:
        its_input, self._requests = Pipe(duplex=False)
        self._replies, its_output = Pipe(duplex=False)
        # -P: a folder `stages` in the working directory must not shadow this package. With its own process group,
        # Ctrl-C at the terminal only reaches the parent, and does not look like the crash of an engine.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", child.__name__, engine, options],
            stdin=its_input.fileno(),
            stdout=its_output.fileno(),
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        its_input.close()
        its_output.close()
        self.pid = self._process.pid
        self._watched = psutil.Process(self.pid)
        with ExitStack() as cleanup:
            cleanup.callback(self.kill)
            self._await_ready(engine)
            self._at_start = self._resident()
            cleanup.pop_all()

    def _await_ready(self, engine: str) -> None:
        try:
            reply = self._replies.recv_bytes() if self._replies.poll(START) else b"it did not start in time"
        except EOFError:
            reply = f"it ended with {cause_of_death(self._process)}".encode()
        if reply != child.READY:
            reason = reply.removeprefix(child.EXCEPTION).decode()
            raise PartFailed(f"engine {engine} cannot be loaded: {reason}", hint="reinstall refinery")

    def request(self, page: bytes | memoryview, timeout: float, memory: int) -> Reply:
        """Send a page and wait for its outcome. After any outcome but ok the child is unusable."""
        busy_until, deadline = self._busy() + timeout, time.monotonic() + timeout * WALL_FACTOR
        try:
            self._requests.send_bytes(page)
            while not self._replies.poll(min(POLL_SECONDS, timeout)):
                if self._busy() >= busy_until or time.monotonic() >= deadline:
                    return Reply("timeout")
                if self._resident() > memory:
                    return Reply("memory")
            reply = self._replies.recv_bytes()
        except (EOFError, OSError):
            return Reply("crash", note=cause_of_death(self._process))
        content = reply[1:].decode()
        if reply[:1] == child.EXCEPTION:
            return Reply("exception", note=content)
        return Reply("ok", content) if reply[:1] == child.TEXT else Reply("ok", **json.loads(content))

    def growth(self) -> int:
        """Return the growth of resident bytes since the engine was loaded."""
        return self._resident() - self._at_start

    def _resident(self) -> int:
        try:
            return int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0  # it is dead; the pipe reports that

    def _busy(self) -> float:
        try:
            times = self._watched.cpu_times()
        except psutil.Error:
            return 0.0  # likewise
        return times.user + times.system

    def kill(self) -> None:
        """End the process and wait for its end."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
        self._replies.close()
