"""The phases of a run as data: kinds, bytes and requests of their tasks, and what the driver took between them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from tools.simulate.loads import Load

PAGES = 33_000
"""Pages of an archive of Common Crawl: three billion in 90,000."""

KEPT = 0.23
"""Share of pages that ``lines`` keeps, as in RefinedWeb (docs/snapshot.md)."""

Unit = Literal["part", "range", "merge", "shard", "all"]
"""Of what there is a task each."""


@dataclass(frozen=True)
class RecordedPhase:
    """A phase: a task for each number of bytes, with its requests, -1 where the planner does not know them.

    ``planning`` are CPU seconds of the driver before it, ``commit`` those for each of its tasks.
    """

    kind: str
    unit: Unit
    bytes: list[float]
    gets: list[float]
    puts: list[float]
    memory: int = 0
    planning: float = 0.0
    commit: float = 0.0

    @property
    def loads(self) -> Iterator[Load]:
        """Yield the tasks in the order in which they are handed out."""
        for number, size in enumerate(self.bytes):
            yield Load(self.kind, number, size, self.gets[number], self.puts[number])

    def times(self, factor: int) -> RecordedPhase:
        """Return the phase of ``factor`` times as many parts: other tasks have as many files as a crawl's already."""
        planned = replace(self, planning=self.planning * factor)
        if self.unit != "part":
            return planned
        return replace(planned, bytes=self.bytes * factor, gets=self.gets * factor, puts=self.puts * factor)


@dataclass(frozen=True)
class Recording:
    """The phases of a run over ``archives``, which were planned with ``parts``; and megabytes of the driver."""

    archives: int
    parts: int
    driver_mb: int
    phases: tuple[RecordedPhase, ...]

    def whole(self) -> Recording:
        """Return the recording with a part for each archive."""
        factor = self.archives // self.parts
        return replace(self, parts=self.archives, phases=tuple(phase.times(factor) for phase in self.phases))

    def save(self, path: Path) -> None:
        """Write to a file."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file that ``save`` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**found, "phases": tuple(RecordedPhase(**one) for one in found["phases"])})
