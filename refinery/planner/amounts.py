"""Amounts of a run beside their estimates, by stage and in all, and the time left that follows from both.

All of it is from the record of the run, so that it is known while the run is under way, and no receipt is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from refinery.planner.cost import Money
from refinery.planner.estimator import estimate_of
from refinery.planner.plan import Plan
from refinery.planner.planner import Planner
from refinery.recipe import Prices
from refinery.root.manifests import Head
from refinery.root.runs import RunEstimate, RunRecord, StageAmount


@dataclass(frozen=True)
class Amounts:
    """Amounts of a run: seconds in which workers are busy, seconds until the end, bytes of all files, requests, money.

    None where not known.
    """

    seconds: float
    wall: float | None
    written: int
    requests: Mapping[str, int] | None
    money: Money


@dataclass(frozen=True)
class StageProgress:
    """A stage in a run: ``done`` of the ``parts`` that the run has to process, and estimates beside what was used.

    ``left`` are seconds in which workers will be busy. Estimates are None if nothing was measured before.
    """

    name: str
    done: int
    parts: int
    seconds: float
    estimated_seconds: float | None
    written: int
    estimated_written: int | None
    left: float | None


@dataclass(frozen=True)
class RunAmounts:
    """A run: its estimate, None if no part was finished before it, and what the tasks that are done took.

    ``left`` are seconds until its end, and ``left_seconds`` those in which workers will be busy; None if not known. The
    stages in ``unknown`` are not in them, for they have no estimate and are not under way.
    """

    estimated: Amounts | None
    actual: Amounts
    stages: tuple[StageProgress, ...]
    left: float | None
    left_seconds: float | None
    unknown: tuple[str, ...]
    measured: int
    """Finished parts that the estimate scales."""
    seconds_error: float | None
    """Two standard errors of the estimated seconds, as a share."""


# ------------------------------------------------------------------------------------------------------------ estimate


def run_estimate(planner: Planner, planned: Plan, head: Head | None) -> RunEstimate | None:
    """Return the estimate of a run for its record; None if no part is finished. Raises StorageError."""
    if head is None or not head.manifests:
        return None
    estimate = estimate_of(planner, planned, head)
    total = estimate.total
    if total is None:
        return None
    return RunEstimate(
        stages=tuple(
            StageAmount(stage=one.name, parts=one.todo, seconds=one.seconds, wall=one.wall, written=one.write)
            for one in estimate.stages
            if one.todo
        ),
        seconds=total.seconds,
        wall=total.wall,
        written=total.written,
        requests=None if total.requests is None else dict(total.requests),
        seconds_error=total.seconds_error,
        written_error=total.written_error,
        measured=total.basis.parts,
    )


# ------------------------------------------------------------------------------------------------------------- amounts


def amounts_of(record: RunRecord) -> RunAmounts:
    """Return the amounts of a run, as of the last update of its record."""
    prices, estimate = Prices.model_validate(record.prices), record.estimate
    by_clock = ((record.ended or record.updated) - record.started).total_seconds()  # of whole seconds
    elapsed = max(by_clock, sum(phase.seconds for phase in record.phases))
    estimated = None
    if estimate is not None:
        money = Money.of(prices, estimate.seconds, estimate.written, estimate.requests)
        estimated = Amounts(estimate.seconds, estimate.wall, estimate.written, estimate.requests, money)
    stages = tuple(_stages(record))
    unknown = tuple(stage.name for stage in stages if stage.left is None)
    known = estimate is not None and record.state == "running"
    return RunAmounts(
        estimated=estimated,
        actual=_used(record.work, elapsed, prices),
        stages=stages,
        left=_wall_left(record, stages, elapsed) if known else None,
        left_seconds=sum(stage.left or 0.0 for stage in stages) if known else None,
        unknown=unknown if known else (),
        measured=estimate.measured if estimate else 0,
        seconds_error=estimate.seconds_error if estimate else None,
    )


def _used(work: Iterable[StageAmount], elapsed: float, prices: Prices) -> Amounts:
    seconds, written, requests = 0.0, 0, Counter[str]()
    for one in work:
        seconds += one.seconds or 0.0
        written += one.written or 0
        requests.update(one.requests)
    return Amounts(seconds, elapsed, written, dict(requests), Money.of(prices, seconds, written, requests))


def _stages(record: RunRecord) -> Iterator[StageProgress]:
    """Yield the stages on which the run has work, in their order."""
    expected = {one.stage: one for one in record.estimate.stages} if record.estimate else {}
    used = {one.stage: one for one in record.work}
    pace = _pace(expected, used)
    for stage in record.stages:
        estimate = expected.get(stage.stage, StageAmount(stage=stage.stage))
        work = used.get(stage.stage, StageAmount(stage=stage.stage))
        ended = stage.reapplied + stage.computed  # as of the last phase; parts without rows share a receipt
        done, parts = max(work.parts, ended), ended + stage.waiting or estimate.parts
        if parts or work.seconds:
            yield StageProgress(
                name=stage.stage,
                done=min(done, parts),
                parts=parts,
                seconds=work.seconds or 0.0,
                estimated_seconds=estimate.seconds,
                written=work.written or 0,
                estimated_written=estimate.written,
                left=0.0 if done >= parts else _left(estimate, work, parts, pace),
            )


def _pace(expected: Mapping[str, StageAmount], used: Mapping[str, StageAmount]) -> float:
    """Return the ratio of actual to estimated seconds of the parts that are done; 1 before one is."""
    actual = estimated = 0.0
    for name, work in used.items():
        estimate = expected.get(name)
        if estimate and estimate.seconds and estimate.parts and work.parts and not work.rounds:
            actual += work.seconds or 0.0
            estimated += estimate.seconds * min(1.0, work.parts / estimate.parts)
    return actual / estimated if estimated and actual else 1.0


def _left(estimate: StageAmount, work: StageAmount, parts: int, pace: float) -> float | None:
    """Return the seconds that a stage still takes: by its own parts once some are done, else by its estimate.

    The rounds of a global stage are not in its parts, so its estimate counts until its last part.
    """
    taken = work.seconds or 0.0
    if work.parts and not work.rounds:
        return taken * (parts - work.parts) / work.parts
    return None if estimate.seconds is None else max(0.0, estimate.seconds * pace - taken)


def _wall_left(record: RunRecord, stages: Iterable[StageProgress], elapsed: float) -> float | None:
    """Return the seconds until the end: those that are estimated, times how much longer the work so far took.

    A stage whose share of workers is not estimated is taken to have all of them. None where Ray decides on the number
    of workers, and nothing is done yet.
    """
    assert record.estimate is not None
    shares = {one.stage: one.wall / one.seconds for one in record.estimate.stages if one.wall and one.seconds}
    usual = record.estimate.wall / record.estimate.seconds if record.estimate.wall and record.estimate.seconds else 1.0
    under_way = sum(span.seconds for span in record.open_spans) * usual
    left, done = 0.0, under_way
    for stage in stages:
        share = shares.get(stage.name, usual)
        left += (stage.left or 0.0) * share
        done += stage.seconds * share
    if record.estimate.wall is None and not done:
        return None
    pace = elapsed / done if done and elapsed else 1.0
    return max(0.0, left - under_way) * pace
