"""Workers that die: documents that kill them, kills from outside, and what the parent knows of it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from refinery.errors import PartFailed, StorageError
from refinery.executors import Died, Done, Failed, ProgressMarker
from refinery.executors.local import LocalExecutor, PackedTask
from refinery.inspect.verification import verify
from refinery.root.root import Root
from refinery.runner import deaths
from refinery.runner.run import run
from refinery.store import LocalStore
from refinery.task.commit import peak_memory
from tests.engine import toy
from tests.engine.inline import Death, InlineExecutor
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Frail, Frailest, Gather, Length, LineSource, Same

DEADLY = (
    ["the first line", "deadly one", "a line between", "deadly two", "short", "the last line", "deadly three"],
    ["all is well", "in this file"],
    ["deadly alone"],
)
KINDS = steps(LineSource(), Length(), Same())


def die() -> NoReturn:
    """What ``toy.die`` does to a worker, for a worker that is this process."""
    raise Death(7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of inputs with deadly lines."""
    write_inputs(tmp_path / "in", DEADLY)
    monkeypatch.setattr(toy, "die", die)
    return tmp_path


# ------------------------------------------------------------------------------------------------------ deadly documents


def test_documents_that_kill_their_worker_are_quarantined(folder: Path) -> None:
    """Each is removed with a reason and its note, the rest is kept, for any number of workers and any batch size."""
    quick(pipeline(folder, KINDS))
    expected = RootContents(folder / "root")
    assert expected.texts("01-words") == [
        "the first line",
        "a line between",
        "the last line",
        "all is well",
        "in this file",
    ]
    quarantined = {
        "0.txt:1": "quarantined",
        "0.txt:3": "quarantined",
        "0.txt:6": "quarantined",
        "2.txt:0": "quarantined",
    }
    assert expected.reasons("01-words") == quarantined | {"0.txt:4": "short"}
    notes = {row["why"]["note"] for row in expected.rows("01-words", "removed") if row["why"]["rule"] == "quarantined"}
    assert notes == {"worker ended with exit code 7"}
    assert expected.balanced()
    for batch in (1, 2, 3):
        quick(pipeline(folder, KINDS, root=f"batch{batch}", batch=batch))
        assert RootContents(folder / f"batch{batch}").everything() == expected.everything()
        assert RootContents(folder / f"batch{batch}").file_bytes() == expected.file_bytes()


