"""Tasks that begin again after a death do so within their phase, as soon as a slot is free."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from refinery.executors import TaskQueue, in_flight
from refinery.executors.local import LocalExecutor
from refinery.runner.run import run_together
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, Mortal, Same

deaths = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), max_size=12)
"""Seconds of a task, and how often its worker dies."""


@given(tasks=deaths, width=st.integers(1, 4), data=st.data())
def test_no_slot_is_idle_while_a_task_is_to_begin_again(
    tasks: list[tuple[int, int]], width: int, data: st.DataObject
) -> None:
    """Slots are never exceeded, each task is begun once more than its worker dies, and those that died go last."""
    begun, waiting, ends, now = Counter[int](), Counter(range(len(tasks))), dict[int, int](), 0
    order: list[int] = []
    line = deque(range(len(tasks)))
    queue = TaskQueue(range(len(tasks)), order.append)

    def begin(number: int) -> int:
        assert number == line.popleft()
        waiting[number] -= 1
        begun[number] += 1
        handle = len(order)
        ends[handle] = now + tasks[number][0]
        return handle

    def ended(busy: Iterable[int], seconds: float | None) -> Sequence[int]:
        nonlocal now
        del seconds
        handles = list(busy)
        assert len(handles) == min(width, len(handles) + waiting.total())
        now = min(ends[handle] for handle in handles)
        found = [handle for handle in handles if ends[handle] == now]
        return found[: data.draw(st.integers(1, len(found)))]

    for _, number in in_flight(queue, lambda: width, begin, ended, lambda handle: None):
        if begun[number] <= tasks[number][1]:
            queue.begin_again([number])
            waiting[number] += 1
            line.append(number)
    assert [begun[number] for number in range(len(tasks))] == [1 + times for _, times in tasks]


def test_a_closed_queue_is_empty() -> None:
    """Whatever is to begin again."""
    closed: list[bool] = []
    queue = TaskQueue([1, 2], closed=lambda: bool(closed))
    queue.begin_again([3, 4])
    assert next(queue) == 1
    closed.append(True)
    assert list(queue) == []
    closed.clear()
    assert list(queue) == [2, 3, 4]
    queue.begin_again([5])
    assert list(queue) == [5]


@pytest.mark.parametrize("recipes", [1, 2])
def test_a_task_whose_worker_died_begins_again_beside_a_long_one(tmp_path: Path, recipes: int) -> None:
    """The long one waits for it. A task of two recipes begins again as one of each."""
    write_inputs(tmp_path / "in", [["it waits here", "a last line"], ["a first line", "this kills", "another one"]])
    kinds = [(Length(), Same()), (Same(),)][:recipes]
    given = [
        pipeline(tmp_path, steps(LineSource(), Mortal(folder=str(tmp_path)), *more), root=f"root-{number}")
        for number, more in enumerate(kinds)
    ]
    reports = run_together(given, executor=LocalExecutor(2, 2**40))
    assert (tmp_path / "killed").exists()
    for one, report in zip(given, reports, strict=True):
        assert report.complete and not report.failures
        calm = one.model_copy(update={"root": f"{one.root}-calm"})
        quick(calm)
        assert RootContents(one.root).everything() == RootContents(calm.root).everything()
