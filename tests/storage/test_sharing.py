"""Several runs on parts of one root at the same time, as a batch scheduler starts them: none harms another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refinery.errors import UsageError
from refinery.inspect.runs import status
from refinery.inspect.verification import verify
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.root.root import Root
from refinery.store import store_for
from tests.conftest import REPOSITORY
from tests.engine import toy
from tests.engine.roots import FOLDERS, RootContents, pipeline, quick, slow_kinds, write_inputs
from tests.engine.test_outputs import globbed, named
from tests.storage.held import contents_of

FILES = 9
RECIPE = """
dataset: toy
inputs: {folder}/in/*.txt
root: {root}
executor: {{workers: 1, batch: 1}}
pipeline:
  - lines-of-text: {{use: "tests.engine.toy:LineSource"}}
  - words: {{use: "tests.engine.toy:Length"}}
  - slow: {{use: "tests.engine.toy:Slow"}}
  - gather: {{use: "tests.engine.toy:Gather"}}
"""


class Jobs:
    """Runs of their own processes on one root, by the command line."""

    def __init__(self, folder: Path, root: str) -> None:
        self.root = root
        self._recipe = folder / "recipe.yaml"
        self._recipe.write_text(RECIPE.format(folder=folder, root=root))

    def begin(self, *options: str) -> subprocess.Popen[str]:
        """Begin one."""
        command = [sys.executable, "-m", "refinery", "run", "-c", str(self._recipe), "--json", *options]
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=environment, **pipes)

    def receipts(self, parts: range) -> list[int]:
        """The parts among these that the map is made of."""
        root = Root(self.root, store_for(self.root))
        return [r.part for r in root.receipts_of("02-slow") if r.kind == "map" and r.part in parts]

    def entered(self) -> set[int]:
        """The parts that the manifests tell."""
        root = Root(self.root, store_for(self.root))
        head = root.head()
        assert head is not None
        manifest = root.manifest(head.manifests[FOLDERS[0]])
        return {receipt.part for receipt in root.receipts(FOLDERS[0], manifest.parts)}


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a run says that ends well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    said: dict[str, Any] = json.loads(out)
    return said


def wait_for(there: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    """A pipeline over nine files with duplicates, done by one run in a root of its own."""
    monkeypatch.setattr(toy, "rest", lambda seconds: None)  # in this process
    lines = [[f"line {n} of file {f % 4}" for n in range(8)] + ["short", "", "# no document"] for f in range(FILES)]
    write_inputs(tmp_path / "in", lines)
    calm = pipeline(tmp_path, slow_kinds(), root="calm")
    assert quick(calm).complete
    return calm


@pytest.fixture(params=["local", "s3"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Jobs:
    """Jobs on a root on this machine, or in a bucket."""
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else str(tmp_path)
    return Jobs(tmp_path, f"{bucket}/root")


def finish(jobs: Jobs, given: Pipeline) -> None:
    """A run of all parts ends as if there had been no other, and all that the root says of itself is true."""
    there = given.model_copy(update={"root": jobs.root})
    assert quick(there).complete
    assert contents_of(jobs.root) == contents_of(given.root)
    assert verify(jobs.root).findings == ()
    assert quick(there).tasks == 0
    if jobs.root.startswith("/"):
        assert RootContents(jobs.root).file_bytes() == RootContents(given.root).file_bytes()
        assert not list(Path(jobs.root, "tmp").iterdir())
        assert globbed(Path(jobs.root)) == named(Path(jobs.root))
    else:
        assert store_for(jobs.root).list(f"{jobs.root}/.shared") == []


@pytest.mark.slow
def test_runs_of_parts_that_overlap(jobs: Jobs, given: Pipeline) -> None:
    """Each ends well, and the last of them enters what all made; a run of all parts is refused meanwhile."""
    running = [jobs.begin("--parts", parts) for parts in ("0-4", "1/2", "0-4,6,8")]
    wait_for(lambda: jobs.receipts(range(FILES)))
    with pytest.raises(Exception, match="another run is at work"):
        quick(given.model_copy(update={"root": jobs.root}))
    wait_for(lambda: status(jobs.root).others == 2 or any(one.poll() is not None for one in running))
    said = [ended(process) for process in running]
    assert all(not one["failures"] for one in said)
    assert any(one["manifests_updated"] for one in said)
    assert jobs.entered() == set(range(FILES))
    finish(jobs, given)


@pytest.mark.slow
def test_one_of_them_is_killed(jobs: Jobs, given: Pipeline) -> None:
    """The others go on, and what it has not made is made by whoever comes next."""
    killed, other = jobs.begin("--parts", "0-4"), jobs.begin("--parts", "3-7")
    wait_for(lambda: jobs.receipts(range(2)))
    killed.kill()
    killed.communicate()
    assert ended(other)["failures"] == []
    assert jobs.entered() >= set(range(3, 8))
    finish(jobs, given)


@pytest.mark.slow
def test_the_script_of_the_manual(tmp_path: Path, given: Pipeline) -> None:
    """Three jobs of an array at once, as Slurm would start them, then the run of all parts."""
    blocks = (REPOSITORY / "docs" / "how-to" / "run-on-slurm.md").read_text().split("```sh\n")[1:]
    script = next(block.partition("```")[0] for block in blocks if "SLURM_ARRAY_TASK_ID" in block)
    (tmp_path / "job.sh").write_text(script)
    jobs = Jobs(tmp_path, str(tmp_path / "root"))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    slurm = {"SLURM_ARRAY_TASK_COUNT": "3", "SLURM_CPUS_PER_TASK": "1", "SLURM_MEM_PER_NODE": "8192"}
    running = [
        subprocess.Popen(
            ["bash", "job.sh"],
            env=os.environ | slurm | {"PATH": path, "PYTHONPATH": str(REPOSITORY), "SLURM_ARRAY_TASK_ID": str(job)},
            cwd=tmp_path,
        )
        for job in range(3)
    ]
    assert [job.wait(120) for job in running] == [0, 0, 0]
    assert jobs.entered() == set(range(FILES))
    finish(jobs, given)


def test_jobs_of_many_make_all_parts(tmp_path: Path, given: Pipeline) -> None:
    """Each part is that of one job."""
    there = given.model_copy(update={"root": str(tmp_path / "root")})
    made = []
    for job in range(4):
        quick(there, Selection(parts=range(job, FILES, 4)))
        made.append({receipt.part for receipt in RootContents(tmp_path / "root").receipts(FOLDERS[0])})
    assert made == [{n for n in range(FILES) if n % 4 <= job} for job in range(4)]
    with pytest.raises(UsageError, match="selects none"):
        quick(there, Selection(parts=range(90, 100, 91)))


def test_a_share_of_new_parts_beside_older_ones(tmp_path: Path, given: Pipeline) -> None:
    """A run of some parts, with nobody beside it, tells at once what is there."""
    there = given.model_copy(update={"root": str(tmp_path / "root")})
    assert quick(there, Selection(parts=(0, 1))).manifests_updated
    quick(there, Selection(share=0.5))
    held = RootContents(tmp_path / "root")
    assert {0, 1} < {receipt.part for receipt in held.receipts(FOLDERS[0])}
    assert held.manifests[FOLDERS[0]].expected == FILES


def test_forced_parts_need_the_root_alone(tmp_path: Path, given: Pipeline) -> None:
    """They replace rows that others may read."""
    there = given.model_copy(update={"root": str(tmp_path / "root")})
    root = Root(there.root, store_for(there.root))
    with root.store.lock(root.path, shared=True):
        assert not quick(there, Selection(parts=(0,))).manifests_updated
        for forced in (Selection(parts=(0,), force=True), Selection(parts=(0,), first="words"), Selection()):
            with pytest.raises(Exception, match="another run is at work"):
                quick(there, forced)
    assert quick(there, Selection(parts=(0,), force=True)).manifests_updated
