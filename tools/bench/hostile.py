"""Time and memory that the native extractor takes for hostile pages, for each megabyte of them.

usage: python tools/bench/hostile.py [--size 1000000] [--only WORD …]

Each case has a process of its own. Time is the processor's, the least of three; memory is the peak over what was
resident before, page and result not counted in "before". What took more than 50 ms or 12 bytes a byte is marked. Needs
Linux. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import pyarrow as pa

from refinery.kernels import main_texts
from tools.hostile import CASES, hostile_page

MOST_MS, MOST_BYTES = 50.0, 12.0
WARM = 20_000


class Cost(NamedTuple):
    """What one page takes."""

    name: str
    megabytes: float
    ms_per_megabyte: float
    bytes_per_byte: float
    characters: int
    truncated: bool


def main() -> None:
    """Print a row for each case, the slowest first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--size", type=int, default=1_000_000, help="bytes of a page")
    parser.add_argument("--only", nargs="*", default=[""], help="cases whose name has one of these words")
    arguments = parser.parse_args()
    chosen = [name for name in CASES if any(word in name for word in arguments.only)]
    found = sorted(costs(chosen, arguments.size), key=lambda cost: -cost.ms_per_megabyte)
    print(f"{'case':34} {'MB':>6} {'ms/MB':>8} {'memory':>8} {'characters':>11}")
    for cost in found:
        over = cost.ms_per_megabyte > MOST_MS or cost.bytes_per_byte > MOST_BYTES
        row = f"{cost.name:34} {cost.megabytes:6.2f} {cost.ms_per_megabyte:8.1f} {cost.bytes_per_byte:7.1f}× "
        print(f"{row} {cost.characters:11,}{' truncated' * cost.truncated}{' OVER' * over}")
    print(json.dumps({"size": arguments.size, "cases": [cost._asdict() for cost in found]}))


def costs(names: list[str], size: int) -> list[Cost]:
    """What cases take, each in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        return list(pool.map(_cost, names, [size] * len(names)))


def _cost(name: str, size: int) -> Cost:
    # Code, weights, and what any page of this size takes at first are not this page's.
    empty = hostile_page("less-than slash", size).decode()
    main_texts(pa.array([hostile_page("prose", WARM).decode(), empty]), pa.array(["", ""]))
    page = hostile_page(name, size).decode("utf-8", "replace")
    before = _resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")  # the peak begins anew
    pages, urls = pa.array([page]), pa.array([""])
    megabytes = (pages.nbytes - 8) / 1e6
    seconds, found = _timed(pages, urls)
    peak = _resident("VmHWM")
    seconds = min([seconds, *(_timed(pages, urls)[0] for _ in range(2))])
    return Cost(
        name,
        megabytes,
        seconds * 1e3 / megabytes,
        (peak - before) / 1e6 / megabytes,
        len(found["text"][0].as_py()),
        found["truncated"][0].as_py(),
    )


def _timed(pages: pa.StringArray, urls: pa.StringArray) -> tuple[float, pa.RecordBatch]:
    start = time.process_time()
    found = main_texts(pages, urls)
    return time.process_time() - start, found


def _resident(which: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(which))


if __name__ == "__main__":
    main()
