"""Documents in a root's Parquet files: by id, URL or pointer, and one document's row at every stage.

Columns are read that are asked for, one row group at a time; only files that current receipts name are opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader, StageEntry
from refinery.root.parquet import open_parquet
from refinery.root.receipts import SIDES, Receipt
from refinery.stage.documents import ID, POINTER, RECORD_ID

WHO = tuple(field.name for field in POINTER)
NEAR = 3
"""URLs similar to the query that are named where it matches none."""

CANDIDATES = 10
"""Documents that are named where the beginning of an id is that of several."""

_ID = re.compile(r"<?(?:urn:uuid:)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})>?", re.IGNORECASE)
_POINTER = re.compile(r"(.+):([0-9]{1,19})", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECORATION = re.compile(r"^[a-z][a-z0-9+.-]*://(www\.)?|[/?#]+$", re.IGNORECASE)


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


@dataclass(frozen=True)
class Query:
    """A document to look for: by URL, id, the beginning of an id, pointer, or the id of its record.

    A text may be read in several ways.
    """

    text: str
    id: bytes | None
    pointer: tuple[str, int] | None
    prefix: str = ""
    """The first 4 to 31 hexadecimal digits of an id."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read a URL, an id (32 hexadecimal digits or a UUID), its first digits (4 or more) or ``warc:offset``.

        Raises UsageError for an empty text.
        """
        # Bytes that are no UTF-8, from a shell; the URLs of an archive have U+FFFD in their place too.
        text = _SURROGATE.sub("\ufffd", text).strip()
        if not text:
            raise UsageError("nothing to look for", hint="name a URL, a document id, or file.warc.gz:OFFSET")
        identity, pointer = _ID.fullmatch(text), _POINTER.fullmatch(text)
        return cls(
            text,
            bytes.fromhex(identity[1].replace("-", "")) if identity else None,
            (pointer[1], int(pointer[2])) if pointer and int(pointer[2]) < 2**64 else None,
            _prefix(text.lower()),
        )

    def matches(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return true for the rows that match."""
        names = batch.schema.names
        masks = [pa.array([False] * len(batch), pa.bool_())]
        if "url" in names:
            masks.append(pc.equal(batch.column("url"), self.text))
        if self.id is not None:
            masks += [pc.equal(ids, pa.scalar(self.id, ID.type)) for ids in _ids(batch)]
        if self.pointer is not None and {"warc", "offset"} <= set(names):
            masks.append(_at(batch, *self.pointer))
        return _any(masks)

    def begins(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        """Return true for the rows whose id begins with the prefix."""
        if not self.prefix or "id" not in batch.schema.names:
            return pa.array([False] * len(batch), pa.bool_())
        low, high = (pa.scalar(bytes.fromhex(self.prefix.ljust(32, fill)), pa.binary(16)) for fill in "0f")
        ids = batch.column("id")
        return pc.and_(pc.greater_equal(ids, low), pc.less_equal(ids, high))

    def near(self, batch: pa.RecordBatch) -> list[str]:
        """Return URLs that contain the text, whatever its scheme, ``www.`` and last slash."""
        core = _DECORATION.sub("", self.text)
        if len(core) < 4 or "url" not in batch.schema.names:
            return []
        urls = batch.column("url").drop_null()
        urls = urls.filter(pc.greater_equal(pc.utf8_length(urls), len(core)))
        if not len(urls):
            return []  # a search for a long text takes long, and queries may be hostile
        found = urls.filter(pc.match_substring(urls, core, ignore_case=True))
        return _shortest(found.to_pylist())


def _ids(batch: pa.RecordBatch) -> list[pa.FixedSizeBinaryArray]:
    """Return the ids of documents, and those of their records in archives."""
    found = [batch.column("id")] if "id" in batch.schema.names else []
    structs = [column for column in batch.columns if pa.types.is_struct(column.type)]
    return found + [pc.struct_field(c, RECORD_ID) for c in structs if c.type.get_field_index(RECORD_ID) >= 0]


def _prefix(text: str) -> str:
    """The digits of the beginning of an id, with or without a UUID's dashes; empty for any other text."""
    digits = text.replace("-", "")
    grouped = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])).rstrip("-")
    known = re.fullmatch("[0-9a-f]{4,31}", digits) and text.rstrip("-") in (digits, grouped)
    return digits if known else ""


def _at(batch: pa.RecordBatch, warc: str, offset: int) -> pa.BooleanArray:
    files = batch.column("warc")
    here = pc.or_(pc.equal(files, warc), pc.ends_with(files, f"/{warc}"))
    return pc.and_(here, pc.equal(batch.column("offset"), pa.scalar(offset, pa.uint64())))


def _any(masks: Sequence[pa.BooleanArray]) -> pa.BooleanArray:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, pc.fill_null(mask, False))
    return found


def _shortest(urls: Iterable[str]) -> list[str]:
    return sorted(set(urls), key=lambda url: (len(url), url))[:NEAR]


@dataclass(frozen=True)
class Matches:
    """The documents that match a query, newest first, with the first row of each.

    Where there is none: URLs ``near`` the text, or the first of ``matching`` documents whose ids begin with it.
    """

    documents: tuple[tuple[Document, Spot], ...]
    near: tuple[str, ...]
    candidates: tuple[Document, ...] = ()
    matching: int = 0


def find(reader: RootReader, query: Query) -> Matches:
    """Look for a document in the files of the source, or of all stages where the source writes none."""
    exact: dict[Document, Spot] = {}
    begun: dict[Document, Spot] = {}
    near: list[str] = []
    for entry in reader.stages:
        step = reader.pipeline.steps[entry.position]
        for piece in pieces(reader, entry, SIDES, (*WHO, f"{step.column}.{RECORD_ID}")):
            matched = _add(exact, piece, query.matches(piece.batch))
            _add(begun, piece, query.begins(piece.batch))
            near = near if matched else _shortest([*near, *query.near(piece.batch)])
        if entry.position == 0 and any(r.files.get("kept") for r in reader.receipts(entry)):
            break
    ids = {who.id: who for who in sorted(begun, key=lambda who: who.id, reverse=True)}
    if not exact and len(ids) > 1:
        return Matches((), (), tuple(sorted(ids.values(), key=lambda who: who.id)[:CANDIDATES]), len(ids))
    found = exact or begun
    newest = sorted(found.items(), key=lambda pair: (pair[0].date or "", pair[0].id), reverse=True)
    return Matches(tuple(newest), () if newest else tuple(near))


def _add(found: dict[Document, Spot], piece: Piece, mask: pa.BooleanArray) -> bool:
    """Add the first row of each document that matches, and return True if there is any."""
    rows = pc.indices_nonzero(mask).to_pylist()
    for row in rows:
        found.setdefault(document(piece.batch.slice(row, 1)), piece.spot(row))
    return bool(rows)


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
    """Return the row of the document at each stage, by position, from ``start`` to the last one that is made."""
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


# -------------------------------------------------------------------------------------------------------------- files


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
