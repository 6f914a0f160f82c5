"""Compares figures of the simulation with real runs on this machine; the last line is JSON.

usage: python -m tools.simulate.validate FOLDER [--only wall ray requests]

- ``wall``: the time of a run with 1 and with 2 local workers, simulated with the times of a run of other archives,
  which goes on at the same time: whatever else the machine does slows both.
- ``ray``: tasks that are done again, and the time, when one of two raylets is killed. The tasks sleep.
- ``requests``: those of a run at an S3 server, from the means of the runs in ``measured.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import IO, Any

from refinery.demo import sample
from refinery.executors import Done, Late, never_late
from refinery.executors.ray import RayExecutor
from refinery.planner.requests import requests_of
from refinery.recipe import load
from refinery.runner.run import run
from refinery.task.tasks import RoundTask, SegmentTask
from refinery.task.tiers import TierTask
from tools.s3server import BUCKET, S3Server
from tools.simulate.chance import chance
from tools.simulate.cluster import Cluster
from tools.simulate.crawl import simulate
from tools.simulate.executor import SimulatedExecutor
from tools.simulate.loads import Load, kind_of
from tools.simulate.measure import Meter
from tools.simulate.recorder import recipe
from tools.simulate.recording import RecordedPhase, Recording
from tools.simulate.sleeping import rest
from tools.simulate.timings import TaskSample, Timing, Timings, requests_by_price, samples_of_log

SAMPLES = {"one": (2_400, 24, 11), "other": (2_000, 20, 12)}
"""Pages, files and seed of the samples of a run that is simulated, and of the one whose times are taken."""

SEEDS = 50
"""Simulations of a local run, of which the mean is compared."""

SLEEPERS, CORES, LOST_AFTER = 90, 3, 20.0
"""Tasks on Ray, cores of each of two nodes, and seconds after which one of these is killed."""

Figures = dict[str, Any]


def compared(simulated: float, real: float) -> Figures:
    """Return both, and the error as a share of the real one."""
    return {"simulated": round(simulated, 2), "real": round(real, 2), "error": round(simulated / real - 1, 3)}


def written(folder: Path, name: str, root: str) -> Path:
    """Write a sample and its recipe."""
    sample(str(folder / name), *SAMPLES[name])
    path = folder / f"{name}.yaml"
    path.write_text(
        recipe(1, over_ranges=False)
        .format(folder=folder, crawl=name, root="root")
        .replace(f'"{folder}/root"', f'"{root}"')
    )
    return path


# ---------------------------------------------------------------------------------------------------------------- wall


def wall(folder: Path) -> Figures:
    """Compare the time of local runs."""
    found = {}
    for workers in (1, 2):
        logs = {}
        running = []
        for name in SAMPLES:
            path, logs[name] = written(folder, name, f"{folder}/{name}-{workers}"), folder / f"{name}-{workers}.log"
            options = ["-q", "-c", str(path), "--workers", str(workers), "--log-json", str(logs[name])]
            running.append(subprocess.Popen([sys.executable, "-m", "refinery", "run", *options], cwd=folder))
        for process in running:
            if process.wait():
                raise SystemExit("a run failed")
        for name, other in (("one", "other"), ("other", "one")):
            timings = Timings.fit(samples_of_log(logs[other]))
            real = sum(seconds for _, seconds in _times(logs[name]))
            simulated = _simulated(_phases(logs[name], logs[other]), workers, timings)
            found[f"{name}, {workers} workers"] = compared(simulated, real)
    return found


def _simulated(recording: Recording, workers: int, timings: Timings) -> float:
    """Return the mean of simulations: a worker's first task takes far longer, and one draw may have none or two."""
    clusters = (Cluster(nodes=(workers,), core_memory=1 << 40, seed=seed) for seed in range(SEEDS))
    return fmean(sum(phase.wall for phase in simulate(recording, one, timings).phases) for one in clusters)


def _times(log: Path) -> Iterator[tuple[float, float]]:
    """Yield, for each phase, the seconds before it and the seconds from the end of the one before to its own."""
    events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    last = began = 0.0
    for event in events:
        at = datetime.fromisoformat(event["time"]).timestamp()
        if event["event"] == "phase_started":
            began, last = at, last or at
        elif event["event"] == "phase_ended":
            yield began - last, at - last
            last = at


def _phases(log: Path, other: Path) -> Recording:
    """Return the tasks of a run as they were planned, with the driver's seconds between phases of the other."""
    tasks: dict[str, list[float]] = {}
    for one in samples_of_log(log):
        tasks.setdefault(one.kind, []).append(one.bytes)
    planning = [before for before, _ in _times(other)]
    phases = (
        RecordedPhase(kind, "part", sizes, [0.0] * len(sizes), [0.0] * len(sizes), planning=seconds)
        for (kind, sizes), seconds in zip(tasks.items(), planning, strict=True)
    )
    return Recording(1, 1, 0, tuple(phases))


