"""Writing and reading the Parquet files of a part: the same rows are the same bytes, however they arrive."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.errors import StorageError
from refinery.identity import Content
from refinery.root.encodings import QUICK, SMALL, by_differences, writer_options
from refinery.root.partitions import Contents
from refinery.root.receipts import FileRef
from refinery.root.root import Root
from refinery.stage.shards import ShardCounts
from refinery.store import storage_errors

GROUP_ROWS = 8_192
GROUP_BYTES = 8 * 1024 * 1024
"""A row group ends with the row that makes it so large in rows or text: batch sizes leave no trace, and no more than
that, and one text, of each file is in memory."""


@dataclass(frozen=True)
class Written:
    """A finished temporary file, the folder of its partition, and how it is named; the rest as in ``FileRef``."""

    temporary: str
    rows: int
    bytes: int
    folder: str = ""
    suffix: str = ".parquet"
    sha256: str = ""
    counts: ShardCounts = field(default_factory=ShardCounts)

    def at(self, path: str) -> FileRef:
        """Return the reference to it under its final name."""
        return FileRef(path=path, rows=self.rows, bytes=self.bytes, sha256=self.sha256, **asdict(self.counts))


class TableWriter:
    """Writes batches to temporary Parquet files and computes the content id of all their rows.

    ``shard`` is the bytes of the column ``sized_by`` after which a new file is begun; such files are compressed to be
    ``SMALL``. Without ``write`` only the content id is computed.
    """

    def __init__(
        self, root: Root, schema: pa.Schema, *, write: bool, shard: int | None = None, sized_by: str = "text"
    ) -> None:
        self._root = root
        self._schema = schema
        self._write = write
        self.shard = shard
        self._sized_by = sized_by
        self._content = Contents(schema)
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._file_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._folder = ""
        self._paths: list[str] = []
        self._folders: list[str] = []
        self._rows: list[int] = []

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return self._content.rows

    def add(self, batch: pa.RecordBatch, folder: str = "") -> None:
        """Append rows, those of another folder than the last ones to a new file."""
        if folder != self._folder:
            self._flush()
            self._end_file()
            self._folder = folder
        self._content.update(batch, folder)
        while self._write and len(batch):
            room = self._room(batch)
            self._append(batch.slice(0, room))
            batch = batch.slice(room)

    def _room(self, batch: pa.RecordBatch) -> int:
        """Return the number of rows up to the one with which the row group or the file is full."""
        most = GROUP_BYTES - self._pending_bytes
        if self.shard is not None:
            most = min(most, self.shard - self._file_bytes - self._pending_bytes)
        full = int(np.searchsorted(np.cumsum(text_bytes(batch, self._sized_by)), most)) + 1
        return min(full, GROUP_ROWS - self._pending_rows, len(batch))

    def _append(self, piece: pa.RecordBatch) -> None:
        self._pending.append(piece)
        self._pending_rows += len(piece)
        self._pending_bytes += int(text_bytes(piece, self._sized_by).sum())
        full = self.shard is not None and self._file_bytes + self._pending_bytes >= self.shard
        if full or self._pending_rows >= GROUP_ROWS or self._pending_bytes >= GROUP_BYTES:
            self._flush()
        if full:
            self._end_file()

    def close(self) -> tuple[str, list[Written]]:
        """Finish, and return the content id and the files. A part without rows has one empty file."""
        if self._write:
            self._flush()
            if not self._paths:
                self._begin_file()
            self._end_file()
        sizes = [self._root.store.stat(path).size for path in self._paths]
        return self._content.id(), list(map(Written, self._paths, self._rows, sizes, self._folders))

    def abort(self) -> None:
        """Delete what was written."""
        if self._writer is not None:
            # Closing writes a footer, and a full disk takes none; the file is to be deleted anyway.
            with contextlib.suppress(OSError):
                self._writer.close()
            self._writer = None
        for path in self._paths:
            self._root.store.delete(path)

    def _flush(self) -> None:
        if not self._pending:
            return
        if self._writer is None:
            self._begin_file()
        rows, size = self._pending_rows, self._pending_bytes
        table = pa.Table.from_batches(self._pending).combine_chunks()
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0  # the batches go before the rows are encoded
        assert self._writer is not None
        with storage_errors(self._root.path):
            self._writer.write_table(table, row_group_size=max(1, rows))
        self._rows[-1] += rows
        self._file_bytes += size

    def _begin_file(self) -> None:
        self._paths.append(self._root.store.temporary(self._root.path))
        self._folders.append(self._folder)
        self._rows.append(0)
        with storage_errors(self._root.path):
            packed = [f.name for f in self._schema if pa.types.is_binary(f.type)]
            options = writer_options(self._schema, packed, QUICK if self.shard is None else SMALL)
            self._writer = pq.ParquetWriter(self._paths[-1], self._schema, **options)

    def _end_file(self) -> None:
        if self._writer is not None:
            with storage_errors(self._root.path):
                self._writer.close()
            self._writer = None
            self._file_bytes = 0


def publish(root: Root, files: Sequence[Written], folder: str, part: int, key: str) -> tuple[FileRef, ...]:
    """Rename finished files to ``folder/[PARTITION/]part-NNNNN-KEY[-NNN].parquet``: no two have one name.

    Files of other formats have other suffixes; those of one shard follow each other and have one number.
    """
    refs: list[FileRef] = []
    in_shard = len({file.suffix for file in files})
    with contextlib.ExitStack() as stack:
        stack.callback(discard, root, files)
        for number, file in enumerate(files):
            suffix = f"-{number // in_shard:03d}" if len(files) > in_shard else ""
            inside = f"{folder}/{file.folder}" if file.folder else folder
            path = f"{inside}/part-{part:05d}-{key[:8]}{suffix}{file.suffix}"
            root.store.publish(file.temporary, root.full(path))
            refs.append(file.at(path))
        stack.pop_all()
    return tuple(refs)


def discard(root: Root, files: Sequence[Written]) -> None:
    """Delete finished files that are not needed."""
    for file in files:
        root.store.delete(file.temporary)


@contextlib.contextmanager
def open_parquet(root: Root, path: str) -> Iterator[pq.ParquetFile]:
    """A Parquet file below the root. Raises StorageError where it is missing or damaged, when opened or read.

    Rows are read without Arrow's threads: one that still frees a buffer of Python's while the interpreter ends aborts
    the process.
    """
    full = root.full(path)
    with root.store.open(full) as stream:
        try:
            with pq.ParquetFile(stream) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            hint = "the file is damaged: `refinery verify` names all such"
            raise StorageError(f"{full}: {error}", hint=hint) from error


def schema_of(root: Root, path: str) -> pa.Schema:
    """Return the columns of a Parquet file below the root. Raises StorageError where it is missing or damaged."""
    with open_parquet(root, path) as file:
        return file.schema_arrow


def read_batches(
    root: Root, paths: Sequence[str], rows: int, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of files below the root, in batches of at most ``rows``; one row group is in memory at a time."""
    for path in paths:
        with open_parquet(root, path) as file:
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group, columns=columns, use_threads=False).combine_chunks()
                yield from table.to_batches(max_chunksize=rows)


