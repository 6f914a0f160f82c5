"""Records the phases of a crawl by the real planner and the real loop of a run, over parts whose work is not done.

Tasks commit copies of what one small archive left, under keys of their own (``tools.bench.bookkeeping``). A part stands
for as many archives as there are more of them than parts. Budgets of memory shrink with the rows, so that the planner
makes as many ranges, merges and shards of the few rows as of those of the crawl.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec import structs

from refinery.executors import Done, Late, never_late
from refinery.planner import transposition
from refinery.planner.requests import requests_of
from refinery.planner.round_files import RoundFile
from refinery.planner.rounds import FileShuffle
from refinery.planner.transposition import OPENINGS
from refinery.root.receipts import Receipt
from refinery.stages.minhash import MinHash
from refinery.store.remote import FIRST
from refinery.store.s3_parts import PART
from refinery.task.commit import peak_memory
from refinery.task.tasks import RoundTask, SegmentTask
from refinery.task.tiers import TierTask
from tools.bench.bookkeeping import Copier, Key, Pattern, write_root
from tools.simulate.loads import kind_of
from tools.simulate.recording import KEPT, PAGES, RecordedPhase, Recording, Unit
from tools.simulate.timings import requests_by_price

ARCHIVE = 1e9
"""Bytes of an archive of Common Crawl: 90 TB in 90,000."""

READS = 68 / 1e9
"""Requests for a byte of an archive (docs/operations.md)."""

SMALL = 1_000
"""Pages of the archive that is refined."""

BUDGET = 2**30
"""Default of ``memory`` of a global stage."""

INPUT = 1_249.5
"""Bytes of an input file of ``write_root``, on average."""

RECIPE = """
dataset: crawl
inputs: "{folder}/{crawl}/*.warc.gz"
root: "{folder}/{root}"
write: last
max_broken_inputs: "100%"
pipeline:
  - warc: {{}}
  - url: {{curated: false}}
  - extract: {{engine: native}}
  - language: {{}}
  - repetition: {{}}
  - quality: {{}}
  - lines: {{}}
  - minhash: {{profile: fineweb, memory: MEMORY, one_task: ONE_TASK}}
  - substring: {{memory: MEMORY}}
  - export: {{shard: SHARD}}
executor: {{kind: local, workers: 1}}
"""


class _Seen(NamedTuple):
    """A task as it is at the crawl's size."""

    kind: str
    unit: Unit
    bytes: float
    gets: float = -1.0
    puts: float = -1.0
    memory: int = 0


class _ScaledShuffle(FileShuffle):
    """Rows between rounds whose bytes are in proportion to the parts: see ``PhaseRecorder._divided``."""

    def regroup(self, results: Sequence[Receipt]) -> None:
        """See ``Shuffle.regroup``."""
        super().regroup(results)
        share = len(self._parts) / max(1, len(self._keyed))
        self._keyed = self._runs = [_scaled(file, share) for file in self._keyed]

    @property
    def keyed(self) -> object:
        """See ``Shuffle.keyed``. Copies never have equal contents: repeated rounds end when sizes are the same."""
        return [file.bytes for file in self._keyed]


def _scaled(file: RoundFile, share: float) -> RoundFile:
    run = replace(file.run, bytes=round(file.run.bytes * share))
    return structs.replace(file, bytes=round(file.bytes * share), run=run)


@dataclass(frozen=True)
class Weights:
    """Scale of a part of the recorded run: archives of the crawl, and bytes of the crawl for each of its bytes.

    ``source`` are those of input files, ``rows`` those of all that comes behind them.
    """

    archives: int
    source: float
    rows: float

    @classmethod
    def of(cls, patterns: Mapping[Key, Pattern], archives: int) -> Weights:
        """Return those of parts like the refined archive, by its pages and by the documents that reach ``minhash``."""
        receipts = {one.stage: one for pattern in patterns.values() for one in pattern.receipts if one.kind == "stage"}
        kept = receipts["lines"].rows["kept"]
        return cls(archives, archives * ARCHIVE / INPUT, archives * PAGES * KEPT / kept)


