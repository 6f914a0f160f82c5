"""JSON Lines: one object a line in UTF-8, compressed as one zstd frame or one gzip member.

Binary values are hexadecimal, times are ISO 8601 in UTC, numbers that JSON has not (NaN, infinity) are null. A column
without a value is null, so every line has the same keys.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

import pyarrow as pa
import zstandard

from refinery import ShardCounts, ShardOutput, UsageError

Compression = Literal["zst", "gz", "none"]

BLOCK = 1 << 20
"""Bytes that are compressed at a time: a compressor's output may depend on how its input is divided."""

ZSTD_LEVEL = 3
GZIP_LEVEL = 6

_GZIP = 31
"""zlib's number for a gzip member, whose time stamp it leaves zero."""


class Compressor(Protocol):
    """A compressed stream."""

    def compress(self, data: bytes, /) -> bytes:
        """Return output for some input; it may be empty."""

    def flush(self) -> bytes:
        """Return the end of the stream."""


@dataclass(frozen=True)
class JsonLines:
    """The format ``jsonl``."""

    compression: Compression = "zst"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Return the one suffix."""
        return (".jsonl" if self.compression == "none" else f".jsonl.{self.compression}",)

    def check(self, schema: pa.Schema) -> None:
        """Raise UsageError for a type that JSON has no form for."""
        odd = [field.name for field in schema if not _has_form(field.type)]
        if odd:
            raise UsageError(f"jsonl has no form for {', '.join(odd)}", hint="leave it out of columns")

    def open(self, outputs: Sequence[ShardOutput], schema: pa.Schema) -> JsonLinesWriter:
        """Return a writer of a new file."""
        return JsonLinesWriter(outputs[0], schema, _compressor(self.compression))


class JsonLinesWriter:
    """Writes the lines of one file."""

    def __init__(self, output: ShardOutput, schema: pa.Schema, compressor: Compressor | None) -> None:
        self._output, self._compressor = output, compressor
        self._schema = schema
        self._pending = bytearray()

    def add(self, rows: pa.RecordBatch) -> None:
        """Append a line for each row."""
        for row in json_rows(rows.select(self._schema.names)):
            self._pending += _line(row)
            while len(self._pending) >= BLOCK:
                self._write(bytes(self._pending[:BLOCK]))
                del self._pending[:BLOCK]

    def close(self) -> ShardCounts:
        """End the stream."""
        self._write(bytes(self._pending))
        if self._compressor is not None:
            self._output.write(self._compressor.flush())
        return ShardCounts()

    def _write(self, data: bytes) -> None:
        self._output.write(data if self._compressor is None else self._compressor.compress(data))


def json_rows(rows: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield rows with the values that JSON has for theirs."""
    columns = [_values(rows.column(field.name), _form(field.type)) for field in rows.schema]
    for values in zip(*columns, strict=True):
        yield dict(zip(rows.schema.names, values, strict=True))


def _compressor(compression: Compression) -> Compressor | None:
    if compression == "zst":
        return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True).compressobj()
    return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP) if compression == "gz" else None


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


Form = Callable[[Any], Any] | None
"""Converts a value of Arrow's to one that JSON has; None where all values have a form already."""


def _has_form(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _has_form(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_has_form(field.type) for field in kind)
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_boolean, pa.types.is_integer)
    converted = (pa.types.is_floating, pa.types.is_timestamp, _is_binary)
    return any(test(kind) for test in (*known, *converted))


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _values(column: pa.Array, form: Form) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values if form is None else [None if value is None else form(value) for value in values]


def _form(kind: pa.DataType) -> Form:
    if _is_binary(kind):
        return bytes.hex
    if pa.types.is_floating(kind):
        return _number
    if pa.types.is_timestamp(kind):
        return _time
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _of_list(_form(kind.value_type))
    return _of_struct({field.name: _form(field.type) for field in kind}) if pa.types.is_struct(kind) else None


def _of_list(form: Form) -> Form:
    if form is None:
        return None
    return lambda values: [None if value is None else form(value) for value in values]


def _of_struct(forms: dict[str, Form]) -> Form:
    converted = {name: form for name, form in forms.items() if form is not None}
    if not converted:
        return None

    def of_struct(value: dict[str, Any]) -> dict[str, Any]:
        new = {name: form(value[name]) for name, form in converted.items() if value[name] is not None}
        return value | new

    return of_struct


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _time(value: datetime) -> str:
    in_utc = value.astimezone(UTC) if value.tzinfo else value
    return in_utc.replace(tzinfo=None).isoformat() + "Z"
