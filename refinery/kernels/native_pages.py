"""Pages from archives by the native kernel.

Python defines the meaning of charset labels; the kernel asks for a label when it first reads it. The twins process the
bodies and texts that the kernel does not support.
"""

from __future__ import annotations

import encodings
import importlib
from collections.abc import Sequence

import pyarrow as pa

from refinery.kernels import _native
from refinery.kernels.reference import charset, labels, pages as reference, payload
from refinery.kernels.reference.charset import Text
from refinery.kernels.reference.pages import ROWS, Page
from refinery.kernels.reference.payload import Payload

_CHARSETS = _native.Charsets()
_ASCII = bytes(range(0x80))
_BYTES = bytes(range(0x100))


class PageRows(reference.PageRows):
    """Converts ordinary records to rows at the speed of decompression.

    An ordinary record fills a gzip member of its own, and both are well formed.
    """

    def __init__(self, types: Sequence[str], most: int, rows: int, size: int) -> None:
        self._made = _native.PageRows(list(types), most, rows, size)

    @property
    def full(self) -> bool:
        return self._made.full

    def read(self, data: bytes, at: int, base: int) -> tuple[int, int, bool]:
        unpacked = 0
        while True:
            at, more, label, short = self._made.read(data, at, base, _CHARSETS)
            unpacked += more
            if label is None:
                return at, unpacked, short
            _learn(label)

    def add(self, row: Page) -> None:
        self._made.add(row)

    def skip(self, kind: str) -> None:
        self._made.skip(kind)

    def finish(self) -> tuple[pa.RecordBatch, dict[str, int]]:
        made, skipped = self._made.finish()
        columns = [column.view(field.type) for column, field in zip(made, ROWS, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=ROWS), dict(sorted(skipped.items()))


def unpacked(data: bytes, transfer: Sequence[str], content: Sequence[str], most: int) -> Payload:
    # The twin processes damaged and oversized bodies, and those packed with brotli or zstd.
    found = _native.unpacked(data, list(transfer), list(content), most)
    return payload.unpacked(data, transfer, content, most) if found is None else Payload(found[0], tuple(found[1]))


def decoded(data: bytes, header: str) -> Text:
    # The twin decodes multi-byte charsets other than UTF-8, and detects charsets.
    while isinstance(found := _native.decoded(data, header, _CHARSETS), str):
        _learn(found)
    return charset.decoded(data, header) if found is None else Text(*found)


def _learn(label: str) -> None:
    name = labels.decoder(label)
    ascii_stays = bool(name) and _ASCII.decode(name, "replace") == _ASCII.decode()
    _CHARSETS.add(label, name, _single_bytes(name), ascii_stays)


def _single_bytes(name: str) -> str | None:
    """Return the character of each byte in a single-byte charset; None for any other charset."""
    if not name:
        return None
    codec = importlib.import_module("encodings." + encodings.normalize_encoding(name))
    if not hasattr(codec, "decoding_table"):
        return None
    return _BYTES.decode(name, "replace")
