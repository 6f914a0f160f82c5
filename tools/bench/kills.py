"""Kills on a Ray cluster of two raylets: raylets, workers and drivers at random, and still the rows of a local run.

usage: python -m tools.bench.kills FOLDER [--kills 50] [--pages 1000] [--files 40] [--seed 0]

Writes archives of made-up pages to FOLDER, which is to be new, and refines them by one local run, with global stages
and an export. Then a driver refines them on the cluster, run after run into new roots, while one process after the
other gets SIGKILL: a raylet, which is replaced; a worker, Ray's or that which does its task; or the driver, which is
started again as an operator would. The seed chooses what and when. Every root must have the content ids of the local
run, no part may fail, and no worker or temporary file be left. Ends with 1 where something is not as it should be. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from refinery.demo import sample
from tools.bench.raylets import Raylets
from tools.bench.soak import contents, reported

RECIPE = """
dataset: kills
inputs: "{folder}/crawl/*.warc.gz"
root: root
pipeline:
  - warc: {{}}
  - url: {{}}
  - extract: {{}}
  - language: {{}}
  - repetition: {{}}
  - quality: {{min_words: 50}}
  - lines: {{}}
  - minhash: {{bands: 14, rows: 8, ngram: 5}}
  - substring: {{min_tokens: 50}}
  - export: {{}}
max_broken_inputs: "100%"
"""
KINDS = ("raylet", "worker", "driver")
MARK = "REFINERY_KILLS"
"""Variable by which every process of this program is known."""

WORKERS = ("ray::_perform", "refinery.executors.worker")
"""In the command lines of Ray's workers that have a task, and of the local workers that do it."""

MOST_TASKS, MOST_SECONDS = 8, 2.0
"""Between two kills that many tasks end at most, and then so many seconds pass."""

PATIENCE = 600.0
"""Seconds without a task after which a run hangs."""

LEFT_SECONDS = 30.0
"""Seconds in which workers end after the run."""


def main() -> int:
    """Print the findings as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, number in (("kills", 50), ("pages", 1000), ("files", 40), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    folder = given.folder.resolve()
    if folder.exists():
        parser.error(f"{folder} exists: its roots would be there already")
    sample(str(folder / "crawl"), pages=given.pages, files=given.files, seed=3)
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    os.environ[MARK] = str(folder)
    local = Runs(folder, "local", ("--workers", "2"))
    if local.begin().wait():
        raise SystemExit("the local run failed")
    reported(f"local: {len(local.done())} tasks")
    with Raylets(2) as cluster:
        found = Disturbance(cluster, folder, given.kills, random.Random(given.seed)).run(len(local.done()))  # noqa: S311
    found["wrong"] += [f"left after the cluster: {process}" for process in ours()]
    print(json.dumps(found))
    return 1 if found["wrong"] else 0


class Runs:
    """A root, and the runs that made it, one after the other."""

    def __init__(self, folder: Path, name: str, options: tuple[str, ...]) -> None:
        self.root = folder / name
        self._folder, self._options = folder, options
        self.log = folder / f"{name}.jsonl"
        self.begun = 0

    def begin(self) -> subprocess.Popen[bytes]:
        """Begin a run."""
        self.begun += 1
        command = [sys.executable, "-m", "refinery", "run", "-q", "-c", "recipe.yaml", "--root", str(self.root)]
        log = self.log.with_suffix(f".{self.begun}.jsonl")
        with open(log.with_suffix(".err"), "wb") as errors:
            return subprocess.Popen([*command, "--log-json", str(log), *self._options], cwd=self._folder, stderr=errors)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what the runs logged, without a line that is cut off."""
        for number in range(1, self.begun + 1):
            path = self.log.with_suffix(f".{number}.jsonl")
            for line in path.read_text().splitlines() if path.exists() else ():
                with suppress(ValueError):
                    yield json.loads(line)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [one for one in self.events() if one["event"] == kind]

    def done(self) -> list[dict[str, Any]]:
        """Return the tasks that ended well."""
        return self.of_kind("task_done")


