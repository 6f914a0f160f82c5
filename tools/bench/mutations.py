"""Read damaged copies of real archives: no crash, no hang, and every record that the damage does not touch is there.

usage: python tools/bench/mutations.py [--cuts 50] [--flips 200] [--others 3] [--only WORD] [--workers 1]

Needs the corpus beside the checkout: its odd archives that hold a record, and stretches of its real ones. Prints each
copy that was not read as it should be; ends with 1 if there was one.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tools.mutations import Archive, problem, read, sound

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
SECONDS = 5
"""What takes longer hangs."""

STRETCH = 400_000
STRETCHES = 2
"""So many stretches of so many bytes, some 30 records, are taken of a real archive."""


class Told(NamedTuple):
    """What came of one archive: copies read, what was wrong with which, the slowest, and the process's peak memory."""

    name: str
    copies: int
    wrong: list[tuple[str, str]]
    slowest: float
    memory: int


def main() -> int:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    for name, number in (("cuts", 50), ("flips", 200), ("others", 3), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=number)
    parser.add_argument("--only", default="", help="archives with this word in their name")
    given = parser.parse_args()
    if not CORPUS.is_dir():
        raise SystemExit(f"no corpus at {CORPUS}")
    one = partial(reported, cuts=given.cuts, flips=given.flips, others=given.others)
    sums: Counter[str] = Counter()
    slowest = 0.0
    with ProcessPoolExecutor(given.workers) as pool:
        for found in pool.map(one, *zip(*(item for item in chosen() if given.only in item[0]), strict=True)):
            for copy, wrong in found.wrong:
                print(f"{found.name}: {copy}: {wrong}", flush=True)
            sums.update({"archives": 1, "copies": found.copies, "wrong": len(found.wrong)})
            sums["memory"] = max(sums["memory"], found.memory)
            slowest = max(slowest, found.slowest)
    print(json.dumps({**sums, "slowest": round(slowest, 2)}))
    return 1 if sums["wrong"] else 0


def chosen() -> Iterator[tuple[str, bytes]]:
    """The archives that are damaged, by name."""
    for path in sorted((CORPUS / "odd").iterdir()):
        data = path.read_bytes()
        if path.suffix != ".tsv" and data and Archive(path.name, data).readable:
            yield path.name, data
    for path in sorted((CORPUS / "pages").glob("*.warc.gz")):
        with path.open("rb") as stream:
            for number in range(STRETCHES):
                data = stream.read(STRETCH)
                whole = [one for one in read(data) if sound(one)]
                yield f"{path.name} {number}", data[whole[0].offset : whole[-1].offset + whole[-1].length]


def reported(name: str, data: bytes, cuts: int, flips: int, others: int) -> Told:
    """Damage one archive and read all copies."""
    wrong = []
    count, slowest = 0, 0.0
    for copy in Archive(name, data).copies(cuts, flips, others):
        count += 1
        began = time.perf_counter()
        try:
            with limited(SECONDS):
                said = problem(copy)
        except Exception as error:  # noqa: BLE001  whatever it raises is a finding
            said = f"{type(error).__name__}: {error}"
        slowest = max(slowest, time.perf_counter() - began)
        wrong += [(copy.name, said)] if said else []
    return Told(name, count, wrong, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TimeoutError if the block takes more processor time than that."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


if __name__ == "__main__":
    sys.exit(main())
