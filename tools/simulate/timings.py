"""Seconds and requests of tasks by kind, fitted to the tasks of real runs.

A kind is the title of a phase, such as ``minhash reduce``. Its tasks take a fixed time and a time for each byte of
input, times a ratio that is drawn from the measured ones: the empirical distribution of what the line does not explain.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from refinery.errors import UsageError
from refinery.planner.cost import GETS, PUTS

RATIOS = 100
"""Ratios that are kept of a kind, at most: quantiles of the measured ones."""

BUILT_IN = Path(__file__).with_name("measured.json")
"""What ``python -m tools.simulate.measure`` has measured: see the text in the file."""


class TaskSample(NamedTuple):
    """One task of a real run: bytes of its input, seconds, and requests to a store."""

    kind: str
    bytes: int
    seconds: float
    gets: int = 0
    puts: int = 0


@dataclass(frozen=True)
class Timing:
    """Tasks of one kind: seconds, by bytes of input and a ratio that varies; and requests, which do not."""

    fixed: float
    per_byte: float
    ratios: tuple[float, ...]
    gets: float = 0.0
    puts: float = 0.0

    @classmethod
    def fit(cls, samples: Sequence[TaskSample]) -> Timing:
        """Fit a line without negative values, and keep how the samples differ from it."""
        fixed, per_byte = _line([one.bytes for one in samples], [one.seconds for one in samples])
        expected = [fixed + per_byte * one.bytes for one in samples]
        ratios = sorted(one.seconds / mean if mean else 1.0 for one, mean in zip(samples, expected, strict=True))
        if len(ratios) > RATIOS:
            ratios = [ratios[(2 * place + 1) * len(ratios) // (2 * RATIOS)] for place in range(RATIOS)]
        mean = fmean(ratios) or 1.0
        gets, puts = fmean(one.gets for one in samples), fmean(one.puts for one in samples)
        return cls(fixed, per_byte, tuple(ratio / mean for ratio in ratios), gets, puts)

    def seconds(self, size: float, drawn: float) -> float:
        """Return the seconds of a task with ``size`` bytes of input, for a number in [0, 1)."""
        return (self.fixed + self.per_byte * size) * self.ratios[int(drawn * len(self.ratios))]


def _line(sizes: Sequence[int], taken: Sequence[float]) -> tuple[float, float]:
    """Return intercept and slope of the line of least squares; the other one alone where one would be negative."""
    size, mean = fmean(sizes), fmean(taken)
    spread = sum((one - size) ** 2 for one in sizes)
    slope = sum((x - size) * (y - mean) for x, y in zip(sizes, taken, strict=True)) / spread if spread else 0.0
    if slope <= 0:
        return (0.0, mean / size) if not spread and size else (mean, 0.0)
    return (mean - slope * size, slope) if mean > slope * size else (0.0, mean / size)


@dataclass(frozen=True)
class Timings:
    """Timings by kind, and where they were measured."""

    kinds: Mapping[str, Timing]
    source: str = ""

    @classmethod
    def fit(cls, samples: Iterable[TaskSample], source: str = "") -> Timings:
        """Fit each kind to its own samples."""
        by_kind: dict[str, list[TaskSample]] = defaultdict(list)
        for one in samples:
            by_kind[one.kind].append(one)
        return cls({kind: Timing.fit(some) for kind, some in by_kind.items()}, source)

    def of(self, kind: str) -> Timing:
        """Return the timing of a kind. Merges that a small run does not have take as long a byte as what reads them.

        Raises UsageError for a kind that is not known.
        """
        if kind in self.kinds:
            return self.kinds[kind]
        stage, _, round_name = kind.rpartition(" ")
        if round_name == "merge" and f"{stage} reduce" in self.kinds:
            return self.kinds[f"{stage} reduce"]
        raise UsageError(
            f"no task of the kind {kind!r} was measured", hint="measure a run of the recipe that is simulated"
        )

    def save(self, path: Path) -> None:
        """Write to a file."""
        kinds = {kind: asdict(timing) for kind, timing in sorted(self.kinds.items())}
        rounded = json.loads(json.dumps(kinds), parse_float=lambda text: float(f"{float(text):.3g}"))
        path.write_text(json.dumps({"source": self.source, "kinds": rounded}, ensure_ascii=False, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path = BUILT_IN) -> Timings:
        """Read a file that ``save`` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        kinds = {kind: Timing(**{**one, "ratios": tuple(one["ratios"])}) for kind, one in found["kinds"].items()}
        return cls(kinds, found["source"])


def samples_of_log(path: Path) -> Iterator[TaskSample]:
    """Yield the tasks of a run's log (``refinery run --log-json FILE``), with the seconds that its driver saw."""
    phase, requests = "", dict[str, int]()
    for line in path.read_text(encoding="utf-8").splitlines():
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "phase_started":
            phase = event["phase"]
        elif event["event"] == "committed":  # of a task, just before its end
            for kind, count in event.get("requests", {}).items():
                requests[kind] = requests.get(kind, 0) + count
        elif event["event"] == "task_done":
            yield TaskSample(phase, event["bytes"], event["seconds"], *requests_by_price(requests))
            requests = {}


def requests_by_price(requests: Mapping[str, int]) -> tuple[int, int]:
    """Return reading requests, and writing ones, which cost more."""
    gets, puts = (sum(requests.get(kind, 0) for kind in kinds) for kinds in (GETS, PUTS))
    return gets, puts
