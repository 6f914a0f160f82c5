"""MosaicML's ``mds``: shards of samples with random access, for ``StreamingDataset``.

A shard is read whole by every worker of a training run, so it is at most 64 MiB of text or ids. Null is the empty
string, since the format has no null. Source: streaming.base.format.mds, version 2.

``index.json``, which names all shards of a folder, belongs to the layout.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from refinery import ShardCounts, ShardFile, ShardOutput, UsageError
from refinery.stages._formats.layout import DATA
from refinery.stages._formats.token_files import IDS

INDEX = "index.json"
LARGEST = 64 * 2**20
VERSION = 2

_SHAPE_TYPES: tuple[np.dtype[Any], ...] = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"))
_SCALARS = {pa.from_numpy_dtype(name): name for name in ("int64", "uint64", "int32", "uint32", "float64", "float32")}


@dataclass(frozen=True)
class Mds:
    """The format ``mds``, without compression."""

    suffixes: tuple[str, ...] = (".mds",)

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError for a type that the format has no encoding for."""
        odd = [field.name for field in schema if _encoding(field.type) is None]
        if odd:
            raise UsageError(f"mds has no encoding for {', '.join(odd)}", hint="leave it out of columns")

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> MdsWriter:
        """Return a writer of a new shard."""
        return MdsWriter(outputs[0], schema)


def shard_entry(schema: pa.Schema, name: str, size: int, samples: int) -> dict[str, Any]:
    """Return a shard as ``index.json`` has it."""
    raw = {"basename": name, "bytes": size, "hashes": {}}
    return {**_config(schema), "raw_data": raw, "samples": samples, "zip_data": None}


def indexes(schema: pa.Schema, names: Mapping[str, ShardFile]) -> dict[str, bytes]:
    """Return the path and bytes of ``index.json`` for each folder of shards, given by their public paths."""
    found: dict[str, bytes] = {}
    for folder in dict.fromkeys(path.rpartition("/")[0] for path in names) or (DATA,):
        own = {path.rpartition("/")[2]: file for path, file in names.items() if path.rpartition("/")[0] == folder}
        entries = [shard_entry(schema, name, file.bytes, file.samples) for name, file in own.items()]
        found[f"{folder}/{INDEX}"] = json.dumps({"version": VERSION, "shards": entries}, sort_keys=True).encode()
    return found


class MdsWriter:
    """Collects the samples of a shard, which begins with their offsets, and writes them at the end."""

    def __init__(self, output: ShardOutput, schema: pa.Schema) -> None:
        self._output = output
        self._config = json.dumps(_config(schema), sort_keys=True).encode()
        self._fields = sorted(schema, key=lambda field: field.name)
        self._has_ids = IDS in schema.names
        self._samples: list[bytes] = []
        self._ids = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Append samples."""
        columns = [_encoded(rows.column(field.name)) for field in self._fields]
        variable = [_size(field.type) is None for field in self._fields]
        for values in zip(*columns, strict=True):
            sizes = [len(value) for value, varies in zip(values, variable, strict=True) if varies]
            self._samples.append(np.array(sizes, "<u4").tobytes() + b"".join(values))
        if self._has_ids:
            self._ids += len(rows.column(IDS).flatten())

    def close(self) -> ShardCounts:
        """Write the shard. Raises ValueError for one of 4 GiB or more, whose offsets would overflow."""
        count = len(self._samples)
        ends = np.cumsum([4 + 4 * (count + 1) + len(self._config), *map(len, self._samples)], dtype=np.uint64)
        if int(ends[-1]) >= 2**32:
            raise ValueError("a shard of mds is below 4 GiB; set shard to a smaller size")
        self._output.write(np.uint32(count).tobytes() + ends.astype("<u4").tobytes() + self._config)
        for sample in self._samples:
            self._output.write(sample)
        return ShardCounts(tokens=self._ids if self._has_ids else None)


def _config(schema: pa.Schema) -> dict[str, Any]:
    fields = sorted(schema, key=lambda field: field.name)
    return {
        "column_encodings": [_encoding(field.type) for field in fields],
        "column_names": [field.name for field in fields],
        "column_sizes": [_size(field.type) for field in fields],
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": LARGEST,
        "version": VERSION,
    }


def _encoding(kind: pa.DataType) -> str | None:
    if pa.types.is_string(kind):
        return "str"
    if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) or _is_list_of_ids(kind):
        return "bytes"
    if pa.types.is_list(kind) and kind.value_type in {pa.uint16(), pa.uint32()}:
        return f"ndarray:{kind.value_type}"
    return _SCALARS.get(kind)


def _is_list_of_ids(kind: pa.DataType) -> bool:
    """Return True for values of one size in a list, which are written end to end."""
    return bool(pa.types.is_list(kind) and pa.types.is_fixed_size_binary(kind.value_type))


def _size(kind: pa.DataType) -> int | None:
    return kind.bit_width // 8 if kind in _SCALARS else None


def _encoded(column: pa.Array) -> list[bytes]:
    kind = column.type
    if pa.types.is_string(kind):
        return [(value or "").encode() for value in column.to_pylist()]
    if kind in _SCALARS:
        return [value.tobytes() for value in column.fill_null(0).to_numpy()]
    if _is_list_of_ids(kind):
        return [b"".join(values) for values in column.to_pylist()]
    if pa.types.is_list(kind):
        return [_array(value) for value in _arrays(column)]
    return [value or b"" for value in column.to_pylist()]


def _arrays(column: pa.ListArray) -> Iterable[np.ndarray]:
    values, offsets = column.values.to_numpy(), column.offsets.to_numpy()
    return (values[start:end] for start, end in pairwise(offsets))


def _array(values: np.ndarray) -> bytes:
    """Return an array of one dimension: a byte with its dimensions and the type of their sizes, its size, its values.

    Raises ValueError for an empty one, which the format cannot represent.
    """
    if not len(values):
        raise ValueError("mds cannot represent a document without token ids")
    number = next(place for place, kind in enumerate(_SHAPE_TYPES) if len(values) < 256**kind.itemsize)
    return bytes([1 << 2 | number]) + np.array([len(values)], _SHAPE_TYPES[number]).tobytes() + values.tobytes()
