"""CPU time of a recipe by stage, on one core over a folder of WARC files; the last line is JSON.

usage: python tools/bench/pipeline.py INPUTS [--recipe FILE] [--set stage.field=value …] [--datatrove]

All tasks are done in this process, one after another, and each stage's time is CPU time with all that it writes. That
of children, which extract with engines that are not native, is given apart. Pages are the HTML responses. With
--datatrove its chain (tools/bench/chain.py) goes over the same files afterwards, and the row stages are compared with
it; the children of both count.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from unittest.mock import patch

import psutil

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from refinery.executors import Done, Function, Late, R_co, T, never_late
from refinery.recipe import load
from refinery.root.root import Root
from refinery.runner.run import run
from refinery.store import store_for
from tools.bench.chain import datatrove_seconds

GLOBAL = ("urls", "minhash", "substring", "export")
"""Where the row pipeline of the recipe ends."""


class InProcess:
    """An executor without workers."""

    width, room = 1, 1 << 62

    def map(
        self, function: Function[T, R_co], tasks: Iterable[T], memory: int = 0, late: Late[T] = never_late
    ) -> Iterator[Done[T, R_co]]:
        """Do the tasks one after another."""
        del memory, late
        for task in tasks:
            yield Done(task, function(task, lambda *_: None))

    def close(self) -> None:
        """There is nothing to end."""


def main() -> None:
    """Run the recipe in a temporary root and print what each stage took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("inputs", help="a glob of WARC files")
    parser.add_argument("--recipe", default="configs/refinedweb.yaml")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--datatrove", action="store_true")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        pipeline = load(arguments.recipe, [f"inputs={arguments.inputs}", *arguments.overrides], root=folder)
        started = time.process_time()
        with patch("time.perf_counter", time.process_time):
            run(pipeline, executor=InProcess())
        used = time.process_time() - started
        root = Root(folder, store_for(folder))
        found = root.current_manifests(root.head())
        pages = next(iter(found.values())).statistics.documents["kept"]
        stages = {
            manifest.stage: sum(r.seconds for r in root.receipts(place, [*manifest.parts, *manifest.shuffle]))
            for place, manifest in found.items()
        }
        kept = {manifest.stage: manifest.statistics.documents["kept"] for manifest in found.values()}
        times = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
        children = sum(each.user + each.system for each in times)
        inputs = sorted(glob.glob(arguments.inputs))
        rival = datatrove_seconds(inputs, folder, kept) if arguments.datatrove else None
    milliseconds = {name: round(1000 * seconds / pages, 4) for name, seconds in stages.items()}
    for name, per_page in milliseconds.items():
        print(f"{name:12} {per_page:9.3f} ms/page  {kept[name]:9,} kept")
    rows = sum(seconds for name, seconds in stages.items() if name not in GLOBAL)
    summary = {
        "pages": pages,
        "cpu_seconds": round(used, 2),
        "children_cpu_seconds": round(children, 2),
        "ms_per_page": milliseconds,
        "row_stages_without_extract": round(1000 * (rows - stages.get("extract", 0.0)) / pages, 4),
        "row_stages": round(1000 * rows / pages, 4),
    }
    if rival:
        seconds, written = rival
        summary |= {"datatrove": round(1000 * seconds / pages, 3), "ratio": round(seconds / (rows + children), 2)}
        print(f"datatrove    {1000 * seconds / pages:9.3f} ms/page  {written:9,} kept")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
