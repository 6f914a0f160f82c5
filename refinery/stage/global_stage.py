"""The kind of stage that looks at all documents of the dataset at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import ByteSize

from refinery.stage.base import Edited, Stage
from refinery.stage.documents import Docs
from refinery.stage.fields import Size, tuning

EARLIER = 2**31
"""In a reducer, parts with this number or a higher one hold documents that were decided on earlier, once for all."""


EARLIER_BITS = 24
"""How far the place of an earlier root in the list of them is shifted in the numbers of its parts."""


@dataclass(frozen=True)
class Mapped:
    """What the map of a global stage sends on for one batch.

    ``keys`` has a ``key: uint64`` column and whatever small columns the reducer needs.
    ``index`` has one row a document: what ``resolve`` must know of it.
    """

    keys: pa.RecordBatch
    index: pa.RecordBatch


@dataclass(frozen=True)
class Round:
    """A round of a global stage: the name of the stage's method that is called, and on what.

    ``ranges``: as ``reduce``, for each range of the keys that the map or a ``parts`` round gave. ``whole``: as
    ``resolve``, once, with all that the ``ranges`` round before gave; if it comes first, with nothing, and it sets
    documents aside: each part's table has a column ``row: uint32``, sorted, and rows of the map with such a ``row`` are
    left out of the ``ranges`` round that follows. ``parts``: ``method(rows, part)`` for each part,
    with the rows of a ``whole`` round that are the part's, or those of a ``ranges`` round whose ``key`` is an address
    (the part's number, shifted by ``PART_BITS``, plus a row) in the part, a table without columns if that round gave
    nothing at all; it gives a table that is the part's verdict, or for the next round a ``pa.RecordBatchReader`` of
    rows that have a ``key: uint64`` and are sorted by it. Parts of earlier roots come last in all rounds but the one
    that gives verdicts.

    ``streamed``: rows are given in batches as they lie, those of a range one part after another, none in a batch with
    another, each sorted by key, and those sent to a part sorted by key. Otherwise those of a range are merged, those of
    a part one table.
    """

    method: str
    scope: Literal["ranges", "whole", "parts"]
    streamed: bool = False


PART_BITS = 32
"""How far the part's number is shifted in the address of a document."""


Rows = npt.NDArray[np.integer[Any]]
"""Numbers of documents of a part."""


class MappedPart(Protocol):
    """One part's map output as the rounds see it."""

    @property
    def number(self) -> int:
        """Position of the part, as in the ``part`` column that ``reduce`` saw."""

    @property
    def documents(self) -> int:
        """How many documents the part has."""

    def index(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The part's index rows, in document order; or those of some documents, in the order of ``rows``."""

    def stream(self) -> Iterator[pa.RecordBatch]:
        """The index rows, some at a time."""

    def verdict(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        """The same of what its root said of its documents. Only parts of earlier roots have that."""

    def keys(self) -> Iterator[pa.RecordBatch]:
        """The part's keyed rows, sorted by key."""

    def aside(self) -> pa.Table:
        """What the first round made of the part, where that is a ``whole`` one."""


class Global(Stage):
    """Looks at all documents of the dataset at once: ``map`` → ``reduce`` per key range → ``resolve`` → ``apply``.

    A stage that needs more than one ``reduce``, or whose verdicts are too much for one task, says so by ``rounds``.
    """

    map_fields: ClassVar[tuple[str, ...]] = ()
    """The configuration fields that shape ``map`` and ``reduce``; a change of any other only resolves again."""
    reduce_fields: ClassVar[tuple[str, ...]] = ()
    """Those that shape ``reduce``, or whatever the first round is, and not ``map``."""

    memory: Size = tuning(
        ByteSize(2**30), ge=2**20, description="of one task of the shuffle: more is fewer and larger ranges of keys"
    )

    def partitions(self) -> int:
        """Into how many partitions the dataset is divided here, to go one after another through all global stages left.

        ``reduce`` is given the documents that earlier partitions kept in the end as parts from number ``EARLIER`` on.
        """
        return 1

    def earlier_roots(self) -> tuple[str, ...]:
        """Roots whose documents came before these: ``reduce`` is given what this stage mapped there, of equal keys.

        Their parts have numbers from ``EARLIER`` on, ``2**EARLIER_BITS`` for each root; earlier partitions come last.
        """
        return ()

    def rounds(self) -> tuple[Round, ...]:
        """What is done between map and apply. The first sets aside or is of the ranges, the last gives the verdicts."""
        return (Round("reduce", "ranges"), Round("resolve", "whole"))

    def needs(self, documents: int, rows: int) -> int:
        """Bytes of memory that the ``whole`` round takes, at most, for so many documents and rows; 0 if not known.

        Of a stage without such a round, what any task of its rounds takes.
        """
        del documents, rows
        return 0

    def shuffles(self, documents: int, text: int) -> int:
        """Bytes that the map sends on, about, of so many documents with so many bytes of text; 0 if not known."""
        del documents, text
        return 0

    def stores(self, documents: int, text: int) -> int:
        """Bytes that map and rounds write of them, about; 0 if not known."""
        del documents, text
        return 0

    @abstractmethod
    def map(self, docs: Docs, row: int) -> Mapped:
        """Keyed rows of a batch whose first document is row ``row`` of its part.

        A document that kills the worker here comes again with a null as its text, and is removed when it is applied.
        """

    def combine(self, keys: pa.Table) -> pa.Table:
        """All keyed rows of one part, made smaller before they are sorted and written."""
        return keys

    @abstractmethod
    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Rows of one key range, sorted by key, then part, then the other columns; a batch never splits a key.

        Rows of earlier parts come where a document of another part has their key. The rows have the columns of
        ``Mapped.keys`` and ``part: uint32``. Where what it gives has a ``key: uint64`` column as well, ``resolve`` gets
        all of that sorted by it; else as it was given, range after range.
        """

    def resolve(self, reduced: Iterable[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """The verdict of each part, in the order of ``parts`` (that of their numbers), from all that was reduced.

        Of stages that have this round.
        """
        raise NotImplementedError(f"{self.name} has no method for the round resolve")

    @abstractmethod
    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Carry out a part's verdict on a batch whose first document is row ``row`` of the part."""


def begins_segment(stage: Stage) -> bool:
    """Whether no pass can carry a part into the stage: it needs all parts, or puts them together."""
    return isinstance(stage, Global) or stage.shard_bytes() is not None
