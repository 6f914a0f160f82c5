"""Rounds: the typed operators by which a global stage gets from the map of all parts to a verdict for each part.

An operator contains a method of the stage and the name of the round. It splits the round into tasks, performs one of
them, and passes the results on; where rows are, in the files of a root or in memory, is the business of a ``Shuffle``.
docs/global-stages.md draws the rounds and has a complete example.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import pyarrow as pa

from refinery.stage.keyed import KEY, sort_rows
from refinery.stage.round_input import Batches, MappedPart, Output, RoundInput

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")
ReceivedT_contra = TypeVar("ReceivedT_contra", contravariant=True)


class Shuffle(Protocol[TaskT, ReceivedT_contra]):
    """The state between rounds. It splits a round into tasks, and takes their results in the order of the tasks.

    A ``final`` round has no task for reference parts.
    """

    def by_range(self, operator: Reduce) -> list[TaskT]:
        """Return a task for each range of keys, with the keyed rows of all parts."""

    def at_once(self, operator: Round) -> list[TaskT]:
        """Return one task with all parts."""

    def by_part(self, operator: Round) -> Iterable[TaskT]:
        """Return a task for each part, one after another: those of all parts may be many."""

    def exclude(self, results: Sequence[ReceivedT_contra]) -> None:
        """Go on with the keyed rows of the map, without those of excluded documents."""

    def send(self, results: Sequence[ReceivedT_contra], *, addressed: bool) -> None:
        """Send rows to the next round: of each part, or if ``addressed`` of all parts, with or without addresses."""

    def rekey(self, results: Sequence[ReceivedT_contra]) -> None:
        """Replace the keyed rows of each part."""

    def regroup(self, results: Sequence[ReceivedT_contra]) -> None:
        """Replace the keyed rows of all parts by those of all ranges."""

    @property
    def keyed(self) -> object:
        """An identification of the keyed rows, equal for equal rows."""

    def conclude(self, results: Sequence[ReceivedT_contra]) -> None:
        """Keep the verdicts."""


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
    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
        """Return the tasks of the round."""

    @abstractmethod
    def perform(self, given: RoundInput) -> Iterable[Output]:
        """Do one task."""

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        """Hand the results of all tasks to the next round."""
        shuffle.conclude(results)


@dataclass(frozen=True)
class Exclude(Round):
    """Exclude documents from the ``Reduce`` that follows, which has the keyed rows of the map.

    The function gets all parts and yields a table for each: its column ``row: uint32``, sorted, names the documents.
    """

    function: Callable[[Sequence[MappedPart]], Iterator[pa.Table]]
    sorted_by: ClassVar = "row"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
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
    the parts follow one another. Rows of reference parts come only where another part has their key, or if
    ``every_reference`` all.

    What it yields goes to all parts at once, or with a column ``key: uint64`` of addresses to the part of each address.
    """

    function: Callable[[Batches], Batches]
    merged: bool = True
    every_reference: bool = False
    kind: ClassVar = "reduce"
    folder: ClassVar = "reduce"
    counts: ClassVar = "reduced"
    unit: ClassVar = "range"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
        return shuffle.by_range(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        batches = [batch for batch in self._results(given) if len(batch)]
        if batches:
            table = pa.Table.from_batches(batches).combine_chunks()
            batches.clear()  # they are copied
            yield Output("reduced", given.number, sort_rows(table) if KEY in table.schema.names else table)

    def _results(self, given: RoundInput) -> Batches:
        return self.function(given.rows(merged=self.merged, every_reference=self.every_reference))

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.send(results, addressed=True)


@dataclass(frozen=True)
class Regroup(Reduce):
    """Reduce keyed rows to other keyed rows for the ``Reduce`` that follows.

    The columns of what it yields begin with ``key: uint64`` and ``part: uint32``; the part need not mean anything.
    """

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.regroup(results)


@dataclass(frozen=True)
class Resolve(Round):
    """End the rounds with one task: from the reduced rows, range after range, to a verdict for each part."""

    function: Callable[[Iterable[pa.RecordBatch], Sequence[MappedPart]], Iterator[pa.Table]]
    final: ClassVar = True

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
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

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
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

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
        return shuffle.by_part(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        yield from (Output("keys", given.number, self.function(given.sent(), part)) for part in given.parts)

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.rekey(results)


@dataclass(frozen=True)
class ExcludePerPart(Round):
    """Exclude documents as ``Exclude`` does, one part a task.

    The function returns the table of a part from the rows that were sent to it.
    """

    function: Callable[[pa.RecordBatchReader, MappedPart], pa.Table]
    unit: ClassVar = "part"
    sorted_by: ClassVar = "row"

    def tasks(self, shuffle: Shuffle[TaskT, Any]) -> Iterable[TaskT]:
        return shuffle.by_part(self)

    def perform(self, given: RoundInput) -> Iterable[Output]:
        return _of_parts(given, [self.function(given.sent(), part) for part in given.parts])

    def pass_on(self, shuffle: Shuffle[Any, ResultT], results: Sequence[ResultT]) -> None:
        shuffle.exclude(results)


@dataclass(frozen=True)
class UntilStable:
    """Repeat rounds that take keyed rows to keyed rows until these stay the same, row for row."""

    rounds: tuple[Round, ...]


Rounds = tuple[Round | UntilStable, ...]
"""The rounds of a stage in their order."""


def in_turn(rounds: Rounds, shuffle: Shuffle[Any, Any]) -> Iterator[Round]:
    """Yield the rounds one by one, repeated ones as often as needed; each is passed on before the next is asked for."""
    for one in rounds:
        if isinstance(one, Round):
            yield one
            continue
        before: object = None
        while (now := shuffle.keyed) != before:
            before = now
            yield from one.rounds


def _of_parts(given: RoundInput, tables: Iterable[pa.Table]) -> Iterator[Output]:
    """Name each table by its part. Raises ValueError where there are not as many tables as parts."""
    for part, table in zip(given.parts, tables, strict=True):
        yield Output(str(part.number), part.number, table)
