"""Rounds: the typed operators by which a global stage gets from the map of all parts to a verdict for each part.

An operator contains a method of the stage and the name of the round. It splits the round into tasks, performs one of
them, and passes the results on; where rows are, in the files of a root or in memory, is the business of a ``Shuffle``.
docs/global-stages.md draws the rounds and has a complete example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.stage.addresses import is_reference, root_number
from refinery.stage.keyed import KEY, sort_rows

RowNumbers = npt.NDArray[np.integer[Any]]
"""Numbers of documents of a part."""

Batches = Iterator[pa.RecordBatch]
TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")
ReceivedT_contra = TypeVar("ReceivedT_contra", contravariant=True)


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

    def rows(self, *, merged: bool) -> Batches:
        """Yield the rows of a key range: ``merged``, or part after part."""

    def reduced(self) -> Iterable[pa.RecordBatch]:
        """Return the rows of all parts that the previous round sent; they can be iterated over again."""

    def sent(self) -> pa.RecordBatchReader:
        """Return the rows that the previous round sent to the part; without columns if it sent none to any part."""


class Shuffle(Protocol[TaskT, ReceivedT_contra]):
    """The state between rounds. It splits a round into tasks, and takes their results in the order of the tasks.

    A ``final`` round has no task for reference parts.
    """

    def by_range(self, operator: Reduce) -> list[TaskT]:
        """Return a task for each range of keys, with the keyed rows of all parts."""

    def at_once(self, operator: Round) -> list[TaskT]:
        """Return one task with all parts."""

    def by_part(self, operator: Round) -> list[TaskT]:
        """Return a task for each part."""

    def exclude(self, results: Sequence[ReceivedT_contra]) -> None:
        """Leave out the keyed rows of excluded documents from here on."""

    def send(self, results: Sequence[ReceivedT_contra], *, addressed: bool) -> None:
        """Send rows to the next round: of each part, or if ``addressed`` of all parts, with or without addresses."""

    def rekey(self, results: Sequence[ReceivedT_contra]) -> None:
        """Replace the keyed rows of each part."""

    def conclude(self, results: Sequence[ReceivedT_contra]) -> None:
        """Keep the verdicts."""


class Output(NamedTuple):
    """A table that a task writes: its name in the receipt, the number in its file's name, and the rows."""

    name: str
    number: int
    rows: pa.Table | pa.RecordBatchReader


@dataclass(frozen=True)
class Round(ABC):
    """A round: its ``name`` in titles and keys, and the ``function`` of the stage that does one task of it."""

    name: str
    function: Callable[..., Any]
    kind: ClassVar[Literal["reduce", "round", "resolve"]] = "resolve"
    """Kind of the receipts."""
    folder: ClassVar[str] = "resolve"
    """Folder of the files below the stage's."""
    counts: ClassVar[str] = "verdicts"
    """Key of the number of rows in a receipt."""
    unit: ClassVar[str] = ""
    """Noun for the share of a task: range, part; empty if one task has all parts."""
    final: ClassVar[bool] = False
    sorted_by: ClassVar[str] = ""
    """The column by which the function must sort its rows; empty if it need not."""

    @abstractmethod
    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        """Return the tasks of the round."""

    @abstractmethod
    def perform(self, given: RoundInput) -> Iterable[Output]:
        """Do one task."""

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        """Hand the results of all tasks to the next round."""
        shuffle.conclude(results)


@dataclass(frozen=True)
class Exclude(Round):
    """Exclude documents from the ``Reduce`` that follows. Only the first round of a stage can be this.

    The function gets all parts and yields a table for each: its column ``row: uint32``, sorted, names the documents.
    """

    function: Callable[[Sequence[MappedPart]], Iterator[pa.Table]]
    sorted_by: ClassVar = "row"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        return shuffle.at_once(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        return _of_parts(given, self.function(given.parts))

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.exclude(results)


@dataclass(frozen=True)
class Reduce(Round):
    """Reduce the keyed rows of all parts, one range of keys a task.

    The function gets the rows with a column ``part: uint32`` behind the key, in batches that never split a group of
    equal keys, sorted by key, part, then the other columns. If not ``merged`` a batch has sorted rows of one part, and
    the parts follow one another. Rows of reference parts come only where another part has their key.

    What it yields goes to all parts at once, or with a column ``key: uint64`` of addresses to the part of each address.
    """

    function: Callable[[Batches], Batches]
    merged: bool = True
    kind: ClassVar = "reduce"
    folder: ClassVar = "reduce"
    counts: ClassVar = "reduced"
    unit: ClassVar = "range"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        return shuffle.by_range(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        batches = [batch for batch in self.function(given.rows(merged=self.merged)) if len(batch)]
        if batches:
            table = pa.Table.from_batches(batches).combine_chunks()
            batches.clear()  # they are copied
            yield Output("reduced", given.number, sort_rows(table) if KEY in table.schema.names else table)

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.send(results, addressed=True)


@dataclass(frozen=True)
class Resolve(Round):
    """End the rounds with one task: from the reduced rows, range after range, to a verdict for each part."""

    function: Callable[[Iterable[pa.RecordBatch], Sequence[MappedPart]], Iterator[pa.Table]]
    final: ClassVar = True

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        return shuffle.at_once(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        return _of_parts(given, self.function(given.reduced(), given.parts))


@dataclass(frozen=True)
class Scatter(Resolve):
    """Send rows to each part, reference parts included: the function yields a table for each, as of ``Resolve``."""

    final: ClassVar = False

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.send(results, addressed=False)


@dataclass(frozen=True)
class Conclude(Round):
    """End the rounds with a task for each part: the function returns the verdict from the rows that were sent to it."""

    function: Callable[[pa.RecordBatchReader, MappedPart], pa.Table]
    unit: ClassVar = "part"
    final: ClassVar = True

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        return shuffle.by_part(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        return _of_parts(given, [self.function(given.sent(), part) for part in given.parts])


@dataclass(frozen=True)
class PerPart(Round):
    """Make new keyed rows of the rows that were sent to a part, one part a task, reference parts included.

    The function returns a reader of rows with a ``key: uint64``, sorted by it, for the ``Reduce`` that follows.
    """

    function: Callable[[pa.RecordBatchReader, MappedPart], pa.RecordBatchReader]
    kind: ClassVar = "round"
    folder: ClassVar = "map/keys"
    sorted_by: ClassVar = KEY
    counts: ClassVar = "keys"
    unit: ClassVar = "part"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> list[TaskT]:
        return shuffle.by_part(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        yield from (Output("keys", given.number, self.function(given.sent(), part)) for part in given.parts)

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.rekey(results)


def _of_parts(given: RoundInput, tables: Iterable[pa.Table]) -> Iterator[Output]:
    """Name each table by its part. Raises ValueError where there are not as many tables as parts."""
    for part, table in zip(given.parts, tables, strict=True):
        yield Output(str(part.number), part.number, table)