def read_rows(
    root: Root, path: str, columns: Sequence[str] | None = None, rows: npt.NDArray[np.integer[Any]] | None = None
) -> pa.Table:
    """A file below the root; or some of its rows by number, in their order, from the row groups that contain them."""
    with open_parquet(root, path) as file:
        if rows is None:
            return file.read(columns, use_threads=False)
        groups = range(file.metadata.num_row_groups)
        sizes = np.array([file.metadata.row_group(group).num_rows for group in groups], np.int64)
        starts = np.cumsum([0, *sizes])
        group_of = np.searchsorted(starts, rows, side="right") - 1
        wanted = np.bincount(group_of, minlength=len(sizes)) > 0
        table = file.read_row_groups(np.flatnonzero(wanted).tolist(), columns, use_threads=False)
        left_out = np.cumsum(np.where(wanted, 0, sizes))
        return table.take(pa.array(rows - left_out[group_of]))


def write_table(root: Root, table: pa.Table, row_group: int) -> tuple[str, list[Written]]:
    """Write one table to one temporary file; return its content id, and the file."""
    return write_batches(root, table.schema, table.combine_chunks().to_batches(), row_group)


def write_batches(
    root: Root, schema: pa.Schema, batches: Iterable[pa.RecordBatch], row_group: int
) -> tuple[str, list[Written]]:
    """Write rows that come in batches to one temporary file; one row group is in memory. Returns as ``write_table``."""
    content, rows = Content(schema), 0
    path = root.store.temporary(root.path)
    with contextlib.ExitStack() as stack:
        stack.callback(root.store.delete, path)
        writer: pq.ParquetWriter | None = None
        with storage_errors(root.path), contextlib.ExitStack() as closing:
            for group in _groups(batches, row_group):
                if writer is None:
                    encoding = by_differences(group.slice(0, row_group))
                    options = writer_options(schema, encoding or ())
                    writer = closing.enter_context(
                        pq.ParquetWriter(path, schema, **{"column_encoding": encoding, **options})
                    )
                for batch in group.to_batches():
                    content.update(batch)
                writer.write_table(group, row_group_size=row_group)
                rows += group.num_rows
            if writer is None:
                closing.enter_context(pq.ParquetWriter(path, schema, **writer_options(schema)))
        stack.pop_all()
    return content.id(), [Written(path, rows, root.store.stat(path).size)]


def read_temporary(path: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of a temporary file, in batches of at most ``rows``."""
    with storage_errors(path), pq.ParquetFile(path) as file:
        yield from file.iter_batches(rows)


def _groups(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """The rows in tables of multiples of ``size``, but for the last one."""
    pending: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        pending.append(batch)
        count += len(batch)
        if count >= size:
            table = pa.Table.from_batches(pending)
            full = count - count % size
            yield table.slice(0, full).combine_chunks()
            pending, count = table.slice(full).combine_chunks().to_batches(), count - full
    if count:
        yield pa.Table.from_batches(pending).combine_chunks()


def text_bytes(batch: pa.RecordBatch, column: str = "text") -> np.ndarray:
    """Return the bytes of each row's text, or of its list of numbers; 0 without the column."""
    if column not in batch.schema.names:
        return np.zeros(len(batch), np.int64)
    values = batch.column(column)
    if pa.types.is_list(values.type):
        lengths, width = pc.list_value_length(values), values.type.value_type.bit_width // 8
    else:
        lengths, width = pc.binary_length(values), 1
    return np.asarray(pc.fill_null(lengths, 0).to_numpy(zero_copy_only=False), dtype=np.int64) * np.int64(width)
