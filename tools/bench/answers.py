"""Whether `why` gives the stored verdict for many documents drawn by chance, and how long an answer takes.

usage: python -m tools.bench.answers ROOT [--documents 1000] [--seed 1] [-c RECIPE, where the root's names files]

Needs the archives of the root. Exit code 1 where a verdict differs or a document cannot be replayed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter

import refinery
from refinery.inspect.reader import open_root
from refinery.inspect.rows import pieces
from refinery.recipe import load


def main() -> int:
    """Draw, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-c", "--config")
    given = parser.parse_args()
    if given.config:
        load(given.config)
    holdings = open_root(given.root)
    source = holdings.stages[0]
    ids = sorted(
        {
            value.hex()
            for p in pieces(holdings, source, ("kept", "removed"), ("id",))
            for value in p.batch["id"].to_pylist()
        }
    )
    drawn = random.Random(given.seed)  # noqa: S311 - any documents will do, the same ones every time
    chosen = drawn.sample(ids, min(given.documents, len(ids)))
    found: Counter[str] = Counter()
    started = time.process_time()
    for identity in chosen:
        for account in refinery.why(given.root, identity).documents:
            ends = [s.stored.verdict for s in account.stations if s.stored]
            verdict = {True: "the same", False: "another", None: "not comparable"}[account.same]
            found[f"{ends[-1] if ends else 'nothing stored'}, {verdict} verdict"] += 1
            if account.same is not True:
                print(account.document.url, account.problem)
    seconds = time.process_time() - started
    for what, count in sorted(found.items()):
        print(f"{count:6,}  {what}")
    print(f"{seconds / max(1, len(chosen)) * 1000:.1f} ms of CPU a document")
    return 0 if all(what.endswith("the same verdict") for what in found) else 1


if __name__ == "__main__":
    sys.exit(main())
