"""Simulate a crawl on clusters of several sizes: see the package."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.bench.bookkeeping import patterns
from tools.simulate.cluster import CLOUD, FAILING
from tools.simulate.crawl import Outcome, calibrated, simulate
from tools.simulate.recorder import SMALL, many_documents, recipe, record
from tools.simulate.recording import Recording
from tools.simulate.timings import BUILT_IN, Timings

COLUMNS = ("cores", "hours", "work_hours", "utilisation", "gets", "puts", "refused", "repeated", "deaths", "given_up")


def main() -> None:
    """Record the phases if no file has them, and simulate them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recording", type=Path, help="file with the phases; written if it is absent")
    parser.add_argument("--archives", type=int, default=90_000)
    parser.add_argument("--parts", type=int, default=4_500, help="parts of the recorded run, which stand for archives")
    parser.add_argument("--gathered", type=int, default=1, help="archives a part, as of `gather_inputs`")
    parser.add_argument("--folder", type=Path, help="where the recorded run has its root; a temporary one by default")
    parser.add_argument("--timings", type=Path, default=BUILT_IN, help="file of tools.simulate.measure")
    parser.add_argument("--cores", type=int, nargs="+", default=[10, 100, 500, 2000])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures of all phases")
    given = parser.parse_args()
    recording = _recording(given).whole(given.gathered)
    timings = calibrated(Timings.load(given.timings), recording)
    print(f"{recording.archives:,} archives in {len(recording.phases)} phases; driver {recording.driver_mb:,} MB")
    found = {}
    for name, cluster in (("no failures", CLOUD), ("failures", FAILING)):
        seeded = replace(cluster, seed=given.seed)
        outcomes = [simulate(recording, seeded.with_cores(cores), timings) for cores in given.cores]
        found[name] = [{**one.figures(), "phases": [*_phases(one)]} for one in outcomes]
        _print(name, found[name])
    if given.json:
        given.json.write_text(json.dumps(found, ensure_ascii=False, indent=1))


def _recording(given: argparse.Namespace) -> Recording:
    if given.recording and given.recording.exists():
        return Recording.load(given.recording)
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="refinery-simulate-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # In a process of its own: what it takes is not the driver's memory.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            form = many_documents(given.archives)
            known = pool.submit(patterns, folder, recipe(1, over_ranges=form), SMALL).result()
        recording = record(folder, given.archives, given.parts, known, over_ranges=form)
    finally:
        shutil.rmtree(folder)
    if given.recording:
        recording.save(given.recording)
    return recording


def _phases(outcome: Outcome) -> Iterable[Mapping[str, Any]]:
    cores = outcome.cluster.cores
    for phase in outcome.phases:
        yield {
            "phase": phase.kind,
            "tasks": phase.done,
            "seconds": round(phase.wall, 1),
            "core_hours": round(phase.busy / 3600, 2),
            "longest": round(phase.longest, 1),
            "gets": round(phase.gets),
            "puts": round(phase.puts),
            "refused": round(phase.refused),
            **{name: round(seconds, 1) for name, seconds in phase.shares(cores).items()},
        }


def _print(name: str, figures: Iterable[Mapping[str, Any]]) -> None:
    print(f"\n{name}\n" + " ".join(f"{column:>12}" for column in (*COLUMNS, "bottleneck")))
    for one in figures:
        print(" ".join(f"{one[column]:>12,}" for column in COLUMNS), f"{one['bottleneck']:>12} ({one['most_in']})")


if __name__ == "__main__":
    main()
