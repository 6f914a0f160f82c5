"""Time of a recipe by stage: one worker on one core over a folder of WARC files; the last line is JSON.

usage: python tools/bench/pipeline.py INPUTS [--recipe configs/refinedweb.yaml] [--set stage.field=value …]

Seconds are those that the worker spent in a stage, its extraction child included; pages are the HTML responses.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time

from refinery.config import load
from refinery.part import Root
from refinery.runner import run
from refinery.store import store_for
from refinery.survey import manifests


def main() -> None:
    """Run the recipe in a temporary root and print what each stage took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("inputs", help="a glob of WARC files")
    parser.add_argument("--recipe", default="configs/refinedweb.yaml")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        overrides = [f"inputs={arguments.inputs}", "executor.workers=1", *arguments.overrides]
        pipeline = load(arguments.recipe, overrides, root=folder)
        started = time.perf_counter()
        run(pipeline)
        elapsed = time.perf_counter() - started
        root = Root(folder, store_for(folder))
        found = manifests(root, root.head())
        stages = {}
        pages = next(iter(found.values())).statistics["documents"]["kept"]
        for stage_folder, manifest in found.items():
            receipts = root.receipts(stage_folder, [*manifest.parts, *manifest.shuffle])
            stages[manifest.stage] = {
                "seconds": round(sum(r.seconds for r in receipts), 3),
                "documents": manifest.statistics["documents"],
            }
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    for name, stage in stages.items():
        print(f"{name:12} {1000 * stage['seconds'] / pages:9.3f} ms/page  {stage['documents']}")
    summary = {
        "pages": pages,
        "wall_seconds": round(elapsed, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "ms_per_page": {name: round(1000 * stage["seconds"] / pages, 4) for name, stage in stages.items()},
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
