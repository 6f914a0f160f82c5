"""Packing: rows that are sequences of one number of token ids, cut from documents that follow each other.

A document that does not fit goes on in the next sequence, and nothing is added or left out. So a shard's last sequence
has what is left, and the ids of a shard's documents are those of its sequences, end to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from refinery import ID, ShardCounts, ShardFormat, ShardOutput, ShardWriter
from refinery.stages._formats.token_files import IDS, id_lists

LENGTHS, PIECES, OFFSETS = "seq_lengths", "ids", "offsets"
"""Columns with one value for each document of a sequence: its ids there, its id, and its ids in sequences before."""

WAITING = 1 << 20
"""Token ids from which full sequences are written."""


def packed_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns of sequences of documents with these columns."""
    counts = pa.list_(pa.uint32())
    kinds = {LENGTHS: counts, PIECES: pa.list_(schema.field(ID.name).type), OFFSETS: counts}
    return pa.schema([schema.field(IDS), *(pa.field(name, kind) for name, kind in kinds.items())])


@dataclass(frozen=True)
class Packed:
    """Another format, for sequences of ``length`` token ids in place of documents."""

    form: ShardFormat
    length: int

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return those of the other format."""
        return self.form.suffixes

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError for columns that the other format cannot represent."""
        self.form.check(packed_schema(schema))

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> PackingWriter:
        """Return a writer of a new shard."""
        columns = packed_schema(schema)
        return PackingWriter(self.form.open(outputs, columns), columns, self.length)


class PackingWriter:
    """Collects documents, and writes full sequences of them."""

    def __init__(self, writer: ShardWriter, schema: pa.Schema, length: int) -> None:
        self._writer, self._schema, self._length = writer, schema, length
        self._waiting: list[pa.RecordBatch] = []
        self._count = 0
        self._done = 0
        """Ids of the first waiting document that are written."""
        self._tokens = self._sequences = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Append documents."""
        self._waiting.append(rows.select([ID.name, IDS]))
        self._count += len(rows.column(IDS).flatten())
        if self._count - self._done >= max(WAITING, self._length):
            self._write((self._count - self._done) // self._length * self._length)

    def close(self) -> ShardCounts:
        """Write the last sequence, which may be shorter."""
        if self._count > self._done:
            self._write(self._count - self._done)
        self._writer.close()
        return ShardCounts(self._tokens, self._sequences)

    def _write(self, size: int) -> None:
        """Write the first ``size`` ids that wait; keep the documents that are not written whole."""
        rows = pa.Table.from_batches(self._waiting).combine_chunks().to_batches()[0]
        ids, lengths = id_lists(rows)
        starts = np.cumsum(lengths) - lengths - self._done
        ids = ids[self._done : self._done + size]
        begins = starts[(starts > 0) & (starts < size)]
        cuts = np.unique(np.concatenate([begins, np.arange(0, size, self._length)]))
        documents = np.searchsorted(starts, cuts, "right") - 1
        columns = {
            LENGTHS: np.diff(cuts, append=size),
            PIECES: rows.column(ID.name).take(pa.array(documents)),
            OFFSETS: cuts - starts[documents],
        }
        count = -(-size // self._length)
        pieces = np.searchsorted(cuts // self._length, np.arange(count + 1))
        arrays = [_lists(np.minimum(np.arange(count + 1) * self._length, size), ids, self._schema.field(IDS).type)]
        arrays += [_lists(pieces, values, self._schema.field(name).type) for name, values in columns.items()]
        self._writer.add(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._tokens += size
        self._sequences += count
        left = int(np.searchsorted(starts + lengths, size, "right"))
        self._waiting = [rows.slice(left)] if left < len(rows) else []
        self._count = int(lengths[left:].sum())
        self._done = int(size - starts[left]) if left < len(rows) else 0


def _lists(offsets: np.ndarray, values: pa.Array | np.ndarray, kind: pa.ListType) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values, kind.value_type), type=kind)
