"""Runs of a pipeline in this process, so that its peak is a worker's; what each round of it takes is added up.

``Texts`` is a source of texts that a bench has made: Parquet files with a column ``text``.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from refinery import TEXT, Metric, Pipeline, Records, Rule, Source, Stage, Step, Store, run
from refinery.executors import Done, Late, never_late
from refinery.kernels import mix64
from refinery.recipe import ExecutorSettings
from refinery.task.mapped import MapWriter
from refinery.task.tasks import RoundTask, unmarked


class EnoughError(Exception):
    """What is to be measured has been."""


class Timed:
    """Does tasks in this process and adds up the seconds of CPU that they take, by round.

    With ``rest`` False it raises EnoughError where the verdicts are there and rows would be written again.
    """

    width, room = 1, 1 << 62

    def __init__(self, *, rest: bool = True) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._rest = rest

    def map(
        self, function: Any, tasks: Iterable[Any], memory: int = 0, late: Late[Any] = never_late
    ) -> Iterator[Done[Any, Any]]:
        """See ``Executor.map``."""
        del memory, late
        for task in tasks:
            of_round = isinstance(task, RoundTask)
            name = task.round.name if of_round else "rest" if task.verdict else "first"
            if name == "rest" and not self._rest:
                raise EnoughError
            began = time.process_time()
            done = Done(task, function(task, unmarked))
            self.seconds[name] += time.process_time() - began
            yield done

    def close(self) -> None:
        """Nothing is left to end."""


def timed_run(
    folder: Path, inputs: str, root: str, *stages: Stage, rest: bool = True, batch: int = 10_000
) -> dict[str, float]:
    """Run ``stages`` over the files below ``folder`` into a new root there; for ``rest`` see Timed.

    Seconds by round: ``first`` is the first phase without the ``map`` of a global stage at its end.
    """
    steps = tuple(Step(s.name, s, False, f"{type(s).__module__}:{type(s).__name__}") for s in stages)
    pipeline = Pipeline(
        dataset="bench",
        inputs=(str(folder / inputs),),
        root=str(folder / root),
        executor=ExecutorSettings(workers=1, batch=batch),
        steps=steps,
    )
    timed = Timed(rest=rest)
    pa.set_cpu_count(1)  # as in a worker
    try:
        with _map_timed(timed.seconds):
            complete = run(pipeline, executor=timed).complete
    except EnoughError:
        complete = True
    if not complete:
        raise SystemExit("the run is not complete")
    return dict(timed.seconds)


@contextlib.contextmanager
def _map_timed(seconds: defaultdict[str, float]) -> Iterator[None]:
    """What a map takes within a phase is added up apart: keys, sorting, and writing."""
    kind = MapWriter
    originals = {name: getattr(kind, name) for name in ("add", "commit")}

    def timed(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            began = time.process_time()
            made = original(*given)
            took = time.process_time() - began
            seconds["map"] += took
            seconds["first"] -= took
            return made

        return call

    try:
        for name, original in originals.items():
            setattr(kind, name, timed(original))
        yield
    finally:
        for name, original in originals.items():
            setattr(kind, name, original)


def elsewhere(function: Callable[..., None], *arguments: Any) -> None:
    """Call in another process, so that its memory does not count. Raises SystemExit where that ends badly."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{function.__name__} ended with {process.exitcode}")


def peak() -> float:
    """Megabytes that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def write_texts(folder: Path, texts: list[str], part: int) -> None:
    """Input files ``00000.parquet``, … of ``part`` texts each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(texts), part)):
        pq.write_table(pa.table({"text": texts[start : start + part]}), folder / f"{number:05d}.parquet")


class Texts(Source):
    """The texts of files that ``write_texts`` made."""

    name: ClassVar = "texts"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (Metric("outcome", pa.string(), "label"),)

    def rules(self) -> tuple[Rule, ...]:
        """All are wanted."""
        return (Rule("unwanted", "outcome", is_in=("document",)),)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        """The files."""
        return store.list(pattern)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        """The documents of a file."""
        del store
        first = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1_000):
                yield _records(path, first, batch.column(0))
                first += len(batch)

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        """One of them."""
        del length, store
        return _records(path, offset, pq.read_table(path).column(0).combine_chunks().slice(offset, 1))


def _records(path: str, first: int, texts: pa.Array) -> Records:
    count = len(texts)
    numbers = np.arange(first, first + count, dtype=np.uint64) + np.uint64(int(Path(path).stem) << 32)
    return Records(records_of(path, first, numbers, texts), {"outcome": pa.array(["document"] * count)})


def records_of(path: str, first: int, numbers: Any, texts: pa.Array) -> dict[str, Any]:
    """The columns of documents that have numbers and texts; ids and dates follow from the numbers."""
    count = len(numbers)
    ids = np.stack([mix64(numbers), numbers], axis=1).astype(">u8").tobytes()
    return {
        "id": pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), count, [None, pa.py_buffer(ids)]),
        "url": pa.array([f"https://host{number % 1000}.example.org/{number}" for number in numbers.tolist()]),
        "date": pa.array((numbers % np.uint64(10**9)).astype(np.int64) * 1000, pa.timestamp("ms", tz="UTC")),
        "warc": pa.array([path] * count),
        "offset": pa.array(np.arange(first, first + count, dtype=np.uint64)),
        "length": pa.array(np.ones(count, np.uint64)),
        "text": texts,
    }
