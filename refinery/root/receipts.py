"""Receipts: the outputs of one part, and the inputs they were computed from.

A receipt is the commit: a file that no receipt names does not exist for readers.

Records are structs, not models: a planner reads those of all parts, and a model takes four times as much memory and is
read in three times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from sys import intern
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator

SIDES = ("kept", "removed")

SHARDS = "shards"
"""The name of kept rows in formats other than Parquet. They are not read back."""

PREVIEWS = 3
"""Documents of which a receipt, a summary or a card has previews."""

_RANKS = re.compile(r"ranks [0-9a-f]+-[0-9a-f]+:\d+-\d+(,[0-9a-f]+-[0-9a-f]+:\d+-\d+)*")

Kind = Literal["stage", "map", "reduce", "round", "resolve", "audit"]


def _below(path: str) -> str:
    names = path.split("/")
    if path and ("\\" in path or not path.isprintable() or any(name in ("", ".", "..") for name in names)):
        raise ValueError(f"{path[:80]!r} is no path below the root")
    return path


def _name(name: str) -> str:
    if "/" in name or not name:
        raise ValueError(f"{name[:80]!r} names nothing in a folder")
    return _below(name)


Below = Annotated[str, AfterValidator(_below)]
"""A path below the root, "" for none: a record that leads elsewhere is refused, whoever wrote it."""


Name = Annotated[str, AfterValidator(_name)]
"""A name in a folder of the root."""


_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.=-]*(/[A-Za-z0-9_-][A-Za-z0-9_.=-]*)*").fullmatch
"""Matches most paths below the root, and no other path."""

_LIBRARIES: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
"""All receipts of a stage have equal versions of libraries, so they have one dictionary."""


class FileRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One file of a part: its path below the root, its rows, and its size in bytes.

    Files of formats other than Parquet have their SHA-256, the number of their token ids, and that of their sequences
    where these are not documents.
    """

    path: str
    rows: int
    bytes: int
    sha256: str = ""
    tokens: int | None = None
    sequences: int | None = None

    def __post_init__(self) -> None:
        if not _PLAIN(self.path):
            _below(self.path)


class ShardOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Counts of a shard of an order of the dataset, that distinguish it from an order that is not random.

    ``chi_square`` compares its documents of each input part with their share of all documents, parts with few together;
    it has ``degrees`` of freedom, 0 where the shard has all documents. ``neighbours`` are pairs of adjacent documents
    of one part, of which a random order of the shard has ``expected`` with a ``variance``.
    """

    chi_square: float
    degrees: int
    neighbours: int
    expected: float
    variance: float


class TakenRows(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Rows that a takedown took out, by their numbers before it in all files of a name.

    Of a map they stay, with emptied texts: rounds find them by their number, and ranks count them.
    """

    takedown: int
    rows: tuple[int, ...]


