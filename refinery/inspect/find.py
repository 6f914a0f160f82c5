"""The rows of a root that contain documents: by domain, URL, URL pattern, id, or a snippet of their text.

All current files of all stages are read, kept and removed rows, exported ones included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import Piece, pieces
from refinery.root.document_list import DocumentList, ids_of
from refinery.root.partitions import partition_of
from refinery.root.receipts import SHARDS, SIDES, FileRef, Receipt
from refinery.root.rewriting import matching_rows
from refinery.root.takedowns import read_state
from refinery.runner.exports import Exports
from refinery.stage.documents import ID, TEXT, URL
from refinery.stage.rules import WHY


@dataclass(frozen=True)
class FoundRow:
    """A row of a document: its ``file`` below the root, and its number in it, from 0.

    ``side`` is kept, removed or shards. ``rule`` is the reason of a removed row, else "". ``id`` and ``url`` are None
    where the file has none.
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
        if entry.position and entry.position == len(reader.head.folders) - 1:
            placed = list(_exported(reader, entry, rows))
            rows = [row for row in rows if not placed or row.stage != entry.name or row.id is not None] + placed
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
    return rows, searched or not any(_is_stored(receipt) for receipt in reader.receipts(entry))


def _is_stored(receipt: Receipt) -> bool:
    return bool(receipt.rows.get("in")) and SHARDS not in receipt.files


def _exported(reader: RootReader, entry: StageEntry, rows: Sequence[FoundRow]) -> Iterator[FoundRow]:
    """Yield the rows of exported files that have no ids or cannot be read: by the places of the documents."""
    named = {row.id: row.url for row in rows if row.id is not None}
    for receipt in reader.receipts(entry):
        name = SHARDS if SHARDS in receipt.files else "kept"
        files = [file for file in receipt.files.get(name, ()) if file.rows]
        in_folders = receipt.ranks is None and any(partition_of(file.path) for file in files)
        if in_folders or (name == "kept" and _have_ids(reader, files)):
            continue
        for place, identity in _places(reader, entry, receipt, rows):
            start = 0
            for file in files:
                if start <= place < start + file.rows:
                    yield FoundRow(entry.name, name, "", file.path, place - start, identity, named.get(identity))
                start += file.rows


def _have_ids(reader: RootReader, files: Sequence[FileRef]) -> bool:
    return all(matching_rows(reader.root, file.path, DocumentList()).by_id for file in files)


def _places(
    reader: RootReader, entry: StageEntry, receipt: Receipt, rows: Sequence[FoundRow]
) -> Iterator[tuple[int, str]]:
    """Yield the places of found documents in a part that keeps all that it gathers, with their ids."""
    if receipt.ranks is not None:
        ids, exports = {row.id for row in rows}, Exports(reader.root)
        runs, place = exports.runs(reader.load(entry).shuffle), 0
        for batch in exports.in_order(receipt, runs, read_state(reader.root).taken_before()):
            for identity in ids_of(batch) or ():
                if identity.hex() in ids:
                    yield place, identity.hex()
                place += 1
        return
    start = 0
    for file in (file for source in reader.sources(entry, receipt) for file in source.files.get("kept", ())):
        yield from ((start + row.row, row.id) for row in rows if row.file == file.path and row.id is not None)
        start += file.rows


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
