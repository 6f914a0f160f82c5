"""Results that several pipelines compute of the same documents, computed once.

Two steps compute the same of a document if their stages are the same but for thresholds and speed, and the columns that
they read came about in the same way. Their rules may differ, and so the documents that come to later steps: results are
kept by document, and a pipeline that brings documents that no other had gets only those computed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.identity import digest, measure_identity
from refinery.stage.documents import LANG, POINTER, STRUCTURE, TEXT, TOKENS, Docs
from refinery.task.tasks import StepRun

Numbers = npt.NDArray[np.int64]


def lineages(runs: Sequence[StepRun]) -> Iterator[str]:
    """Yield for each step what decides its results: its stage, and where the columns that it reads come from.

    The first step is a source, which alone decides its columns. A global stage is decided by its verdict as well, so
    no step that follows one shares anything.
    """
    columns: dict[str, str] = {}
    for run in runs:
        stage = run.step.stage
        names = {*(name.partition(".")[0] for name in stage.wants()), *stage.uses, *(field.name for field in POINTER)}
        lineage = digest([measure_identity(stage), [[name, columns.get(name, "")] for name in sorted(names)]])
        lost = {field.name for field in run.step.lost_marks([*columns])}
        changed = {field.name for field in stage.added()} | lost | ({STRUCTURE.name} if lost else set())
        changed |= {run.step.column} | ({LANG.name} if stage.language_metric else set())
        changed |= {TOKENS.name} if TEXT.name in changed else set()
        columns = {name: how for name, how in columns.items() if name not in stage.outdates()}
        columns |= dict.fromkeys(changed, lineage)
        yield lineage


def computing_order(pipelines: Sequence[Sequence[StepRun]]) -> list[int]:
    """Return the order in which pipelines compute: first those with the most documents at the steps that others share.

    These have the fewest filters of their own before such steps. Later pipelines then bring hardly any documents that
    are missing, a few in each batch, which cost as much as many.
    """
    known = [list(lineages(runs)) for runs in pipelines]
    sharers = Counter(lineage for one in known for lineage in set(one))

    def filters(number: int) -> int:
        return sum(sharers[before] < sharers[behind] for before, behind in combinations(known[number], 2))

    return sorted(range(len(pipelines)), key=filters)


def rows_of(docs: Docs) -> pa.RecordBatch:
    """Return the row of each document in the batch that the source read; a view that ``filter`` keeps."""
    return pa.record_batch([pa.array(np.arange(len(docs)))], names=["row"])


@dataclass
class _Known:
    """Results of some rows of a batch: ``place`` is where in ``results`` those of a row are, -1 if they are not."""

    results: pa.RecordBatch
    place: Numbers
    seconds: float

    def add(self, rows: Numbers, results: pa.RecordBatch, seconds: float) -> None:
        """Add the results of further rows."""
        self.place[rows] = np.arange(len(self.results), len(self.results) + len(rows))
        self.results = pa.concat_batches([self.results, results])
        self.seconds += seconds


class SharedResults:
    """Results of the documents of one batch by lineage, for all ``pipelines`` that it goes through."""

    def __init__(self, pipelines: int) -> None:
        self.pipelines = pipelines
        self._known: dict[str, _Known] = {}
        self._rows = 0

    def begin(self, docs: Docs) -> None:
        """Begin the next batch that the source read."""
        self._known.clear()
        self._rows = len(docs)
        docs.view(rows_of)

    def get(self, lineage: str, docs: Docs, compute: Callable[[Docs], pa.RecordBatch]) -> tuple[pa.RecordBatch, float]:
        """Return the results of documents, of which ``compute`` gets those that nobody had before.

        The second value is what the others took to compute, in seconds.
        """
        rows = docs.view(rows_of).column("row").to_numpy()
        known = self._known.get(lineage)
        if known is None:
            results, seconds = _timed(compute, docs)
            known = self._known[lineage] = _Known(results, np.full(self._rows, -1), seconds)
            known.place[rows] = np.arange(len(rows))
            return results, 0.0
        missing = known.place[rows] < 0
        spent = 0.0
        if missing.any():
            results, spent = _timed(compute, docs.filter(pa.array(missing)))
            known.add(rows[missing], results, spent)
        saved = known.seconds * len(rows) / max(1, len(known.results)) - spent
        places = known.place[rows]
        if len(places) == len(known.results) and (places == np.arange(len(places))).all():
            return known.results, saved
        return known.results.take(pa.array(places)), saved


def _timed(compute: Callable[[Docs], pa.RecordBatch], docs: Docs) -> tuple[pa.RecordBatch, float]:
    started = time.perf_counter()
    return compute(docs), time.perf_counter() - started