@pytest.mark.slow
def test_deaths_of_real_workers_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes, which really die, give the same rows."""
    write_inputs(tmp_path / "in", [["all is well", "deadly one", "it goes on"], ["all is well here", "a fatal one"]])
    kinds = steps(LineSource(), Length(), Frail())
    run(pipeline(tmp_path, kinds, workers=2))
    monkeypatch.setattr(toy, "die", die)
    quick(pipeline(tmp_path, kinds, root="quick"))
    assert RootContents(tmp_path / "root").everything() == RootContents(tmp_path / "quick").everything()
    assert RootContents(tmp_path / "root").reasons("01-words") == {"0.txt:1": "quarantined"}
    assert RootContents(tmp_path / "root").reasons("02-frail") == {"1.txt:1": "quarantined"}


@pytest.mark.slow
def test_a_panic_costs_one_document(tmp_path: Path) -> None:
    """A kernel that panics is no reason to lose a part: its document is found as if the worker had crashed."""
    write_inputs(tmp_path / "in", [["all is well", "a line to panic on", "it goes on"], ["all is well here"]])
    run(pipeline(tmp_path, KINDS, workers=2))
    held = RootContents(tmp_path / "root")
    assert held.texts("01-words") == ["all is well", "it goes on", "all is well here"]
    notes = {row["why"]["note"] for row in held.rows("01-words", "removed")}
    assert notes == {"worker ended by Panic: index out of thresholds: the len is 3 \\ud800"}
    assert held.balanced()


def test_rules_are_applied_to_the_dead_as_well(folder: Path) -> None:
    """When a threshold changes, a quarantined document stays so, and no worker dies again."""
    quick(pipeline(folder, KINDS))
    changed = pipeline(folder, steps(LineSource(), Length(min_words=1), Same()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "die", lambda: pytest.fail("measured again"))
        quick(changed)
    quick(changed.model_copy(update={"root": str(folder / "fresh")}))
    assert RootContents(folder / "root").everything() == RootContents(folder / "fresh").everything()


FATAL = (
    ["the same line", "a fatal one", "a line between", "a fatal one", "the same line", "deadly words"],
    ["all is well", "the same line"],
    ["fatal alone"],
)
"""Lines of which some kill who maps them."""


def test_documents_that_kill_who_maps_them_are_quarantined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the global stage, with a note; what it says of others is as if they were not there, for any batch size."""
    monkeypatch.setattr(toy, "die", die)
    write_inputs(tmp_path / "in", FATAL)
    kinds = steps(LineSource(), Length(), Frail(), Gather())
    given = pipeline(tmp_path, kinds)
    assert quick(given).complete
    expected = RootContents(tmp_path / "root")
    assert expected.reasons("01-words") == {"0.txt:5": "quarantined"}
    assert expected.reasons("02-frail") == {
        "0.txt:1": "quarantined",
        "0.txt:3": "quarantined",
        "0.txt:4": "duplicate",
        "1.txt:1": "duplicate",
        "2.txt:0": "quarantined",
    }
    notes = [row["why"]["note"] for row in expected.rows("02-frail", "removed") if row["why"]["rule"] == "quarantined"]
    assert notes == ["worker ended with exit code 7"] * 3
    assert expected.texts("03-gather") == ["the same line", "a line between", "all is well"]
    assert expected.balanced()
    for batch in (1, 2, 3):
        quick(pipeline(tmp_path, kinds, root=f"batch{batch}", batch=batch))
        assert RootContents(tmp_path / f"batch{batch}").everything() == expected.everything()
        assert RootContents(tmp_path / f"batch{batch}").file_bytes() == expected.file_bytes()
    monkeypatch.setattr(toy, "die", lambda: pytest.fail("mapped again"))
    assert quick(given).tasks == 0
    found = verify(given.root, rerun=1.0)
    assert (found.findings, found.recomputed > 0) == ((), True)
    for receipt in (tmp_path / "root" / "02-frail" / "receipts").iterdir():
        if json.loads(receipt.read_text())["kind"] == "stage":
            receipt.unlink()
    assert quick(given).complete
    assert RootContents(tmp_path / "root").everything() == expected.everything()


def test_a_document_that_kills_even_without_its_text_fails_its_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries, and not without end."""
    monkeypatch.setattr(toy, "die", die)
    write_inputs(tmp_path / "in", [["all is well", "a fatal one"], ["all is well"]])
    given = pipeline(tmp_path, steps(LineSource(), Frailest()))
    assert quick(given).failures == ("part 0: worker ended with exit code 7",)
    with pytest.raises(PartFailed, match="exit code 7"):
        quick(given, fail_fast=True)


def test_a_part_of_poison_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part with more deadly documents than the limit fails; the others are made."""
    monkeypatch.setattr(toy, "die", die)
    monkeypatch.setattr(deaths, "POISON_LIMIT", 3)
    write_inputs(tmp_path / "in", [["deadly line"] * 3, ["deadly line"] * 4, ["all is well"]])
    report = quick(pipeline(tmp_path, KINDS))
    assert report.failures == ("part 1: worker ended with exit code 7",)
    assert RootContents(tmp_path / "root").removals("01-words") == {"quarantined": 3}


