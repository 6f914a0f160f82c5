"""The formats ``megatron`` and ``npy``: token ids end to end in one file, and where each document lies in another."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery import ShardCounts, ShardOutput, UsageError

IDS = "input_ids"
"""The column of token ids."""

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
_TYPES: dict[pa.DataType, tuple[int, np.dtype[Any], int]] = {
    pa.uint16(): (8, np.dtype("<u2"), 2**16 - 1),
    pa.uint32(): (4, np.dtype("<i4"), 2**31 - 1),
}
"""Megatron's code and type for ids, and its largest id. There is no uint32: ids below 2**31 are the same in int32."""

_GZIP = 31
_GZIP_LEVEL = 6


def check_ids(name: str, schema: pa.Schema) -> None:
    """Raise UsageError where there is no column of token ids."""
    if IDS not in schema.names:
        raise UsageError(f"format {name} writes token ids", hint="set tokenizer to the path of a tokenizer.json")


def id_lists(rows: pa.RecordBatch) -> tuple[npt.NDArray[np.unsignedinteger], npt.NDArray[np.int64]]:
    """Return the ids of all rows, end to end, and the number of each row's."""
    lists = rows.column(IDS)
    return lists.flatten().to_numpy(), pc.list_value_length(lists).to_numpy().astype(np.int64)


@dataclass(frozen=True)
class Megatron:
    """Megatron's and NeMo's ``.bin`` and ``.idx``, one sequence a document.

    Source: IndexedDataset of megatron.core.datasets.
    """

    suffixes: tuple[str, ...] = (".bin", ".idx")

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError where there are no token ids."""
        check_ids("megatron", schema)

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> MegatronWriter:
        """Return a writer of new files."""
        return MegatronWriter(outputs, schema)


class MegatronWriter:
    """Writes ids as they come, and the index at the end."""

    def __init__(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> None:
        self._ids, self._index = outputs
        self._code, self._type, self._largest = _TYPES[schema.field(IDS).type.value_type]
        self._lengths: list[npt.NDArray[np.int64]] = [np.empty(0, np.int64)]

    def add(self, rows: pa.RecordBatch) -> None:
        """Append documents. Raises ValueError for an id above those of the type."""
        ids, lengths = id_lists(rows)
        if len(ids) and int(ids.max()) > self._largest:
            raise ValueError(f"id {ids.max()} is above those of Megatron's types")
        self._ids.write(ids.astype(self._type).tobytes())
        self._lengths.append(lengths)

    def close(self) -> ShardCounts:
        """Write the index."""
        lengths = np.concatenate(self._lengths)
        starts = (np.cumsum(lengths) - lengths) * self._type.itemsize
        documents = np.arange(len(lengths) + 1, dtype=np.int64)
        self._index.write(MAGIC + struct.pack("<QBQQ", VERSION, self._code, len(lengths), len(documents)))
        for part in (lengths.astype("<i4"), starts.astype("<i8"), documents.astype("<i8")):
            self._index.write(part.tobytes())
        return ShardCounts(tokens=int(lengths.sum()))


@dataclass(frozen=True)
class NumpyMap:
    """OLMo's ``.npy``: ids without a header, which ``numpy.memmap`` opens and ``numpy.load`` does not.

    The lines of ``.csv.gz`` are the documents: start and end in ids, then id, archive and offset, if they are columns.
    Source: the token files of Dolma and OLMo-core.
    """

    suffixes: tuple[str, ...] = (".npy", ".csv.gz")

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError where there are no token ids."""
        check_ids("npy", schema)

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> NumpyMapWriter:
        """Return a writer of new files."""
        return NumpyMapWriter(outputs, [name for name in ("id", "warc", "offset") if name in schema.names])


class NumpyMapWriter:
    """Writes ids and lines as they come."""

    def __init__(self, outputs: Sequence[ShardOutput], names: Sequence[str]) -> None:
        self._ids, self._index = outputs
        self._names = names
        self._lines = bytearray()
        self._end = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Append documents."""
        ids, lengths = id_lists(rows)
        self._ids.write(ids.tobytes())
        columns = [map(_field, rows.column(name).to_pylist()) for name in self._names]
        for row in zip(lengths.tolist(), *columns, strict=True):
            start, self._end = self._end, self._end + row[0]
            self._lines += ",".join([str(start), str(self._end), *row[1:]]).encode() + b"\n"

    def close(self) -> ShardCounts:
        """Write the lines: all at once, so that batches leave no trace in the compressed ones."""
        gzip = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
        self._index.write(gzip.compress(bytes(self._lines)) + gzip.flush())
        return ShardCounts(tokens=self._end)


def _field(value: object) -> str:
    """Return a value as a field of CSV."""
    text = value.hex() if isinstance(value, bytes) else "" if value is None else str(value)
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if set(text) & set(',"\r\n') else text
