"""Writing the rows of a part to the folders of partitions, however many there are, with one output file open at a time.

Rows are spooled to a temporary file whose batches have rows of one folder each. Then folder after folder is written.
"""

from __future__ import annotations

import contextlib
from collections import Counter

import pyarrow as pa

from refinery.errors import PartFailed
from refinery.root.parquet import TableWriter, Written, text_bytes
from refinery.root.partitions import folder_of
from refinery.root.root import Root
from refinery.store import storage_errors

MOST = 10_000
"""Folders of a part: a column with more values has no labels."""

WAITING = 64 * 2**20
"""Bytes of rows that are in memory before they are spooled."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class PartitionedWriter:
    """Writes what ``TableWriter`` does, the rows of each folder to files of their own, folder after folder.

    ``column`` names the labels. A file has at most ``shard`` bytes of text and a row; those of a folder have one size.
    """

    def __init__(
        self,
        root: Root,
        schema: pa.Schema,
        column: str,
        *,
        write: bool,
        shard: int | None = None,
        sized_by: str = "text",
    ) -> None:
        self._root, self._schema, self._column, self._write, self._shard = root, schema, column, write, shard
        self._sized_by = sized_by
        self._files = TableWriter(root, schema, write=write, sized_by=sized_by)
        self._waiting: dict[str, list[pa.RecordBatch]] = {}
        self._waiting_bytes = 0
        self._spool: pa.RecordBatchFileWriter | None = None
        self._path = ""
        self._spooled: dict[str, list[int]] = {}
        self._text: Counter[str] = Counter()
        self.rows = 0

    def add(self, batch: pa.RecordBatch, folder: str) -> None:
        """Append rows of a folder. Raises PartFailed where there are too many folders."""
        self.rows += len(batch)
        if not self._write:
            self._files.add(batch, folder)
            return
        self._text[folder] += int(text_bytes(batch, self._sized_by).sum())
        if len(self._text) > MOST:
            hint = "partition_by takes a column of labels, such as lang"
            raise PartFailed(f"{self._column} has more than {MOST:,} values, each of which gets a folder", hint=hint)
        self._waiting.setdefault(folder, []).append(batch)
        self._waiting_bytes += batch.nbytes
        if self._waiting_bytes >= WAITING:
            self._spill()

    def close(self) -> tuple[str, list[Written]]:
        """Finish, and return the content id and the files. A part without rows has one empty file."""
        self._spill()
        if self._spool is not None:
            with storage_errors(self._path):
                self._spool.close()
            with pa.memory_map(self._path) as source, pa.ipc.open_file(source) as spooled:
                for folder in sorted(self._spooled):
                    self._write_folder(folder, spooled)
            self._delete_spool()
        elif self._write:
            self._files.add(pa.RecordBatch.from_pylist([], self._schema), folder_of(self._column, None))
        return self._files.close()

    def abort(self) -> None:
        """Delete what was written."""
        if self._spool is not None:
            with contextlib.suppress(OSError):  # a full disk: the file is to be deleted anyway
                self._spool.close()
            self._delete_spool()
        self._files.abort()

    def _spill(self) -> None:
        with storage_errors(self._root.path):
            for folder, batches in sorted(self._waiting.items()):
                if self._spool is None:
                    self._path = self._root.store.temporary(self._root.path)
                    self._spool = pa.ipc.new_file(self._path, self._schema, options=_OPTIONS)
                for batch in pa.Table.from_batches(batches).combine_chunks().to_batches():
                    self._spool.write_batch(batch)
                    self._spooled.setdefault(folder, []).append(self._spool.stats.num_record_batches - 1)
        self._waiting, self._waiting_bytes = {}, 0

    def _write_folder(self, folder: str, spooled: pa.RecordBatchFileReader) -> None:
        if self._shard is not None:
            files = max(1, -(-self._text[folder] // self._shard))
            self._files.shard = max(1, -(-self._text[folder] // files))
        for number in self._spooled[folder]:
            self._files.add(spooled.get_batch(number), folder)

    def _delete_spool(self) -> None:
        self._root.store.delete(self._path)
        self._spool = None