def test_parts_that_fail_may_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as is said: what follows is made of the others, and says that it is not complete; the next run tries."""
    monkeypatch.setattr(toy, "die", die)
    monkeypatch.setattr(deaths, "POISON_LIMIT", 0)
    kinds = steps(LineSource(), Length(), Same(), Gather())
    write_inputs(tmp_path / "in", [["a first line"], ["deadly line"], ["a first line"], ["deadly too", "a last line"]])
    given = pipeline(tmp_path, kinds)
    report = quick(given, allow_failed_parts=1)
    assert (len(report.failures), report.failures_allowed, report.complete) == (2, False, False)
    assert "03-gather" not in RootContents(tmp_path / "root").manifests
    report = quick(given, allow_failed_parts=2)
    assert (len(report.failures), report.failures_allowed, report.complete) == (2, True, False)
    held = RootContents(tmp_path / "root")
    assert [r.part for r in held.receipts("02-same")] == [0, 2]
    assert [held.manifests[folder].complete for folder in held.manifests] == [False] * 4
    assert [row["text"] for row in held.rows("03-gather")] == ["a first line"]
    assert not quick(given).failures_allowed
    monkeypatch.setattr(toy, "die", lambda: None)
    assert quick(given).complete
    quick(given.model_copy(update={"root": str(tmp_path / "fresh")}))
    assert RootContents(tmp_path / "root").everything() == RootContents(tmp_path / "fresh").everything()


def test_no_part_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every part failed there is nothing to go on with."""
    monkeypatch.setattr(toy, "die", die)
    monkeypatch.setattr(deaths, "POISON_LIMIT", 0)
    write_inputs(tmp_path / "in", [["deadly line"], ["deadly too"]])
    report = quick(pipeline(tmp_path, KINDS), allow_failed_parts=9)
    assert (report.complete, report.blocked) == (False, "every part failed")


