"""The receipt of what a worker made, and what it took."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from refinery.identity import code_digest, library_versions
from refinery.root.receipts import FileRef, Receipt
from refinery.root.root import Root
from refinery.store import taken
from refinery.task.tasks import AuditTask, MapRun, RoundTask

_STATUS = re.compile(r"^(VmHWM|RssFile):\s+(\d+) kB$", re.MULTILINE)


class Sizes:
    """Batches that are counted as they pass."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = self.bytes = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch


def commit_phase(
    root: Root,
    kind: Any,
    task: MapRun | RoundTask | AuditTask,
    part: int,
    key: str,
    inputs: Iterable[str],
    contents: dict[str, str],
    rows: dict[str, int],
    files: dict[str, tuple[FileRef, ...]],
    seconds: float,
    statistics: str = "",
    poison: tuple[tuple[int, str], ...] = (),
) -> Receipt:
    """Commit what a task of a global stage, or an audit, made under its key."""
    receipt = Receipt(
        kind=kind,
        stage=task.name,
        part=part,
        key=key,
        inputs=tuple(inputs),
        contents=contents,
        rows=rows,
        files=files,
        statistics=statistics,
        code=code_digest(task.stage),
        libraries=library_versions(task.stage),
        seconds=round(seconds, 3),
        peak_memory=peak_memory(),
        requests=taken(),
        poison=poison,
    )
    root.commit(task.folder, receipt)
    return receipt


def peak_memory() -> int:
    """The most bytes that this process has held, without the pages of libraries and files, which workers share.

    Where the kernel does not tell these apart they are included. ``getrusage`` is the second choice: it counts what the
    parent held when it began this process.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as stream:
        told = {name: int(kibibytes) for name, kibibytes in _STATUS.findall(stream.read())}
        if len(told) == 2:
            return (told["VmHWM"] - told["RssFile"]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
