"""How long the dashboard of a large root takes to make: a finished root's statistics, given to many parts.

usage: python -m tools.bench.dashboard ROOT [--parts 1000] [-c RECIPE, where the root's names files]

The parts have statistics and receipts of their own and no rows, so samples and clusters are empty. The record of the
run has as many spans of tasks as one can have.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from msgspec import structs

from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.runs import runs
from refinery.recipe import load
from refinery.report import build
from refinery.root.receipts import Receipt, encoded
from refinery.root.statistics import merged
from refinery.runner.timeline import SLOTS, SPANS


def main() -> int:
    """Write the root, make its report, tell seconds and sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root")
    parser.add_argument("--parts", type=int, default=1000)
    parser.add_argument("-c", "--config")
    given = parser.parse_args()
    if given.config:
        load(given.config)
    folder = Path(tempfile.mkdtemp(prefix="refinery-bench-"))
    try:
        stages = _many(given.root, folder, given.parts)
        started, busy = time.perf_counter(), time.process_time()
        made = build(str(folder))
        seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    finally:
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{given.parts:,} parts × {stages} stages: {seconds:.1f} s, {cpu:.1f} s of CPU, {peak:,.0f} MB")
    print(f"largest page {max(made.files.values()) / 1000:,.0f} kB, all {sum(made.files.values()) / 1000:,.0f} kB")
    return 0


def _many(path: str, folder: Path, parts: int) -> int:
    """A root like the one at ``path`` with as many parts at every stage, which a chain of content ids links."""
    holdings = open_root(path)
    for held in holdings.stages:
        sources = [receipt for receipt in holdings.receipts(held) if receipt.rows.get("in")]
        receipts, counts = [], []
        for part in range(parts):
            model = sources[part % len(sources)]
            before = f"{held.position - 1}-{part}" if held.position else f"input-{part}"
            receipt = structs.replace(
                model,
                part=part,
                key=f"{held.position:04x}{part:028x}",
                inputs=(before, "verdict") if held.is_global else (before,),
                contents={"kept": f"{held.position}-{part}", "removed": ""},
                files={},
                statistics=f"{held.folder}/stats/part-{part:05d}.json.gz",
            )
            receipts.append(receipt)
            counts.append(holdings.root.statistics(model, part))
            _write(folder / receipt.statistics, Path(holdings.root.full(model.statistics)).read_bytes())
            if model.groups:
                _write(folder / model.groups.path, Path(holdings.root.full(model.groups.path)).read_bytes())
            _write(folder / held.folder / "receipts" / f"{receipt.key}.json", _json(receipt))
        manifest = held.manifest.model_copy(
            update={
                "parts": tuple(receipt.key for receipt in receipts),
                "shuffle": (),
                "audit": (),
                "expected": parts,
                "statistics": merged(counts),
            }
        )
        _write(folder / holdings.head.manifests[held.folder], manifest.model_dump_json().encode())
    _write(folder / "HEAD.json", json.dumps(holdings.head.model_dump(mode="json")).encode())
    _write(folder / "runs" / "20000101T000000-1.json", _run(holdings))
    return len(holdings.stages)


def _run(holdings: RootReader) -> bytes:
    """The newest run's record, its places at work all the time on tasks of many lengths."""
    record = runs(holdings.root, newest=1)[0].record.model_dump(mode="json")
    spans = [[n % SLOTS, 10.0 * (n // SLOTS), 10.0 * (n // SLOTS) + 1 + n % 9, 0, 9, 0, ""] for n in range(SPANS)]
    return json.dumps({**record, "spans": spans}).encode()


def _json(receipt: Receipt) -> bytes:
    return encoded(receipt)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
