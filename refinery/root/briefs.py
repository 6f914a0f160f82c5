"""The values of receipts that are read of all parts: a brief takes a third of the time of its receipt to read."""

from __future__ import annotations

from typing import Any, Self

import msgspec

from refinery.root.receipts import Kind, Receipt, named_files


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
        receipt.contents.get("kept", ""),
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
