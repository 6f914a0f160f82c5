"""The kind of stage that compares all documents of the dataset."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
from pydantic import ByteSize

from refinery.stage.base import Edited, Filter, Stage
from refinery.stage.documents import Docs
from refinery.stage.fields import Size, tuning
from refinery.stage.rounds import Round, Rounds


@dataclass(frozen=True)
class Mapped:
    """The map output of one batch.

    ``keys`` has a ``key: uint64`` column and the small columns that the rounds need.
    ``index`` has one row a document, which the rounds read by part.
    """

    keys: pa.RecordBatch
    index: pa.RecordBatch


class Global(Stage):
    """Compares all documents of the dataset: ``map`` for each batch, then ``rounds``, then ``apply`` for each batch.

    ``map`` makes keyed rows; the rounds bring equal keys together and end with a verdict for each part; ``apply`` turns
    the verdict into columns and metrics. Texts never move. docs/global-stages.md has a drawing and a complete example.
    """

    map_fields: ClassVar[tuple[str, ...]] = ()
    """The configuration fields that shape ``map`` and the first round; a change of others repeats later rounds only."""
    reduce_fields: ClassVar[tuple[str, ...]] = ()
    """The fields that shape the first round and not ``map``."""

    memory: Size = tuning(
        ByteSize(2**30), ge=2**20, description="of one task of the shuffle: more is fewer and larger ranges of keys"
    )

    def partitions(self) -> int:
        """Return the number of partitions of the dataset, which are deduplicated one after another from this stage on.

        Documents that earlier partitions kept in the end take part as reference parts.
        """
        return 1

    def reference_roots(self) -> tuple[str, ...]:
        """Return the roots whose map outputs take part as reference parts. Those of partitions follow them."""
        return ()

    @abstractmethod
    def rounds(self) -> tuple[Round, ...]:
        """Return operators between map and apply: ``Resolve`` or ``Conclude`` is the last one.

        def rounds(self) -> tuple[Round, ...]:
            return (Reduce("reduce", self.reduce), Conclude("conclude", self.conclude))
        """

    def forms(self, documents: int) -> tuple[Rounds, ...]:
        """Return the forms of the rounds, the one for so many documents first.

        All end with the same verdicts: those of a form that is done are used, whatever the number of documents.
        """
        del documents
        return (self.rounds(),)

    def form_of(self, documents: int) -> str:
        """Return a line for people on the form of the rounds for so many documents; "" if there is one form."""
        del documents
        return ""

    def needs(self, documents: int, rows: int) -> int:
        """Return the most memory, in bytes, of a round with all parts in one task; 0 if not known.

        For a stage without such a round, that of any task of its rounds. ``rows`` are those of the round before.
        """
        del documents, rows
        return 0

    def shuffles(self, documents: int, text: int) -> int:
        """Estimate the bytes that the map of documents with ``text`` bytes sends to the rounds; 0 if not known."""
        del documents, text
        return 0

    def stores(self, documents: int, text: int) -> int:
        """Estimate the bytes that map and rounds write for documents with ``text`` bytes; 0 if not known."""
        del documents, text
        return 0

    @abstractmethod
    def map(self, docs: Docs, row: int) -> Mapped:
        """Return the keyed rows and the index of a batch whose first document is row ``row`` of its part.

        A document that kills the worker here comes again with a null text, and is removed when the verdict is applied.
        """

    def combine_keys(self, keys: pa.Table) -> pa.Table:
        """Reduce all keyed rows of one part before they are sorted and written. The columns stay."""
        return keys

    @abstractmethod
    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """Apply a part's verdict to a batch whose first document is row ``row`` of the part."""


def stores_metrics(stage: Stage) -> bool:
    """Return True if other thresholds are applied to the stage's stored metrics: it changes no document."""
    decides = isinstance(stage, Global) and bool(stage.roles("threshold")) and not stage.added()
    return decides or isinstance(stage, Filter)


def begins_segment(stage: Stage) -> bool:
    """Return True if the stage needs all parts at once, or gathers them, so that a segment begins with it."""
    return isinstance(stage, Global) or stage.shard_bytes() is not None
