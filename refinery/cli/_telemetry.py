"""The log and the metrics of a run, which its events are written to while it goes on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import RawIOBase

import click
import psutil

from refinery.errors import StorageError
from refinery.formatting import safe
from refinery.runner.events import Event, Listener
from refinery.runner.log_lines import log_line
from refinery.runner.open_metrics import metrics_text
from refinery.store import LocalStore, is_remote
from refinery.store.local import storage_errors

STDERR = "stderr"
"""The name of standard error, instead of a file."""

METRICS_SECONDS = 5.0
"""Metrics are written at most this often, and at the end."""


class Latest(dict[str, Event]):
    """The latest event of each run by its root."""

    def __call__(self, event: Event) -> None:
        """Keep the event."""
        self[event.root] = event


class Metrics:
    """Writes the metrics of runs to a file, which is replaced as a whole. Raises StorageError."""

    def __init__(self, path: str, latest: Latest) -> None:
        self._path, self._latest = path, latest
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        text = metrics_text(self._latest.values(), psutil.Process().memory_info().rss)
        LocalStore().put(self._path, text.encode())

    def __call__(self, event: Event) -> None:
        """Write the metrics, if that is long ago or the run has ended."""
        if event.kind == "run_ended" or time.monotonic() - self._written >= METRICS_SECONDS:
            self._write()


class Log:
    """Appends a line for each event to a file. Other runs may append to it as well: a line is one write."""

    def __init__(self, stream: RawIOBase) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        """Write the line."""
        self._stream.write(log_line(event).encode())


@contextmanager
def telemetry(log: str | None, metrics: str | None, latest: Latest) -> Iterator[Sequence[Listener]]:
    """Yield the listeners of a log and of metrics. Raises StorageError if one of them cannot be written."""
    for option, path in (("--log-json", log), ("--metrics", metrics)):
        if path and is_remote(path):
            raise click.UsageError(
                f"{option} {path}: a local file is needed, since it is written while the run goes on"
            )
    listeners: list[Listener] = [latest]
    if metrics:
        listeners.append(_going_on(Metrics(metrics, latest), metrics))
    if not log:
        yield listeners
        return
    with storage_errors(log):
        stream = open(  # noqa: SIM115  errors of the run are not those of the file
            sys.stderr.fileno() if log == STDERR else log, "ab", buffering=0, closefd=log != STDERR
        )
    with stream:
        yield [*listeners, _going_on(Log(stream), log)]


def _going_on(listener: Listener, path: str) -> Listener:
    """Return a listener whose failures do not end the run, for results do not need it. The first one is printed."""
    failed = False

    def receive(event: Event) -> None:
        nonlocal failed
        try:
            listener(event)
        except (StorageError, OSError) as error:
            if not failed:
                reason = error.message if isinstance(error, StorageError) else f"{path}: {error.strerror}"
                click.echo(f"warning: the run continues, but {safe(reason)}", err=True)
            failed = True

    return receive
