"""What near-duplicates cost as documents grow: CPU and memory of every round of ``minhash``; the last line is JSON.

usage: python tools/bench/scale.py FOLDER [--documents 1000000] [--profiles fineweb verified] [--memory 1GiB] [--rest]

Documents are those of ``crowd``, short on purpose: what a text costs is measured by ``dedup``. One process does all, so
that its peak is a worker's. ``first`` is what makes and writes the documents, ``map`` what the stage takes of the same
phase; ``rest``, if it is asked for, is what follows the verdict, where all rows are written again. All between is the
global part. Profiles go one after another over the same documents, which the first makes and the others read.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from pydantic import ByteSize, TypeAdapter

from refinery.stages._profiles import PROFILES
from refinery.stages.minhash import MinHash
from tools.bench.crowd import Crowd, write_parts
from tools.bench.timed import elsewhere, peak, timed_run


def main() -> None:
    """Run the stage and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, default=100_000)
    parser.add_argument("--profiles", nargs="*", choices=list(PROFILES), default=["fineweb"])
    parser.add_argument("--memory", default="1GiB")
    parser.add_argument("--rest", action="store_true", help="write the rows again as well")
    arguments = parser.parse_args()
    folder, documents = arguments.folder, arguments.documents
    shutil.rmtree(folder, ignore_errors=True)
    elsewhere(write_parts, folder / "in", documents, arguments.part)
    memory = TypeAdapter(ByteSize).validate_python(arguments.memory)
    for profile in arguments.profiles:
        figures = measure(folder, documents, MinHash(profile=profile, memory=memory), rest=arguments.rest)
        for name, value in figures.items():
            print(f"{name:40} {value:12.2f}")
        setting = {"documents": documents, "part": arguments.part, "profile": profile, "memory": arguments.memory}
        print(json.dumps({**setting, **{name: round(value, 3) for name, value in figures.items()}}), flush=True)
    shutil.rmtree(folder)


def measure(folder: Path, documents: int, stage: MinHash, *, rest: bool) -> dict[str, float]:
    """Run the stage over documents that are made once for all stages; microseconds of each document, and sizes."""
    million = documents / 1e6
    timed_run(folder, "in/00000.npy", "warm", Crowd(), stage, rest=False)  # what is loaded once must not count
    began = time.perf_counter()
    found = timed_run(folder, "in/*.npy", "with", Crowd(), stage, rest=rest)
    wall = time.perf_counter() - began
    rounds = {name: seconds for name, seconds in found.items() if name not in ("first", "map", "rest")}
    figures = {f"{name}, us/document": seconds / million for name, seconds in found.items()}
    figures["global part, us/document"] = sum(rounds.values()) / million
    figures["map and global part, us/document"] = (found["map"] + sum(rounds.values())) / million
    figures["wall time of the whole run, us/document"] = wall / million
    figures["peak memory so far, MB"] = peak()
    figures["disk of map and rounds, bytes/document"] = _bytes(folder / "with" / "01-minhash") / documents
    for root in ("warm", "with"):
        shutil.rmtree(folder / root / "01-minhash")
    return figures


def _bytes(folder: Path) -> int:
    rounds = ("map", "reduce", "resolve")
    return sum(path.stat().st_size for name in rounds for path in (folder / name).rglob("*.parquet"))


if __name__ == "__main__":
    main()
