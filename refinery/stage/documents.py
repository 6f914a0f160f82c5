"""Documents in flight: one Arrow RecordBatch in a thin immutable wrapper, and the columns every document has.

Nothing here knows stages or files.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from refinery.kernels import LOST, MARKS, joined_spans, objects

ID = pa.field("id", pa.binary(16), nullable=False)
URL = pa.field("url", pa.string())
DATE = pa.field("date", pa.timestamp("ms", tz="UTC"))
"""Whole seconds; Parquet has no coarser unit than milliseconds."""
WARC = pa.field("warc", pa.string())
OFFSET = pa.field("offset", pa.uint64())
LENGTH = pa.field("length", pa.uint64())
HTML = pa.field("html", pa.string())
TEXT = pa.field("text", pa.string())
TOKENS = pa.field("tokens", pa.uint32())
LANG = pa.field("lang", pa.string())
"""The language of the document, a copy of the metric with which the last stage that identifies it names it."""

PROTECTED = pa.field(
    "protected", pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64()), ("kind", pa.string())]))
)
"""Spans of the text, in UTF-8 bytes, in order and without overlap, that rules for prose leave as they are.

``kind`` names what they are: code, table. Null means none. The column belongs to the text: the engine ends it at a
stage that changes the text and does not add it anew (``OF_TEXT``)."""

STRUCTURE = pa.field("structure", MARKS, metadata={"version": "2"})
"""Headings, lists, code, tables, formulas and images of the text: marks over it.

Null and the empty list mean none. The column belongs to the text, as ``PROTECTED`` does. Its version is that of the
kinds of marks and their laws."""


def lost_marks(column: str) -> pa.Field:
    """Return the column of the marks that ``undo_marks`` needs to restore those before a stage, by its own column."""
    return pa.field(f"{column}_marks", LOST)


POINTER = (ID, URL, DATE, WARC, OFFSET, LENGTH)
"""The columns of a source: the identity of the document and the position of its record (file, offset, length)."""

TRANSIENT = frozenset({HTML.name})
"""Columns that never leave a worker: they are not written, so a rerun that needs them starts at the source."""

OF_TEXT = frozenset({PROTECTED.name, STRUCTURE.name})
"""Columns of positions in the text."""

CORE = frozenset(f.name for f in (*POINTER, HTML, TEXT, TOKENS, LANG, PROTECTED, STRUCTURE))

RECORD_ID = "record_id"
"""Evidence of a source: the identity of a record in its archive. It need not be unique, or there."""

FILE_HEAD = 1 << 16
"""Bytes from the beginning of an input file that identify it, together with its name."""

T = TypeVar("T")


def file_identity(path: str, head: bytes) -> bytes:
    """Return 16 bytes that identify an input file by its name and ``head``, its first ``FILE_HEAD`` bytes.

    The folder, the size and the time of change do not count: a file that is moved or fetched again is the same.
    """
    name = path.rpartition("/")[2].encode("utf-8", "surrogatepass")
    return xxhash.xxh3_128_digest(name + b"\0" + head[:FILE_HEAD])


def document_ids(file: bytes, offsets: pa.UInt64Array, lengths: pa.UInt64Array) -> pa.FixedSizeBinaryArray:
    """Return the ids of records: hashes of the identity of their ``file`` and of where in it they lie.

    They are unique in a root, for no two input files of a recipe have one identity. A length of 0 marks an offset that
    counts decompressed bytes.

        columns["id"] = document_ids(file_identity(path, head), columns["offset"], columns["length"])
    """
    places = zip(offsets.to_pylist(), lengths.to_pylist(), strict=True)
    keys = (file + offset.to_bytes(8, "big") + (b"" if length else b"\0") for offset, length in places)
    return pa.array(list(map(xxhash.xxh3_128_digest, keys)), ID.type)


def id_bytes(ids: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint8]:
    """Return ids as an array of n by 16 bytes, without a copy. There must be no nulls.

    id_bytes(ids).view(">u8")  # n by 2 integers, which sort as the ids do
    id_bytes(ids).view("S16").ravel()  # n byte strings, without zeros at their end
    """
    return np.frombuffer(ids.buffers()[1] or b"", np.uint8, 16 * len(ids), 16 * ids.offset).reshape(-1, 16)


def metrics_column(stage: str) -> str:
    """Return the struct column of a stage's metrics: its name, or NAME_metrics where a core column has that name."""
    return f"{stage}_metrics" if stage in CORE else stage


