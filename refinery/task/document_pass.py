"""The pass: a batch of documents through steps in order. A run, the audit, ``why``, ``what_if`` and ``verify`` use it.

Batches come from a source or from Parquet files; where the results go is the caller's part.

    for docs, measured in batches:
        for output, split in zip(outputs, process_batch(docs, measured, steps), strict=False):
            output.add(split)
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from refinery.errors import RefineryError
from refinery.root.input_lists import ListedFile
from refinery.root.parquet import read_batches
from refinery.root.root import Root
from refinery.stage.base import Records, Source
from refinery.stage.documents import Docs
from refinery.task.file_tally import FileRead
from refinery.task.hazards import NO_HAZARDS, Hazards
from refinery.task.measured import Measured, source_batch
from refinery.task.reading import input_files, read_input
from refinery.task.step import Split, error_note
from refinery.task.tasks import ALL_ROWS, ProgressMarker, StepRows, StepRun, Unreadable, unmarked

Batch = tuple[Docs, Measured | None]
"""Documents that enter a pass, and what the source measured of them."""


class PassStep(Protocol):
    """One step of a pass."""

    def process(self, docs: Docs, measured: Measured | None = None) -> Split: ...


def process_batch(docs: Docs, measured: Measured | None, steps: Iterable[PassStep]) -> Iterator[Split]:
    """Process a batch step after step, as long as documents are left; ``measured`` is for the first step."""
    for step in steps:
        if not len(docs):
            return
        split = step.process(docs, measured)
        docs, measured = split.kept, None
        yield split


def stored_batches(root: Root, paths: Sequence[str], schema: pa.Schema, rows: int) -> Iterator[Batch]:
    """Read Parquet files below the root, at most ``rows`` documents at once."""
    for batch in read_batches(root, paths, rows):
        yield Docs(batch.cast(schema)), None  # Parquet knows no seconds: times come back finer


class SourceReader:
    """Reads the files of a part with its source, and traces deaths of workers and exceptions to a record.

    The first one is traced to a file. Then the source is watched, and the next one is traced to a record.
    """

    def __init__(
        self, run: StepRun, rows: int, *, hazards: Hazards = NO_HAZARDS, mark: ProgressMarker = unmarked
    ) -> None:
        assert isinstance(run.step.stage, Source)
        self._source: Source = run.step.stage
        self._run, self._batch, self._hazards, self._mark = run, rows, hazards, mark
        self._row = 0
        self._last = StepRows()
        self.seconds = 0.0
        self.skipped: Counter[str] = Counter()
        """Records that are no documents, by kind."""
        self.read: dict[str, FileRead] = {}
        """Counts of each file, where an input is a list of files."""
        self.listed = ""
        """The file of a list that the last batch is from; "" where the input is a file."""

    def batches(self, paths: Iterable[str]) -> Iterator[Batch]:
        """Read all records, at most ``rows`` at once. Raises Unreadable where the source raises."""
        for given, file in ((one, file) for one in paths for file in input_files(one)):
            self.listed = file.path if file.path != given else ""
            counts = self.read.setdefault(self.listed, FileRead()) if self.listed else FileRead()
            for records in self._records(file):
                self.skipped.update(records.skipped)
                docs, measured = source_batch(self._run, records)
                counts.add(len(docs), records.skipped)
                self._row += len(docs)
                for start in range(0, len(docs), self._batch):
                    yield docs.slice(start, self._batch), measured.slice(start, self._batch)

    def _records(self, file: ListedFile) -> Iterator[Records]:
        base, watched = self._row, bool(self._hazards.suspects)

        def watch(number: int) -> bool:
            read = base + number not in self._hazards.poison
            self._marked(base + number, int(read))
            return read

        records = read_input(self._source, file, watch if watched else None)
        while True:
            started = time.perf_counter()
            self._marked(0, 0 if watched else ALL_ROWS)
            try:
                batch = next(records, None)
            except (RefineryError, OSError):
                raise
            except Exception as error:
                raise Unreadable(error_note(error), rows=self._last) from error
            self._marked(0, 0)
            self.seconds += time.perf_counter() - started
            if batch is None:
                return
            yield batch

    def _marked(self, row: int, count: int) -> None:
        self._last = StepRows(self._run.step.name, row, count)
        self._mark(self._run.step.name, row, count)
