"""Readers of the trainers' formats, written from their documentation and not from this project's writers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import numpy as np


def read_megatron(data: bytes, index: bytes) -> list[list[int]]:
    """Documents of an IndexedDataset: header, version, type, counts; lengths, pointers, document boundaries."""
    stream = io.BytesIO(index)
    assert stream.read(9) == b"MMIDIDX\x00\x00"
    assert int.from_bytes(stream.read(8), "little") == 1
    kind = np.dtype({1: "u1", 2: "i1", 3: "i2", 4: "i4", 5: "i8", 8: "u2"}[stream.read(1)[0]]).newbyteorder("<")
    sequences, boundaries = (int.from_bytes(stream.read(8), "little") for _ in range(2))
    lengths = np.frombuffer(stream.read(4 * sequences), "<i4")
    pointers = np.frombuffer(stream.read(8 * sequences), "<i8")
    documents = np.frombuffer(stream.read(8 * boundaries), "<i8")
    assert stream.read() == b""
    assert documents.tolist() == list(range(sequences + 1))
    assert len(data) == lengths.sum() * kind.itemsize
    pairs = zip(pointers.tolist(), lengths.tolist(), strict=True)
    return [np.frombuffer(data, kind, count=length, offset=start).tolist() for start, length in pairs]


def read_npy(data: bytes, index: bytes, kind: str) -> tuple[list[list[int]], list[list[str]]]:
    """Documents of a headerless array, by the first two fields of its lines, and the further fields."""
    values = np.frombuffer(data, kind)
    rows = list(csv.reader(io.StringIO(gzip.decompress(index).decode(), newline="")))
    assert [int(row[0]) for row in rows] == [0, *(int(row[1]) for row in rows[:-1])][: len(rows)]
    assert (int(rows[-1][1]) if rows else 0) == len(values)
    return [values[int(row[0]) : int(row[1])].tolist() for row in rows], [row[2:] for row in rows]


def read_mds(data: bytes) -> list[dict[str, Any]]:
    """Samples of a shard: their number, the offset of each and of the end, the configuration, then the samples."""
    count = int.from_bytes(data[:4], "little")
    offsets = np.frombuffer(data, "<u4", count=count + 1, offset=4)
    config = json.loads(data[4 + 4 * (count + 1) : int(offsets[0])])
    assert int(offsets[-1]) == len(data)
    spans = zip(offsets.tolist(), offsets[1:].tolist(), strict=False)
    return [_sample(data[start:end], config) for start, end in spans]


def _sample(data: bytes, config: dict[str, Any]) -> dict[str, Any]:
    sizes, place = [], 0
    for fixed in config["column_sizes"]:
        sizes.append(fixed or int.from_bytes(data[place : place + 4], "little"))
        place += 0 if fixed else 4
    sample = {}
    for name, encoding, size in zip(config["column_names"], config["column_encodings"], sizes, strict=True):
        sample[name] = _value(encoding, data[place : place + size])
        place += size
    assert place == len(data)
    return sample


def _value(encoding: str, data: bytes) -> Any:
    name, _, kind = encoding.partition(":")
    if name == "ndarray":
        dimensions, width = data[0] >> 2, 2 ** (data[0] & 3)
        assert dimensions == 1
        values = np.frombuffer(data[1 + width :], kind)
        assert len(values) == int.from_bytes(data[1 : 1 + width], "little")
        return values.tolist()
    return (
        {"str": bytes.decode, "bytes": bytes}[name](data) if name in {"str", "bytes"} else np.frombuffer(data, name)[0]
    )