# ----------------------------------------------------------------------------------------------------------------- ray


def ray(folder: Path) -> Figures:
    """Compare attempts and time of sleeping tasks on two nodes of which one is lost."""
    seconds = [1 + 2 * chance("sleep", number) for number in range(SLEEPERS)]
    took = _on_ray(folder, seconds)
    attempts = (folder / "attempts").read_text().splitlines()
    timings = Timings({"sleep": Timing(0.0, 1.0, (1.0,))})
    cluster = Cluster((CORES, CORES), begin_seconds=0.0015, commit_seconds=0.0015, lost_at=((1, LOST_AFTER),))
    executor = SimulatedExecutor(replace(cluster, replace_seconds=1e9), timings, work=lambda task: task)
    tasks = [Load("sleep", number, size) for number, size in enumerate(seconds)]
    done = sum(isinstance(outcome, Done) for outcome in executor.map(_never, tasks))
    return {
        "done": compared(done, SLEEPERS),
        "attempts": compared(done + executor.phases[0].repeats, len(attempts)),
        "seconds": compared(executor.now, took),
    }


def _never(task: Any, mark: Any) -> Any:
    raise NotImplementedError(f"{task}, {mark}")


def _on_ray(folder: Path, seconds: Sequence[float]) -> float:
    command = [sys.executable, "-m", "tests.engine.ray_cluster", str(CORES)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}, **pipes) as cluster:
        assert cluster.stdin is not None
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        if not address:
            raise SystemExit("no cluster was started")
        executor = RayExecutor(address, None, lambda total: total)
        try:
            return _rested(executor, folder, seconds, cluster.stdin)
        finally:
            executor.close()  # before the cluster ends: Ray would end this process with it


def _rested(executor: RayExecutor, folder: Path, seconds: Sequence[float], cluster: IO[str]) -> float:
    """Do sleeping tasks, and return what they took; a node is removed meanwhile."""
    list(executor.map(rest, [("warm", 1.0, str(folder)) for _ in range(4 * CORES)]))
    (folder / "attempts").unlink()
    began, lost = time.monotonic(), False
    for outcome in executor.map(rest, [(f"task {n}", each, str(folder)) for n, each in enumerate(seconds)]):
        if not isinstance(outcome, Done):
            raise SystemExit(str(outcome))
        if not lost and time.monotonic() - began > LOST_AFTER:
            lost = True
            cluster.write("remove\n")
            cluster.flush()
    return time.monotonic() - began


# ------------------------------------------------------------------------------------------------------------ requests


class RequestMeter(Meter):
    """Does tasks, and keeps the requests that are simulated for each as well."""

    def __init__(self, timings: Timings) -> None:
        super().__init__()
        self.simulated: list[TaskSample] = []
        self._timings = timings

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        for done in super().map(function, tasks, memory, late):
            self.simulated.append(self._sample(done.task))
            yield done

    def _sample(self, task: Any) -> TaskSample:
        kind = kind_of(task)
        if isinstance(task, RoundTask | TierTask):
            gets, puts = requests_by_price(requests_of([task]))
            return TaskSample(kind, task.bytes, 0.0, gets, puts)
        timing = self._timings.of(kind)
        gathers = isinstance(task, SegmentTask) and "export" in task.stages
        gets = 1 + len(task.paths) if gathers else round(timing.gets)
        return TaskSample(kind, task.bytes, 0.0, gets, round(timing.puts))


def requests(folder: Path) -> Figures:
    """Compare the requests of a run at an S3 server."""
    server = S3Server(folder / "weed")
    try:
        os.environ.update(server.environment())
        meter = RequestMeter(Timings.load())
        run(load(str(written(folder, "other", f"s3://{BUCKET}/validate"))), executor=meter)
    finally:
        server.kill()
    sums: Mapping[str, tuple[int, int]] = {
        name: (sum(getattr(one, name) for one in meter.simulated), sum(getattr(one, name) for one in meter.samples))
        for name in ("gets", "puts")
    }
    return {name: compared(*both) for name, both in sums.items()}


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    checks: Mapping[str, Callable[[Path], Figures]] = {"wall": wall, "ray": ray, "requests": requests}
    parser.add_argument("--only", nargs="+", choices=checks, default=list(checks))
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in given.only:
        found[name] = checks[name](folder)
        for figure, values in found[name].items():
            print(f"{name:10} {figure:20} {values}", flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