class PhaseRecorder(Copier):
    """Commits copies, and records the tasks of each phase with the driver's CPU seconds."""

    def __init__(self, patterns: Mapping[Key, Pattern], weights: Weights) -> None:
        super().__init__(patterns)
        self.phases: list[RecordedPhase] = []
        self._weights = weights
        self._left = time.process_time()

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        began = time.process_time()
        planning, others = began - self._left, self.seconds
        seen: list[_Seen] = []
        yield from super().map(function, self._watched(tasks, seen), memory, late)
        if seen:
            spent = time.process_time() - began - (self.seconds - others)
            memory = max(one.memory for one in seen)
            phase = RecordedPhase(
                kind=seen[0].kind,
                unit=seen[0].unit,
                bytes=[one.bytes for one in seen],
                gets=[one.gets for one in seen],
                puts=[one.puts for one in seen],
                memory=memory,
                planning=planning,
                commit=spent / len(seen),
            )
            self.phases.append(phase)
        self._left = time.process_time()

    def _watched(self, tasks: Iterable[Any], seen: list[_Seen]) -> Iterator[Any]:
        for task in tasks:
            began = time.process_time()
            seen.append(self._recorded(task))
            self.seconds += time.process_time() - began  # of this recording, not of the driver
            yield task

    def _recorded(self, task: Any) -> _Seen:
        kind, unit, weights = kind_of(task), _unit(task), self._weights
        if isinstance(task, SegmentTask):
            return self._of_segment(task, kind, unit)
        assert isinstance(task, RoundTask | TierTask)
        task = self._divided(task)
        memory = self._memory(task) if isinstance(task, RoundTask) and task.memory else 0
        gets, puts = requests_by_price(requests_of([task]))
        if unit == "all" and isinstance(
            task, RoundTask
        ):  # a file of each part, where a part stands for several archives
            more = len(task.parts) * (weights.archives - 1)
            gets, puts = gets + more, max(puts, len(task.parts) * weights.archives + 1)
        return _Seen(kind, unit, task.bytes * weights.rows, gets, puts, memory)

    def _divided(self, task: RoundTask | TierTask) -> RoundTask | TierTask:
        """Return the task with bytes in proportion to the parts.

        The only range of the small run has the rows of its only part, and so has every copy of it, however many there
        are. A task for a part is one for a single archive.
        """
        before = [phase for phase in self.phases if phase.unit != "merge"]
        after_ranges = bool(before) and before[-1].unit == "range"
        share = len(before[0].bytes) / len(before[-1].bytes) if after_ranges else 1.0
        if isinstance(task, TierTask):
            if task.order == "key":
                return task
            runs = tuple(replace(run, bytes=round(run.bytes * share)) for run in task.runs)
            return replace(task, runs=runs, bytes=round(task.bytes * share))
        share = share if task.sent else 1.0
        own = share / self._weights.archives if task.round.unit == "part" else share
        sent = share if task.addressed else own
        return replace(task, bytes=round(task.bytes * own), sent_bytes=round(task.sent_bytes * sent))

    def _of_segment(self, task: SegmentTask, kind: str, unit: Unit) -> _Seen:
        """An archive, or a part of rows, is read by several requests; a shard has a file of each part."""
        weights = self._weights
        if unit == "shard":
            return _Seen(kind, unit, task.bytes * weights.rows, gets=1 + len(task.paths) * weights.archives)
        if task.steps[0].step.name != "warc":
            return _Seen(kind, unit, task.bytes * weights.rows / weights.archives)
        size = task.bytes * weights.source / weights.archives
        return _Seen(kind, unit, size, gets=size * READS)

    def _memory(self, task: RoundTask) -> int:
        """Return the memory of a task with the budget and documents of a crawl; an edge is a sent row of 16 bytes."""
        stage = task.stage.model_copy(update={"memory": BUDGET})
        weight = self._weights.rows if not task.round.unit else self._weights.rows / self._weights.archives
        documents = sum(part.documents for part in task.parts)
        return stage.needs(round(documents * weight), round(task.sent_bytes * weight / 16))


def _unit(task: Any) -> Unit:
    if isinstance(task, RoundTask):
        return {"range": "range", "part": "part", "": "all"}[task.round.unit]  # type: ignore[return-value]
    if isinstance(task, TierTask):
        return "merge"
    return "shard" if isinstance(task, SegmentTask) and "export" in task.stages else "part"


def recipe(rows: float, *, over_ranges: bool) -> str:
    """Return the recipe of a crawl, of whose rows there are a share: one in ``rows``.

    ``over_ranges`` is the form of the rounds of ``minhash`` without tasks that see all documents.
    """
    memory = max(1, round(BUDGET / rows / 2**20))
    one_task = "0" if over_ranges else str(2**62)
    text = RECIPE.replace("MEMORY", f"{memory}MiB").replace("ONE_TASK", one_task)
    return text.replace("SHARD", str(round(2**30 / rows)))


def many_documents(archives: int) -> bool:
    """Return True for a crawl of more documents than ``minhash`` processes in one task."""
    return archives * PAGES * KEPT > MinHash(profile="fineweb").one_task


def record(folder: Path, archives: int, parts: int, patterns: Mapping[Key, Pattern], *, over_ranges: bool) -> Recording:
    """Plan and run a crawl of so many archives with so many parts, in a folder that is left as it is."""
    weights = Weights.of(patterns, archives // parts)
    recorder = PhaseRecorder(patterns, weights)
    first, part = (max(1, round(size / weights.rows)) for size in (FIRST, PART))
    openings, count = OPENINGS // weights.archives, transposition.group_count
    with (
        patch("refinery.planner.requests.FIRST", first),
        patch("refinery.planner.requests.PART", part),
        patch("refinery.planner.walk.FileShuffle", _ScaledShuffle),
        patch("refinery.planner.transposition.OPENINGS", openings),
        patch("refinery.planner.transposition.group_count", lambda some: count(some * weights.archives)),
    ):
        write_root(folder, parts, recorder, recipe(weights.rows, over_ranges=over_ranges))
    return Recording(parts * weights.archives, parts, peak_memory() // 10**6, tuple(recorder.phases))