def field_at(schema: pa.Schema, path: str) -> pa.Field:
    """Return the field of a column, or of a metric ``stage.metric``, which is named ``metric``. Raises KeyError."""
    column, _, metric = path.partition(".")
    kind = schema.field(column).type
    return pa.field(metric, kind.field(metric).type) if metric else schema.field(column)


class Docs:
    """An immutable batch of documents, at most as many as the recipe's ``executor.batch``.

    ``view`` remembers what a function derived from the batch (words, lines), so that several stages can share it.
    """

    __slots__ = ("_views", "batch")

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self._views: dict[Callable[[Docs], Any], Any] = {}

    def __len__(self) -> int:
        return cast(int, self.batch.num_rows)

    @property
    def schema(self) -> pa.Schema:
        return self.batch.schema

    def column(self, name: str) -> pa.Array:
        """The column ``name``; ``stage.metric`` reaches into the struct column of a stage. Raises KeyError."""
        head, _, tail = name.partition(".")
        index = self.batch.schema.get_field_index(head)
        if index < 0:
            raise KeyError(f"no column {head!r}; the batch has {', '.join(self.batch.schema.names)}")
        array = self.batch.column(index)
        return pc.struct_field(array, tail) if tail else array

    def texts(self) -> list[str]:
        """The texts as Python strings, "" for null."""
        return self.view(_texts)

    def languages(self) -> pa.StringArray:
        """The language of each document; null where no stage has identified one."""
        if LANG.name in self.batch.schema.names:
            return self.column(LANG.name)
        return pa.nulls(len(self), LANG.type)

    def protected(self) -> pa.ListArray | None:
        """Return the spans that rules for prose leave as they are, of the type of ``PROTECTED``; None without a column.

        They are those of ``PROTECTED``, and the tables, code blocks and formulas of ``STRUCTURE``.
        """
        names = self.batch.schema.names
        marked = self.column(PROTECTED.name) if PROTECTED.name in names else None
        if STRUCTURE.name not in names:
            return marked
        found = objects(self.column(STRUCTURE.name))
        return found if marked is None else joined_spans(found, marked)

    def view(self, derive: Callable[[Docs], T]) -> T:
        """``derive(self)``, computed once for this batch. ``derive`` must be a module-level pure function.

        A view that is a RecordBatch with one row a document outlives ``filter``.
        """
        if derive not in self._views:
            self._views[derive] = derive(self)
        return cast(T, self._views[derive])

    def adopt(self, derive: Callable[[Docs], T], value: T) -> None:
        """Remember ``value`` as the view ``derive``, where it is known from other documents' views."""
        self._views.setdefault(derive, value)

    def with_columns(self, columns: Mapping[str, pa.Array], fields: Sequence[pa.Field] = ()) -> Docs:
        """A new batch with ``columns`` replaced or appended; ``fields`` has the exact field of new columns."""
        wanted = {f.name: f for f in fields}
        arrays = dict(zip(self.batch.schema.names, self.batch.columns, strict=True))
        schema = {f.name: f for f in self.batch.schema}
        for name, array in columns.items():
            arrays[name] = array
            schema[name] = wanted.get(name, pa.field(name, array.type))
        batch = pa.RecordBatch.from_arrays(list(arrays.values()), schema=pa.schema(list(schema.values())))
        return self.with_batch(batch, same_text="text" not in columns)

    def with_batch(self, batch: pa.RecordBatch, *, same_text: bool) -> Docs:
        """Another batch of the same documents; what was derived from their text is kept if it is the same text."""
        new = Docs(batch)
        if same_text and len(new) == len(self):
            new._views.update(self._views)
        return new

    def without(self, names: Sequence[str]) -> Docs:
        """The batch without the columns ``names``; those that are not there are ignored."""
        keep = [name for name in self.batch.schema.names if name not in names]
        return Docs(self.batch.select(keep))

    def only(self, names: Container[str]) -> Docs:
        """The batch with no other columns than ``names``, with what was derived from all of them."""
        keep = [name for name in self.batch.schema.names if name in names]
        return self if len(keep) == len(self.batch.schema) else self.with_batch(self.batch.select(keep), same_text=True)

    def filter(self, mask: pa.BooleanArray) -> Docs:
        """The rows where ``mask`` is true, in order, with what was derived from them."""
        new = Docs(self.batch.filter(mask))
        new._views = {f: v.filter(mask) for f, v in self._views.items() if isinstance(v, pa.RecordBatch)}
        return new

    def slice(self, start: int, length: int | None = None) -> Docs:
        """Rows ``start`` to ``start + length`` without a copy."""
        return Docs(self.batch.slice(start, length))


def _texts(docs: Docs) -> list[str]:
    return [text or "" for text in docs.column("text").to_pylist()]
