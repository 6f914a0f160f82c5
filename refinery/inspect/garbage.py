"""Files of a root that nothing refers to: what older configurations made, and what killed runs left behind.

Only files at places where a run writes are looked at, so whatever else lies in the folder stays; links are not
followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.runs import runs
from refinery.root.receipts import receipt_path
from refinery.statistics.group_files import merged_path

_STAGE = r"[0-9]{2,}-[a-z][a-z0-9_-]*"
_KINDS = (
    (
        "temporary",
        re.compile(
            rf"tmp/[0-9a-f]{{32}}|(?:(?:runs|superseded/[^/]+|{_STAGE}(?:/receipts|/stats|/kept|/removed)?)/)?"
            r"\.[^/]+\.[0-9a-f]{8}"
        ),
    ),
    ("receipt", re.compile(_STAGE + r"/receipts/[0-9a-f]+\.json")),
    ("statistics", re.compile(_STAGE + r"/stats/(?:groups/part-[^/]+\.parquet|(?:part|audit)-[^/]+\.json\.gz)")),
    ("manifest", re.compile(_STAGE + r"/(?:manifest-[0-9a-f]+\.json|groups-[0-9a-f]+\.parquet)")),
    (
        "rows",
        re.compile(
            rf"(?:{_STAGE}/(?:kept|removed|audit|map/keys|map/index|reduce|resolve)|superseded/{_STAGE}-(?:kept|removed))"
            r"/part-[^/]+\.parquet"
        ),
    ),
)
"""What a run writes, by path below the root. The head, the lock and the records of runs are never swept."""


@dataclass(frozen=True)
class UnreferencedFile:
    """A file that nothing refers to: its path below the root, what it is, and its bytes."""

    path: str
    kind: str
    bytes: int


@dataclass(frozen=True)
class Garbage:
    """What was found, and whether it was deleted.

    ``unfinished`` says that the last run did not end well, so some of this is what it would not have to make again.
    """

    files: tuple[UnreferencedFile, ...]
    deleted: bool
    unfinished: bool

    @property
    def bytes(self) -> int:
        """Of all of them."""
        return sum(file.bytes for file in self.files)


def collect_garbage(path: str, *, delete: bool = False) -> Garbage:
    """Find, and with ``delete`` remove, the files of the root at ``path`` that nothing refers to.

    Raises Refused while a run is at work on the root, UsageError where there is no root, and StorageError where a
    record that must tell what is referred to cannot be read: then nothing is deleted.
    """
    root = open_root(path).root
    with root.store.lock(root.path):
        reader = open_root(path)
        files = tuple(_unreferenced(reader))
        history = runs(root)
        if delete:
            for file in sorted(files, key=lambda s: s.kind != "receipt"):  # a receipt must not outlive its files
                root.store.delete(root.full(file.path))
    return Garbage(files, delete, bool(history) and history[0].state != "done")


def _unreferenced(reader: RootReader) -> Iterator[UnreferencedFile]:
    root, wanted = reader.root, referred(reader)
    for full in root.store.list(root.path):
        path = full.removeprefix(f"{root.path}/")
        kind = next((name for name, places in _KINDS if places.fullmatch(path)), "")
        if kind and path not in wanted:
            there = root.store.exists(full)  # a link may lead nowhere
            yield UnreferencedFile(path, kind, root.store.stat(full).size if there else 0)


def referred(reader: RootReader) -> set[str]:
    """The paths below the root that its head leads to. Raises StorageError where a record of it cannot be read."""
    found = set(reader.head.manifests.values())
    for entry in reader.stages:
        reader.receipts(entry)  # raises where one is lost
        found.add(merged_path(entry.folder, entry.manifest.identity))
        for receipt in reader.load(entry).every:
            found |= {receipt_path(entry.folder, receipt.key), receipt.statistics}
            found |= {file.path for files in receipt.written.values() for file in files}
    return found
