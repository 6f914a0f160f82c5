"""Runs tasks on a Ray cluster.

Ray only schedules: it transfers descriptions of tasks and their receipts, while rows stay in the root's files. On its
node, a local worker performs the task, so that its death is reported with its rows as on one machine. Ray repeats the
tasks of a lost node or of a lost Ray worker.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast

from refinery.errors import StorageError, UsageError
from refinery.executors import Died, Done, Failed, Function, Late, in_flight, never_late
from refinery.executors.local import LocalExecutor, PackedTask
from refinery.task.tasks import StepRows

T = TypeVar("T")
R = TypeVar("R")

REPEATS = 5
"""Most repetitions of a task whose node or Ray worker was lost."""

_SETTINGS = (
    *(
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_NO_SIGN_REQUEST",
    ),
    "REFINERY_KERNELS",
)
"""Variables that workers inherit. Secrets are not among them: each node has its own."""

CONNECT_SECONDS = 10.0
"""Timeout for a cluster's first answer."""

ABANDON_SECONDS = 10.0
"""Timeout until a task is known to have ended that is to be."""

NODES_SECONDS = 1.0
"""The nodes of the cluster are asked for at most this often: each time takes longer than it takes to submit a task."""


class RayExecutor:
    """Tasks with one CPU and its share of a node's memory, at most ``width`` at once; as many as fit if None.

    ``address`` is that of the cluster, ``auto`` the one of this machine; ``budget`` returns the bytes for tasks on a
    node by its memory. Raises UsageError if Ray is not installed, StorageError if no cluster answers.
    """

    def __init__(self, address: str, width: int | None, budget: Callable[[int], int]) -> None:
        self._ray = _ray()
        self._width = width
        self._stdout = contextlib.redirect_stdout(sys.stderr)  # Ray prints events of its nodes there
        self._connect(address)
        self._budget = budget
        self._known: list[tuple[int, int]] = []
        self._known_until = 0.0
        self._share = max(1, min(memory // cpus for cpus, memory in self._nodes()))
        self._task = self._ray.remote(_perform)
        self._stdout.__enter__()

    def _connect(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        before = signal.getsignal(signal.SIGTERM)
        try:
            if colon:  # Ray itself would try for minutes
                socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                configure_logging=False,
                ignore_reinit_error=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise StorageError(
                f"no Ray cluster at {address!r}: {reason}",
                hint="start one with `ray start --head`, and set executor.address to it",
            ) from error
        if callable(before) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # Ray has taken it, and would end the process at once

    @property
    def width(self) -> int:
        """Return the number of tasks that can run now; it changes with the nodes."""
        return self._fit(self._share)

    @property
    def room(self) -> int:
        """See ``Executor.room``: that of the largest node."""
        return max(memory for _, memory in self._nodes())

    def _fit(self, memory: int) -> int:
        """Return the number of tasks with this memory that can run now."""
        fit = sum(min(cpus, room // memory) for cpus, room in self._nodes())
        return max(1, min(fit, self._width or fit))

    def _nodes(self) -> list[tuple[int, int]]:
        """Return CPUs and memory for tasks, in bytes, of each usable node, as they were in the last second."""
        if not self._known or time.monotonic() > self._known_until:
            self._known = self._usable_nodes()
            self._known_until = time.monotonic() + NODES_SECONDS
        return self._known

    def _usable_nodes(self) -> list[tuple[int, int]]:
        resources = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        nodes = [(int(one.get("CPU", 0)), int(one.get("memory", 0))) for one in resources]
        usable = [(cpus, min(self._budget(memory), memory)) for cpus, memory in nodes if cpus and memory]
        if not usable:
            raise StorageError("the Ray cluster has no node with a CPU", hint="`ray status` shows its nodes")
        return usable

    def map(
        self, function: Function[T, R], tasks: Iterable[T], memory: int = 0, late: Late[T] = never_late
    ) -> Iterator[Done[T, R] | Failed[T] | Died[T]]:
        """See ``Executor.map``. Only tasks that can run now are submitted, each with the memory that it requires."""
        here = _Environment(os.getcwd(), {name: os.environ[name] for name in _SETTINGS if name in os.environ})
        required = max(self._share, memory)
        task_type = self._task.options(num_cpus=1, memory=required, max_retries=REPEATS)

        def begin(task: T) -> Any:
            return task_type.remote(PackedTask.of(function, task), required, here)

        fit = partial(self._fit, required)
        for reference, task in in_flight(tasks, fit, begin, self._ended, self._abandon, late):
            yield self._collect(reference, task)

    def _ended(self, busy: Iterable[Any], seconds: float | None) -> Sequence[Any]:
        ended, _ = self._ray.wait(list(busy), num_returns=1, timeout=seconds)
        return cast(Sequence[Any], ended)

    def _abandon(self, reference: Any) -> None:
        """End a task, and with its Ray worker the local one. On a node that does not answer it may go on."""
        self._ray.cancel(reference, force=True)
        self._ray.wait([reference], timeout=ABANDON_SECONDS)

    def _collect(self, reference: Any, task: T) -> Done[T, R] | Failed[T] | Died[T]:
        exceptions = self._ray.exceptions
        try:
            outcome = self._ray.get(reference)
        except exceptions.RayTaskError as error:  # raised around the task, not by it
            return Failed(task, None, " ".join(str(error.cause).split()), str(error))
        except exceptions.RayError as error:
            return Died(task, f"lost by Ray ({type(error).__name__})", StepRows())
        return cast("Done[T, R] | Failed[T] | Died[T]", replace(outcome, task=task))

    def close(self) -> None:
        """See ``Executor.close``. Ray ends this driver's running tasks."""
        self._ray.shutdown()
        self._stdout.__exit__(None, None, None)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "executor.kind is ray, but Ray is not installed", hint="pip install 'crawl-refinery[ray]'"
        ) from error
    return ray


# ------------------------------------------------------------------------------------------------------- on the nodes

_local: list[LocalExecutor] = []
"""The local worker of this Ray worker, reused by the next task."""


@dataclass(frozen=True)
class _Environment:
    """Folder and settings of the driver, which the nodes adopt so that relative paths mean the same."""

    folder: str
    settings: dict[str, str]


def _perform(task: PackedTask, memory: int, driver: _Environment) -> Any:
    """Perform a task in a local worker; return its outcome without the task, which the driver has.

    The task stays packed: to unpickle the stages of a recipe takes longer than all that Ray does for a task.
    """
    if not _local:
        try:
            os.chdir(driver.folder)
        except OSError as error:
            missing = StorageError(
                f"{socket.gethostname()}: {driver.folder}: {error.strerror}",
                hint="start the run in a folder that all nodes share, with its inputs and root there or on s3://",
            )
            return Failed(None, missing, str(missing), "")
        os.environ.update(driver.settings)
        _local.append(LocalExecutor(1, memory))
        atexit.register(_local[0].close)
    return _local[0].perform(task)
