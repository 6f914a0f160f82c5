"""Amounts of a run beside their estimates, for people: one line, or a table by stage."""

from __future__ import annotations

from collections.abc import Iterator

from refinery.cli._output import columns
from refinery.formatting import plural, safe, size, span
from refinery.planner.amounts import Amounts, RunAmounts, StageProgress
from refinery.planner.estimate import price, sent

NO_ESTIMATE = "no estimate: no part was finished when the run began; `refinery run --sample 1%` first measures some"


def amounts_line(amounts: RunAmounts) -> str:
    """Return core time, wall time and bytes, each with its estimate if there is one."""
    return f"took {'; '.join(_totals(amounts.actual, amounts.estimated, amounts.seconds_error))}"


def amount_lines(amounts: RunAmounts) -> Iterator[str]:
    """Yield a table of stages, the totals, the time left, and what the estimate is from."""
    known = amounts.estimated is not None
    head = ("this run", "parts", "core time", "estimated", "written", "estimated")
    rows = [head, *map(_cells, amounts.stages)]
    yield columns(rows if known else [(*row[:3], row[4]) for row in rows], right=range(1, len(head)))
    yield f"  {'; '.join(_totals(amounts.actual, amounts.estimated, amounts.seconds_error))}"
    if amounts.left_seconds is not None:
        unknown = f", without {', '.join(map(safe, amounts.unknown))} (not measured)" if amounts.unknown else ""
        until = "" if amounts.left is None else f"{span(amounts.left)}, "
        yield f"  left: {until}{span(amounts.left_seconds)} of core time{unknown}"
    yield f"  {_basis(amounts) if known else NO_ESTIMATE}"


def _basis(amounts: RunAmounts) -> str:
    """Return what the estimate is from, and the stages that it lacks."""
    measured = plural(amounts.measured, "part")
    lacks = [safe(stage.name) for stage in amounts.stages if stage.parts and stage.estimated_written is None]
    without = f"; without {', '.join(lacks)}, of which none was" if lacks else ""
    return f"estimated when the run began, from {measured} finished before{without}"


def _cells(stage: StageProgress) -> tuple[str, ...]:
    seconds = "–" if stage.estimated_seconds is None else span(stage.estimated_seconds)
    written = "–" if stage.estimated_written is None else size(stage.estimated_written)
    parts = f"{stage.done:,} of {stage.parts:,}" if stage.parts else "–"  # audit, or rounds alone
    return safe(stage.name), parts, span(stage.seconds), seconds, size(stage.written), written


def _totals(actual: Amounts, estimated: Amounts | None, error: float | None) -> Iterator[str]:
    """Yield each amount with its estimate."""
    within = f" ± {100 * error:.0f} %" if error else ""
    seconds = f"{span(estimated.seconds)}{within}" if estimated else None
    yield _pair(f"{span(actual.seconds)} of core time", seconds)
    if actual.wall is not None:
        yield _pair(f"wall time {span(actual.wall)}", span(estimated.wall) if estimated and estimated.wall else None)
    yield _pair(f"{size(actual.written)} written", size(estimated.written) if estimated else None)
    if actual.requests:
        asked = estimated.requests if estimated else None
        yield _pair(plural(sent(actual.requests), "request"), None if asked is None else f"{sent(asked):,}")
    once = actual.money.once
    if once is not None:
        expected = estimated.money.once if estimated else None
        yield _pair(f"{price(once)} {actual.money.currency}", None if expected is None else price(expected))


def _pair(actual: str, estimated: str | None) -> str:
    return actual if estimated is None else f"{actual} (estimated {estimated})"
