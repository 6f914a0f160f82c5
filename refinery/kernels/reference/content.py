"""Hashes of the columns of a table: equal rows have equal hashes, independent of batches and encodings.

Each column, and each part of a nested one, feeds streams of bytes of its own: which values are valid (``?``), how long
they are (``#``), the values themselves. A stream is known by its path: the place of the column, then ``.0``, ``.1``, …
for the fields of a struct and ``[]`` for the items of a list. Numbers are in the byte order of the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash


class ContentHashes:
    """The hashes of a table of this schema, fed batch by batch.

    Slices, dictionaries, null bitmaps and what lies behind nulls do not count; values and their order do.
    """

    def __init__(self, schema: pa.Schema) -> None:
        del schema  # what is fed has it; only the native kernel must know before
        self._streams: dict[str, xxhash.xxh3_128] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows. Raises TypeError for a type that has no content hash, such as decimals."""
        if not batch.num_rows:
            return  # a stream that was never fed is not there, so an empty batch must begin none
        for place, column in enumerate(batch.columns):
            self._feed(str(place), column)

    def digests(self) -> dict[str, str]:
        """xxh3_128 of each stream that was fed, as 32 hexadecimal digits, by path."""
        return {path: stream.hexdigest() for path, stream in self._streams.items()}

    def _write(self, path: str, values: Any) -> None:
        stream = self._streams.get(path)
        if stream is None:
            stream = self._streams[path] = xxhash.xxh3_128()
        stream.update(values)

    def _feed(self, path: str, array: pa.Array) -> None:
        kind = array.type
        if pa.types.is_dictionary(kind):
            self._feed(path, array.dictionary_decode())
            return
        self._write(f"{path}?", _numpy(pc.is_valid(array)))
        if pa.types.is_struct(kind):
            for i, child in enumerate(array.flatten()):
                self._feed(f"{path}.{i}", child)
        elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._write(f"{path}#", _numpy(pc.fill_null(pc.cast(pc.list_value_length(array), pa.int64()), 0)))
            self._feed(f"{path}[]", array.flatten())
        elif pa.types.is_string(kind) or pa.types.is_binary(kind):
            array = pc.fill_null(array, "" if pa.types.is_string(kind) else b"")
            self._write(f"{path}#", _numpy(pc.cast(pc.binary_length(array), pa.int64())))
            self._write(path, _string_bytes(array))
        elif not pa.types.is_null(kind):
            self._write(path, _values(array))


def _values(array: pa.Array) -> Any:
    """The buffer of values of one width; null counts as zero."""
    kind = array.type
    if pa.types.is_fixed_size_binary(kind):
        return _fixed_bytes(pc.fill_null(array, bytes(kind.byte_width)), kind.byte_width)
    if pa.types.is_boolean(kind):
        return _numpy(pc.fill_null(array, False))
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        whole = pa.int64() if kind.bit_width == 64 else pa.int32()
        return _numpy(pc.fill_null(array.view(whole), 0))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numpy(pc.fill_null(array, pa.scalar(0, kind)))
    raise TypeError(f"the content of a column of this type is not expected here: {kind}")


def _numpy(array: pa.Array) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(array.to_numpy(zero_copy_only=False))


def _string_bytes(array: pa.Array) -> memoryview:
    _, offsets, data = array.buffers()
    if data is None or len(array) == 0:
        return memoryview(b"")
    bounds = np.frombuffer(offsets, dtype=np.int32)
    start, end = bounds[array.offset], bounds[array.offset + len(array)]
    return memoryview(data)[int(start) : int(end)]


def _fixed_bytes(array: pa.Array, width: int) -> memoryview:
    data = array.buffers()[1]
    if data is None:
        return memoryview(b"")
    return memoryview(data)[array.offset * width : (array.offset + len(array)) * width]
