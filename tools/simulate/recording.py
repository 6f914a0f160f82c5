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

    def times(self, factor: int, gathered: int) -> RecordedPhase:
        """Return the phase of ``factor`` times as many parts, each of ``gathered`` archives.

        Ranges, merges and shards have as many files as a crawl's already. A task for a part of several archives has
        their bytes, and their requests where it reads archives; it opens no more of the files that ranges sent.
        """
        planned = replace(self, planning=self.planning * factor)
        if self.unit == "all":
            return replace(planned, gets=_divided(self.gets, gathered), puts=_divided(self.puts, gathered))
        if self.unit != "part":
            return planned
        larger = [size * gathered for size in self.bytes] * factor
        read = [count * gathered for count in self.gets] if self.kind.startswith("warc") else self.gets
        return replace(planned, bytes=larger, gets=read * factor, puts=self.puts * factor)


def _divided(counts: list[float], gathered: int) -> list[float]:
    return [count / gathered for count in counts]


@dataclass(frozen=True)
class Recording:
    """The phases of a run over ``archives``, which were planned with ``parts``; and megabytes of the driver."""

    archives: int
    parts: int
    driver_mb: int
    phases: tuple[RecordedPhase, ...]

    def whole(self, gathered: int = 1) -> Recording:
        """Return the recording with a part for each ``gathered`` archives, which must divide those of a part."""
        factor, rest = divmod(self.archives // self.parts, gathered)
        if rest:
            raise ValueError(
                f"a part of the recording stands for {self.archives // self.parts} archives, not {gathered}"
            )
        parts = self.archives // gathered
        return replace(self, parts=parts, phases=tuple(phase.times(factor, gathered) for phase in self.phases))

    def save(self, path: Path) -> None:
        """Write to a file."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read a file that ``save`` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**found, "phases": tuple(RecordedPhase(**one) for one in found["phases"])})
