"""What near-duplicates cost as documents grow: CPU and memory of every round of ``minhash``; the last line is JSON.

usage: python tools/bench/scale.py FOLDER [--documents 1000000] [--profile fineweb] [--memory 1GiB]

Documents are those of ``crowd``, short on purpose: what a text costs is measured by ``dedup``. One process does all, so
that its peak is a worker's. ``map`` is what the first phase takes beyond the same phase without the stage; ``rest`` is
what follows the verdict, where all rows are written again.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ByteSize, TypeAdapter

from refinery import Pipeline, Stage, Step, run
from refinery.config import ExecutorSettings
from refinery.executors import Done
from refinery.tasks import Crumb, PartTask, ReduceTask, ResolveTask
from stages.minhash import MinHash
from tools.bench.crowd import Crowd, write_parts


class Timed:
    """Does tasks in this process and adds up what they take, by round."""

    width = 1

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def map(self, function: Any, tasks: Iterable[Any]) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        for task in tasks:
            of_round = isinstance(task, ReduceTask | ResolveTask | PartTask)
            name = task.method if of_round else "rest" if task.verdict else "first"
            began = time.process_time()
            done = Done(task, function(task, lambda *_: Crumb()))
            self.seconds[name] += time.process_time() - began
            yield done

    def close(self) -> None:
        """Nothing is left to end."""


def main() -> None:
    """Run the stage and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=100_000)
    parser.add_argument("--profile", default="fineweb")
    parser.add_argument("--memory", default="1GiB")
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    write_parts(arguments.folder / "in", arguments.documents, arguments.part)
    memory = TypeAdapter(ByteSize).validate_python(arguments.memory)
    stage = MinHash(profile=arguments.profile, memory=memory)
    _run(arguments.folder, "warm", Crowd())  # what is loaded once must not count for either
    without = _run(arguments.folder, "without", Crowd())
    found = _run(arguments.folder, "with", Crowd(), stage)
    found["map"] = found.pop("first") - without["first"]
    million = arguments.documents / 1e6
    figures = {f"{name}, us/document": seconds / million for name, seconds in found.items()}
    figures["all but rest, us/document"] = sum(s for name, s in found.items() if name != "rest") / million
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    figures["disk of the rounds, bytes/document"] = (
        _bytes(arguments.folder / "with" / "01-minhash") / arguments.documents
    )
    for name, value in figures.items():
        print(f"{name:40} {value:12.2f}")
    print(json.dumps({**vars(arguments), "folder": "", **{name: round(v, 3) for name, v in figures.items()}}))


def _run(folder: Path, root: str, *stages: Stage) -> dict[str, float]:
    steps = tuple(Step(s.name, s, False, f"{type(s).__module__}:{type(s).__name__}") for s in stages)
    pipeline = Pipeline(
        dataset="crowd",
        inputs=(str(folder / "in" / "*.npy"),),
        root=str(folder / root),
        executor=ExecutorSettings(workers=1, batch=10_000),
        steps=steps,
    )
    timed = Timed()
    if not run(pipeline, executor=timed).complete:
        raise SystemExit("the run is not complete")
    return dict(timed.seconds)


def _bytes(folder: Path) -> int:
    rounds = ("map", "reduce", "resolve")
    return sum(path.stat().st_size for name in rounds for path in (folder / name).rglob("*.parquet"))


if __name__ == "__main__":
    main()
