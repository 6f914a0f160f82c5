"""A crawl's tasks on a cluster: the phases of a recording, with the times of a crawl, done by a simulated executor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from refinery.executors import Died, Done, TaskQueue
from refinery.runner.deaths import Deaths
from tools.simulate.cluster import Cluster
from tools.simulate.executor import SimulatedExecutor
from tools.simulate.phases import PhaseTimes
from tools.simulate.recording import KEPT, PAGES, Recording
from tools.simulate.timings import Timings

ROWS = 2.34e-3
"""CPU seconds of a page of a crawl in the row stages (docs/snapshot.md): three times those of a page of the sample."""

SUBSTRING = 20 * 3600 / 3e9 / 4
"""Seconds of a page in each of the four kinds of tasks that ``substring`` is in: equal parts of 20 core hours a crawl,
the upper one of the two figures in docs/snapshot.md."""

BY_PAGE = {
    **{
        f"minhash {name}": microseconds * 1e-6 * KEPT
        for name, microseconds in {
            "exclude": 0.17,
            "reduce": 0.79,
            "resolve": 0.12,
            "gather": 0.41,
            "choose": 0.41,
            "conclude": 0.41,
            "texts": 0.64,
            "copies": 0.64,
            **dict.fromkeys(("edges", "contract", "spread", "label"), 0.8),
        }.items()
    },
    **dict.fromkeys(("minhash", "substring reduce", "substring mark", "substring"), SUBSTRING),
    "export": 6 * 3600 / 3e9,
}
"""Seconds of a page of a crawl by kind of task.

Rounds of ``minhash``: microseconds for each document of 10 million, ``fineweb`` (docs/near-duplicates.md), of which the
three before ``texts`` take 1.22 together. Those over ranges: 1.2 core hours of 3 billion documents for copies, 4 for
clusters in two turns (docs/decisions/096-clusters-over-ranges.md). ``export``: 6 core hours, with token ids
(docs/snapshot.md). The sample is too small to measure these: it has few texts that are no copies.
"""


def calibrated(timings: Timings, recording: Recording) -> Timings:
    """Return the timings with seconds that larger runs have measured. Ratios, fixed seconds and requests stay."""
    pages = recording.archives * PAGES
    by_page = {**BY_PAGE, recording.phases[0].kind: ROWS}
    kinds = dict(timings.kinds)
    for phase in recording.phases:
        if phase.kind in by_page:
            total, size = by_page[phase.kind] * pages, sum(phase.bytes)
            known = timings.of(phase.kind)
            fixed = known.fixed if size else total / len(phase.bytes)
            kinds[phase.kind] = replace(known, fixed=fixed, per_byte=total / size if size else 0.0)
    return Timings(kinds, timings.source)


@dataclass(frozen=True)
class Outcome:
    """A simulated run: what each phase took, and the tasks that were given up."""

    cluster: Cluster
    phases: tuple[PhaseTimes, ...]
    given_up: int = 0

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """The wall time in seconds, divided by what it was spent on."""
        each = [phase.shares(self.cluster.cores) for phase in self.phases]
        return {name: sum(one[name] for one in each) for name in each[0]}

    def figures(self) -> dict[str, Any]:
        """Return the figures of the run, for people and as JSON."""
        cores = self.cluster.cores
        wall, work = sum(phase.wall for phase in self.phases), self.shares["work"]
        losses = {name: seconds for name, seconds in self.shares.items() if name != "work"}
        cause = max(losses, key=lambda name: losses[name])
        slowest = max(self.phases, key=lambda phase: phase.shares(cores)[cause])
        return {
            "cores": cores,
            "hours": round(wall / 3600, 2),
            "work_hours": round(work * cores / 3600),
            "utilisation": round(work / wall, 3),
            "gets": round(sum(phase.gets for phase in self.phases)),
            "puts": round(sum(phase.puts for phase in self.phases)),
            "refused": round(sum(phase.refused for phase in self.phases)),
            "nodes_lost": sum(phase.losses for phase in self.phases),
            "repeated": sum(phase.repeats for phase in self.phases),
            "deaths": sum(phase.deaths for phase in self.phases),
            "lost_core_hours": round(sum(phase.lost for phase in self.phases) / 3600, 2),
            "given_up": self.given_up,
            "lost_hours": {name: round(one / 3600, 2) for name, one in losses.items()},
            "bottleneck": cause,
            "most_in": slowest.kind,
        }


def simulate(recording: Recording, cluster: Cluster, timings: Timings) -> Outcome:
    """Do the phases of a recording one after another, and what died again, as the loop of a run does."""
    executor, given_up = SimulatedExecutor(cluster, timings, work=_nothing), 0
    for phase in recording.phases:
        executor.enter(phase.kind, phase.planning)
        deaths, queue = Deaths(), TaskQueue[Any](phase.loads)
        for outcome in executor.map(_never, queue, phase.memory):
            if isinstance(outcome, Died):
                again = deaths.next_try(outcome)
                queue.begin_again([] if again is None else [again])
                given_up += again is None
            else:
                assert isinstance(outcome, Done)
        if given_up:
            break
    return Outcome(cluster, tuple(executor.phases), given_up)


def _nothing(task: Any) -> Sequence[Any]:
    """Return the receipts of a task that is not done."""
    del task
    return ()


def _never(task: Any, mark: Any) -> Sequence[Any]:
    """Stand for the function of a worker."""
    raise NotImplementedError(f"{task}, {mark}")
