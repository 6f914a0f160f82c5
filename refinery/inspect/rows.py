"""Rows of the current files of a root, and the row of one document at every stage.

Columns are read that are asked for, one row group at a time; only files that current receipts name are opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.reader import RootReader, StageEntry
from refinery.root.parquet import open_parquet
from refinery.root.receipts import SIDES, Receipt
from refinery.stage.documents import POINTER

WHO = tuple(field.name for field in POINTER)
"""Columns that identify a document and its record."""


@dataclass(frozen=True)
class Document:
    """The id and URL of a document, and the position of its record; None for what a stage dropped."""

    id: str
    url: str | None
    date: str | None
    warc: str | None
    offset: int | None
    length: int | None


@dataclass(frozen=True)
class Piece:
    """Some columns of a row group."""

    entry: StageEntry
    side: str
    receipt: Receipt
    path: str
    group: int
    batch: pa.RecordBatch

    def spot(self, row: int) -> Spot:
        """Return the position of one of its rows."""
        return Spot(self.entry, self.side, self.receipt, self.path, self.group, row)


@dataclass(frozen=True)
class Spot:
    """Position of a row: the side of a stage (kept or removed), the file below the root, row group and row in it."""

    entry: StageEntry
    side: str
    receipt: Receipt
    path: str
    group: int
    row: int


def document(row: pa.RecordBatch) -> Document:
    """Return the document of a row."""
    values = {name: row.column(name)[0].as_py() for name in WHO if name in row.schema.names}
    date = values.get("date")
    return Document(
        id=values["id"].hex() if "id" in values else "",
        url=values.get("url"),
        date=f"{date:%Y-%m-%dT%H:%M:%SZ}" if isinstance(date, datetime) else None,
        warc=values.get("warc"),
        offset=values.get("offset"),
        length=values.get("length"),
    )


def trail(reader: RootReader, wanted: Document, start: Spot) -> dict[int, Spot]:
    """Return the row of the document at each stage, by position, from ``start`` to the last one with results."""
    spots = {start.entry.position: start}
    receipts: tuple[Receipt, ...] = (start.receipt,)
    spot: Spot | None = start
    for entry in (h for h in reader.stages if h.position > start.entry.position):
        if spot is not None and spot.side == "removed":
            break
        receipts = reader.made_from(entry, [r.contents.get("kept", "") for r in receipts])
        spot = row_of(reader, entry, SIDES, receipts, wanted)
        if spot is not None:
            spots[entry.position] = spot
    return spots


def row_of(
    reader: RootReader, entry: StageEntry, sides: Sequence[str], receipts: Sequence[Receipt], wanted: Document
) -> Spot | None:
    """Return the row of a document in some parts of a stage; None for none."""
    for piece in pieces(reader, entry, sides, WHO, receipts):
        rows = pc.indices_nonzero(_same(piece.batch, wanted))
        if len(rows):
            return piece.spot(rows[0].as_py())
    return None


def _same(batch: pa.RecordBatch, wanted: Document) -> pa.BooleanArray:
    """Rows with the document's id, and its pointer where the stage keeps pointers: a record may be there twice."""
    if "id" not in batch.schema.names:
        return pa.array([False] * len(batch), pa.bool_())
    mask = pc.equal(batch.column("id"), pa.scalar(bytes.fromhex(wanted.id), pa.binary(16)))
    for name in ("warc", "offset"):
        value = getattr(wanted, name)
        if name in batch.schema.names and value is not None:
            mask = pc.and_(mask, pc.fill_null(pc.equal(batch.column(name), value), False))
    return mask


def pieces(
    reader: RootReader,
    entry: StageEntry,
    sides: Sequence[str],
    columns: Sequence[str],
    receipts: Sequence[Receipt] | None = None,
) -> Iterator[Piece]:
    """Row groups of a stage's files, with those of ``columns`` (``stage.metric`` for one field) that are there.

    Raises StorageError where a file is missing or damaged.
    """
    chosen = reader.receipts(entry) if receipts is None else receipts
    for receipt in {r.key: r for r in chosen}.values():
        for side in sides:
            for file in receipt.files.get(side, ()):
                yield from _groups(reader, entry, side, receipt, file.path, columns)


def _groups(
    reader: RootReader, entry: StageEntry, side: str, receipt: Receipt, path: str, columns: Sequence[str]
) -> Iterator[Piece]:
    with open_parquet(reader.root, path) as file:
        present = [name for name in columns if name.partition(".")[0] in file.schema_arrow.names]
        for group in range(file.metadata.num_row_groups if present else 0):
            for batch in file.read_row_group(group, columns=present).combine_chunks().to_batches():
                yield Piece(entry, side, receipt, path, group, batch)


def row_at(reader: RootReader, spot: Spot, without: Sequence[str] = ()) -> pa.RecordBatch:
    """Return one row, with all columns but those in ``without``."""
    with open_parquet(reader.root, spot.path) as file:
        names = [name for name in file.schema_arrow.names if name not in without]
        table = file.read_row_group(spot.group, columns=names).slice(spot.row, 1).combine_chunks()
    return table.to_batches()[0]


def values_at(reader: RootReader, spot: Spot, without: Sequence[str] = ()) -> dict[str, Any]:
    """Return one row as plain values, without some columns."""
    values: dict[str, Any] = row_at(reader, spot, without).to_pylist()[0]
    return values
