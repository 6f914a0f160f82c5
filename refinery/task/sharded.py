"""Writing kept rows in a format other than Parquet: shards of one size, each with its checksum and counts."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from refinery.root.parquet import Written, text_bytes
from refinery.root.root import Root
from refinery.stage.shards import ShardCounts, ShardFormat, ShardWriter
from refinery.store import storage_errors


class HashedFile:
    """A local file that is written from beginning to end, and its SHA-256."""

    def __init__(self, path: str) -> None:
        self.path, self.bytes = path, 0
        self._hash = hashlib.sha256()
        self._stream: BinaryIO = open(path, "wb")  # noqa: SIM115  closed with the shard

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Append bytes."""
        self._hash.update(data)
        self.bytes += memoryview(data).nbytes
        return self._stream.write(data)

    def close(self) -> str:
        """Close the file; return its SHA-256 in hexadecimal digits."""
        self._stream.close()
        return self._hash.hexdigest()


class ShardedWriter:
    """Writes batches to temporary files of a format, for a ``folder``.

    A shard ends with the row that fills it with ``shard`` bytes of the column ``sized_by``; None is one shard.
    """

    def __init__(
        self,
        root: Root,
        schema: pa.Schema,
        form: ShardFormat,
        *,
        shard: int | None = None,
        sized_by: str = "text",
        folder: str = "",
    ) -> None:
        self._root, self._schema, self._form, self._folder = root, schema, form, folder
        self._size, self._column = shard, sized_by
        self._written: list[Written] = []
        self._files: list[HashedFile] = []
        self._writer: ShardWriter | None = None
        self._rows = self._filled = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        while len(batch):
            sizes = np.cumsum(text_bytes(batch, self._column))
            room = len(batch)
            if self._size is not None:
                room = min(room, int(np.searchsorted(sizes, self._size - self._filled)) + 1)
            self._append(batch.slice(0, room), int(sizes[room - 1]))
            batch = batch.slice(room)

    def close(self) -> list[Written]:
        """Finish, and return the files. A part without rows has one empty shard."""
        if self._writer is not None or not self._written:
            self._end()
        return self._written

    def abort(self) -> None:
        """Delete what was written."""
        with ExitStack() as stack:
            for path in [file.temporary for file in self._written] + [file.path for file in self._files]:
                stack.callback(self._root.store.delete, path)
            for file in self._files:
                stack.callback(file.close)

    def _append(self, rows: pa.RecordBatch, size: int) -> None:
        with storage_errors(self._root.path):
            self._opened().add(rows)
        self._rows += len(rows)
        self._filled += size
        if self._size is not None and self._filled >= self._size:
            self._end()

    def _opened(self) -> ShardWriter:
        if self._writer is None:
            for _ in self._form.suffixes:
                self._files.append(HashedFile(self._root.store.temporary(self._root.path)))
            self._writer = self._form.open(self._files, self._schema)
        return self._writer

    def _end(self) -> None:
        with storage_errors(self._root.path):
            counts = self._opened().close()
            digests = [file.close() for file in self._files]
        for number, (file, suffix) in enumerate(zip(self._files, self._form.suffixes, strict=True)):
            rows, of_rows = (0, ShardCounts()) if number else (self._rows, counts)
            self._written.append(Written(file.path, rows, file.bytes, self._folder, suffix, digests[number], of_rows))
        self._files, self._writer, self._rows, self._filled = [], None, 0, 0
