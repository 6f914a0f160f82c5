"""What near-duplicates cost as documents grow: CPU and memory of every round of ``minhash``; the last line is JSON.

usage: python tools/bench/scale.py FOLDER [--documents 1000000] [--profile fineweb] [--memory 1GiB]

Documents are those of ``crowd``, short on purpose: what a text costs is measured by ``dedup``. One process does all, so
that its peak is a worker's. ``map`` is what the first phase takes beyond the same phase without the stage, of which the
first parts are measured; ``rest`` is what follows the verdict, where all rows are written again. All between is the
global part.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from pydantic import ByteSize, TypeAdapter

from stages.minhash import MinHash
from tools.bench.crowd import Crowd, write_parts
from tools.bench.timed import elsewhere, peak, timed_run

PARTS = 10
"""Of which the cost of a run without the stage is taken."""


def main() -> None:
    """Run the stage and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=100_000)
    parser.add_argument("--profile", default="fineweb")
    parser.add_argument("--memory", default="1GiB")
    arguments = parser.parse_args()
    folder, documents = arguments.folder, arguments.documents
    shutil.rmtree(folder, ignore_errors=True)
    elsewhere(write_parts, folder / "in", documents, arguments.part)
    memory = TypeAdapter(ByteSize).validate_python(arguments.memory)
    stage = MinHash(profile=arguments.profile, memory=memory)
    timed_run(folder, "in/00000.npy", "warm", Crowd())  # what is loaded once must not count for either
    without = timed_run(folder, "in/0000?.npy", "without", Crowd())["first"] / min(documents, PARTS * arguments.part)
    began = time.perf_counter()
    found = timed_run(folder, "in/*.npy", "with", Crowd(), stage)
    wall = time.perf_counter() - began
    found["map"] = found.pop("first") - without * documents
    million = documents / 1e6
    rounds = {name: seconds for name, seconds in found.items() if name not in ("map", "rest")}
    figures = {f"{name}, us/document": seconds / million for name, seconds in found.items()}
    figures["global part, us/document"] = sum(rounds.values()) / million
    figures["map and global part, us/document"] = (found["map"] + sum(rounds.values())) / million
    figures["source, us/document"] = without * 1e6
    figures["wall time of the whole run, us/document"] = wall / million
    figures["peak memory, MB"] = peak()
    figures["disk of map and rounds, bytes/document"] = _bytes(folder / "with" / "01-minhash") / documents
    for name, value in figures.items():
        print(f"{name:40} {value:12.2f}")
    print(json.dumps({**vars(arguments), "folder": "", **{name: round(v, 3) for name, v in figures.items()}}))


def _bytes(folder: Path) -> int:
    rounds = ("map", "reduce", "resolve")
    return sum(path.stat().st_size for name in rounds for path in (folder / name).rglob("*.parquet"))


if __name__ == "__main__":
    main()