def once(patch: pytest.MonkeyPatch, where: type, method: str, when: Callable[..., bool], deaths: int = 1) -> list[int]:
    """Let a stage's method die ``deaths`` times, where ``when`` says so of its arguments; what is left of them."""
    original = getattr(where, method)
    left = [deaths]

    def call(self: Any, *arguments: Any) -> Any:
        if left[0] and when(*arguments):
            left[0] -= 1
            raise Death(9)
        return original(self, *arguments)

    patch.setattr(where, method, call)
    return left


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_one_death_convicts_nobody(folder: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills from outside, even while one document is held alone, leave no trace: it takes two to call it poison."""
    (folder / "in" / "0.txt").write_text("a first line\na second line\na third line\n")
    (folder / "in" / "2.txt").unlink()
    quick(pipeline(folder, KINDS))
    expected = RootContents(folder / "root")
    first = once(monkeypatch, Length, "measure", lambda docs: True)
    second = once(monkeypatch, Length, "measure", lambda docs: docs.texts()[-1] == "a second line")
    quick(pipeline(folder, KINDS, root="killed", batch=batch))
    assert (first, second) == ([0], [0])
    assert RootContents(folder / "killed").everything() == expected.everything()


@pytest.mark.parametrize("method", ["map", "reduce", "resolve", "apply"])
def test_a_death_in_a_global_stage_is_tried_again(tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each phase of a global stage survives a death, and blames no document for it."""
    write_inputs(tmp_path / "in")
    quick(pipeline(tmp_path))
    left = once(monkeypatch, Same, method, lambda *arguments: True, deaths=2)
    report = quick(pipeline(tmp_path, root="killed"))
    assert (report.complete, left) == (True, [0])
    assert RootContents(tmp_path / "killed").everything() == RootContents(tmp_path / "root").everything()


def test_a_death_of_a_source_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill from outside while a file is read leaves no trace; a source that does not watch its rows loses its part."""
    write_inputs(tmp_path / "in", [["all is well"], ["it is not", "at all"]])
    quick(pipeline(tmp_path, KINDS))
    left = once(monkeypatch, LineSource, "read", lambda path, store: path.endswith("1.txt"), deaths=2)
    assert quick(pipeline(tmp_path, KINDS, root="killed")).complete
    assert left == [0]
    assert RootContents(tmp_path / "killed").everything() == RootContents(tmp_path / "root").everything()
    once(monkeypatch, LineSource, "read", lambda path, store: path.endswith("1.txt"), deaths=99)
    report = quick(pipeline(tmp_path, KINDS, root="lost"))
    assert report.failures == ("part 1: worker ended with exit code 9",)
    assert RootContents(tmp_path / "lost").texts("01-words") == ["all is well"]


def test_a_death_while_writing_blames_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker killed while it commits is tried again, and its last documents are not suspected."""
    write_inputs(tmp_path / "in")
    quick(pipeline(tmp_path))
    left = once(monkeypatch, Root, "commit", lambda *arguments: True, deaths=2)
    assert quick(pipeline(tmp_path, root="killed")).complete
    assert left == [0]
    assert RootContents(tmp_path / "killed").everything() == RootContents(tmp_path / "root").everything()


class Leaving(InlineExecutor):
    """Workers that leave an unfinished file at each task, as one does that is killed while it writes."""

    def _do(self, function: Any, task: Any) -> Any:
        store = LocalStore()
        Path(store.temporary(task.root)).write_bytes(b"half a file")
        return super()._do(function, task)


def test_what_killed_workers_left_is_removed_when_the_run_ends(folder: Path) -> None:
    """Nobody else would: the next run may have nothing to do. That one looks for it as well, if the run itself died."""
    assert run(pipeline(folder, KINDS), executor=Leaving()).complete
    assert not list((folder / "root" / "tmp").iterdir())
    Path(LocalStore().temporary(str(folder / "root"))).write_bytes(b"half a file")
    assert quick(pipeline(folder, KINDS)).tasks == 0
    assert not list((folder / "root" / "tmp").iterdir())


# -------------------------------------------------------------------------------------------------------- real workers


def double(task: int, mark: ProgressMarker) -> int:
    """Twice the task."""
    mark("double", task, 1)
    return 2 * task


def misbehave(task: str, mark: ProgressMarker) -> Any:
    """What the task says."""
    mark("misbehave", 3, 2)
    if task == "exit":
        os._exit(5)
    if task == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if task == "raise":
        raise ValueError("no such thing")
    if task == "storage":
        raise StorageError("disk: gone", hint="buy one")
    if task == "interrupt":
        raise KeyboardInterrupt
    if task == "panic":
        raise toy.Panic("this cannot be")
    if task == "unpicklable":
        return lambda: None
    if task == "wait":
        time.sleep(600)
    return os.getpid()


def hold(task: int, mark: ProgressMarker) -> int:
    """The peak of the worker after it had so many bytes more."""
    del mark
    return len(b"x" * task) and peak_memory()


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalExecutor]:
    """Two workers that the tests share; the dead are replaced."""
    executor = LocalExecutor(2, 2**40)
    yield executor
    executor.close()


def test_every_task_has_one_outcome(workers: LocalExecutor) -> None:
    """Tasks are taken as workers become free, none is lost or done twice."""
    taken = []

    def tasks() -> Iterator[int]:
        for task in range(20):
            taken.append(task)
            yield task

    done = []
    for outcome in workers.map(double, tasks()):
        assert isinstance(outcome, Done)
        done.append((outcome.task, outcome.result))
        assert len(taken) - len(done) <= workers.width
    assert sorted(done) == [(task, 2 * task) for task in range(20)]


