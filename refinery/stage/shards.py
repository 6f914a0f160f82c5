"""Shards: the files in which a stage that ends a recipe writes its rows, and the contract of their formats.

A format decides how bytes represent columns, never which columns there are. It opens no files: it writes to the outputs
that the engine opens, which computes sizes and checksums, publishes them, and deletes those that are unfinished.

    class Lines:
        suffixes = (".txt",)

        def check(self, schema): ...

        def open(self, outputs, schema):
            return LinesWriter(outputs[0])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True)
class ShardFile:
    """A file of a shard: where it was written, its suffix, size, checksum and counts. The rows are in the first."""

    path: str
    suffix: str
    bytes: int
    sha256: str
    documents: int
    tokens: int | None = None
    sequences: int | None = None
    split: str = "train"

    @property
    def samples(self) -> int:
        """The rows of the file as readers find them: sequences, or else documents."""
        return self.documents if self.sequences is None else self.sequences


@dataclass(frozen=True)
class ShardCounts:
    """Counts of a written shard: its token ids, and its sequences where these are not documents; else None."""

    tokens: int | None = None
    sequences: int | None = None


@dataclass(frozen=True)
class WrittenDataset:
    """The output of a complete run: its name, the columns, the ISO 639-1 codes of its languages, and the shards.

    ``previews`` are those of the first documents, by `Stage.previews`. ``labels`` are the documents by label of each
    metric of the last stage that has labels.
    """

    name: str
    schema: pa.Schema
    languages: Sequence[str]
    shards: Sequence[Sequence[ShardFile]]
    previews: Sequence[str] = ()
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetLayout:
    """A folder for readers of a dataset: its shards under public names, and small files beside them, by path.

    The ``manifest`` is the last of the small files to be written: where it is, the folder is complete. ``absent`` are
    files of other layouts. Without ``files``, no folder is wanted, and one of a previous recipe is deleted.
    """

    shards: Mapping[str, ShardFile]
    files: Mapping[str, bytes]
    manifest: str
    absent: tuple[str, ...] = ()


class ShardOutput(Protocol):
    """A file of a shard, written from beginning to end."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int | None:
        """Append bytes."""


class ShardWriter(Protocol):
    """Writes the rows of one shard. The bytes depend on the rows alone, not on how they are divided into batches."""

    def add(self, rows: pa.RecordBatch) -> None:
        """Append rows."""

    def close(self) -> ShardCounts:
        """Write what is left; return the counts of the shard."""


class ShardFormat(Protocol):
    """A file format for rows."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of the files of a shard, such as ``(".bin", ".idx")``; the rows are in the first."""

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError for columns that the format cannot represent."""

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> ShardWriter:
        """Return a writer of a new shard, with one output for each suffix."""
