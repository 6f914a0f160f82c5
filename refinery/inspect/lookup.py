"""Looking up one document in a root: by id, the beginning of an id, URL, pointer, or the id of the record."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.reader import RootReader
from refinery.inspect.rows import WHO, Document, Piece, Spot, document, pieces
from refinery.root.receipts import SIDES
from refinery.stage.documents import ID, RECORD_ID

NEAR = 3
"""URLs similar to the query that are named where it matches none."""

CANDIDATES = 10
"""Documents that are named where the beginning of an id is that of several."""

_ID = re.compile(r"<?(?:urn:uuid:)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})>?", re.IGNORECASE)
_POINTER = re.compile(r"(.+):([0-9]{1,19})", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECORATION = re.compile(r"^[a-z][a-z0-9+.-]*://(www\.)?|[/?#]+$", re.IGNORECASE)


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
        return reduce(lambda mask, other: pc.or_(mask, pc.fill_null(other, False)), masks)

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
        similar = urls.filter(pc.match_substring(urls, core, ignore_case=True))
        return _shortest(similar.to_pylist())


def _ids(batch: pa.RecordBatch) -> list[pa.FixedSizeBinaryArray]:
    """Return the ids of documents, and those of their records in archives."""
    ids = [batch.column("id")] if "id" in batch.schema.names else []
    structs = [column for column in batch.columns if pa.types.is_struct(column.type)]
    return ids + [pc.struct_field(c, RECORD_ID) for c in structs if c.type.get_field_index(RECORD_ID) >= 0]


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


def _shortest(urls: Iterable[str]) -> list[str]:
    return sorted(set(urls), key=lambda url: (len(url), url))[:NEAR]


@dataclass(frozen=True)
class Matches:
    """The documents that match a query, newest first, with the first row of each.

    Where there is none: ``similar_urls`` of the text, or the first of ``matching`` documents whose ids begin with it.
    """

    documents: tuple[tuple[Document, Spot], ...]
    similar_urls: tuple[str, ...]
    candidates: tuple[Document, ...] = ()
    matching: int = 0


def lookup(reader: RootReader, query: Query) -> Matches:
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
    documents = exact or begun
    newest = sorted(documents.items(), key=lambda pair: (pair[0].date or "", pair[0].id), reverse=True)
    return Matches(tuple(newest), () if newest else tuple(near))


def _add(spots: dict[Document, Spot], piece: Piece, mask: pa.BooleanArray) -> bool:
    """Add the first row of each document that matches, and return True if there is any."""
    rows = pc.indices_nonzero(mask).to_pylist()
    for row in rows:
        spots.setdefault(document(piece.batch.slice(row, 1)), piece.spot(row))
    return bool(rows)
