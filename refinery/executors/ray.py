"""Tasks on a Ray cluster.

Ray schedules and nothing else: a task goes out as a description, its receipts come back, and rows stay in the root's
files. On its node the work is done by a local worker, so that a worker that dies is told with the rows that it held, as
on one machine; Ray itself repeats what a lost node or a lost Ray worker took with it.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from refinery.errors import StorageError, UsageError
from refinery.executors import Died, Done, Failed, Function, in_flight
from refinery.executors.local import LocalExecutor
from refinery.task.tasks import StepRows

T = TypeVar("T")
R = TypeVar("R")

REPEATS = 5
"""How often Ray repeats a task whose node or Ray worker was lost."""

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
"""Variables that workers are given as they are here. Secrets are not: each node has its own."""

CONNECT_SECONDS = 10.0
"""How long a cluster may take to answer."""


class RayExecutor:
    """Plain tasks of one CPU and its share of a node's memory, at most ``width`` at once; as many as fit if None.

    ``address`` is that of the cluster, ``auto`` the one of this machine; ``budget`` tells how many bytes its tasks may
    take of a node that has so many. Raises UsageError where Ray is not installed, StorageError where none answers.
    """

    def __init__(self, address: str, width: int | None, budget: Callable[[int], int]) -> None:
        self._ray = _ray()
        self._bound = width
        self._stdout = contextlib.redirect_stdout(sys.stderr)  # Ray tells there what befalls its nodes
        self._connect(address)
        self._budget = budget
        self._share = max(1, min(memory // cpus for cpus, memory in self._nodes()))
        self._task = self._ray.remote(_perform)
        self._stdout.__enter__()

    def _connect(self, address: str) -> None:
        host, colon, port = address.rpartition(":")
        try:
            if colon:  # Ray itself asks for minutes
                socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
            self._ray.init(
                address=address,
                log_to_driver=False,
                logging_level="ERROR",
                configure_logging=False,
                ignore_reinit_error=True,
            )
        except (OSError, ValueError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            raise StorageError(
                f"no Ray cluster at {address!r}: {said}",
                hint="`ray start --head` begins one; `executor.address` names it",
            ) from error

    @property
    def width(self) -> int:
        """How many tasks can run now: nodes come and go."""
        return self._fit(self._share)

    @property
    def room(self) -> int:
        """See ``Executor.room``: that of the largest node."""
        return max(memory for _, memory in self._nodes())

    def _fit(self, memory: int) -> int:
        """How many tasks of so many bytes can run now."""
        fit = sum(min(cpus, room // memory) for cpus, room in self._nodes())
        return max(1, min(fit, self._bound or fit))

    def _nodes(self) -> list[tuple[int, int]]:
        """CPUs of each node that can take tasks, and the bytes of its memory that they may take."""
        found = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        nodes = [(int(one.get("CPU", 0)), int(one.get("memory", 0))) for one in found]
        able = [(cpus, min(self._budget(memory), memory)) for cpus, memory in nodes if cpus and memory]
        if not able:
            raise StorageError("the Ray cluster has no node with a CPU", hint="`ray status` shows its nodes")
        return able

    def map(
        self, function: Function[T, R], tasks: Iterable[T], memory: int = 0
    ) -> Iterator[Done[T, R] | Failed[T] | Died[T]]:
        """See ``Executor.map``. No more tasks are at the cluster than can run, each where there is memory for it."""
        here = _Place(os.getcwd(), {name: os.environ[name] for name in _SETTINGS if name in os.environ})
        takes = max(self._share, memory)
        placed = self._task.options(num_cpus=1, memory=takes, max_retries=REPEATS)

        def begin(task: T) -> Any:
            return placed.remote(function, task, takes, here)

        for reference, task in in_flight(tasks, lambda: self._fit(takes), begin, self._ended):
            yield self._collect(reference, task)

    def _ended(self, busy: Iterable[Any]) -> Iterable[Any]:
        ended, _ = self._ray.wait(list(busy), num_returns=1)
        return cast(Iterable[Any], ended)

    def _collect(self, reference: Any, task: T) -> Done[T, R] | Failed[T] | Died[T]:
        exceptions = self._ray.exceptions
        try:
            kind, *values = self._ray.get(reference)
        except exceptions.RayTaskError as error:  # not the task's: what surrounds it failed
            return Failed(task, None, " ".join(str(error.cause).split()), str(error))
        except exceptions.RayError as error:
            return Died(task, f"lost by Ray ({type(error).__name__})", StepRows())
        if kind == "done":
            return Done(task, cast(R, values[0]))
        if kind == "failed":
            return Failed(task, *values)
        return Died(task, *values)

    def close(self) -> None:
        """See ``Executor.close``. Ray ends what still runs for this driver."""
        self._ray.shutdown()
        self._stdout.__exit__(None, None, None)


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise UsageError("the executor is ray, and Ray is not installed", hint="pip install 'refinery[ray]'") from error
    return ray


# ------------------------------------------------------------------------------------------------------- on the nodes

_local: list[LocalExecutor] = []
"""The one local worker of this Ray worker, kept for the next task."""


@dataclass(frozen=True)
class _Place:
    """Where the run was started: what relative paths and settings mean there, they mean on the nodes."""

    folder: str
    settings: dict[str, str]


def _perform(function: Any, task: Any, memory: int, driver: _Place) -> tuple[Any, ...]:
    """Do a task in a local worker; how it ended, as plain values."""
    if not _local:
        try:
            os.chdir(driver.folder)
        except OSError as error:
            lacks = StorageError(
                f"{socket.gethostname()}: {driver.folder}: {error.strerror}",
                hint="start the run in a folder that all nodes share, and keep its inputs and root there or on s3://",
            )
            return "failed", lacks, str(lacks), ""
        os.environ.update(driver.settings)
        _local.append(LocalExecutor(1, memory))
        atexit.register(_local[0].close)
    (outcome,) = _local[0].map(function, [task])
    if isinstance(outcome, Done):
        return "done", outcome.result
    if isinstance(outcome, Failed):
        return "failed", outcome.error, outcome.summary, outcome.trace
    return "died", outcome.cause, outcome.last
