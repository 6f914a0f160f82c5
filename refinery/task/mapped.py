"""The tail of a segment: the keyed rows that a global stage maps documents to, sorted within the stage's memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pyarrow as pa

from refinery.identity import part_key
from refinery.root.parquet import TableWriter, Written, discard, publish, read_temporary, write_batches, write_table
from refinery.root.receipts import Receipt
from refinery.root.root import Root
from refinery.stage.documents import TEXT, Docs
from refinery.stage.global_stage import Mapped
from refinery.stage.keyed import sort_rows
from refinery.task.commit import Sizes, commit, committed
from refinery.task.hazards import Hazards
from refinery.task.merging import gathered
from refinery.task.shuffle import AT_ONCE, FEW, ROW_GROUP, SHARE
from refinery.task.tasks import MapRun, ProgressMarker, SegmentTask


class MapWriter:
    """Maps the documents of one part with a global stage, and writes the keyed rows sorted.

    Rows beyond the memory budget, of which it takes one of ``of`` shares, are written as sorted runs, which are merged
    at the end.
    """

    def __init__(self, root: Root, task: SegmentTask, run: MapRun, mark: ProgressMarker, of: int = 1) -> None:
        self._root, self._run, self._force, self._mark = root, run, task.force, mark
        self._hazards = Hazards.of(run.name, task.suspects, task.poison)
        self._budget = run.stage.memory // SHARE // of
        self._row = 0
        self._keys: list[pa.RecordBatch] = []
        self._index: TableWriter | None = None
        self._bytes = 0
        self._runs: list[Written] = []
        self._seconds = 0.0

    def add(self, docs: Docs) -> None:
        """Map the next batch of the part."""
        started = time.perf_counter()
        for piece in self._pieces(docs):
            self._keep(self._run.stage.map(piece, self._row))
            self._row += len(piece)
        self._mark("", 0, 0)  # a later death is not these documents' fault
        self._seconds += time.perf_counter() - started

    def _pieces(self, docs: Docs) -> Iterator[Docs]:
        """Return the batch, one by one where a document is suspect. One that killed a worker comes without its text."""
        alone = self._hazards.among(docs, self._row)
        for piece in (docs.slice(place, 1) for place in range(len(docs))) if alone else (docs,):
            dead = alone and self._row in self._hazards.poison
            self._mark(self._run.name, self._row, 0 if dead else len(piece))
            yield piece.with_columns({TEXT.name: pa.nulls(1, TEXT.type)}) if dead else piece

    def _keep(self, mapped: Mapped) -> None:
        self._keys.append(mapped.keys)
        self._index = self._index or TableWriter(self._root, mapped.index.schema, write=True)
        self._index.add(mapped.index)
        self._bytes += mapped.keys.nbytes
        if self._bytes > self._budget:
            _, written = write_table(self._root, self._sorted(mapped.keys.schema), ROW_GROUP)
            self._runs += written

    def commit(self, part: int, inputs: tuple[str, ...]) -> Receipt:
        """Merge the sorted runs, and publish and commit the rows."""
        key = part_key(self._run.identity, inputs)
        there = committed(self._root, self._run.folder, key, force=self._force)
        if there is not None:
            self.abort()
            return there
        started = time.perf_counter()
        empty = self._run.stage.map(Docs(pa.RecordBatch.from_pylist([], schema=self._run.given)), 0)
        self._index = self._index or TableWriter(self._root, empty.index.schema, write=True)
        content, index = self._index.close()
        sizes = Sizes(self._merged(empty.keys.schema))
        contents, files = {"index": content}, {}
        contents["keys"], keys = write_batches(self._root, empty.keys.schema, sizes, ROW_GROUP)
        for name, written in (("keys", keys), ("index", index)):
            files[name] = publish(self._root, written, f"{self._run.folder}/map/{name}", part, key)
        self._index = None
        self.abort()
        self._seconds += time.perf_counter() - started
        receipt = Receipt(
            kind="map",
            stage=self._run.name,
            part=part,
            key=key,
            inputs=inputs,
            contents=contents,
            rows={"in": self._row, "keys": sizes.rows, "bytes": sizes.bytes},
            files=files,
            seconds=self._seconds,
            poison=tuple(sorted(self._hazards.poison.items())),
        )
        return commit(self._root, self._run.folder, self._run.stage, receipt)

    def abort(self) -> None:
        """Remove the sorted runs, and an index that is not published."""
        discard(self._root, self._runs)
        self._runs = []
        if self._index is not None:
            self._index.abort()
            self._index = None

    def _sorted(self, schema: pa.Schema) -> pa.Table:
        """Return the rows in memory, sorted, and free them."""
        table = pa.Table.from_batches(self._keys, schema=schema)
        self._keys, self._bytes = [], 0
        return sort_rows(self._run.stage.combine_keys(table)).combine_chunks()

    def _merged(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        last = self._sorted(schema)
        if not self._runs:
            return iter(last.to_batches())
        at_once = min(ROW_GROUP, max(FEW, AT_ONCE // len(self._runs)))
        written = [read_temporary(run.temporary, at_once) for run in self._runs]
        runs = [*written, iter(last.to_batches(max_chunksize=at_once))]
        combined = (sort_rows(self._run.stage.combine_keys(rows)) for rows in gathered(runs))
        return (batch for table in combined for batch in table.combine_chunks().to_batches())
