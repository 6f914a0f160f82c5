"""What the records of many parts cost: CPU seconds, peak memory and files; the last line is JSON.

usage: python -m tools.bench.bookkeeping [--parts 200 1000] [--folder FOLDER] [--profile COMMAND] [--keep]

A crawl of one small archive is refined in earnest. Then the real planner and the real loop of a run go over N files
of zeros, and each task, instead of doing its work, writes the files, statistics and receipts that the small run wrote,
under its own keys. So keys, manifests and counts are those of a run; rows are not, and ``verify`` would report that.

Each command is a process of its own. ``write`` is the driver of the run that made the root. With ``--profile`` the
functions that take longest in a command are printed instead.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
from msgspec import structs

from refinery.demo import sample
from refinery.demo.kinds import LEAST
from refinery.executors import Done, Late, never_late
from refinery.identity import digest, part_key
from refinery.planner.plan import Plan
from refinery.recipe import load
from refinery.root.parquet import read_batches
from refinery.root.receipt_index import ROWS, Entry, index_file
from refinery.root.receipts import FileRef, Receipt, encoded
from refinery.root.root import Root
from refinery.root.statistics import Statistics, merged
from refinery.runner.manifests import State
from refinery.runner.run import run
from refinery.statistics.group_files import merge
from refinery.store import store_for
from refinery.task.shuffle import ROW_GROUP
from refinery.task.tasks import AuditTask, JointTask, RoundTask, SegmentTask, Task, unmarked
from refinery.task.tiers import TierTask, merge_tier

RECIPE = """
dataset: bookkeeping
inputs: "{folder}/{crawl}/*.warc.gz"
root: "{folder}/{root}"
audit: 100
max_broken_inputs: "100%"
pipeline:
  - warc: {{}}
  - url: {{}}
  - extract: {{engine: native}}
  - language: {{}}
  - repetition: {{}}
  - quality: {{}}
  - lines: {{}}
  - urls: {{}}
  - minhash: {{}}
  - substring: {{}}
  - export: {{}}
executor: {{kind: local, workers: 1}}
"""

COMMANDS = ("plan", "status", "stats", "no-op run", "report")


MEASURE = """
import json, resource, sys
from pathlib import Path
from refinery.cli import execute
from refinery.task.commit import peak_memory

status = execute(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_SELF)
figures = dict(cpu=round(usage.ru_utime + usage.ru_stime, 2), mb=round(peak_memory() / 1e6))
Path(sys.argv[1]).write_text(json.dumps(figures))
sys.exit(status)
"""
"""What a process of a command does. The peak that its parent could ask for includes the parent's own."""

LINKS = 60_000

WRITTEN = 10_000
"""Parts above which receipts are in indexes alone, merged counts by group are those of one part, and manifests are
written once."""

Key = tuple[str, ...]
"""Which tasks are alike: the steps that they commit, or the round."""


@dataclass(frozen=True)
class Pattern:
    """What a task of the small run committed: its receipts, and the bytes of their files by path."""

    receipts: tuple[Receipt, ...]
    files: Mapping[str, bytes]


class Recorder:
    """Does tasks in this process and keeps what they commit."""

    width, room = 1, 1 << 62

    def __init__(self) -> None:
        self.patterns: dict[Key, Pattern] = {}

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        del memory, late
        for task in tasks:
            receipts = function(task, unmarked)
            root = Path(task.root)
            files = {path: (root / path).read_bytes() for one in receipts for path in _paths(one)}
            self.patterns.setdefault(_alike(task), Pattern(tuple(receipts), files))
            yield Done(task, receipts)

    def close(self) -> None:
        """Nothing is left to end."""


