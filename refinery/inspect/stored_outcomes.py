"""The outcome of each document of a root, read from its rows.

It is that the last stage kept it, or the stage and rule that removed it. Rows are read in shares that fit the memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rows import WHO, Document, document, pieces
from refinery.root.parquet import open_parquet
from refinery.root.receipts import Receipt
from refinery.root.statistics import id_hashes
from refinery.stage.rules import WHY

SHARE_ROWS = 4_000_000
"""Rows of all roots that are in memory at once."""

KEPT = "kept"
ABSENT = "absent"

Key = tuple[int, bytes]
"""A document: the hash of its id, and its id with the offset of its record where all rows have one."""


@dataclass(frozen=True)
class OutcomeRows:
    """Files of one side of a stage: all their rows have one outcome, or their own."""

    entry: StageEntry
    side: str
    receipts: Sequence[Receipt]

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(receipt.rows.get(self.side, 0) for receipt in self.receipts)


def rows_until(reader: RootReader, last: StageEntry) -> Iterator[OutcomeRows]:
    """Yield the rows with the outcomes of all documents: those removed by each stage, and those that ``last`` kept."""
    for entry in reader.stages:
        if entry.position <= last.position:
            yield OutcomeRows(entry, "removed", reader.receipts(entry))
    yield OutcomeRows(last, KEPT, reader.receipts(last))


def unstored(reader: RootReader, last: StageEntry) -> str:
    """Return why the outcomes until a stage cannot be read, "" if they can: the recipe may store no removed rows."""
    for rows in rows_until(reader, last):
        if any(r.rows.get("removed") and not r.files.get("removed") for r in rows.receipts if rows.side == "removed"):
            return f"{reader.root.path} has removed rows of {rows.entry.name} that are not stored"
    return ""


def columns_of(reader: RootReader, entry: StageEntry) -> list[str]:
    """Return the columns of a stage's kept rows; none where they are not stored."""
    path = next((file.path for r in reader.receipts(entry) for file in r.files.get(KEPT, ())), None)
    if path is None:
        return []
    with open_parquet(reader.root, path) as file:
        names: list[str] = file.schema_arrow.names
        return names


def shares_of(rows: Iterable[Sequence[OutcomeRows]]) -> int:
    """Return the number of shares in which the rows of all roots are read."""
    return max(1, math.ceil(sum(one.count for some in rows for one in some) / SHARE_ROWS))


@dataclass(frozen=True)
class OutcomeReader:
    """Reads the outcomes of one root. With ``offsets`` equal ids are distinct: a record may be there twice."""

    reader: RootReader
    rows: Sequence[OutcomeRows]
    offsets: bool

    def outcomes(self, share: int, shares: int) -> Iterator[tuple[Key, str]]:
        """Yield the documents of one of the shares with their outcomes."""
        for rows in self.rows:
            columns = ("id", "offset", *([f"{WHY.name}.rule"] if rows.side == "removed" else []))
            for piece in pieces(self.reader, rows.entry, (rows.side,), columns, rows.receipts):
                hashes = id_hashes(piece.batch.column("id"))
                mask = hashes % np.uint64(shares) == share
                batch = piece.batch.filter(pa.array(mask))
                keys = zip(hashes[mask].tolist(), self._names(batch), strict=True)
                yield from zip(keys, _named(batch, rows), strict=True)

    def documents(self, wanted: set[Key]) -> Iterator[tuple[Key, Document]]:
        """Yield the documents among ``wanted`` that the rows have."""
        ids = pa.array([key[1][:16] for key in wanted], pa.binary(16))
        for rows in self.rows if wanted else ():
            for piece in pieces(self.reader, rows.entry, (rows.side,), WHO, rows.receipts):
                batch = piece.batch.filter(pc.is_in(piece.batch.column("id"), value_set=ids))
                hashes = id_hashes(batch.column("id")).tolist()
                for row, key in enumerate(zip(hashes, self._names(batch), strict=True)):
                    yield key, document(batch.slice(row, 1))

    def _names(self, batch: pa.RecordBatch) -> list[bytes]:
        ids: list[bytes] = batch.column("id").to_pylist()
        if not self.offsets:
            return ids
        return [one + offset.to_bytes(8) for one, offset in zip(ids, batch.column("offset").to_pylist(), strict=True)]


def documents_of(readers: Iterable[OutcomeReader], wanted: set[Key]) -> dict[Key, Document]:
    """Return the wanted documents, each as the first root has it that has it."""
    found: dict[Key, Document] = {}
    for reader in readers:
        for key, one in reader.documents(wanted - found.keys()):
            found.setdefault(key, one)
    return found


def _named(batch: pa.RecordBatch, rows: OutcomeRows) -> list[str]:
    if rows.side == KEPT:
        return [KEPT] * len(batch)
    return [f"{rows.entry.name} {rule}" for rule in pc.struct_field(batch.column(WHY.name), "rule").to_pylist()]
