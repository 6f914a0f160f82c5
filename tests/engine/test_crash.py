"""The crash matrix: a run that is killed at any moment, and run again, ends as if nothing had happened.

What a kill leaves is what lies in the root at that moment, so a copy of the root before each change of a file is the
state after a kill there: no clean-up of the dying process can falsify it. A few true kills check that this is so.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from refinery import Size
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline, Step
from refinery.stage.base import Edited
from refinery.stages.export import Export
from refinery.store import LocalStore
from tests.engine import toy
from tests.engine.roots import TEXTS, RootContents, all_files, pipeline, quick, slow_kinds, steps, visible, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Same

KINDS = steps(LineSource(), Length(), Same(), Gather())
SPLIT = {"columns": ("id", "text"), "shard": Size(60), "shuffle": 1, "validation": 0.3, "validation_by": "id"}
SHUFFLED = steps(LineSource(), Length(), Export(**SPLIT))
LAID_OUT = steps(LineSource(), Export(**SPLIT, format="jsonl", layout="files"))
METHODS = ("temporary", "publish", "put", "delete", "copy")


class States:
    """Copies of a root, one before each change of a file that left it other than the copy before."""

    def __init__(self, root: Path, copies: Path) -> None:
        self._root = root
        self._copies = copies
        self._last: dict[str, tuple[int, int]] | None = None
        self.paths: list[Path] = []
        self.before: list[str] = []

    def take(self, what: str) -> None:
        """Copy the root, if it is another one than before."""
        found = {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self._root.rglob("*")
            if path.is_file()
        }
        if found != self._last:
            self._last = found
            self.paths.append(self._copies / f"{len(self.paths):03d}")
            self.before.append(what)
            shutil.copytree(self._root, self.paths[-1]) if self._root.exists() else self.paths[-1].mkdir(parents=True)


@contextlib.contextmanager
def every_state(states: States) -> Iterator[None]:
    """Take a state before each call that changes files; ``put`` calls ``publish`` when its temporary file is there."""

    def hooked(name: str) -> Callable[..., Any]:
        original = getattr(LocalStore, name)

        def call(*arguments: Any) -> Any:
            states.take(f"{name} {arguments[1:]}"[:200])
            return original(*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for method in METHODS:
            patch.setattr(LocalStore, method, hooked(method))
        yield
    states.take("the end")


def same(held: RootContents, expected: RootContents) -> bool:
    """Whether two roots hold the same rows in the same files, and say so in the same words."""
    return held.everything() == expected.everything() and held.file_bytes() == expected.file_bytes()


def matrix(states: States, given: Pipeline, expected: RootContents) -> None:
    """Go on from every state; nothing may differ from ``expected``."""
    expected.check_files()
    for path, what in zip(states.paths, states.before, strict=True):
        again = given.model_copy(update={"root": str(path)})
        report = quick(again)
        assert report.complete, what
        assert same(RootContents(path), expected), what
        assert quick(again).tasks == 0, what
        shutil.rmtree(path)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Two inputs, in memory where there is such a file system: the matrix makes and copies thousands of files."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as place:
        write_inputs(Path(place) / "in", TEXTS[::2])
        yield Path(place)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "least"), [(KINDS, 100), (SHUFFLED, 50), (LAID_OUT, 50)], ids=["gathered", "shuffled", "laid out"]
)
def test_a_kill_at_every_write(folder: Path, kinds: tuple[Step, ...], least: int) -> None:
    """From the state before every single change of a file, a run ends with the content ids of an undisturbed one.

    In every state, what has a final name is whole: rows are those of the undisturbed run, byte for byte.
    """
    given = pipeline(folder, kinds)
    states = States(folder / "root", folder / "states")
    with every_state(states):
        quick(given)
    assert len(states.paths) > least
    whole = all_files(folder / "root")
    assert not [name for name in whole if name.startswith("tmp/") or "/." in name]
    for path in states.paths:
        for name in visible(path):
            assert name.endswith(".json") or (path / name).read_bytes() == whole[name][1]
    matrix(states, given, RootContents(folder / "root"))


@pytest.mark.parametrize(("stages", "min_words"), [(2, 2), pytest.param(4, 3, marks=pytest.mark.slow)])
def test_a_kill_at_every_write_of_a_rerun(folder: Path, stages: int, min_words: int) -> None:
    """A killed run over older results, with a changed input and a changed threshold, ends as an undisturbed one."""
    quick(pipeline(folder, KINDS[:stages]))
    path = folder / "in" / "0.txt"
    path.write_text(path.read_text() + "one more line of text\n")
    changed = pipeline(folder, steps(LineSource(), Length(min_words=min_words), Same(), Gather())[:stages])
    states = States(folder / "root", folder / "states")
    with every_state(states):
        quick(changed)
    quick(changed.model_copy(update={"root": str(folder / "fresh")}))
    matrix(states, changed, RootContents(folder / "fresh"))


@pytest.mark.slow
def test_a_kill_at_every_write_of_a_forced_run(folder: Path) -> None:
    """Where a forced run makes other rows than before, no receipt ever names files with rows that are not its own."""
    given = pipeline(folder, steps(LineSource(), Length(), Same()))
    quick(given)
    before = RootContents(folder / "root").contents()
    states = States(folder / "root", folder / "states")
    with every_state(states), pytest.MonkeyPatch.context() as patch:
        # What a dependency that nobody declared does: other rows under the same identity.
        patch.setattr(Same, "apply", _all_first)
        patch.setattr(Length, "measure", lambda self, docs: {"words": [9] * len(docs), "letters": [0.75] * len(docs)})
        quick(given, Selection(force=True))
    assert RootContents(folder / "root").contents() != before
    for path in states.paths:
        assert quick(given.model_copy(update={"root": str(path)})).complete
        held = RootContents(path)
        held.check_files()
        assert held.balanced()
        shutil.rmtree(path)


def _all_first(self: Same, docs: Any, row: int, verdict: Any) -> Edited:
    del self, row, verdict
    return Edited({}, {"copies": [1] * len(docs), "role": ["first"] * len(docs)})


# ----------------------------------------------------------------------------------------------------------- true kills

SCRIPT = """
import signal
import sys
from pathlib import Path
from tests.engine import toy
from tests.engine.roots import pipeline, slow_kinds
from refinery.runner.run import run

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell is born without it
    run(pipeline(Path(sys.argv[1]), slow_kinds(), root=sys.argv[2], workers=int(sys.argv[3]), batch=1))
