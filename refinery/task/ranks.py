"""Documents by rank in an order of the whole dataset, as data of tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from refinery.stage.ordered import Ordered


@dataclass(frozen=True)
class OrderRun:
    """The run at the tail of a segment, of the ``columns`` of documents that the stage behind it needs in its order."""

    stage: Ordered
    name: str
    folder: str
    identity: str
    given: pa.Schema
    columns: tuple[str, ...]


@dataclass(frozen=True)
class RankRange:
    """Documents ``first`` to ``last``, by key, of the ``of`` documents whose keys are from ``low`` to ``high``.

    ``runs`` are the documents of each sorted run among these.
    """

    low: int
    high: int
    first: int
    last: int
    of: int
    runs: tuple[int, ...] = ()

    @property
    def content(self) -> str:
        """The range as part of the key of a task."""
        return f"{self.low:x}-{self.high:x}:{self.first}-{self.last}"


@dataclass(frozen=True)
class Ranks:
    """The documents of one shard of a split: a range of ranks, or one of each source of a mixture.

    ``bytes`` is their size in memory.
    """

    split: str
    ranges: tuple[RankRange, ...]
    bytes: int

    @property
    def folder(self) -> str:
        """The folder of the split below ``kept``; "" for all documents."""
        return f"split={self.split}" if self.split else ""

    @property
    def documents(self) -> int:
        """The number of documents."""
        return sum(one.last - one.first for one in self.ranges)

    @property
    def content(self) -> str:
        """The ranks as part of the key of a task."""
        return f"ranks {','.join(one.content for one in self.ranges)}"


@dataclass(frozen=True)
class MergeTask:
    """Merge the runs in ``paths``, below the root, to one. ``rows`` are the sums of what their receipts count.

    They were merged before from as many tiers of runs as ``tier`` is.
    """

    root: str
    stage: Ordered
    name: str
    folder: str
    key: str
    inputs: tuple[str, ...]
    number: int
    paths: tuple[str, ...]
    rows: Mapping[str, int]
    bytes: int
    tier: int = 0

    memory: ClassVar[int] = 0

    @property
    def title(self) -> str:
        """The task in a few words, for people."""
        return f"{self.name} merge {self.number}"

    @property
    def disk(self) -> int:
        """Bytes that it writes."""
        return self.bytes

    def advice(self, memory: int) -> str:
        """Return no setting: its memory is limited."""
        del memory
        return ""
