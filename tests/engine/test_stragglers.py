"""Second copies of stragglers: which tasks have one, that one outcome counts, and that the rows stay the same."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import structs

from refinery.errors import PartFailed
from refinery.executors import Done, Failed, in_flight, never_late
from refinery.executors.local import LocalExecutor
from refinery.root.root import Root
from refinery.runner import stragglers
from refinery.runner.run import run
from refinery.runner.stragglers import FACTOR, LEAST_SECONDS, Stragglers
from refinery.store import LocalStore
from refinery.task.tasks import SegmentTask, unmarked
from tests.engine.inline import InlineExecutor
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Hung, LineSource, Same

SIZE = 1000


def task(part: int, size: int = SIZE) -> SegmentTask:
    """A task that nobody does."""
    return SegmentTask(root="", part=part, paths=(), contents=(), steps=(), outputs=(), bytes=size)


class Clock:
    """Seconds that pass when a test sets them."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class Phase:
    """A phase of which some tasks have ended, ``seconds`` after they began, and one runs."""

    def __init__(self, ended: int, seconds: float, size: int = SIZE, waiting: int = 0) -> None:
        self.clock = Clock()
        self.stragglers = Stragglers(ended + 1 + waiting, self.clock)
        tasks = [task(part) for part in range(ended)]
        for one in tasks:
            self.stragglers.begun(one)
        self.clock.now += seconds
        for one in tasks:
            self.stragglers.first(Done(one, []))
        self.running = task(ended, size)
        self.stragglers.begun(self.running)

    def late_after(self, seconds: float) -> bool:
        """Return True if the running task is late so many seconds after it began."""
        self.clock.now += seconds
        return list(self.stragglers.late(1)) == [self.running]


@pytest.mark.parametrize("size", [SIZE, 5 * SIZE])
def test_a_straggler_has_taken_far_longer_per_byte(size: int) -> None:
    """Than nearly all tasks that ended."""
    limit = FACTOR * 100 * size / SIZE
    assert not Phase(9, 100, size).late_after(limit - 1)
    assert Phase(9, 100, size).late_after(limit + 1)


def test_quick_tasks_have_a_minute() -> None:
    """However quick the others are."""
    assert not Phase(9, 0.01).late_after(LEAST_SECONDS - 1)
    assert Phase(9, 0.01).late_after(LEAST_SECONDS + 1)


def test_most_tasks_must_have_ended() -> None:
    """Else too little is known, and no slot is idle for long."""
    assert not Phase(0, 1).late_after(1e6)
    assert not Phase(3, 1, waiting=5).late_after(1e6)
    assert Phase(5, 1, waiting=3).late_after(1e6)


def test_a_task_is_copied_once_for_each_time_it_is_begun() -> None:
    """A straggler that is copied is not copied again; one that died, and is begun again, may be."""
    phase = Phase(9, 1)
    assert phase.late_after(100)
    assert not phase.late_after(100)
    assert phase.stragglers.copied(phase.running)
    phase.stragglers.begun(phase.running)
    assert not phase.stragglers.copied(phase.running)
    assert phase.late_after(100)


def test_the_outcome_that_is_there_first_counts() -> None:
    """The other one is known from it."""
    phase = Phase(9, 1)
    assert phase.late_after(100)
    first, second = Done(phase.running, []), Failed(phase.running, None, "", "")
    assert phase.stragglers.first(first) is first
    assert phase.stragglers.first(second) is first


# ------------------------------------------------------------------------------------------------------------ executors


class Machine:
    """Slots in which tasks take as long as they say; a copy of a task that hangs takes a second."""

    def __init__(self, width: int) -> None:
        self.clock, self.width = Clock(), width
        self.ends: dict[int, float] = {}
        self.begun: Counter[int] = Counter()
        self.abandoned: list[int] = []

    def begin(self, task: tuple[int, float]) -> int:
        """Begin a task; its handle."""
        number, seconds = task
        self.begun[number] += 1
        handle = sum(self.begun.values())
        self.ends[handle] = self.clock.now + (seconds if self.begun[number] == 1 else 1.0)
        return handle

    def ended(self, busy: Iterable[int], seconds: float | None) -> Sequence[int]:
        """Let time pass until a task has ended."""
        handles = list(busy)
        assert len(handles) <= self.width
        next_end = min(self.ends[handle] for handle in handles)
        assert seconds is not None or next_end < math.inf, "it waits for ever"
        self.clock.now = min(next_end, self.clock.now + seconds) if seconds is not None else next_end
        return [handle for handle in handles if self.ends[handle] <= self.clock.now]


durations = st.lists(st.sampled_from([0.0, 1.0, 4.0, 6.0, 50.0, math.inf]), max_size=12)