class Disturbance:
    """Runs on a cluster, and the kills among their processes."""

    def __init__(self, cluster: Raylets, folder: Path, kills: int, chance: random.Random) -> None:
        self._cluster, self._folder, self._left, self._chance = cluster, folder, kills, chance
        self._killed: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._driver: subprocess.Popen[bytes] | None = None

    def run(self, tasks: int) -> dict[str, Any]:
        """Run until all kills are done, and the last run has ended; ``tasks`` are those of an undisturbed one."""
        expected, began = contents(self._folder / "local"), time.monotonic()
        roots: list[Runs] = []
        while self._left:
            root = Runs(self._folder, f"root-{len(roots)}", ("--executor", "ray", "--address", self._cluster.address))
            roots.append(root)
            self._to_its_end(root)
            self._wrong += [f"{root.root.name}: {one['message']}" for one in root.of_kind("task_failed")]
            if contents(root.root) != expected:
                self._wrong.append(f"{root.root.name}: other content ids than the local run")
            self._wrong += [f"left: {path}" for path in (root.root / "tmp").glob("*")]
            self._wrong += left_workers()
            reported(f"{root.root.name} is done: {dict(self._killed)}")
        started = sum(len(root.of_kind("task_started")) for root in roots)
        return {
            "kills": dict(self._killed),
            "roots": len(roots),
            "drivers": sum(root.begun for root in roots),
            "tasks": tasks * len(roots),
            "repeated_tasks": started - tasks * len(roots),
            "seconds": round(time.monotonic() - began),
            "wrong": self._wrong,
        }

    def _to_its_end(self, root: Runs) -> None:
        """Start the driver again and again until a root is complete."""
        while True:
            self._driver = root.begin()
            while self._left and self._until(root, self._chance.randint(0, MOST_TASKS)):
                with suppress(subprocess.TimeoutExpired):
                    self._driver.wait(self._chance.uniform(0, MOST_SECONDS))
                    break
                self._kill()
            code = self._driver.wait(PATIENCE)
            if code == 0:
                return
            if code != -signal.SIGKILL:
                errors = root.log.with_suffix(f".{root.begun}.err").read_text()
                raise SystemExit(f"{root.root}: run {root.begun} ended with {code}: {errors}")

    def _until(self, root: Runs, tasks: int) -> bool:
        """Wait until so many more tasks have ended; False if the run has ended before."""
        assert self._driver is not None
        target, deadline = len(root.done()) + tasks, time.monotonic() + PATIENCE
        while self._driver.poll() is None:
            if len(root.done()) >= target and root.of_kind("task_started"):
                return True
            if time.monotonic() > deadline:
                raise SystemExit(f"{root.root}: no task in {PATIENCE:.0f} s")
            time.sleep(0.1)
        return False

    def _kill(self) -> None:
        assert self._driver is not None
        kind = self._chance.choice(KINDS)
        if kind == "driver":
            self._driver.kill()
        elif kind == "raylet":
            self._cluster.kill(self._chance.randint(1, 2))
            self._cluster.add()
        else:
            at_work = workers()
            if not at_work:
                return
            with suppress(psutil.NoSuchProcess):
                self._chance.choice(at_work).kill()
        self._killed[kind] += 1
        self._left -= 1
        reported(f"killed a {kind}, {self._left} left")


_seen: set[psutil.Process] = set()
"""Processes that were below this one. Those of a killed raylet no longer are, and Ray's titles hide the mark."""


def ours() -> list[psutil.Process]:
    """Return the processes that this program began, directly or not."""
    _seen.update(psutil.Process().children(recursive=True))
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == os.environ[MARK] and process.pid != os.getpid():
                _seen.add(process)
    return [one for one in _seen if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def workers() -> list[psutil.Process]:
    """Return Ray's workers that have a task, and the local workers that do it."""
    found = []
    for process in ours():
        with suppress(psutil.Error):
            if any(title in " ".join(process.cmdline()) for title in WORKERS):
                found.append(process)
    return sorted(found, key=lambda process: process.pid)


def left_workers() -> list[str]:
    """Return the workers that have not ended after a while."""
    deadline = time.monotonic() + LEFT_SECONDS
    while (left := workers()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return [f"still at work: {process}" for process in left]


if __name__ == "__main__":
    sys.exit(main())
