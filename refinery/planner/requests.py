"""Requests of the tasks of a round to a remote store, which follow from the sizes of the files that they read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from refinery.formatting import plural
from refinery.planner.plan import Phase
from refinery.stage.keyed import KEYS
from refinery.store.remote import FIRST
from refinery.store.s3_parts import PART
from refinery.task.tasks import RoundTask
from refinery.task.tiers import SortedRun, TierTask


@dataclass(frozen=True)
class RoundRequests:
    """The tasks of a round, or of the merges before it, and their requests by kind; without failed tries."""

    title: str
    tasks: int
    requests: dict[str, int]

    @classmethod
    def of(cls, phase: Phase | None) -> RoundRequests | None:
        """Return those of the tasks that can run now; None if these are of another kind."""
        tasks = [task for task in phase.tasks if isinstance(task, RoundTask | TierTask)] if phase else []
        if phase is None or not tasks:
            return None
        return cls(phase.title, len(tasks), requests_of(tasks))

    @property
    def line(self) -> str:
        """For people."""
        amounts = ", ".join(f"{count:,} {kind}" for kind, count in self.requests.items())
        return f"next: {self.title}, {plural(self.tasks, 'task')}, about {amounts} requests"


def requests_of(tasks: Iterable[RoundTask | TierTask]) -> dict[str, int]:
    """Return the requests of tasks by kind. What a stage reads of indexes, it is expected to read once."""
    counts: Counter[str] = Counter()
    for task in tasks:
        outputs = 1 if isinstance(task, TierTask) or task.round.unit else len(task.parts)
        counts["get"] += _merging(task) if isinstance(task, TierTask) else _round(task)
        counts["put"] += 1 + outputs * _writing(task.bytes // max(1, outputs))
        counts["delete"] += 1  # of a receipt that another try has left
    return dict(counts)


def _round(task: RoundTask) -> int:
    width = task.high - task.low
    gets = sum(_opening(run, run.bytes * width // KEYS) for run in task.runs)
    if task.sent:
        each = task.sent_bytes // len(task.sent)
        share = task.bytes // len(task.sent) if task.addressed else each
        gets += len(task.sent) * reading(each, share) + (reading(each, 0) if task.round.unit else 0)
    return gets + len(task.parts)


def _merging(task: TierTask) -> int:
    runs, size = task.runs, max(1, sum(run.bytes for run in task.runs))
    return reading(runs[0].bytes, 0) + sum(_opening(run, run.bytes * task.bytes // size) for run in runs)


def _opening(run: SortedRun, share: int) -> int:
    return reading(run.bytes, share) + bool(run.excluded)


def reading(size: int, share: int) -> int:
    """Return the requests for a share of a Parquet file: its begin, and if it is larger its footer and the rows."""
    return 1 if size <= FIRST else 2 + -(-share // FIRST)


def _writing(size: int) -> int:
    return 1 if size <= 2 * PART else 2 + -(-size // PART)