class Copier:
    """Commits for each task what one like it committed, under the keys of its own inputs."""

    width, room = 1, 1 << 62

    def __init__(self, patterns: Mapping[Key, Pattern]) -> None:
        self._patterns = patterns
        self._root = ""
        self.seconds = 0.0
        """CPU of the workers, whose work this process does: not the driver's."""

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        del function, memory, late
        for task in tasks:
            self._root = task.root
            began = time.process_time()
            receipts = [*self.committed(task)]
            self.seconds += time.process_time() - began
            yield Done(task, receipts)
        for indexed in _INDEXED:
            indexed.finish(self._root)

    def close(self) -> None:
        """Nothing is left to end."""

    def committed(self, task: Task | JointTask) -> Iterator[Receipt]:
        """Write what a task commits, and yield its receipts."""
        assert not isinstance(task, JointTask)
        if isinstance(task, TierTask):
            with patch("refinery.task.tiers.read_range", _evenly(task)):
                yield merge_tier(task)  # the small run has too few files to merge
            return
        pattern = self._patterns[_alike(task)]
        root = Root(task.root, store_for(task.root))
        if isinstance(task, SegmentTask):
            yield from self._segment(root, task, pattern)
        elif isinstance(task, (RoundTask, AuditTask)):
            names = [str(part.number) for part in task.parts] if isinstance(task, RoundTask) else []
            number = task.number if isinstance(task, RoundTask) else task.part
            (model,) = pattern.receipts
            yield _write(root, task.folder, pattern, _numbered(model, names), number, task.key, task.inputs)

    def _segment(self, root: Root, task: SegmentTask, pattern: Pattern) -> Iterator[Receipt]:
        contents = task.contents
        gathered = 1 if task.verdict or task.map else len(contents)
        for model, output in zip(pattern.receipts, task.outputs, strict=False):
            key = part_key(output.identity, contents)
            receipt = _write(root, output.folder, pattern, model, task.part, key, contents, gathered)
            contents = (receipt.contents["kept"],)
            yield receipt
        if task.map is not None:
            key = part_key(task.map.identity, contents)
            yield _write(root, task.map.folder, pattern, pattern.receipts[-1], task.part, key, contents)


def _evenly(task: TierTask) -> Callable[..., Iterator[pa.RecordBatch]]:
    """Return a reader of as many rows as a group of parts has: in copies all rows are for one part."""
    share = task.bytes / max(1, sum(run.bytes for run in task.runs))

    def read(root: Root, path: str, low: int, high: int) -> Iterator[pa.RecordBatch]:
        del low, high
        for rows in read_batches(root, [path], ROW_GROUP):
            yield rows.slice(0, math.ceil(len(rows) * share))

    return read


def _numbered(model: Receipt, names: Iterable[str]) -> Receipt:
    """Return the receipt of a round with an output for each part, if it had one for its only part."""
    if "0" not in model.files:
        return model
    files, content = model.files["0"], model.contents["0"]
    return structs.replace(model, files=dict.fromkeys(names, files), contents=dict.fromkeys(names, content))


