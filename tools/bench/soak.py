"""A long run that is killed at random: memory stays flat, nothing is left behind, books balance, results are the same.

usage: python tools/bench/soak.py FOLDER [--pages 200000] [--kills 200] [--workers 2] [--seed 0]

Writes a crawl of made-up pages to FOLDER, refines it once undisturbed and once killed at random times (the run, or one
of its workers), and compares the content ids of every part of every stage. Resident memory, open files and processes
are held against each other in the second and the last third of the undisturbed run, if it takes five minutes or more.
Ends with 1 where something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

import refinery
from refinery.demo import sample
from refinery.root.root import Root
from refinery.store import LocalStore

RECIPE = """
dataset: soak
inputs: "{folder}/crawl/*.warc.gz"
root: "{root}"
pipeline:
  - warc: {{}}
  - url: {{}}
  - extract: {{}}
  - language: {{}}
  - repetition: {{}}
  - quality: {{}}
  - lines: {{}}
max_broken_inputs: "100%"
executor: {{kind: local, workers: {workers}}}
"""
FILE_PAGES = 500
MADE = 20_000
"""Pages that are made; those beyond are in files that are there several times."""

GROWTH = 1.5
"""A run may hold so many times as much in its last third as in its second."""

LONG = 600
"""Looks at a run after which it may be judged: a short one is still warming up."""

RUN = (sys.executable, "-m", "refinery", "run", "-q", "-c")
RESUMABLE = (0, 1)


class Look(NamedTuple):
    """A run at one moment: the largest worker's resident bytes, the open files of all, and the processes."""

    resident: int
    files: int
    processes: int


def main() -> int:
    """Print the findings as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    for name, number in (("pages", 200_000), ("kills", 200), ("workers", 2), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=number)
    given = parser.parse_args()
    folder = given.folder.resolve()
    if not (folder / "crawl").is_dir():
        crawl(folder / "crawl", given.pages, given.seed)
    calm, killed = (recipe(folder, name, given.workers) for name in ("calm", "killed"))
    looks = list(watched(calm))
    reported(f"undisturbed, {len(looks)} looks: {medians(looks)}")
    kills = disturbed(killed, given.kills, random.Random(given.seed))  # noqa: S311  nothing secret
    wrong = [*grown(looks), *left_behind(folder)]
    if contents(folder / "calm") != contents(folder / "killed"):
        wrong.append("the run that was killed has other content ids")
    for name in ("calm", "killed"):
        wrong += [f"{name}: {finding}" for finding in refinery.verify(str(folder / name)).findings]
    records = sum(one.read for one in refinery.verify(str(folder / "calm")).files_read)
    peak = max((look.resident for look in looks), default=0)
    found = {"records": records, "kills": kills, "looks": len(looks), "peak": peak, "medians": medians(looks)}
    print(json.dumps({**found, "wrong": wrong}))
    return 1 if wrong else 0


def crawl(folder: Path, pages: int, seed: int) -> None:
    """Write so many pages, or a few more."""
    made = min(pages, MADE)
    sample(str(folder), pages=made, files=max(2, made // FILE_PAGES), seed=seed)
    files = sorted(folder.glob("*.warc.gz"))
    for copy in range(1, -(-pages // made)):
        for file in files:
            os.link(file, folder / f"{copy:03}-{file.name}")


def recipe(folder: Path, name: str, workers: int) -> Path:
    """Write the recipe whose root has this name."""
    path = folder / f"{name}.yaml"
    path.write_text(RECIPE.format(folder=folder, root=folder / name, workers=workers))
    return path


def watched(path: Path) -> Iterator[Look]:
    """Run a recipe to its end and look at it twice a second. Raises CalledProcessError where it fails."""
    run = subprocess.Popen([*RUN, str(path)])
    while run.poll() is None:
        time.sleep(0.5)
        yield look(run.pid)
    if run.returncode:
        raise subprocess.CalledProcessError(run.returncode, RUN)


def reported(message: str) -> None:
    """Say how far it is: it takes long."""
    print(time.strftime("%H:%M:%S"), message, file=sys.stderr, flush=True)


def look(pid: int) -> Look:
    """A process and those that it began."""
    resident, files, processes = 0, 0, 0
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        try:
            resident = max(resident, process.memory_info().rss)
            files += process.num_fds()
            processes += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return Look(resident, files, processes)


def disturbed(path: Path, kills: int, chance: random.Random) -> int:
    """Run a recipe until it is done, killing the run or a worker up to ``kills`` times; how often that was."""
    done = 0
    while True:
        run = subprocess.Popen([*RUN, str(path)])
        while done < kills:
            try:
                run.wait(chance.uniform(0.5, 6))
                break
            except subprocess.TimeoutExpired:
                done += kill(run, chance)
                reported(f"killed {done} times")
        code = run.wait()
        if code == 0:
            return done
        if code not in (*RESUMABLE, -signal.SIGKILL):
            raise subprocess.CalledProcessError(code, RUN)


def kill(run: subprocess.Popen[bytes], chance: random.Random) -> int:
    """Kill the run or one of the processes that it began; whether there was one."""
    try:
        family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
        chance.choice(family).kill()
    except psutil.NoSuchProcess:
        return 0
    return 1


def grown(looks: list[Look]) -> list[str]:
    """What grew while the run went on: medians of the second and of the last third are compared."""
    if len(looks) < LONG:
        return []
    return [
        f"{n}: {before:,} became {after:,}" for n, (before, after) in medians(looks).items() if after > before * GROWTH
    ]


def medians(looks: list[Look]) -> dict[str, tuple[int, int]]:
    """Of the second and of the last third, by what was looked at; nothing where the run had ended before."""
    third = len(looks) // 3
    if third == 0:
        return {}
    parts = (looks[third : 2 * third], looks[-third:])
    found = {}
    for place, name in enumerate(Look._fields):
        before, after = (sorted(one[place] for one in part)[len(part) // 2] for part in parts)
        found[name] = (before, after)
    return found


def left_behind(folder: Path) -> list[str]:
    """Temporary files, and processes that still work on the folder."""
    strays = [path for name in ("calm", "killed") for path in (folder / name / "tmp").glob("*")]
    working = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.pid != os.getpid() and any(str(folder) in word for word in process.info["cmdline"] or ())
    ]
    return [*(f"left: {path}" for path in strays), *(f"still at work: process {pid}" for pid in working)]


def contents(root: Path) -> dict[str, list[dict[str, str]]]:
    """The content ids of every part of every stage."""
    held = Root(str(root), LocalStore())
    head = held.head()
    assert head is not None
    manifests = {folder: held.manifest(path) for folder, path in head.manifests.items()}
    return {folder: [r.contents for r in held.receipts(folder, m.parts)] for folder, m in manifests.items()}


if __name__ == "__main__":
    sys.exit(main())
