"""The values of receipts that are read of all parts: a brief takes a third of the time of its receipt to read.

Values that are added up or filtered are columns: they are read in half the time of briefs, and added up without a loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any, Self

import msgspec
import pyarrow as pa

from refinery.root.receipts import Kind, Receipt, named_files

AMOUNTS = pa.schema(
    [
        ("kind", pa.string()),
        ("part", pa.int64()),
        ("kept", pa.int64()),
        ("text", pa.int64()),
        ("seconds", pa.float64()),
        ("kept_bytes", pa.int64()),
        ("bytes", pa.int64()),
        ("requests", pa.binary()),
    ]
)
"""Columns of what tasks took and wrote, as the fields of a brief; ``requests`` as JSON, null for none."""


class Brief(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The values of a receipt that planners, estimates and counts read of all parts. An index has them apart.

    Numbers are -1 where a receipt has none. ``content`` is the id of the kept rows, and ``stored`` is True if they are
    in files. ``ranked`` is the number of documents of a part whose documents are from all parts, ``taken`` that of the
    kept ones that were taken down. ``written`` is True if some files have rows.
    """

    kind: Kind
    part: int
    key: str
    inputs: tuple[str, ...]
    content: str
    given: int
    kept: int
    removed: int
    skipped: int
    text: int
    seconds: float
    ranked: int | None
    taken: int
    stored: bool
    written: bool
    kept_bytes: int
    bytes: int
    requests: dict[str, int]

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Return the brief of a receipt."""
        return cls(*_values(receipt))


class FilesBrief(Brief, frozen=True, gc=False, array_like=True):
    """A brief with all files that the receipt names, and their sizes: two thirds of its memory."""

    named: tuple[tuple[str, int | None], ...]

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """Return the brief of a receipt."""
        return cls(*(*_values(receipt), tuple(named_files(receipt))))


def _values(receipt: Receipt) -> tuple[Any, ...]:
    """Return the fields of a brief."""
    rows, ranks = receipt.rows, receipt.ranks
    return (
        receipt.kind,
        receipt.part,
        receipt.key,
        receipt.inputs,
        receipt.content,
        *(rows.get(name, -1) for name in ("in", "kept", "removed", "skipped", "text")),
        receipt.seconds,
        None if ranks is None else sum(map(len, ranks)),
        receipt.taken_kept,
        bool(receipt.files.get("kept")),
        bool(receipt.files),
        receipt.total("kept"),
        sum([file.bytes for files in receipt.files.values() for file in files]),
        receipt.requests,
    )


def amounts(briefs: Iterable[Brief]) -> pa.Table:
    """Return the ``AMOUNTS`` of briefs."""
    rows = [*map(_AMOUNTS, briefs)]
    *columns, requests = zip(*rows, strict=True) if rows else [()] * len(AMOUNTS)
    stored = [msgspec.json.encode(one) if one else None for one in requests]
    every = zip([*columns, stored], AMOUNTS, strict=True)
    return pa.table([pa.array(column, field.type) for column, field in every], AMOUNTS)


def requests_in(table: pa.Table) -> Iterator[dict[str, int]]:
    """Yield the requests of the rows that have some."""
    yield from map(_REQUESTS.decode, table["requests"].drop_null().to_pylist())


_AMOUNTS = attrgetter(*AMOUNTS.names)
_REQUESTS = msgspec.json.Decoder(dict[str, int])
