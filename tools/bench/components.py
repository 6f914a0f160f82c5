"""The rounds of minhash that decide on clusters, over made-up documents: tasks, CPU seconds and memory of each round.

usage: python -m tools.bench.components FOLDER [--documents 1000000] [--parts 100] [--copies .1] [--near .3] [--size 3]
       [--chain 0] [--memory 64MiB] [--partitioned]

Writes what the map would, with four bands: a share of the documents are exact copies of others, a share are in clusters
of ``--size`` near-duplicates, and ``--chain`` documents match their neighbours alone. Each round is done in a process
of its own, whose largest resident set is reported; importing takes the first line's. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.kernels import mix64
from refinery.planner.parts import Part
from refinery.planner.rounds import FileShuffle
from refinery.recipe import Step, byte_size
from refinery.root.parquet import publish, write_table
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.keyed import sort_rows
from refinery.stage.rounds import in_turn
from refinery.stages.minhash import MinHash
from refinery.store import store_for
from refinery.task.perform import perform
from refinery.task.shuffle import ROW_GROUP
from refinery.task.tasks import RoundTask, unmarked
from refinery.task.tiers import TierTask

FOLDER = "01-minhash"
BANDS = 4
SKETCH = 16

Numbers = npt.NDArray[np.uint64]


def main() -> None:
    """Write the map output, do the rounds, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--copies", type=float, default=0.1, help="share of documents that are copies of others")
    parser.add_argument("--near", type=float, default=0.3, help="share of documents in clusters")
    parser.add_argument("--size", type=int, default=3, help="documents in a cluster")
    parser.add_argument("--chain", type=int, default=0, help="documents in one chain")
    parser.add_argument("--memory", type=byte_size, default=byte_size("64MiB"), help="of a task: decides the ranges")
    parser.add_argument("--partitioned", action="store_true")
    given = parser.parse_args()
    root = Root(str(given.folder.resolve() / "root"), store_for(str(given.folder.resolve())))
    print(json.dumps({**vars(given), "folder": "", "rounds": list(_rounds(given, root))}))


def _rounds(given: argparse.Namespace, root: Root) -> Iterator[dict[str, Any]]:
    one_task = 0 if given.partitioned else given.documents
    stage = MinHash(bands=450, rows=20, sketch=SKETCH, memory=given.memory, one_task=one_task)
    parts = list(_parts(given, root))
    shuffle = FileShuffle(root.path, Step(stage.name, stage, False, ""), FOLDER, parts, ())
    (rounds, *_) = stage.forms(given.documents)
    for operator in in_turn(rounds, shuffle):
        while merges := shuffle.merges(operator):
            results, figures = _done(merges)
            yield _shown(f"{operator.name}: merge", figures)
            shuffle.merge(operator, results)
        tasks = list[RoundTask](operator.tasks(shuffle))
        results, figures = _done(tasks)
        yield _shown(operator.name, figures)
        operator.pass_on(shuffle, results)


def _parts(given: argparse.Namespace, root: Root) -> Iterator[Part]:
    """Write the map output of all parts; a document's place says what it is like."""
    draw = np.random.default_rng(1)
    count = given.documents
    order = draw.permutation(count).astype(np.uint64)
    near = int(count * given.near)
    copied = int(count * given.copies)
    original = np.where(order >= count - copied, (order - np.uint64(count - copied)) * np.uint64(2), order)
    for number, places in enumerate(np.array_split(np.arange(count), given.parts)):
        yield _part(root, number, original[places], near, given)


def _part(root: Root, number: int, texts: Numbers, near: int, given: argparse.Namespace) -> Part:
    """Write the index and the keys of documents with these texts."""
    count = len(texts)
    row = np.arange(count, dtype=np.uint32)
    group = np.where(texts < near, texts // np.uint64(given.size), texts)
    keys = [mix64(mix64(group) + np.uint64(band)) for band in range(BANDS)]
    rows = [row] * BANDS
    if given.chain:
        linked = np.flatnonzero((texts >= near) & (texts < near + given.chain))
        for step in (0, 1):
            keys.append(mix64(~mix64(texts[linked] + np.uint64(step))))
            rows.append(row[linked])
    ids = np.stack([mix64(texts), mix64(row + np.uint64(number << 32))], axis=1).astype(">u8").tobytes()
    sketches = np.random.default_rng(number).integers(0, 256, count * SKETCH, np.uint8).tobytes()
    index = pa.table(
        {
            "id": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, pa.py_buffer(ids)]),
            "date": pa.array(np.zeros(count, np.int64)).cast(pa.timestamp("s")),
            "characters": pa.array(np.full(count, 1000, np.uint32)),
            "pointer": pa.array(mix64(row)),
            "content": pa.array(mix64(~texts)),
            "sketch": pa.FixedSizeBinaryArray.from_buffers(pa.binary(SKETCH), count, [None, pa.py_buffer(sketches)]),
        }
    )
    keyed = sort_rows(pa.table({"key": np.concatenate(keys), "row": np.concatenate(rows)}))
    files, contents = {}, {}
    for name, table in (("keys", keyed), ("index", index)):
        contents[name], written = write_table(root, table, ROW_GROUP)
        files[name] = publish(root, written, f"{FOLDER}/map/{name}", number, f"{number:08x}")
    counts = {"in": count, "keys": keyed.num_rows, "bytes": keyed.nbytes}
    made = Receipt("map", "minhash", number, f"{number:08x}", (), contents, counts, files)
    return Part(number, (), (), 0, receipts=(made,), mapped=made)


def _done(tasks: Sequence[RoundTask | TierTask]) -> tuple[list[Receipt], dict[str, Any]]:
    """Do tasks in a process of their own; return their receipts and what was measured."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        results, seconds, peak, base = pool.apply(_perform, (tasks,))
    wrote = sum(sum(receipt.total(name) for name in receipt.files) for receipt in results)
    return results, {
        "tasks": len(tasks),
        "seconds": seconds,
        "peak_mb": peak,
        "above_import_mb": peak - base,
        "wrote_mb": round(wrote / 2**20, 1),
    }


def _perform(tasks: Sequence[RoundTask | TierTask]) -> tuple[list[Receipt], float, int, int]:
    base, began = _largest_mb(), time.process_time()
    results = [receipt for task in tasks for receipt in perform(task, unmarked)]
    return results, round(time.process_time() - began, 2), _largest_mb(), base


def _largest_mb() -> int:
    """Return the largest resident set of this process; what ``getrusage`` reports includes that of its parent."""
    (line,) = (line for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines() if "VmHWM" in line)
    return int(line.split()[1]) >> 10


def _shown(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    print(f"{name:18}", ", ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return {"round": name, **figures}


if __name__ == "__main__":
    main()
