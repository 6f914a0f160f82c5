"""Measures the tasks of a real run: CPU seconds and requests by kind, for ``tools/simulate/measured.json``.

usage: python -m tools.simulate.measure FOLDER [--output FILE]

Samples of archives of different sizes are refined by the recipe of ``tools.simulate.recorder``, each into a root at an
S3 server that is started in FOLDER, so that tasks of every kind have different sizes. Every task is done in this
process, so that its CPU time is its own, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from refinery.demo import sample
from refinery.executors import Done, Late, never_late
from refinery.recipe import load
from refinery.runner.run import run
from refinery.task.tasks import unmarked
from tools.s3server import BUCKET, S3Server
from tools.simulate.loads import kind_of
from tools.simulate.recorder import recipe
from tools.simulate.timings import BUILT_IN, TaskSample, Timings, requests_by_price

SAMPLES = {"small": (1_200, 12, 1), "middle": (4_800, 12, 2), "large": (18_000, 12, 3)}
"""Pages, files and seed of each sample."""

OVER_RANGES = ("small", "middle")
"""Those that are refined again, with the rounds of ``minhash`` over ranges of keys."""


class Meter:
    """Does tasks in this process, and keeps the CPU seconds and requests of each."""

    width, room = 1, 1 << 62

    def __init__(self) -> None:
        self.samples: list[TaskSample] = []

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        del memory, late
        for task in tasks:
            began = time.process_time()
            receipts = function(task, unmarked)
            seconds = time.process_time() - began
            gets, puts = map(sum, zip(*(requests_by_price(one.requests) for one in receipts), strict=True))
            receipts_put = len(receipts)  # each after it was counted
            self.samples.append(TaskSample(kind_of(task), task.bytes, seconds, gets, puts + receipts_put))
            yield Done(task, receipts)

    def close(self) -> None:
        """Nothing is left to end."""


def measured(folder: Path, name: str, root: str, *, over_ranges: bool) -> list[TaskSample]:
    """Refine a sample into a root, and return its tasks."""
    sample(str(folder / name), *SAMPLES[name])
    path = folder / f"{name}.yaml"
    text = (
        recipe(1, over_ranges=over_ranges)
        .format(folder=folder, crawl=name, root="root")
        .replace(f'"{folder}/root"', f'"{root}"')
    )
    path.write_text(text, encoding="utf-8")
    meter = Meter()
    run(load(str(path)), executor=meter)
    return meter.samples


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=BUILT_IN)
    given = parser.parse_args()
    folder = given.folder.resolve()
    server = S3Server(folder / "weed")
    try:
        os.environ.update(server.environment())
        samples = [
            one
            for name in SAMPLES
            for form in (False, True)[: 1 + (name in OVER_RANGES)]
            for one in measured(folder, name, f"s3://{BUCKET}/{name}-{form}", over_ranges=form)
        ]
    finally:
        server.kill()
    sizes = ", ".join(f"{files} archives with {pages:,} pages" for pages, files, _ in SAMPLES.values())
    source = (
        f"CPU seconds and requests of {len(samples)} tasks of {len(SAMPLES) + len(OVER_RANGES)} runs: {sizes}, all made"
        " by refinery.demo; the first two also with the rounds of minhash over ranges"
    )
    Timings.fit(samples, source).save(given.output)


if __name__ == "__main__":
    main()
