"""WebDataset: a tar in which the files of one document follow each other under one name.

A document is ``ID.txt``, or ``ID.npy`` with its token ids, then ``ID.json`` with the other columns. Headers are ustar,
with no time and no owner. Source: the format's description in the documentation of webdataset; POSIX.1-1988.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from tarfile import BLOCKSIZE, RECORDSIZE, USTAR_FORMAT, TarInfo

import numpy as np
import pyarrow as pa

from refinery import ID, TEXT, ShardCounts, ShardOutput, UsageError
from refinery.stages._formats.jsonl import JsonLines, json_rows
from refinery.stages._formats.token_files import IDS


@dataclass(frozen=True)
class WebDataset:
    """The format ``webdataset``."""

    suffixes: tuple[str, ...] = (".tar",)

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError without ids, which name the files, and for a type that JSON has no form for."""
        if ID.name not in schema.names:
            raise UsageError("webdataset names files by id", hint="add id to columns")
        JsonLines().check(schema)

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> WebDatasetWriter:
        """Return a writer of a new tar."""
        return WebDatasetWriter(outputs[0], schema)


class WebDatasetWriter:
    """Writes the files of each document as it comes."""

    def __init__(self, output: ShardOutput, schema: pa.Schema) -> None:
        self._output = output
        self._has_ids = IDS in schema.names
        self._others = [name for name in schema.names if name not in (TEXT.name, IDS)]
        self._size = self._tokens = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Append documents."""
        texts = rows.column(TEXT.name).to_pylist() if TEXT.name in rows.schema.names else [None] * len(rows)
        ids = rows.column(IDS) if self._has_ids else [None] * len(rows)
        for text, tokens, others in zip(texts, ids, json_rows(rows.select(self._others)), strict=True):
            if text is not None:
                self._file(f"{others[ID.name]}.txt", text.encode())
            if tokens is not None:
                self._file(f"{others[ID.name]}.npy", _npy(tokens.values.to_numpy()))
                self._tokens += len(tokens.values)
            self._file(f"{others[ID.name]}.json", json.dumps(others, ensure_ascii=False).encode())

    def close(self) -> ShardCounts:
        """Write the end of the archive."""
        end = 2 * BLOCKSIZE
        self._output.write(bytes(end + -(self._size + end) % RECORDSIZE))
        return ShardCounts(tokens=self._tokens if self._has_ids else None)

    def _file(self, name: str, data: bytes) -> None:
        info = TarInfo(name)
        info.size = len(data)
        member = info.tobuf(USTAR_FORMAT) + data + bytes(-len(data) % BLOCKSIZE)
        self._output.write(member)
        self._size += len(member)


def _npy(values: np.ndarray) -> bytes:
    stream = BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()