def test_failures_and_deaths_are_outcomes(workers: LocalExecutor) -> None:
    """The executor returns what a task raises, how its worker died and where, and does the next tasks."""
    named = ["raise", "storage", "interrupt", "panic", "exit", "kill", "unpicklable", "fine"]
    found = {outcome.task: outcome for outcome in workers.map(misbehave, named)}
    assert set(found) == set(named)
    raised, storage, interrupt, panic = (found[name] for name in ("raise", "storage", "interrupt", "panic"))
    assert isinstance(raised, Failed) and (raised.error, raised.summary) == (None, "ValueError: no such thing")
    assert "misbehave" in raised.trace
    assert isinstance(storage, Failed) and isinstance(storage.error, StorageError) and storage.error.hint == "buy one"
    assert isinstance(interrupt, Died) and interrupt.cause == "ended by KeyboardInterrupt"
    assert isinstance(panic, Died) and panic.cause == "ended by Panic: this cannot be"
    assert (panic.last.step, panic.last.first, panic.last.count) == ("misbehave", 3, 2)
    exited, killed = found["exit"], found["kill"]
    assert isinstance(exited, Died) and isinstance(killed, Died)
    assert (exited.cause, killed.cause) == ("ended with exit code 5", "killed by SIGKILL")
    assert (killed.last.step, killed.last.first, killed.last.count) == ("misbehave", 3, 2)
    assert isinstance(found["unpicklable"], Died | Failed)
    assert isinstance(found["fine"], Done)


def test_an_idle_worker_that_dies_is_replaced(workers: LocalExecutor) -> None:
    """A worker that was killed between two tasks costs a try, not the run."""
    [first] = list(workers.map(misbehave, ["fine"]))
    assert isinstance(first, Done)
    os.kill(first.result, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first.result)] if psutil.pid_exists(first.result) else [], timeout=10)
    outcomes = list(workers.map(misbehave, ["fine", "fine"]))
    assert [type(o) for o in outcomes].count(Died) <= 1
    assert all(isinstance(o, Done) for o in workers.map(misbehave, ["fine", "fine"]))


def test_a_worker_that_dies_while_it_answers_has_died(workers: LocalExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that ends in the middle is a death like any other."""
    [started] = list(workers.map(misbehave, ["fine"]))
    assert isinstance(started, Done)
    worker = next(w for w in workers._workers if w.process.pid == started.result)

    def cut_off() -> NoReturn:
        worker.process.kill()
        raise OSError("got end of file during message")

    monkeypatch.setattr(worker.pipe, "recv", cut_off)
    assert worker.answer() is None
    workers._workers.remove(worker)
    assert worker.cause_of_death() == "killed by SIGKILL"


def test_no_more_tasks_at_once_than_there_is_memory_for() -> None:
    """However many workers there are."""
    executor = LocalExecutor(4, 2**42)
    for memory, most in ((2**41 + 1, 1), (2**41, 2), (2**43, 1)):
        done = [one.result for one in executor.map(misbehave, ["fine"] * 6, memory) if isinstance(one, Done)]
        assert len(done) == 6
        assert len(set(done)) <= most
    executor.close()


def test_a_peak_is_that_of_the_worker() -> None:
    """Not of the process that began it, however much that holds."""
    held = b"x" * 2**28
    executor = LocalExecutor(1, 2**40)
    before, after = (one.result for one in executor.map(hold, [1, 2**27]) if isinstance(one, Done))
    executor.close()
    assert before < len(held)
    assert 2**27 <= after < before + 2**27 + 2**24


def test_a_worker_never_hears_the_keyboard() -> None:
    """Ctrl-C goes to all processes of a terminal, to one that has only just begun as well: it is the parent's alone."""
    executor = LocalExecutor(1, 2**40)
    worker = executor._new_worker()
    assert worker.process.pid
    for _ in range(3):
        os.kill(worker.process.pid, signal.SIGINT)
        [outcome] = executor.map(double, [4])
        assert isinstance(outcome, Done)
    assert executor._workers == [worker]
    executor.close()


def test_closing_ends_workers_at_work() -> None:
    """After ``close`` no worker is left, whatever it was doing."""
    executor = LocalExecutor(1, 2**40)
    worker = executor._new_worker()
    worker.start(PackedTask.of(misbehave, "wait"))
    executor.close()
    assert worker.process.pid and not psutil.pid_exists(worker.process.pid)