def _write(
    root: Root,
    folder: str,
    pattern: Pattern,
    model: Receipt,
    part: int,
    key: str,
    inputs: tuple[str, ...],
    times: int = 1,
) -> Receipt:
    """Write a receipt like the model, and the files that it names; of ``times`` parts in one."""
    files = {
        name: tuple(_copy(root, pattern, file, _number(name, part), key) for file in some)
        for name, some in model.files.items()
    }
    groups = model.groups and _copy(root, pattern, model.groups, part, key)
    statistics = model.statistics and _copied(root, model.statistics, _scaled(root, pattern, model, times), part, key)
    receipt = structs.replace(
        model,
        part=part,
        key=key,
        inputs=inputs,
        contents={name: digest([name, key]) for name in model.contents},
        rows={name: count * times for name, count in model.rows.items()},
        files=files,
        groups=groups,
        statistics=statistics,
    )
    if _INDEXED:
        _INDEXED[0].add(root, folder, receipt)
        return receipt
    path = Path(root.full(f"{folder}/receipts/{key}.json"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(receipt, indent=1))
    return receipt


class Indexed:
    """Writes index files straight: the receipts themselves are links to a file that is none."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], list[Entry]] = {}
        self._sums: dict[str, Statistics] = {}

    def add(self, root: Root, folder: str, receipt: Receipt) -> None:
        """Add a receipt, and write a file of a thousand."""
        path = root.full(f"{folder}/receipts/{receipt.key}.json")
        _folder(os.path.dirname(path))
        _link(_source(root.path, b"{}"), path)
        counted = _tag(root.full(receipt.statistics)) if receipt.kind == "stage" else None
        some = self._entries.setdefault((folder, receipt.kind), [])
        some.append(Entry(receipt, _tag(path), counted))
        if len(some) == ROWS:
            self.flush(root)

    def finish(self, root: str) -> None:
        """Write the receipts that fill no file."""
        for (folder, _), some in self._entries.items():
            for entry in some:
                path = Path(root, folder, "receipts", f"{entry.receipt.key}.json")
                path.unlink()
                path.write_bytes(encoded(entry.receipt))
            some.clear()

    def flush(self, root: Root) -> None:
        """Write the files that are full."""
        for (folder, kind), some in self._entries.items():
            if len(some) < ROWS:
                continue
            total = None
            if kind == "stage":
                one = root.statistics(some[0].receipt)
                total = self._sums.setdefault(folder, merged([one] * ROWS))
            name = digest([entry.receipt.key for entry in some])[:16]
            path = Path(root.full(f"{folder}/index/{name}.arrow"))
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(index_file(some, total))
            some.clear()


_INDEXED: list[Indexed] = []

_WRITE = State.write


def _tag(path: str) -> str:
    stat = os.stat(path)
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


def _number(name: str, part: int) -> int:
    """The number in the name of a file: that of the part whose verdict it is."""
    return int(name) if name.isdecimal() else part


def _scaled(root: Root, pattern: Pattern, model: Receipt, times: int) -> bytes:
    data = pattern.files[model.statistics]
    if times == 1 or model.kind != "stage":
        return data
    path = "tmp/bookkeeping"
    Path(root.full(path)).parent.mkdir(exist_ok=True)
    Path(root.full(path)).write_bytes(data)
    one = root.statistics(structs.replace(model, statistics=path))
    root.write_statistics(path, merged([one] * times))
    return Path(root.full(path)).read_bytes()


def _copy(root: Root, pattern: Pattern, file: FileRef, part: int, key: str) -> FileRef:
    return structs.replace(file, path=_copied(root, file.path, pattern.files[file.path], part, key))


def _copied(root: Root, path: str, data: bytes, part: int, key: str) -> str:
    """Write the bytes to the path of another part, and return it."""
    folder, _, name = path.rpartition("/")
    stem, _, suffix = name.partition(".")
    path = f"{folder}/{stem.partition('-')[0]}-{part:05d}-{key[:8]}.{suffix}"
    full = root.full(path)
    _folder(os.path.dirname(full))
    _link(_source(root.path, data), full)
    return path


_SOURCES: dict[tuple[str, bytes], list[Any]] = {}
"""Files with some bytes: a path, and how many links there are. A file system allows about 65,000."""


def _source(root: str, data: bytes) -> str:
    """Return a file with these bytes, so that millions of files have few inodes."""
    known = _SOURCES.setdefault((root, hashlib.blake2b(data, digest_size=16).digest()), ["", LINKS])
    known[1] += 1
    if known[1] > LINKS:
        known[:] = [f"{root}-links/{len(_SOURCES)}-{time.monotonic_ns()}", 1]
        _folder(f"{root}-links")
        Path(known[0]).write_bytes(data)
    return str(known[0])


def _link(source: str, path: str) -> None:
    with contextlib.suppress(FileExistsError):  # parts without rows have one key
        os.link(source, path)


@cache
def _folder(path: str) -> None:
    os.makedirs(path, exist_ok=True)


def _paths(receipt: Receipt) -> Iterator[str]:
    yield from (file.path for files in receipt.written.values() for file in files)
    if receipt.statistics:
        yield receipt.statistics


def _alike(task: Task | JointTask) -> Key:
    assert not isinstance(task, JointTask)
    if isinstance(task, SegmentTask):
        return task.stages
    return (task.name, task.round.name) if isinstance(task, RoundTask) else ("audit",)


# ------------------------------------------------------------------------------------------------------------- measure


def patterns(folder: Path, recipe: str = RECIPE, pages: int = LEAST) -> dict[Key, Pattern]:
    """Refine a small archive, and return what each kind of task committed."""
    for name in ("small", "small-root"):
        shutil.rmtree(folder / name, ignore_errors=True)
    sample(str(folder / "small"), pages=pages, files=1)
    recorder = Recorder()
    run(_pipeline(folder, "small", "small-root", recipe), executor=recorder)
    return recorder.patterns


def write_root(folder: Path, parts: int, copier: Copier, recipe: str = RECIPE) -> float:
    """Write a root of so many parts, and return the CPU seconds of the driver."""
    crawl = folder / f"crawl-{parts}"
    crawl.mkdir(exist_ok=True)
    for number in range(len(os.listdir(crawl)), parts):
        (crawl / f"{number:05d}.warc.gz").write_bytes(bytes(1000 + number % 500))
    began = time.process_time()
    with contextlib.ExitStack() as stack:
        if parts > WRITTEN:
            _INDEXED.append(Indexed())
            one = patch("refinery.statistics.group_files.merge", lambda root, receipts: merge(root, receipts[:1]))
            stack.enter_context(one)
            stack.enter_context(patch.object(State, "write", _write_last))
        report = run(_pipeline(folder, crawl.name, f"root-{parts}", recipe), executor=copier)
    if not report.complete:
        raise SystemExit("the run is not complete")
    return time.process_time() - began - copier.seconds


def _write_last(state: State, plan: Plan) -> None:
    """Write manifests once nothing is left to do: after each phase they take longer than the phase."""
    if plan.phase is None:
        _WRITE(state, plan)


def _is_written(folder: Path, parts: int) -> bool:
    """Return True if a root is complete. The next run goes on with one that was interrupted between two phases."""
    head = Root(str(folder / f"root-{parts}"), store_for(str(folder))).head()
    return head is not None and head.outputs_current


def _pipeline(folder: Path, crawl: str, root: str, recipe: str) -> Any:
    path = folder / f"{root}.yaml"
    path.write_text(recipe.format(folder=folder, crawl=crawl, root=root), encoding="utf-8")
    return load(str(path))


def measured(folder: Path, parts: int, command: str) -> dict[str, float]:
    """CPU seconds and peak megabytes of a command on a root."""
    figures = folder / "figures.json"
    measure = [sys.executable, "-c", MEASURE, str(figures), *_arguments(folder, parts, command)]
    subprocess.run(measure, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, float] = json.loads(figures.read_bytes())
    return found


def _arguments(folder: Path, parts: int, command: str) -> list[str]:
    return [command.rpartition(" ")[2], "-c", str(folder / f"root-{parts}.yaml")]


def main() -> int:
    """Write the roots, and print what each command takes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--parts", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--commands", nargs="*", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--profile", choices=COMMANDS)
    parser.add_argument("--keep", action="store_true", help="leave the roots there, and use those that are there")
    given = parser.parse_args()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="refinery-bench-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        known: dict[Key, Pattern] = {}
        for parts in given.parts:
            figures: dict[str, Any] = {"parts": parts}
            if not _is_written(folder, parts):
                known = known or patterns(folder)
                figures["write"] = round(write_root(folder, parts, Copier(known)), 2)
            if given.profile:
                profile = [sys.executable, "-m", "cProfile", "-s", "tottime", "-m", "refinery"]
                subprocess.run([*profile, *_arguments(folder, parts, given.profile)], check=True)
                continue
            _print(folder, parts, given.commands, figures)
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    return 0


def _print(folder: Path, parts: int, commands: Iterable[str], figures: dict[str, Any]) -> None:
    for command in commands:
        figures[command] = found = measured(folder, parts, command)
        print(f"{parts:>7,} parts  {command:<10} {found['cpu']:8.2f} s of CPU {found['mb']:8,.0f} MB", flush=True)
    files = sum(len(names) for _, _, names in os.walk(folder / f"root-{parts}"))
    figures["files a part"] = round(files / parts, 1)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.exit(main())
