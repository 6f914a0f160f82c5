"""When the tasks of a run were at work, and side by side with which others: few numbers, however many tasks there are.

Times are seconds since the run began, as the process that hands tasks out saw them. They are told to people and enter
no result.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field, replace
from typing import Any

SPANS = 800
"""Spans of a run that are kept at most; then short ones are joined."""

UNWELL = 100
"""Tasks that ended badly of which it is kept when they were at work: the first ones."""

PLACES = 64
"""Places of which spans are kept. The longest tasks are kept whatever their place."""

LONGEST = 3
"""Tasks of a phase that are named."""


@dataclass
class Span:
    """Time in which a place was at work on a task, or on several short ones, mostly of ``phase``."""

    place: int
    begin: float
    end: float
    phase: int
    tasks: int = 1
    unwell: int = 0
    """Of them those that failed, or whose worker died."""
    task: str = ""
    """Which it was, where it was one."""

    def join(self, other: Span) -> None:
        """Take in a later one of the same place."""
        if other.end - other.begin > self.end - self.begin:
            self.phase = other.phase
        self.end, self.task = other.end, ""
        self.tasks, self.unwell = self.tasks + other.tasks, self.unwell + other.unwell

    def told(self) -> list[Any]:
        """Its fields in their order, milliseconds being fine enough."""
        return [self.place, round(self.begin, 3), round(self.end, 3), self.phase, self.tasks, self.unwell, self.task]


@dataclass
class _PhaseTimes:
    """Of one phase: when it began; tasks that ended, and their seconds; how many were at work at once; the longest."""

    begin: float
    ended: int = 0
    busy: float = 0.0
    places: int = 0
    longest: list[tuple[float, int, Span]] = field(default_factory=list)

    def add(self, span: Span) -> None:
        self.ended += 1
        self.busy += span.end - span.begin
        self.longest.append((span.end - span.begin, -self.ended, span))
        self.longest = heapq.nlargest(LONGEST, self.longest)


class Timeline:
    """Follows the tasks of a run. A place is where a task can be at work: a task takes the lowest that is free."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._phases: list[_PhaseTimes] = []
        self._busy: dict[str, tuple[int, float]] = {}
        self._spans: list[Span] = []
        self._last: dict[int, Span] = {}
        self._unwell: list[Span] = []
        self._grain = 0.0

    def phase(self) -> None:
        """A phase begins: the tasks that follow are its own."""
        self._phases.append(_PhaseTimes(self._now()))

    def begin(self, task: str) -> None:
        """A task is handed out."""
        taken = {place for place, _ in self._busy.values()}
        place = next(place for place in range(len(taken) + 1) if place not in taken)
        self._busy[task] = place, self._now()
        self._phases[-1].places = max(self._phases[-1].places, len(self._busy))

    def end(self, task: str, *, well: bool) -> None:
        """What was handed out is back."""
        place, begin = self._busy.pop(task)
        span = Span(place, begin, self._now(), len(self._phases) - 1, unwell=int(not well), task=task)
        self._phases[-1].add(replace(span))
        if not well and len(self._unwell) < UNWELL:
            self._unwell.append(replace(span))
        if place < PLACES:
            self._keep(span)

    def _keep(self, span: Span) -> None:
        if not self._join(span):
            self._spans.append(span)
        while len(self._spans) > SPANS:
            self._grain = max(2 * self._grain, self._now() / SPANS)
            before, self._spans, self._last = self._spans, [], {}
            self._spans = [one for one in before if not self._join(one)]

    def _join(self, span: Span) -> bool:
        """Whether it is joined to the one before at its place: both are within the grain, from first to last."""
        before = self._last.get(span.place)
        if before is not None and span.end - before.begin <= self._grain:
            before.join(span)
            return True
        self._last[span.place] = span
        return False

    @property
    def spans(self) -> list[list[Any]]:
        """What is kept, in the fields of ``Span``."""
        return [span.told() for span in self._spans]

    @property
    def unwell(self) -> list[list[Any]]:
        """The tasks that ended badly, each by itself, in the same fields."""
        return [span.told() for span in self._unwell]

    @property
    def under_way(self) -> list[list[Any]]:
        """The tasks that are handed out, from when until now, in the same fields; of as many places as are kept."""
        now, phase = self._now(), len(self._phases) - 1
        busy = [Span(place, begin, now, phase, task=task) for task, (place, begin) in self._busy.items()]
        return [span.told() for span in busy if span.place < PLACES]

    def of_phase(self) -> dict[str, Any]:
        """What is told of the phase under way."""
        found = self._phases[-1]
        return {
            "begin": round(found.begin, 3),
            "ended": found.ended,
            "busy": round(found.busy, 3),
            "places": found.places,
            "longest": [span.told() for _, _, span in found.longest],
        }

    def _now(self) -> float:
        return time.monotonic() - self._started
