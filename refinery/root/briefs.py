"""The values of receipts that are read of all parts: a brief takes a third of the time of its receipt to read."""

from __future__ import annotations

import msgspec

from refinery.root.receipts import Kind, Receipt, named_files


class Brief(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The values of a receipt that planners, estimates and counts read of all parts. An index has them apart.

    Numbers are -1 where a receipt has none. ``content`` is the id of the kept rows, and ``stored`` is True if they are
    in files. ``ranked`` is the number of documents of a part whose documents are from all parts, ``taken`` that of the
    kept ones that were taken down. ``named`` are all files with their sizes, ``written`` is True if some have rows.
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
    named: tuple[tuple[str, int | None], ...]

    @classmethod
    def of(cls, receipt: Receipt) -> Brief:
        """Return the brief of a receipt."""
        rows, ranks = receipt.rows, receipt.ranks
        return cls(
            kind=receipt.kind,
            part=receipt.part,
            key=receipt.key,
            inputs=receipt.inputs,
            content=receipt.contents.get("kept", ""),
            given=rows.get("in", -1),
            kept=rows.get("kept", -1),
            removed=rows.get("removed", -1),
            skipped=rows.get("skipped", -1),
            text=rows.get("text", -1),
            seconds=receipt.seconds,
            ranked=None if ranks is None else sum(map(len, ranks)),
            taken=receipt.taken_kept,
            stored=bool(receipt.files.get("kept")),
            written=bool(receipt.files),
            kept_bytes=receipt.total("kept"),
            bytes=sum([file.bytes for files in receipt.files.values() for file in files]),
            requests=receipt.requests,
            named=tuple(named_files(receipt)),
        )