@given(seconds=durations, width=st.integers(2, 5))
def test_a_task_that_hangs_holds_nothing_up(seconds: list[float], width: int) -> None:
    """Every task has an outcome, slots are never exceeded, and each copy has ended or is abandoned."""
    if sum(map(math.isinf, seconds)) >= width:
        seconds = [min(one, 50.0) for one in seconds]
    machine, tasks = Machine(width), list(enumerate(seconds))
    copied: list[tuple[int, float]] = []

    def late(most: int) -> Sequence[tuple[int, float]]:
        slow = [one for one in tasks if one[0] not in ended and machine.begun[one[0]] == 1 and machine.clock.now >= 10]
        copied.extend(slow[:most])
        return slow[:most]

    ended: Counter[int] = Counter()
    found = []
    for handle, (number, _) in in_flight(
        tasks, lambda: width, machine.begin, machine.ended, machine.abandoned.append, late
    ):
        ended[number] += 1
        found.append(handle)
    assert set(ended) == set(range(len(seconds)))
    assert len(set(found)) == len(found)
    assert {*found, *machine.abandoned} == set(machine.ends)
    assert all(count <= 1 + (tasks[number] in copied) for number, count in ended.items())


# ----------------------------------------------------------------------------------------------------------------- runs


def no_patience(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Have tasks copied that take longer than a moment."""
    patch.setattr(stragglers, "LEAST_SECONDS", seconds)
    patch.setattr(stragglers, "FACTOR", 0)
    patch.setattr("refinery.executors.LOOK_SECONDS", 0.05)


@pytest.mark.slow
def test_a_worker_that_stops_holds_no_run_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one does its task, and the rows are those of a run in which none stops."""
    no_patience(monkeypatch, 2)
    write_inputs(tmp_path / "in", [["a first line", "another one"], ["it hung here", "a last line"]])
    kinds = steps(LineSource(), Hung(once=str(tmp_path / "once")), Same())
    executor = LocalExecutor(2, 2**40)
    report = run(pipeline(tmp_path, kinds), executor=executor)
    assert report.complete and not report.failures
    assert (tmp_path / "once").exists()
    quick(pipeline(tmp_path, kinds, root="calm"))
    found, expected = RootContents(tmp_path / "root"), RootContents(tmp_path / "calm")
    assert found.contents() == expected.contents()
    found.check_files()
    assert not [*(tmp_path / "root" / "tmp").glob("*")]
    [record] = (tmp_path / "root" / "runs").glob("[0-9]*.json")
    problems = [one["message"] for one in json.loads(record.read_text())["problems"]]
    assert any("part 1: has taken" in message for message in problems)


class Doubling(InlineExecutor):
    """Does each task, and then what a second copy might: ``spoil`` is called with the task and its receipts."""

    def __init__(self, spoil: Callable[[Any, list[Any]], list[Any]]) -> None:
        super().__init__()
        self.copies, self._spoil = 0, spoil

    def map(self, function: Any, tasks: Iterable[Any], memory: int = 0, late: Any = never_late) -> Iterator[Any]:
        """See ``Executor.map``."""
        for one in tasks:
            receipts = function(one, unmarked)
            copies = late(1)
            other = self._spoil(one, receipts) if copies else []
            yield Done(one, receipts)
            if copies:
                self.copies += 1
                yield Done(one, other)


def withdrawn(one: Any, receipts: list[Any]) -> list[Any]:
    """Withdraw receipts, as a copy of a round's task does when it begins."""
    for receipt in receipts:
        for path in Path(one.root).glob(f"*/receipts/{receipt.key}.json"):
            path.unlink()
    return receipts


def test_a_copy_takes_no_receipt_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipts of the first copy exist after the second copy has ended."""
    no_patience(monkeypatch, -1)
    monkeypatch.setattr(stragglers, "ENDED", 0)
    write_inputs(tmp_path / "in", [["a first line"], ["a second line"], ["a first line"]])
    executor = Doubling(withdrawn)
    chosen = pipeline(tmp_path, steps(LineSource(), Same()))
    assert run(chosen, executor=executor).complete
    assert executor.copies > 3
    assert run(chosen).tasks == 0
    RootContents(tmp_path / "root").check_files()


@pytest.mark.parametrize("stored", [True, False])
def test_copies_with_other_rows_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: bool) -> None:
    """Copies with other rows fail the run, and neither receipt stays: found by the outcome or by the stored receipt."""
    no_patience(monkeypatch, -1)
    write_inputs(tmp_path / "in", [["a first line"], ["a second line"]])
    folder = "00-lines-of-text"

    def other(one: Any, receipts: list[Any]) -> list[Any]:
        found = [replace_contents(receipt) for receipt in receipts]
        if not stored:
            return found
        for receipt in found:
            Root(one.root, LocalStore()).commit(folder, receipt)
        return receipts

    with pytest.raises(PartFailed, match="part 1: two workers did it, and returned other rows"):
        run(pipeline(tmp_path, steps(LineSource())), executor=Doubling(other))
    assert len([*(tmp_path / "root" / folder / "receipts").glob("*.json")]) == 1


def replace_contents(receipt: Any) -> Any:
    """Return a receipt for other rows."""
    return structs.replace(receipt, contents={**receipt.contents, "kept": "other"})
