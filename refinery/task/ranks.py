"""Documents by rank in an order of the whole dataset, as data of tasks."""

from __future__ import annotations

from dataclasses import dataclass

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
class Ranks:
    """Documents ``first`` to ``last`` of the ``of`` documents whose keys are from ``low`` to ``high``, by key.

    ``split`` is the name of that range, and ``bytes`` the documents' size in memory.
    """

    split: str
    low: int
    high: int
    first: int
    last: int
    of: int
    bytes: int

    @property
    def folder(self) -> str:
        """The folder of the split below ``kept``; "" for all documents."""
        return f"split={self.split}" if self.split else ""

    @property
    def content(self) -> str:
        """The ranks as part of the key of a task."""
        return f"ranks {self.low:x}-{self.high:x}:{self.first}-{self.last}"
