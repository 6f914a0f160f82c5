"""Compares each kernel with its twin and with the peers a user would take: same documents, one run, one core.

usage: python tools/bench/kernels.py [--documents 200] [--rounds 5] [--only WORD …]

Documents of about 2.4 KB come from the corpus of real pages where it lies beside the checkout, else from the generator
of the demo. All rivals of a contest take turns; a figure is the median of CPU time over the rounds, and a ratio the
median of the ratios within each round. The native kernel and its twin must give the same before they are timed. A peer
that is not installed is skipped, and said so. The last line is JSON.

These get the peers that tests do not need, and what they forget to ask for:
pip install datatrove fasteners pyahocorasick spacy tldextract tokenizers pydivsufsort rensa scipy
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib import metadata
from statistics import median
from typing import Any

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from tools.bench.contests import CONTESTS, Contest, Rival
from tools.bench.documents import Documents, documents
from tools.parity import same

SHORTEST = 0.05
"""Seconds that one measurement takes at least: calls are repeated until then."""


def main() -> None:
    """Hold the contests and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[""], help="contests whose name has one of these words")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    given = documents(arguments.documents)
    print(f"{len(given.texts)} documents of {given.bytes / len(given.texts):,.0f} bytes, {given.source}")
    chosen = [contest for contest in CONTESTS if any(word in contest.name for word in arguments.only)]
    results = [hold(contest, given, arguments.rounds) for contest in chosen]
    machine = {"python": platform.python_version(), "documents": len(given.texts), "bytes": given.bytes}
    print(json.dumps({**machine, "source": given.source, "contests": results}))


def hold(contest: Contest, given: Documents, rounds: int) -> dict[str, Any]:
    """Time the rivals of one contest, print their rows, and return them."""
    calls: dict[str, Callable[[], Any]] = {}
    skipped: dict[str, str] = {}
    for name, rival in contest.rivals.items():
        ready(name, rival, given, calls, skipped)
    amount = contest.amount(given)
    seconds = time_in_turns(calls, rounds)
    unit = contest.unit
    print(f"\n{contest.name}, {unit.label}")
    first = next(iter(seconds), "")
    rows: dict[str, Any] = {}
    for name, times in seconds.items():
        ratio = median(mine / base for mine, base in zip(times, seconds[first], strict=True))
        figure = unit.factor * median(times) / amount
        rows[name] = {
            "figure": round(figure, 4),
            "ratio": round(ratio, 3),
            "spread": round(max(times) / min(times) - 1, 3),
        }
        print(f"  {name:34} {figure:12,.2f} {ratio:10,.1f} ×")
    for name, reason in skipped.items():
        print(f"  {name:34} skipped: {reason}")
    return {"contest": contest.name, "unit": unit.label, "rivals": rows, "skipped": skipped}


def ready(
    name: str, rival: Rival, given: Documents, calls: dict[str, Callable[[], Any]], skipped: dict[str, str]
) -> None:
    """Make a rival's call, or note why there is none. Raises AssertionError where a twin's result is another."""
    try:
        call = rival.make(given)
    except ImportError as error:
        skipped[name] = str(error)
        return
    if rival.is_twin and "native" in calls:
        same(calls["native"](), call())
    peer = f" {metadata.version(rival.distribution)}" if rival.distribution else ""
    calls[f"{name}{peer}"] = call


def time_in_turns(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of CPU of one call, by name and round; each round begins with another rival."""
    loops = {name: max(1, round(SHORTEST / max(timed(call, 1), 1e-6))) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for number in range(rounds):
        shift = number % max(len(names), 1)
        for name in names[shift:] + names[:shift]:
            seconds[name].append(timed(calls[name], loops[name]))
    return seconds


def timed(call: Callable[[], Any], loops: int) -> float:
    """Seconds of CPU of one of ``loops`` calls."""
    started = time.process_time()
    for _ in range(loops):
        call()
    return (time.process_time() - started) / loops


if __name__ == "__main__":
    main()
