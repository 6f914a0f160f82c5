"""What a run tells of its tasks' times is true and small, however many there are."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from refinery.inspect.reader import open_root
from refinery.inspect.runs import runs, status
from refinery.planner.selection import Selection
from refinery.runner import timeline
from refinery.runner.timeline import FAILED, SLOTS, SPANS, Timeline
from tests.engine.inline import Death
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import quick, write_inputs
from tests.engine.toy import Length

Task = tuple[str, float, float]


class Clock:
    """A clock that is set by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1e6
        patch.setattr(timeline.time, "monotonic", lambda: self.now)


def follow(clock: Clock, width: int, phases: list[list[float]]) -> tuple[Timeline, list[list[Task]]]:
    """The timeline of tasks of so many seconds, ``width`` at once; and when each was at work."""
    made, reported = Timeline(), []
    start = clock.now
    for number, seconds in enumerate(phases):
        made.phase()
        waiting = [(f"task {place} of {number}", length) for place, length in enumerate(seconds)]
        busy: list[tuple[float, str, float]] = []
        done: list[Task] = []
        while waiting or busy:
            while waiting and len(busy) < width:
                name, length = waiting.pop(0)
                made.begin(name)
                busy.append((clock.now + length, name, clock.now))
            busy.sort()
            clock.now, name, begun = busy.pop(0)
            made.end(name, failed=len(name) % 5 == 0)
            done.append((name, begun - start, clock.now - start))
        reported.append(done)
    return made, reported


lengths = st.lists(st.floats(0.01, 50), min_size=1, max_size=40)


@given(st.integers(1, 5), st.lists(lengths, min_size=1, max_size=6), st.sampled_from([6, 20, SPANS]))
def test_spans_hold_every_task(width: int, phases: list[list[float]], limit: int) -> None:
    """Each is within one span of those at its time; a place does one thing at a time; no more than the limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "SPANS", limit)
        made, reported = follow(Clock(patch), width, phases)
    every = [task for phase in reported for task in phase]
    times = made.of_run()
    spans = times["spans"]
    assert len(spans) <= max(limit, width)
    assert sum(tasks for *_, tasks, _, _ in spans) == len(every)
    assert sum(failed for *_, failed, _ in spans) == sum(len(name) % 5 == 0 for name, _, _ in every)
    failed = [(name, round(begin, 3)) for name, begin, _ in every if len(name) % 5 == 0]
    assert [(span[-1], span[1]) for span in times["failed_spans"]] == failed[:FAILED]
    for name, begin, end in every:
        at = [s for s in spans if s[1] <= begin + 0.002 and end <= s[2] + 0.002]
        assert any(span[-1] in (name, "") for span in at)
    for place in range(width):
        mine = [span for span in spans if span[0] == place]
        assert all(one[2] <= other[1] + 0.002 for one, other in pairwise(mine))


@given(st.integers(1, 5), lengths)
def test_the_longest_tasks_of_a_phase_are_named(width: int, phase: list[float]) -> None:
    """With the sums that its mean is of, and the tasks that were at work at once."""
    with pytest.MonkeyPatch.context() as patch:
        made, (reported,) = follow(Clock(patch), width, [phase])
    found = made.of_phase()
    longest = sorted((end - begin for _, begin, end in reported), reverse=True)
    assert [span[2] - span[1] for span in found["longest"]] == pytest.approx(longest[: len(found["longest"])], abs=0.01)
    assert found["ended"] == len(phase)
    assert found["busy"] == pytest.approx(sum(phase), abs=0.01)
    assert found["slots"] == min(width, len(phase))


def test_what_is_under_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every task that was handed out and is not back, from when until now; not beyond the places that are kept."""
    clock, made = Clock(monkeypatch), Timeline()
    made.phase()
    for name in "abc":
        made.begin(name)
        clock.now += 1
    made.end("b", failed=False)
    assert made.of_run()["open_spans"] == ((0, 0.0, 3.0, 0, 1, 0, "a"), (2, 2.0, 3.0, 0, 1, 0, "c"))
    for number in range(2 * SLOTS):
        made.begin(f"{number}")
    assert {slot for slot, *_ in made.of_run()["open_spans"]} == set(range(SLOTS))


def test_ten_thousand_tasks_take_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a straggler among them is still a span of its own, wherever it was at work."""
    lengths = [1 + (number * 7919 % 13) / 10 for number in range(10_000)]
    lengths[7_000] = 300.0
    made, _ = follow(Clock(monkeypatch), 100, [lengths] * 3)
    reported = json.dumps([made.of_run()["spans"], made.of_phase()])
    assert len(reported) < 60_000
    assert len(made.of_run()["spans"]) > SPANS // 3
    assert {span[0] for span in made.of_run()["spans"]} == set(range(SLOTS))
    assert made.of_phase()["longest"][0][-1] == "task 7000 of 2"


def test_a_run_tells_what_it_did_of_each_stage(tmp_path: Path) -> None:
    """Everything at first; what is re-applied, recomputed and kept when a threshold has moved."""
    root = make(tmp_path)
    (first,) = runs(open_root(str(root)).root)
    stages = status(str(root)).stages
    assert [(one.stage, one.computed, one.current + one.reapplied + one.waiting) for one in first.record.stages] == [
        (stage.name, stage.done, 0) for stage in stages
    ]
    quick(recipe(tmp_path, min_words=3))
    work = {one.stage: one for one in runs(open_root(str(root)).root)[0].record.stages}
    source, words = work[stages[0].name], work["words"]
    assert (source.current, source.reapplied, source.computed) == (len(LINES), 0, 0)
    assert words.reapplied > 0
    assert words.current + words.reapplied + words.computed == len(LINES)


def test_a_run_of_some_stages_tells_of_these(tmp_path: Path) -> None:
    """What it was not about is not there."""
    write_inputs(tmp_path / "in", LINES)
    given_ = recipe(tmp_path)
    quick(given_, Selection(until="words", parts=(0, 1)))
    (run,) = runs(open_root(given_.root).root)
    assert [(one.stage, one.computed, one.waiting) for one in run.record.stages][1:] == [("words", 2, 0)]


def test_a_task_whose_worker_dies_is_recorded_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try is a span, and those that ended badly say so."""
    measure, times = Length.measure, iter(range(100))

    def once(self: Length, docs: object) -> object:
        if next(times) == 0:
            raise Death(9)
        return measure(self, docs)  # type: ignore[arg-type]

    monkeypatch.setattr(Length, "measure", once)
    root = make(tmp_path)
    (run,) = runs(open_root(str(root)).root)
    assert sum(span.failed for span in run.record.spans) == 1
    assert sum(span.tasks for span in run.record.spans) == sum(phase.ended for phase in run.record.phases)
    assert run.record.phases[0].ended == run.record.phases[0].done + 1
