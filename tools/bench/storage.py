"""Runs from s3:// to s3:// while requests are spoiled: the content ids stay; and what a run asks of the store.

usage: python -m tools.bench.storage FOLDER [--faults 500] [--rate 0.25] [--stall 10] [--pages 240] [--files 2]
                                     [--workers 2]

Starts an S3 server in FOLDER and puts a crawl of made-up pages there. Refines it once undisturbed, then through a proxy
that refuses, resets, cuts and stalls, into new roots until so many faults were injected. The content ids of every part
of every stage, and the merged statistics, must be those of the first run. Ends with 1 where they are not. The last
line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import refinery
from refinery.demo import sample
from refinery.recipe import parse
from refinery.root.root import Root
from refinery.store import S3Store
from tools.faults import Faults
from tools.s3server import BUCKET, S3Server

RECIPE = """
dataset: storage
inputs: "s3://{bucket}/crawl/*.warc.gz"
root: "{root}"
pipeline:
  - warc: {{}}
  - url: {{}}
  - extract: {{}}
  - language: {{}}
  - quality: {{}}
  - lines: {{}}
  - minhash: {{bands: 14, rows: 8, ngram: 5}}
  - substring: {{min_tokens: 50}}
  - export: {{}}
executor: {{workers: {workers}}}
"""


def main() -> int:
    """Run, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, default in {"faults": 500, "pages": 240, "files": 2, "workers": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rate", type=float, default=0.25)
    parser.add_argument("--stall", type=float, default=10.0)
    given = parser.parse_args()
    server = S3Server(given.folder / "weed")
    os.environ |= server.environment()
    try:
        return _measured(given, server)
    finally:
        server.kill()


def _measured(given: argparse.Namespace, server: S3Server) -> int:
    made = sample(f"s3://{BUCKET}/crawl", pages=given.pages, files=given.files, seed=3)
    expected, calm = _run("calm", given.workers)
    print(f"undisturbed: {calm['seconds']} s; requests a WARC: {_per_file(calm['requests'], given.files)}", flush=True)
    faults = Faults(server.endpoint, given.rate, stall=given.stall)
    os.environ["AWS_ENDPOINT_URL_S3"] = faults.endpoint
    runs, wrong, asked = 0, 0, Counter[str]()
    while faults.total < given.faults:
        found, spoiled = _run(f"spoiled-{runs}", given.workers)
        runs += 1
        wrong += found != expected
        asked.update(spoiled["requests"])
        print(f"run {runs}: {spoiled['seconds']} s, {faults.total} faults, same: {found == expected}", flush=True)
    report = {
        "archives": {"files": given.files, "bytes": sum(one["bytes"] for one in made["files"].values())},
        "undisturbed": calm,
        "requests_per_warc": _per_file(calm["requests"], given.files),
        "spoiled": {"runs": runs, "different": wrong, "faults": dict(sorted(faults.injected.items()))},
        "injected": faults.total,
        "requests": dict(sorted(asked.items())),
    }
    print(json.dumps(report))
    return 1 if wrong else 0


def _run(name: str, workers: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Refine the crawl into a root; the ids of all that it holds, and what it took."""
    root = f"s3://{BUCKET}/{name}"
    started = time.monotonic()
    report = refinery.run(parse(RECIPE.format(bucket=BUCKET, root=root, workers=workers), "storage.yaml"))
    seconds = round(time.monotonic() - started, 1)
    assert report.complete, report
    held = Root(root, S3Store())
    head = held.head()
    assert head is not None
    contents: dict[str, Any] = {}
    requests = Counter[str]()
    peak = 0
    for folder, place in head.manifests.items():
        manifest = held.manifest(place)
        receipts = held.receipts(folder, [*manifest.parts, *manifest.shuffle])
        contents[folder] = [[receipt.contents for receipt in receipts], manifest.statistics]
        for receipt in receipts:
            requests.update(receipt.requests)
            peak = max(peak, receipt.peak_memory)
    [record] = (json.loads(held.store.read(path)) for path in held.store.list(f"{root}/runs"))
    about = {"seconds": seconds, "requests": dict(requests), "driver": record["requests"], "peak_memory": peak}
    return contents, about


def _per_file(requests: dict[str, int], files: int) -> dict[str, float]:
    return {name: round(count / files, 1) for name, count in sorted(requests.items())}


if __name__ == "__main__":
    sys.exit(main())
