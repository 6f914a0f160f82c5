"""Files of a root that no current record references: outputs of other configurations, and leftovers of killed runs.

Only files at paths where a run writes are considered, so all others in the folder stay; links are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.runs import runs
from refinery.root.input_lists import list_paths
from refinery.root.partitions import FOLDER
from refinery.root.receipts import receipt_path
from refinery.statistics.group_files import merged_path

_STAGE = r"[0-9]{2,}-[a-z][a-z0-9_-]*"
_KINDS = (
    (
        "temporary",
        re.compile(
            rf"tmp/[0-9a-f]{{32}}|(?:(?:runs|superseded/[^/]+|{_STAGE}(?:/receipts|/index|/stats|/kept|/removed|/shards)?)(?:/{FOLDER})?/)?"
            r"\.[^/]+\.[0-9a-f]{8}"
        ),
    ),
    ("receipt", re.compile(_STAGE + r"/receipts/[0-9a-f]+\.json")),
    ("statistics", re.compile(_STAGE + r"/stats/(?:groups/part-[^/]+\.parquet|(?:part|audit)-[^/]+\.json\.gz)")),
    ("index", re.compile(_STAGE + r"/index/[0-9a-f]{16}\.arrow")),
    ("manifest", re.compile(_STAGE + r"/(?:manifest-[0-9a-f]+\.json|groups-[0-9a-f]+\.parquet)")),
    ("query", re.compile(r"inputs/query-[0-9a-f]{32}\.parquet")),
    ("input list", re.compile(r"inputs/list-[0-9a-f]{32}\.parquet")),
    (
        "rows",
        re.compile(
            rf"(?:{_STAGE}/(?:kept|removed|shards|audit|map/keys|map/index|reduce|resolve)|superseded/{_STAGE}-(?:kept|removed|shards))"
            rf"(?:/{FOLDER})?/part-[^/]+\.[a-z]+"
        ),
    ),
)
"""Files that a run writes, by path below the root. The head, the lock and the records of runs are never deleted."""


@dataclass(frozen=True)
class UnreferencedFile:
    """A file that no current record references: its path below the root, its kind, and its bytes."""

    path: str
    kind: str
    bytes: int


@dataclass(frozen=True)
class Garbage:
    """Unreferenced files, which are gone if ``deleted``.

    ``unfinished`` is true if the last run did not complete: it could still use some of the files.
    """

    files: tuple[UnreferencedFile, ...]
    deleted: bool
    unfinished: bool

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


def collect_garbage(path: str, *, delete: bool = False) -> Garbage:
    """Find, and with ``delete`` remove, the files of the root at ``path`` that no current record references.

    Raises Refused while a run is at work on the root, UsageError where there is no root, and StorageError where a
    record cannot be read: then nothing is deleted.
    """
    root = open_root(path).root
    with root.store.lock(root.path):
        reader = open_root(path)
        files = tuple(_unreferenced(reader))
        history = runs(root)
        if delete:
            # Neither a receipt nor a query must outlive its files.
            for file in sorted(files, key=lambda s: s.kind not in {"receipt", "query"}):
                root.store.delete(root.full(file.path))
    return Garbage(files, delete, bool(history) and history[0].state != "done")


def _unreferenced(reader: RootReader) -> Iterator[UnreferencedFile]:
    root, wanted = reader.root, referenced_paths(reader)
    for full in root.store.list(root.path):
        path = full.removeprefix(f"{root.path}/")
        kind = next((name for name, places in _KINDS if places.fullmatch(path)), "")
        if kind and path not in wanted:
            there = root.store.exists(full)  # a link may lead nowhere
            yield UnreferencedFile(path, kind, root.store.stat(full).size if there else 0)


def referenced_paths(reader: RootReader) -> set[str]:
    """Return the paths below the root that its head leads to. Raises StorageError where a record cannot be read."""
    paths = set(reader.head.manifests.values())
    for entry in reader.stages:
        reader.receipts(entry)  # raises where one is lost
        paths.add(merged_path(entry.folder, entry.manifest.identity))
        paths |= _indexes(reader, entry)
        for receipt in reader.load(entry).every:
            paths |= {receipt_path(entry.folder, receipt.key), receipt.statistics}
            paths |= {file.path for files in receipt.written.values() for file in files}
    return paths | _input_lists(reader)


def _input_lists(reader: RootReader) -> set[str]:
    """Return the paths of the input lists that parts were read from, and those of queries of no others."""
    read = {receipt.inputs[0] for entry in reader.stages[:1] for receipt in reader.load(entry).parts}
    lists, queries = list_paths(reader.root.path)
    wanted = {path for content, path in lists.items() if content in read}
    wanted |= {path for path, contents in queries.items() if read.issuperset(contents)}
    return {path.removeprefix(f"{reader.root.path}/") for path in wanted}


def _indexes(reader: RootReader, entry: StageEntry) -> set[str]:
    """Return the paths of the index files that have a receipt of the stage's manifest."""
    index, manifest = reader.root.index(entry.folder), entry.manifest
    wanted = {*manifest.parts, *manifest.shuffle, *manifest.audit}
    used = (file.path for file in index.files if not wanted.isdisjoint(index.valid(file)))
    return {path.removeprefix(f"{reader.root.path}/") for path in used}
