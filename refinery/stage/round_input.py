"""The input of one task of a round, and what it writes; where rows are, in files or in memory, is not its business."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.stage.addresses import is_reference, root_number

RowNumbers = npt.NDArray[np.integer[Any]]
"""Numbers of documents of a part."""

Batches = Iterator[pa.RecordBatch]


class MappedPart(ABC):
    """The map output of one part. A ``number`` is that of the ``part`` column that ``Reduce`` gets."""

    number: int
    documents: int

    @property
    def is_reference(self) -> bool:
        """True if the part's documents have been decided on, in a reference root or an earlier partition."""
        return is_reference(self.number)

    @property
    def root_number(self) -> int:
        """The place of a reference part's root in the list of reference roots."""
        return int(root_number(self.number))

    @abstractmethod
    def index(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        """Return the part's index rows in document order, or those of some documents in the order of ``rows``."""

    @abstractmethod
    def stream(self) -> Batches:
        """Yield the index rows in small batches."""

    @abstractmethod
    def verdict(self, columns: Sequence[str] | None = None, rows: RowNumbers | None = None) -> pa.Table:
        """Return the verdict of a reference part, or its rows for some documents. Partitions have none."""

    @abstractmethod
    def excluded(self) -> pa.Table:
        """Return the table of the part that ``Exclude`` made."""


class RoundInput(Protocol):
    """The input of one task of a round, read when it is asked for."""

    @property
    def number(self) -> int:
        """Number of the task's key range or part; 0 of a task with all parts."""

    @property
    def parts(self) -> Sequence[MappedPart]:
        """The task's part, or all parts."""

    def rows(self, *, merged: bool, every_reference: bool) -> Batches:
        """Yield the rows of a key range: ``merged``, or part after part; see ``Reduce``."""

    def reduced(self) -> Iterable[pa.RecordBatch]:
        """Return the rows of all parts that the previous round sent; they can be iterated over again."""

    def sent(self) -> pa.RecordBatchReader:
        """Return the rows that the previous round sent to the part; without columns if it sent none to any part."""


class Output(NamedTuple):
    """A table that a task writes: its name in the receipt, the number in its file's name, and the rows."""

    name: str
    number: int
    rows: pa.Table | pa.RecordBatchReader
