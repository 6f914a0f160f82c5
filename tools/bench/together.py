"""CPU time of several recipes, each alone and all in one run, on one core; the last line is JSON.

usage: python tools/bench/together.py INPUTS RECIPE RECIPE … [--set KEY=VALUE …]

The law is that all of them together cost less than 1.5 times the most expensive one. Each run is done in a new process,
so that each pays for what is loaded once; its children, which extract with engines that are not native, are counted.
Roots are compared: they must have the same contents.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from refinery.recipe import Pipeline, load
from refinery.root.root import Root
from refinery.runner.run import run_together
from refinery.store import store_for
from tools.bench.pipeline import InProcess


def main() -> None:
    """Run the recipes in temporary roots and print what they took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("inputs", help="a glob of WARC files")
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    overrides = [f"inputs={arguments.inputs}", *arguments.overrides]
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{number}-{Path(recipe).stem}" for number, recipe in enumerate(arguments.recipes)]
        joint, alone = (
            [
                load(recipe, overrides, root=f"{folder}/{kind}/{name}")
                for recipe, name in zip(arguments.recipes, names, strict=True)
            ]
            for kind in ("joint", "alone")
        )
        together = in_new_process(joint)
        each = [in_new_process([pipeline]) for pipeline in alone]
        same = [contents(one) == contents(other) for one, other in zip(joint, alone, strict=True)]
    for name, taken in zip(names, each, strict=True):
        print(f"{name:<24} {taken:8.2f} s alone")
    ratio = together / max(each)
    print(f"{'all in one run':<24} {together:8.2f} s, {ratio:.2f} times the most expensive one")
    result = {"alone": dict(zip(names, each, strict=True)), "together": together, "ratio": ratio, "same": all(same)}
    print(json.dumps(result))


def in_new_process(pipelines: Sequence[Pipeline]) -> float:
    """Return the ``seconds`` of the pipelines where nothing of a run is loaded yet."""
    with ProcessPoolExecutor(1, get_context("fork")) as process:
        return process.submit(seconds, pipelines).result()


def seconds(pipelines: Sequence[Pipeline]) -> float:
    """Run the pipelines together, and return the CPU time of this process and its children."""
    began = _used()
    if not all(report.complete for report in run_together(pipelines, executor=InProcess())):
        raise SystemExit("a run is not complete")
    return round(_used() - began, 2)


def _used() -> float:
    """CPU time so far, of children that have ended and that go on as well."""
    ended = os.times()
    going = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + ended.children_user + ended.children_system + sum(t.user + t.system for t in going)


def contents(pipeline: Pipeline) -> list[dict[str, str]]:
    """Content ids of all parts of all stages."""
    root = Root(pipeline.root, store_for(pipeline.root))
    found = root.current_manifests(root.head())
    return [receipt.contents for folder, one in found.items() for receipt in root.receipts(folder, one.parts)]


if __name__ == "__main__":
    main()
