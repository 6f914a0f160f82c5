"""Parquet for rows that are no documents; the engine writes that of documents itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from refinery import ShardCounts, ShardOutput

GROUP_ROWS = 1024


class _Stream:
    """An output as Arrow wants it: closing it is the business of whoever opened it."""

    closed = False

    def __init__(self, output: ShardOutput) -> None:
        self.write = output.write

    def close(self) -> None:
        """Do nothing."""

    def flush(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class ParquetRows:
    """Parquet, compressed with zstd."""

    suffixes: tuple[str, ...] = (".parquet",)

    def check(self, schema: pa.Schema) -> None:
        """Every column has a form."""

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> ParquetRowsWriter:
        """Return a writer of a new file."""
        return ParquetRowsWriter(outputs[0], schema)


class ParquetRowsWriter:
    """Writes row groups of one size."""

    def __init__(self, output: ShardOutput, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(pa.PythonFile(_Stream(output), "w"), schema, compression="zstd")
        self._waiting = schema.empty_table()

    def add(self, rows: pa.RecordBatch) -> None:
        """Append rows."""
        self._waiting = pa.concat_tables([self._waiting, pa.Table.from_batches([rows])])
        full = len(self._waiting) // GROUP_ROWS * GROUP_ROWS
        self._write(self._waiting.slice(0, full))
        self._waiting = self._waiting.slice(full)

    def close(self) -> ShardCounts:
        """Write the last row group, and the footer."""
        self._write(self._waiting)
        self._writer.close()
        return ShardCounts()

    def _write(self, rows: pa.Table) -> None:
        if len(rows):
            self._writer.write_table(rows.combine_chunks(), row_group_size=GROUP_ROWS)
