"""The rounds of a global stage over many sorted runs: files that a task opens, requests planned and sent, memory.

usage: python -m tools.bench.exchange FOLDER [--runs 10000] [--rows 200] [--memory 8MiB] [--parts 100] [--local]

Writes runs with random keys as the map of a stage would, to a root at an S3 server that is started in FOLDER, or to
FOLDER itself with ``--local``. Then all merges and ranges are done, and the last round of the first parts. A table has
a line for each round: its tasks, the most files that one of them opened, requests by plan and as the store got them.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from refinery.planner.parts import Part
from refinery.planner.requests import requests_of
from refinery.planner.rounds import FileShuffle
from refinery.recipe import Step, byte_size
from refinery.root.parquet import publish, write_table
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.addresses import address
from refinery.stage.documents import Docs
from refinery.stage.global_stage import Global, Mapped
from refinery.stage.round_input import MappedPart
from refinery.stage.rounds import Conclude, Reduce, Round
from refinery.store import LocalStore, Store, store_for, taken
from refinery.task.perform import perform
from refinery.task.shuffle import ROW_GROUP
from refinery.task.tasks import RoundTask, unmarked
from refinery.task.tiers import TierTask
from tools.s3server import BUCKET, S3Server

FOLDER = "01-repeats"


class Repeats(Global):
    """Finds the documents whose key another one has."""

    name: ClassVar = "repeats"
    version: ClassVar = 1

    def rounds(self) -> tuple[Round, ...]:
        return (Reduce("reduce", self.reduce), Conclude("conclude", self.conclude))

    def reduce(self, groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in groups:
            sent_to = address(rows.column("part").to_numpy(), rows.column("row").to_numpy())
            yield pa.record_batch({"key": sent_to, "repeated": rows.column("key")})

    def conclude(self, sent: pa.RecordBatchReader, part: MappedPart) -> pa.Table:
        return pa.table({"rows": [sum(map(len, sent))], "documents": [part.index().num_rows]})

    def map(self, docs: Docs, row: int) -> Mapped:
        raise NotImplementedError

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Any:
        raise NotImplementedError


def main() -> None:
    """Write, do the rounds, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=200, help="keyed rows of a run")
    parser.add_argument("--memory", type=byte_size, default=byte_size("8MiB"), help="of a task: decides the ranges")
    parser.add_argument("--parts", type=int, default=100, help="parts whose last round is done")
    parser.add_argument("--local", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    server = None if given.local else S3Server(given.folder / "weed")
    try:
        if server is not None:
            os.environ.update(server.environment())
        path = str(given.folder.resolve() / "root") if server is None else f"s3://{BUCKET}/root"
        found = [*rounds(Root(path, store_for(path)), given.runs, given.rows, given.memory, given.parts)]
        print(json.dumps({"runs": given.runs, "rounds": found}))
    finally:
        if server is not None:
            server.kill()


def rounds(root: Root, runs: int, rows: int, memory: int, some: int) -> Iterator[dict[str, Any]]:
    """Write runs of so many rows, do the rounds, the last one of ``some`` parts, and yield the figures of each."""
    stage = Repeats(memory=memory)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda number: _part(root, number, rows), range(runs)))
    shuffle = FileShuffle(root.path, Step(stage.name, stage, False, "tools.bench.exchange:Repeats"), FOLDER, parts, ())
    for operator in stage.rounds():
        while merges := shuffle.merges(operator):
            results, figures = _done(merges)
            yield _shown(f"{operator.name}: merge", figures)
            shuffle.merge(operator, results)
        tasks = [*operator.tasks(shuffle)]
        results, figures = _done(tasks if operator.unit == "range" else tasks[:some])
        yield _shown(operator.name, figures)
        if not operator.final:
            operator.pass_on(shuffle, results)


def _part(root: Root, number: int, rows: int) -> Part:
    """Write the map output of a part."""
    keys = np.sort(np.random.default_rng(number).integers(0, 2**64, rows, np.uint64))
    row = pa.array(np.arange(rows, dtype=np.uint32))
    files, contents = {}, {}
    index = pa.table({"size": np.zeros(rows, np.uint32)})  # which takes one request
    for name, table in (("keys", pa.table({"key": keys, "row": row})), ("index", index)):
        contents[name], written = write_table(root, table, ROW_GROUP)
        files[name] = publish(root, written, f"{FOLDER}/map/{name}", number, f"{number:08x}")
    counts = {"in": rows, "keys": rows, "bytes": 12 * rows}
    made = Receipt("map", "repeats", number, f"{number:08x}", (), contents, counts, files)
    return Part(number, (), (), 0, receipts=(made,), mapped=made)


def _done(tasks: Sequence[RoundTask | TierTask]) -> tuple[list[Receipt], dict[str, Any]]:
    """Do tasks; return their receipts and what was measured."""
    taken()
    sent, most, results, opened = Counter[str](), 0, list[Receipt](), set[str]()
    began = time.process_time()
    store = type(store_for(tasks[0].root))
    reading = store.open

    def counted(self: Store, path: str) -> Any:
        opened.add(path)
        return reading(self, path)

    store.open = counted  # type: ignore[method-assign]
    try:
        for task in tasks:
            opened.clear()
            results += perform(task, unmarked)
            sent.update({kind: results[-1].requests.get(kind, 0) for kind in ("get", "put", "delete")})
            sent.update({"put": 1} if store is not LocalStore else {})  # the receipt itself
            most = max(most, len(opened))
    finally:
        store.open = reading  # type: ignore[method-assign]
    return results, {
        "tasks": len(tasks),
        "most_files": most,
        "bytes_of_a_task": max(len(pickle.dumps(task)) for task in tasks),
        "planned": requests_of(tasks),
        "sent": dict(sent),
        "seconds": round(time.process_time() - began, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _shown(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    print(f"{name:18}", ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return {"round": name, **figures}


if __name__ == "__main__":
    main()
