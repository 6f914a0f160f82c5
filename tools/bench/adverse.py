"""Near-duplicates of hostile sets of documents: what comes out, CPU and memory; the last line is JSON.

usage: python tools/bench/adverse.py FOLDER [--documents 1000000] [--chain 10000] [--profile fineweb]

``identical``: one text a million times. ``marked``: the same with a number at the end, so that all are alike and no two
equal. ``chain``: each document is like the next and unlike those that are far. ``short``: one to four words, which are
fewer than a shingle has. ``empty``: texts without a word. ``crowded``: documents that all share a frame, which is a
third of the shingles of two of them, so that no pair is alike.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.stages.minhash import MinHash
from tools.bench.timed import Texts, elsewhere, peak, timed_run, write_texts

PART = 100_000
WORDS = 40
CHAIN_WORDS, CHAIN_STEP = 200, 4
FRAME = 80


def texts(kind: str, count: int) -> list[str]:
    """So many texts."""
    words = [f"w{i:x}" for i in range(max(CHAIN_WORDS + CHAIN_STEP * count, 1_000) if kind == "chain" else 1_000)]
    base = " ".join(words[:WORDS])
    kinds: dict[str, Callable[[int], str]] = {
        "identical": lambda _: base,
        "marked": lambda i: f"{base} n{i}",
        "chain": lambda i: " ".join(words[i * CHAIN_STEP : i * CHAIN_STEP + CHAIN_WORDS]),
        "short": lambda i: " ".join(words[i % 17 : i % 17 + 1 + i % 4]),
        "empty": lambda i: ("", " ", "\n\t", "\u00a0")[i % 4],
        "crowded": lambda i: " ".join([*words[:FRAME], *(f"u{i}x{place}" for place in range(FRAME))]),
    }
    return [kinds[kind](i) for i in range(count)]


def write(folder: Path, kind: str, count: int) -> None:
    """The input files of a kind."""
    write_texts(folder / "in", texts(kind, count), PART)


def measure(folder: Path, kind: str, count: int, profile: str) -> dict[str, Any]:
    """What the stage takes and finds."""
    shutil.rmtree(folder, ignore_errors=True)
    elsewhere(write, folder, kind, count)
    found = timed_run(folder, "in/*.parquet", "with", Texts(), MinHash(profile=profile))
    roles: Counter[str] = Counter()
    largest = clusters = 0
    for side in ("kept", "removed"):
        for path in (folder / "with" / "01-minhash" / side).glob("*.parquet"):
            metrics = pq.read_table(path, columns=["minhash"]).column("minhash").combine_chunks()
            for each in metrics.field("role").value_counts().to_pylist():
                roles[each["values"]] += each["counts"]
            largest = max(largest, pc.max(metrics.field("size")).as_py() or 0)
    clusters = roles["survivor"]
    shutil.rmtree(folder)
    return {
        "documents": count,
        "roles": dict(sorted(roles.items())),
        "clusters": clusters,
        "largest": largest,
        "CPU, us/document": round(sum(s for n, s in found.items() if n not in ("first", "rest")) / count * 1e6, 2),
        "rounds, s": {name: round(seconds, 2) for name, seconds in found.items()},
        "peak memory, MB": round(peak()),
    }


def main() -> None:
    """Each kind in a process of its own, so that peaks are its own."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--chain", type=int, default=10_000)
    parser.add_argument("--profile", default="fineweb")
    parser.add_argument("--kind", help="this one only")
    arguments = parser.parse_args()
    few = min(arguments.documents, 100_000)
    sizes = {
        "identical": arguments.documents,
        "marked": few,
        "chain": arguments.chain,
        "short": few,
        "empty": few,
        "crowded": arguments.chain,
    }
    if arguments.kind:
        kind = arguments.kind
        print(json.dumps(measure(arguments.folder / kind, kind, sizes[kind], arguments.profile)))
        return
    figures = {}
    for kind in sizes:
        command = [sys.executable, "-m", "tools.bench.adverse", *sys.argv[1:], "--kind", kind]
        made = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=os.environ)
        figures[kind] = json.loads(made.stdout.splitlines()[-1])
        print(kind, json.dumps(figures[kind]), flush=True)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
