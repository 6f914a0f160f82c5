"""The commit of a task, and the resources that its process took."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections.abc import Iterator

import pyarrow as pa
from msgspec import structs

from refinery.identity import code_digest, library_versions
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.base import Stage
from refinery.store import taken

_STATUS = re.compile(r"^(VmHWM|RssFile):\s+(\d+) kB$", re.MULTILINE)


class Sizes:
    """Counts the rows and bytes of batches as they pass."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = self.bytes = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch


def commit(root: Root, folder: str, stage: Stage, receipt: Receipt) -> Receipt:
    """Commit what a task wrote: its receipt, completed with the code that ran and what the process took."""
    complete = structs.replace(
        receipt,
        code=code_digest(stage),
        libraries=library_versions(stage),
        seconds=round(receipt.seconds, 3),
        peak_memory=peak_memory(),
        requests=taken(),
    )
    root.commit(folder, complete)
    return complete


def committed(root: Root, folder: str, key: str, *, force: bool, with_files: bool = True) -> Receipt | None:
    """Return the receipt with a key if it still counts; else withdraw it, for its files are about to be replaced."""
    there = root.receipt(folder, key)
    if there is None:
        return None
    if not force and (there.files or not with_files) and root.missing([there]) == [""]:
        return there
    if there.files:
        root.withdraw(folder, key)
    return None


def peak_memory() -> int:
    """Return the peak memory of this process in bytes, without the pages of libraries and files, which workers share.

    They are included where the kernel does not report them apart. ``getrusage`` is the second choice: it includes the
    memory of the parent when it started this process.
    """
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as stream:
        sizes = {name: int(kibibytes) for name, kibibytes in _STATUS.findall(stream.read())}
        if len(sizes) == 2:
            return (sizes["VmHWM"] - sizes["RssFile"]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
