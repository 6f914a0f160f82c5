"""What workers and Ray cost: CPU and time of the row stages by one worker, by two, and on Ray; and of an empty task.

usage: python -m tools.bench.executors FOLDER [ARCHIVE…] [--repeats 3] [--tasks 10000]

The cluster has two raylets of one CPU each. Each repeat does all in turns, into new roots in FOLDER; without archives
only empty tasks are measured, whose descriptions have the size of a real one. CPU is that of every process, Ray's own
included, so that it means something on a machine that does other work as well; time does not there. The last line is
JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from refinery.executors import Executor
from refinery.executors.local import LocalExecutor
from refinery.executors.ray import RayExecutor
from refinery.task.tasks import ProgressMarker
from tools.bench.raylets import Raylets

RECIPE = """
dataset: executors
inputs: {inputs}
root: root
pipeline: [warc: {{}}, url: {{}}, extract: {{}}, language: {{}}, repetition: {{}}, quality: {{}}, lines: {{}}]
"""
DESCRIPTION = bytes(61_000)
"""Of the size of a pickled task of the row stages of ``configs/refinedweb.yaml``."""

LOOK = 0.1
"""Seconds between looks at the processes."""

KINDS = {
    "local, 1 worker": ("--workers", "1"),
    "local, 2 workers": ("--workers", "2"),
    "Ray, 1 task at once": ("--workers", "1", "--executor", "ray"),
    "Ray, 2 tasks at once": ("--workers", "2", "--executor", "ray"),
}


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("archives", type=Path, nargs="*")
    for name, default in {"repeats": 3, "tasks": 10_000}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    recipe = given.folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(inputs=json.dumps([str(path.absolute()) for path in given.archives])))
    found: dict[str, list[tuple[float, float]]] = {}
    with Raylets(2) as cluster:
        ray = [psutil.Process(node.pid) for node in cluster.nodes]
        for turn in range(given.repeats if given.archives else 0):
            for number, (kind, options) in enumerate(KINDS.items()):
                root = given.folder / f"root-{os.getpid()}-{turn}-{number}"
                where = (*options, "--address", cluster.address) if "ray" in options else options
                found.setdefault(kind, []).append(_run(recipe, root, where, ray))
                print(f"{kind}: CPU {found[kind][-1][0]:.1f} s, {found[kind][-1][1]:.1f} s", flush=True)
        empty = {}
        for width in (1, 2):
            empty[f"local, {width} at once"] = _empty(LocalExecutor(width, 1 << 40), given.tasks, ray)
            executor = RayExecutor(cluster.address, width, lambda total: total)
            empty[f"Ray, {width} at once"] = _empty(executor, given.tasks, ray)
    report: dict[str, Any] = {
        kind: {"cpu": [round(cpu, 2) for cpu, _ in each], "seconds": [round(wall, 2) for _, wall in each]}
        for kind, each in found.items()
    }
    one = [cpu for cpu, _ in found.get("local, 1 worker", [])]
    ratios = {k: median(cpu / base for (cpu, _), base in zip(each, one, strict=True)) for k, each in found.items()}
    print(json.dumps({"runs": report, "cpu_against_one_worker": ratios, "milliseconds_of_an_empty_task": empty}))
    return 0


def _run(recipe: Path, root: Path, options: tuple[str, ...], ray: list[psutil.Process]) -> tuple[float, float]:
    """CPU seconds and seconds of a run."""
    command = [sys.executable, "-m", "refinery", "run", "-q", "-c", str(recipe), "--root", str(root), *options]
    before, used = _looked(*ray), dict[int, float]()
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None:
            time.sleep(LOOK)
            used |= _looked(*ray, psutil.Process(run.pid))
    assert run.returncode == 0
    return sum(cpu - before.get(pid, 0.0) for pid, cpu in used.items()), time.monotonic() - began


def _looked(*first: psutil.Process) -> dict[int, float]:
    """CPU seconds of processes and all below them. Looked at often: nobody adds up those of Ray's workers that end."""
    found = {}
    for process in [below for one in first for below in (one, *one.children(recursive=True))]:
        with suppress(psutil.NoSuchProcess):
            found[process.pid] = sum(process.cpu_times()[:2])
    return found


def nothing(task: bytes, mark: ProgressMarker) -> None:
    """An empty task."""
    del task, mark


def _empty(executor: Executor, tasks: int, ray: list[psutil.Process]) -> dict[str, float]:
    """Milliseconds and CPU milliseconds of an empty task, once the workers are there."""
    list(executor.map(nothing, [DESCRIPTION] * executor.width))
    before, began = _looked(psutil.Process(), *ray), time.monotonic()
    assert sum(1 for _ in executor.map(nothing, repeat(DESCRIPTION, tasks))) == tasks
    took, used = time.monotonic() - began, _looked(psutil.Process(), *ray)
    executor.close()
    cpu = sum(seconds - before.get(pid, 0.0) for pid, seconds in used.items())
    return {"time": round(1000 * took / tasks, 2), "cpu": round(1000 * cpu / tasks, 2)}


if __name__ == "__main__":
    sys.exit(main())