class TakenDown(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Rows of a name that takedowns took out after the commit, one after the other, and the content id of the rest."""

    content: str
    taken: tuple[TakenRows, ...]

    def by(self, takedown: int) -> tuple[int, ...] | None:
        """Return the rows that one takedown took out, None if it has not been here."""
        return next((one.rows for one in self.taken if one.takedown == takedown), None)


class ListedFault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A file of an input list that yields no document, or has damaged records; ``reasons`` count the others."""

    path: str
    records: int
    documents: int
    reasons: dict[str, int]


class ListedFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The number of files of an input list, and those with a fault."""

    files: int
    faults: tuple[ListedFault, ...]


class Receipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One part of one stage (or of a phase of a global stage), committed.

    ``key`` identifies the part and names the receipt; ``inputs`` are the content ids of its input, ``contents`` those
    of its outputs by name (``kept``, ``removed``, or a part's number for verdicts). Where all tasks of a round have
    some input in common, its last id is one for all of that.
    ``rows`` are in, kept, removed (rows of the removed file) and skipped (records that are no documents).
    """

    kind: Kind
    stage: str
    part: int
    key: str
    inputs: tuple[str, ...]
    contents: dict[str, str]
    rows: dict[str, int]
    files: dict[str, tuple[FileRef, ...]]
    statistics: str = ""
    """Path of the statistics below the root."""
    groups: FileRef | None = None
    """Documents by domain, suffix, language and month, see ``refinery.statistics.groups``."""
    code: str = ""
    libraries: dict[str, str] = {}
    reapplied: bool = False
    """Rules were applied to stored metrics, without measuring again."""
    seconds: float = 0.0
    peak_memory: int = 0
    """Bytes, of the process that computed the part, without the libraries that workers share."""
    requests: dict[str, int] = {}
    """Requests to remote stores meanwhile: by kind, failed tries, bytes read and written."""
    previews: tuple[str, ...] = ()
    """First kept rows as they read back, where the stage shows that."""
    poison: tuple[tuple[int, str], ...] = ()
    """Of a map: rows of the documents that killed a worker in it, with a note. ``apply`` removes them."""
    order: ShardOrder | None = None
    """Of a shard of an order of the dataset."""
    taken_down: dict[str, TakenDown] = {}
    """By name. ``contents`` and ``rows`` stay those of the commit, on which what was computed from them depends."""
    listed: ListedFiles | None = None
    """Of a source's part that was read from an input list."""

    def __post_init__(self) -> None:
        if "/" in self.key or not _PLAIN(self.key):
            _name(self.key)
        if self.statistics and not _PLAIN(self.statistics):
            _below(self.statistics)
        if self.libraries:
            shared = _LIBRARIES.setdefault(tuple(self.libraries.items()), self.libraries)
            msgspec.structs.force_setattr(self, "libraries", shared)

    @property
    def written(self) -> dict[str, tuple[FileRef, ...]]:
        """All Parquet files by name: ``files``, and ``groups``."""
        return {**self.files, **({"groups": (self.groups,)} if self.groups else {})}

    @property
    def content(self) -> str:
        """Content id of the kept rows, empty if it has none."""
        return self.contents.get("kept", "")

    @property
    def ranks(self) -> tuple[range, ...] | None:
        """Ranges of ranks of its documents, of a part whose documents are from all parts; else None."""
        if not self.inputs or not _RANKS.fullmatch(self.inputs[-1]):
            return None
        return tuple(range(int(first), int(last)) for first, last in re.findall(r":(\d+)-(\d+)", self.inputs[-1]))

    def stored_content(self, name: str) -> str | None:
        """Return the content id of the rows that the files of a name have now."""
        return self.taken_down[name].content if name in self.taken_down else self.contents.get(name)

    def taken(self, name: str) -> int:
        """Return how many rows of a name were taken out. Those of maps stay, emptied."""
        if self.kind == "map":
            return 0
        return sum(len(one.rows) for one in self.taken_down[name].taken) if name in self.taken_down else 0

    @property
    def taken_kept(self) -> int:
        """Return how many kept rows were taken down, whatever the format of their files."""
        return max(self.taken("kept"), self.taken(SHARDS))

    def total(self, name: str) -> int:
        """Bytes of all files of a name."""
        return sum(f.bytes for f in self.files.get(name, ()))


_DECODER = msgspec.json.Decoder(Receipt)


def decoded(data: bytes) -> Receipt:
    """Read a receipt. Raises ValueError for a damaged one, or one that leads out of its root."""
    return _DECODER.decode(data)


def encoded(receipt: Receipt, indent: int = -1) -> bytes:
    """Return a receipt as it is stored; on one line without ``indent``."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=indent)


_NONE: dict[str, Any] = {}
"""Shared by lean receipts, of which there are hundreds of thousands."""


def lean(receipt: Receipt) -> Receipt:
    """Return a receipt without what no later task needs: planners have those of the maps and rounds of all parts."""
    return msgspec.structs.replace(
        receipt,
        stage=intern(receipt.stage),
        inputs=(),
        statistics="",
        groups=None,
        code="",
        libraries=_NONE,
        requests=_NONE,
        previews=(),
        taken_down=receipt.taken_down or _NONE,
    )


def first_previews(receipts: Iterable[Receipt]) -> tuple[str, ...]:
    """Return the previews of the first documents of a stage."""
    return tuple(islice(chain.from_iterable(receipt.previews for receipt in receipts), PREVIEWS))


def receipt_path(folder: str, key: str) -> str:
    """Return the path of the receipt with a key, below the root."""
    return f"{folder}/receipts/{key}.json"


def named_files(receipt: Receipt) -> Iterator[tuple[str, int | None]]:
    """Yield the files that a receipt names, with the recorded size of each, None for none."""
    yield from ((file.path, file.bytes) for files in receipt.written.values() for file in files)
    if receipt.statistics:
        yield receipt.statistics, None


def first_absent(files: Iterable[tuple[str, int | None, int | None]]) -> str:
    """Return the first file of which the recorded size, if there is one, is not the size that it has, or ""."""
    for path, recorded, size in files:
        if size is None or (recorded is not None and recorded != size):
            return path
    return ""
