"""The rows of a root that contain documents: by domain, URL, URL pattern, id, or a snippet of their text.

All current files of all stages are read, kept and removed rows, exported ones included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import Piece, pieces
from refinery.root.document_list import DocumentList, ids_of
from refinery.root.receipts import SIDES
from refinery.stage.documents import ID, TEXT, URL
from refinery.stage.rules import WHY


@dataclass(frozen=True)
class FoundRow:
    """A row of a document: its ``file`` below the root, and its number in it, from 0.

    ``rule`` is the reason of a removed row, "" for a kept one. ``id`` and ``url`` are None where the file has none.
    """

    stage: str
    side: str
    rule: str
    file: str
    row: int
    id: str | None
    url: str | None


@dataclass(frozen=True)
class FoundDocuments:
    """The rows that match, stage by stage, and the stages whose rows are not stored or lack what is asked for."""

    rows: tuple[FoundRow, ...]
    not_searched: tuple[str, ...] = ()

    @property
    def documents(self) -> tuple[str, ...]:
        """The ids of the documents, in the order in which they are found."""
        return tuple(dict.fromkeys(row.id for row in self.rows if row.id is not None))


def find(path: str, queries: Iterable[str] = (), text: str = "") -> FoundDocuments:
    """Find documents by ``queries``, which are lines of a `DocumentList`, and those whose text contains ``text``.

    Rows of a found document are returned from all stages, whatever its text is there. Raises UsageError for a query
    that is none, or where there is no root; StorageError for a damaged file.
    """
    listed = DocumentList.parse(queries)
    if not listed.entries and not text:
        raise UsageError("nothing to look for", hint="name a domain, a URL, a URL pattern, an id, or --text")
    reader = open_root(path)
    ids: set[bytes] = set()
    for entry in reader.stages:
        for piece in _pieces(reader, entry, (ID.name, URL.name, *([TEXT.name] if text else []))):
            ids |= set(_chosen(piece.batch, _mask(piece.batch, listed, text)))
    wanted = listed.with_ids(ids)
    rows: list[FoundRow] = []
    unknown: list[str] = []
    for entry in reader.stages:
        found, searched = _rows(reader, entry, wanted, text)
        rows += found
        unknown += [] if searched else [entry.name]
    return FoundDocuments(tuple(rows), tuple(unknown))


def _pieces(reader: RootReader, entry: StageEntry, columns: tuple[str, ...]) -> Iterator[Piece]:
    yield from pieces(reader, entry, SIDES, columns)


def _mask(batch: pa.RecordBatch, listed: DocumentList, text: str) -> pa.BooleanArray:
    """Return true for the rows that match the list or contain the text."""
    mask = listed.mask(batch)
    if text and TEXT.name in batch.schema.names:
        mask = pc.or_(mask, pc.fill_null(pc.match_substring(batch.column(TEXT.name), text), False))
    return mask


def _chosen(batch: pa.RecordBatch, mask: pa.BooleanArray) -> list[bytes]:
    return ids_of(batch.filter(mask)) or []


def _rows(reader: RootReader, entry: StageEntry, wanted: DocumentList, text: str) -> tuple[list[FoundRow], bool]:
    """Return the rows of a stage, and True if its files could be searched."""
    columns = (ID.name, URL.name, f"{WHY.name}.rule", *([TEXT.name] if text else []))
    rows: list[FoundRow] = []
    before: dict[str, int] = {}
    searched = False
    for piece in _pieces(reader, entry, columns):
        names = piece.batch.schema.names
        searched = searched or ID.name in names or URL.name in names or TEXT.name in names
        start = before.get(piece.path, 0)
        before[piece.path] = start + len(piece.batch)
        mask = _mask(piece.batch, wanted, text)
        places = pc.indices_nonzero(mask).to_pylist()
        rows += [_row(piece, start + place, piece.batch.slice(place, 1)) for place in places]
    return rows, searched or not any(receipt.rows.get("in") for receipt in reader.receipts(entry))


def _row(piece: Piece, number: int, batch: pa.RecordBatch) -> FoundRow:
    ids, values = ids_of(batch), batch.to_pylist()[0]
    why = values.get(WHY.name) or {}
    return FoundRow(
        stage=piece.entry.name,
        side=piece.side,
        rule=why.get("rule") or "",
        file=piece.path,
        row=number,
        id=ids[0].hex() if ids else None,
        url=values.get(URL.name),
    )
