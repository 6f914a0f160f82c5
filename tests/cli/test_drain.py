"""SIGTERM, as schedulers send it to a whole process group: what is under way is finished, or abandoned in time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from refinery.cli import execute
from refinery.executors import Died
from refinery.task.tasks import StepRows
from tests.conftest import REPOSITORY
from tests.engine.inline import InlineExecutor
from tests.engine.roots import RootContents, write_inputs

STAGE = """
import os, time
from tests.engine.toy import Length

class Gated(Length):
    name = "gated"

    def measure(self, docs):
        open(f"begun-{os.getpid()}-{time.monotonic_ns()}", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        return super().measure(docs)
"""
RECIPE = """\
dataset: toy
inputs: in/*.txt
root: root
executor: {workers: 2}
pipeline:
  - lines-of-text: {use: 'tests.engine.toy:LineSource'}
  - gated: {use: 'gate:Gated'}
"""
PROGRAM = """
from refinery.runner import drain
drain.LIMIT, drain.REPEAT = 0.2, 0.0
request = drain.Drain._request

def requested(*arguments):
    request(*arguments)
    open("requested", "w").close()

drain.Drain._request = requested
from refinery.__main__ import main
main()
"""
DONE, NONE = "2 tasks done, none abandoned", "0 tasks done, 2 tasks abandoned after 0 s"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four inputs, and a recipe whose stage waits for the file ``go``; runs of this process need no workers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("refinery.runner.run._executor", lambda given: InlineExecutor())
    monkeypatch.syspath_prepend(str(tmp_path))
    write_inputs(Path("in"), [[f"line {n} of file {f}" for n in range(3)] for f in range(4)])
    Path("refinery.yaml").write_text(RECIPE)
    Path("gate.py").write_text(STAGE)


@contextlib.contextmanager
def two_under_way(*program: str) -> Iterator[subprocess.Popen[str]]:
    """A run in a process group of its own, both workers of which have a task."""
    command = [sys.executable, *program, "run", "-q", "--json", "--log-json", "log"]
    path = os.pathsep.join([str(REPOSITORY), "."])
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": path}, start_new_session=True, text=True, **pipes
    ) as process:
        wait_for(process, lambda: begun() == 2)
        children = psutil.Process(process.pid).children(recursive=True)
        yield process
        assert not psutil.wait_procs(children, timeout=20)[1]


def wait_for(process: subprocess.Popen[str], there: Callable[[], bool]) -> None:
    """Wait until something is so, while the process runs."""
    deadline = time.monotonic() + 120
    while not there():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begun() -> int:
    """The number of tasks that were begun."""
    return len([*Path().glob("begun-*")])


def check_the_rest(parts: int) -> None:
    """The same command completes the root, which has so many parts, and ends with the content ids of another one."""
    assert len([*Path("root").glob("*gated/receipts/*")]) == parts
    Path("go").touch()
    before = begun()
    assert execute(["run", "-q"]) == 0
    assert begun() - before == 4 - parts
    assert execute(["run", "-q", "--root", "fresh"]) == 0
    assert RootContents("root").contents() == RootContents("fresh").contents()


def test_no_task_begins_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even one whose worker dies after the signal."""
    tried = []

    def die(self: InlineExecutor, function: Any, task: Any) -> Any:
        del self, function
        tried.append(task)
        os.kill(os.getpid(), signal.SIGTERM)
        return Died(task, "killed by SIGKILL", StepRows())

    Path("go").touch()
    with monkeypatch.context() as patch:
        patch.setattr(InlineExecutor, "_do", die)
        assert execute(["run", "-q"]) == 143
    assert "drained after SIGTERM: 0 tasks done, none abandoned" in capsys.readouterr().err
    assert len(tried) == 1
    check_the_rest(0)


def test_the_task_under_way_is_the_last_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And signals are then received by those who received them before."""
    do, before = InlineExecutor._do, signal.getsignal(signal.SIGTERM)

    def signalled(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return do(*arguments)

    Path("go").touch()
    monkeypatch.setattr(InlineExecutor, "_do", signalled)
    assert execute(["run", "-q", "--metrics", "metrics"]) == 143
    assert capsys.readouterr().err.startswith("drained after SIGTERM: 1 task done, none abandoned")
    assert 'state="drained"} 1' in Path("metrics").read_text()
    assert signal.getsignal(signal.SIGTERM) == before
    monkeypatch.setattr(InlineExecutor, "_do", do)
    check_the_rest(1)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [2, 0])
def test_a_run_is_drained(parts: int, capsys: pytest.CaptureFixture[str]) -> None:
    """No task begins; those under way are finished, or abandoned once the time is over. One line and all records have that."""
    program = ["-m", "refinery"] if parts else ["-c", PROGRAM]
    with two_under_way(*program) as process:
        os.killpg(process.pid, signal.SIGTERM)
        if parts:
            Path("go").touch()
        out, err = process.communicate(timeout=60)
    assert (process.returncode, begun()) == (143, 2)
    assert err == f"drained after SIGTERM: {DONE if parts else NONE}; run the same command again\n"
    summary, last = json.loads(out), json.loads(Path("log").read_text("ascii").splitlines()[-1])
    assert (summary["exit_code"], summary["error"]) == (143, err.rstrip())
    assert (last["event"], last["state"], last["message"]) == ("run_ended", "drained", err.rstrip())
    assert summary["runs"][0]["run"]["state"] == "drained"
    assert execute(["status", "--root", "root"]) == 0
    assert "drained" in capsys.readouterr().out
    Path("go").unlink(missing_ok=True)
    check_the_rest(parts)


@pytest.mark.slow
def test_another_sigterm_ends_at_once() -> None:
    """As Ctrl-C does."""
    with two_under_way("-c", PROGRAM.replace("0.2", "60.0")) as process:
        os.killpg(process.pid, signal.SIGTERM)
        wait_for(process, Path("requested").exists)  # signals that come together are one
        os.killpg(process.pid, signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.splitlines()[-1]) == (130, "interrupted")
    check_the_rest(0)
