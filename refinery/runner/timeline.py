"""When the tasks of a run were at work, and beside which others: few numbers, however many tasks there are.

Times are those of the process that hands tasks out. They are for people and enter no result.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field
from typing import Any

from refinery.root.runs import WorkSpan

SPANS = 800
"""Spans of a run that are kept at most; then short ones are joined."""

FAILED = 100
"""Failed tasks whose spans are kept: the first ones."""

SLOTS = 64
"""Worker slots whose spans are kept. The longest tasks are kept whatever their slot."""

LONGEST = 3
"""Tasks of a phase that are named."""


@dataclass
class _PhaseTimes:
    """Of one phase: when it began; tasks that ended, and their seconds; how many were at work at once; the longest."""

    begin: float
    ended: int = 0
    busy: float = 0.0
    slots: int = 0
    longest: list[tuple[float, int, WorkSpan]] = field(default_factory=list)

    def add(self, span: WorkSpan) -> None:
        self.ended += 1
        self.busy += span.seconds
        self.longest = heapq.nlargest(LONGEST, [*self.longest, (span.seconds, -self.ended, span)])


class Timeline:
    """Follows the tasks of a run. A task takes the lowest worker slot that is free."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._phases: list[_PhaseTimes] = []
        self._busy: dict[str, tuple[int, float]] = {}
        self._spans: list[WorkSpan] = []
        self._last: dict[int, int] = {}
        self._failed: list[WorkSpan] = []
        self._grain = 0.0

    def phase(self) -> None:
        """Begin a phase: the tasks that follow are its own."""
        self._phases.append(_PhaseTimes(self._now()))

    def begin(self, task: str) -> None:
        """Record that a task is handed out."""
        taken = {slot for slot, _ in self._busy.values()}
        slot = next(slot for slot in range(len(taken) + 1) if slot not in taken)
        self._busy[task] = slot, self._now()
        self._phases[-1].slots = max(self._phases[-1].slots, len(self._busy))

    def end(self, task: str, *, failed: bool) -> None:
        """Record that a task ended."""
        slot, begin = self._busy.pop(task)
        span = WorkSpan(slot, begin, self._now(), len(self._phases) - 1, failed=int(failed), task=task)
        self._phases[-1].add(span)
        if failed and len(self._failed) < FAILED:
            self._failed.append(span)
        if slot < SLOTS:
            self._keep(span)

    def _keep(self, span: WorkSpan) -> None:
        self._add(span)
        while len(self._spans) > SPANS:
            self._grain = max(2 * self._grain, self._now() / SPANS)
            before, self._spans, self._last = self._spans, [], {}
            for one in before:
                self._add(one)

    def _add(self, span: WorkSpan) -> None:
        """Join a span to the one before of its slot, where both are within the grain; else append it."""
        last = self._last.get(span.slot)
        if last is not None and span.end - self._spans[last].begin <= self._grain:
            self._spans[last] = self._spans[last].joined(span)
        else:
            self._last[span.slot] = len(self._spans)
            self._spans.append(span)

    def of_run(self) -> dict[str, tuple[WorkSpan, ...]]:
        """Return the fields of ``RunRecord`` that are about times."""
        now, phase = self._now(), len(self._phases) - 1
        busy = [WorkSpan(slot, begin, now, phase, task=task) for task, (slot, begin) in self._busy.items()]
        open_spans = tuple(span for span in busy if span.slot < SLOTS)
        return {"spans": tuple(self._spans), "failed_spans": tuple(self._failed), "open_spans": open_spans}

    def of_phase(self) -> dict[str, Any]:
        """Return the fields of ``PhaseRecord`` that are about times, for the phase under way."""
        phase = self._phases[-1]
        longest = tuple(span for _, _, span in phase.longest)
        return {
            "begin": phase.begin,
            "ended": phase.ended,
            "busy": round(phase.busy, 3),
            "slots": phase.slots,
            "running": len(self._busy),
            "longest": longest,
        }

    def _now(self) -> float:
        return round(time.monotonic() - self._started, 3)
