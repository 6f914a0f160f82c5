"""A program that calls ``refinery.run`` is not run again by its workers, whatever kind of program it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import REPOSITORY
from tests.engine.roots import RootContents

PROGRAM = """
import refinery
from pathlib import Path
from tests.engine.roots import pipeline
with open("begun", "a") as log:
    log.write("x")
print(refinery.run(pipeline(Path("."), workers=1)).complete)
"""

STAGES = """
import sys
from pathlib import Path
import refinery
from tests.engine.roots import pipeline, steps
from tests.engine.toy import LineSource, Length

class Mine(Length):
    name = "mine"

def main():
    print(refinery.run(pipeline(Path("."), steps(LineSource(), Mine()))).complete)

"""


STOPPED = """
import os, signal, sys
from refinery.executors.local import LocalExecutor
from tests.engine.test_deaths import double
executor = LocalExecutor(1, 2**40)
[outcome] = executor.map(double, [4])
os.kill(outcome.report.pid, signal.SIGSTOP)
os.waitpid(outcome.report.pid, os.WUNTRACED)
print(outcome.report.pid, flush=True)
sys.stdin.read()
"""


def execute(folder: Path, *arguments: str, given: str | None = None) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a Python process."""
    env = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, check=False, cwd=folder, env=env, input=given, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def test_a_script_needs_no_main_guard(folder: Path) -> None:
    """It is run once, not again by each worker."""
    (folder / "program.py").write_text(PROGRAM)
    assert execute(folder, "program.py") == (0, "True\n", "")
    assert (folder / "begun").read_text() == "x"
    RootContents(folder / "root").check_files()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it goes on")
def test_a_stopped_worker_ends_with_a_parent_that_is_killed() -> None:
    """Nobody would have it go on."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", STOPPED], cwd=REPOSITORY, text=True, **pipes) as parent:
        assert parent.stdout is not None
        worker = psutil.Process(int(parent.stdout.readline()))
        assert worker.status() == psutil.STATUS_STOPPED
        parent.kill()
    assert psutil.wait_procs([worker], timeout=60) == ([worker], [])


@pytest.mark.slow
def test_a_program_may_come_from_standard_input(folder: Path) -> None:
    """Where there is no file that a worker could import."""
    assert execute(folder, "-", given=PROGRAM) == (0, "True\n", "")
    assert (folder / "begun").read_text() == "x"


@pytest.mark.slow
def test_a_notebook_runs_a_pipeline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the kernel of Jupyter."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROGRAM)])
    resources = {"metadata": {"path": str(folder)}}
    done = nbclient.NotebookClient(notebook, timeout=60, resources=resources).execute()
    assert [output["text"] for output in done["cells"][0]["outputs"]] == ["True\n"]
    assert (folder / "begun").read_text() == "x"


def test_a_stage_of_the_main_module_is_found_there(folder: Path) -> None:
    """A worker imports the program then, below whose guard nothing runs."""
    (folder / "program.py").write_text(f'{STAGES}if __name__ == "__main__":\n    main()\n')
    assert execute(folder, "program.py") == (0, "True\n", "")


def test_a_run_that_would_begin_itself_again_is_refused(folder: Path) -> None:
    """Where a stage is defined in a program without a guard, one error says so, and nothing is run twice."""
    (folder / "program.py").write_text(f"{STAGES}main()\n")
    code, out, error = execute(folder, "program.py")
    assert (code, out, error.count("would start the run again")) == (1, "", 1)


def test_a_stage_that_no_worker_can_import_is_named(folder: Path) -> None:
    """One that was typed in, for which there is no file."""
    code, _, error = execute(folder, "-", given=f"{STAGES}main()\n")
    assert code == 1
    assert "a worker needs 'Mine', which it cannot import from where it is defined" in error