"""


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Inputs for a run that takes a while, except in this process, and the script that does it."""
    monkeypatch.setattr(toy, "rest", lambda seconds: None)
    write_inputs(tmp_path / "in", [[f"line {n} of file {f % 2}" for n in range(5)] for f in range(3)])
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


@contextlib.contextmanager
def running(folder: Path, root: str, workers: int, until: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run in a process group of its own, which has made a file ``until``, a pattern; it has ended after the block."""
    command = [sys.executable, str(folder / "script.py"), str(folder), root, str(workers)]
    repository = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": repository}, start_new_session=True, stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        while not any((folder / root).glob(until)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        children = psutil.Process(process.pid).children(recursive=True)
        yield process
        process.wait(60)
        assert not psutil.wait_procs(children, timeout=20)[1]


def kill(process: subprocess.Popen[bytes], victim: str) -> None:
    """Kill the whole process group, the parent alone, or a worker."""
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
    elif victim == "parent":
        process.kill()
    else:
        children = psutil.Process(process.pid).children()
        next(child for child in children if "refinery.executors.worker" in " ".join(child.cmdline())).kill()


@pytest.mark.slow
def test_true_kills(texts: Path) -> None:
    """Kills of the whole run, of its parent and of single workers, in every phase, leave no trace."""
    quick(pipeline(texts, slow_kinds()))
    expected = RootContents(texts / "root")
    chance = random.Random(5)
    moments = (
        ("group", 1, "tmp"),
        ("worker", 2, "00-lines-of-text/receipts"),
        ("parent", 1, "02-slow/map/index"),
        ("worker", 1, "02-slow/reduce"),
        ("group", 2, "02-slow/resolve"),
    )
    for number, (victim, workers, until) in enumerate(moments):
        with running(texts, str(number), workers, until) as process:
            time.sleep(chance.uniform(0, 0.2))
            kill(process, victim)
        report = quick(pipeline(texts, slow_kinds(), root=str(number)))
        assert report.complete
        assert (report.tasks == 0) == (victim == "worker")
        assert same(RootContents(texts / str(number)), expected)
        RootContents(texts / str(number)).check_files()


def test_ctrl_c_ends_a_run_and_leaves_it_whole(texts: Path) -> None:
    """An interrupted run leaves no worker and a record that says so, and the next one goes on from it."""
    with running(texts, "root", 2, "00-lines-of-text/receipts") as process:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert errors.rstrip().endswith(b"KeyboardInterrupt")
    [record] = (texts / "root" / "runs").glob("[0-9]*.json")
    assert b'"state":"interrupted"' in record.read_bytes()
    assert quick(pipeline(texts, slow_kinds())).complete
    quick(pipeline(texts, slow_kinds(), root="fresh"))
    assert same(RootContents(texts / "root"), RootContents(texts / "fresh"))
