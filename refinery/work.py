"""What one worker does for one task: read, carry batches through the steps, write, commit. It knows no other task."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.audit import Audit
from refinery.carry import Carrier, Measured, Split, source_batch
from refinery.docs import LENGTH, OFFSET, WARC, Docs
from refinery.errors import PartFailed
from refinery.facts import StoredFacts
from refinery.identity import code_digest, library_versions, part_key
from refinery.judge import QUARANTINED
from refinery.part import FileRef, Receipt, Root, quarantine_path
from refinery.schema import WHY
from refinery.shuffle import (
    AT_ONCE,
    FEW,
    KEY,
    KEYS,
    ROW_GROUP,
    SHARE,
    Run,
    gathered,
    parts_of,
    range_of,
    read_range,
    read_reduced,
    sort_rows,
)
from refinery.stage import PART_BITS, Global, Records, Rows, Source
from refinery.stats import AuditStatistics, StageStatistics, put_statistics
from refinery.store import store_for, taken
from refinery.tables import (
    TableWriter,
    Written,
    discard,
    publish,
    read_batches,
    read_rows,
    read_temporary,
    schema_of,
    write_batches,
    write_table,
)
from refinery.tasks import (
    ALL_ROWS,
    AuditTask,
    MappedFiles,
    MapRun,
    Mark,
    PartTask,
    ReduceTask,
    ResolveTask,
    SegmentTask,
    SortedRun,
    StepRun,
    Task,
)

INDEX_ROWS = 1024
"""Documents whose index is given at once."""

ALL_FAILED = 100
"""A step that raises on every one of this many documents or more is broken; the documents are not to blame."""


def perform(task: Task, mark: Mark) -> list[Receipt]:
    """Do a task; the receipts it committed. Raises RefineryError, or what a broken stage raises."""
    taken()  # what came before is not this task's
    if isinstance(task, SegmentTask):
        return _Segment(task, mark).run()
    if isinstance(task, AuditTask):
        return [_audit(task, mark)]
    with _recycled_memory():
        if isinstance(task, ReduceTask):
            return [_reduce(task)]
        if isinstance(task, PartTask):
            return [_part(task)]
        return [_resolve(task)]


@contextmanager
def _recycled_memory() -> Iterator[None]:
    """Arrow's columns are taken from the system's allocator: its own gives large ones back at once.

    What a round sorts is a few large columns again and again, and to get them anew costs more than to sort them.
    """
    pool = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(pool)


# ----------------------------------------------------------------------------------------------------------- segments


class _Segment:
    """One part on its way through a segment."""

    def __init__(self, task: SegmentTask, mark: Mark) -> None:
        self._task, self._mark = task, mark
        self._root = Root(task.root, store_for(task.root))
        verdict = read_rows(self._root, task.verdict) if task.verdict else None
        self._taps = [_Tap(self._root, task, run, verdict, mark) for run in task.steps]
        self._map = _MapTap(self._root, task.map, force=task.force) if task.map else None
        self._rows = 0

    def run(self) -> list[Receipt]:
        with ExitStack() as stack:
            for tap in self._taps:
                stack.callback(tap.abort)
            if self._map:
                stack.callback(self._map.abort)
            for docs, measured in self._batches():
                self._push(docs, measured)
            receipts = self._commit()
            stack.pop_all()
        return receipts

    def _batches(self) -> Iterator[tuple[Docs, Measured | None]]:
        first = self._task.steps[0] if self._task.steps else None
        if first is not None and isinstance(first.step.stage, Source):
            for path in self._task.paths:
                yield from self._source_batches(first, first.step.stage, path)
        else:
            given = self._given()
            for batch in read_batches(self._root, self._task.paths, self._task.batch):
                yield Docs(batch.cast(given)), None  # Parquet knows no seconds: times come back finer

    def _given(self) -> pa.Schema:
        if self._task.steps:
            return self._task.steps[0].flow.given
        assert self._task.map is not None  # a task that does nothing is not planned
        return self._task.map.given

    def _source_batches(self, run: StepRun, source: Source, path: str) -> Iterator[tuple[Docs, Measured | None]]:
        tap = self._taps[0]
        for records in tap.timed(self._read(run.step.name, source, path)):
            tap.statistics.skip(records.skipped)
            docs, measured = source_batch(run, records.columns, records.facts)
            self._rows += len(docs)
            for start in range(0, len(docs), self._task.batch):
                yield docs.slice(start, self._task.batch), measured.slice(start, self._task.batch)

    def _read(self, step: str, source: Source, path: str) -> Iterator[Records]:
        """The batches of a file, so that a death on the way is traced: to the file, and the next time to a record."""
        base = self._rows
        poison = {p.row for p in self._task.poison if p.step == step}

        def watch(number: int) -> bool:
            row = base + number
            self._mark(step, row, int(row not in poison))
            return row not in poison

        watched = any(suspects.step == step for suspects in self._task.suspects)
        store = store_for(path)
        batches = source.read_watched(path, store, watch) if watched else source.read(path, store)
        while True:
            self._mark(step, 0, 0 if watched else ALL_ROWS)
            batch = next(batches, None)
            self._mark(step, 0, 0)
            if batch is None:
                return
            yield batch

    def _push(self, docs: Docs, measured: Measured | None) -> None:
        for tap in self._taps:
            if not len(docs):
                return
            docs = tap.take(docs, measured)
            measured = None
        if self._map and len(docs):
            self._mark("", 0, 0)  # a map knows no single documents to blame for a death
            self._map.take(docs)

    def _commit(self) -> list[Receipt]:
        receipts = []
        contents = self._task.contents
        for tap in self._taps:
            content, receipt = tap.commit(contents)
            contents = (content,)
            receipts += [receipt] if receipt else []
        if self._map:
            receipts.append(self._map.commit(self._task.part, contents))
        return receipts


class _Tap:
    """One step of a segment, with the files it writes and what it counts."""

    def __init__(self, root: Root, task: SegmentTask, run: StepRun, verdict: pa.Table | None, mark: Mark) -> None:
        self._root, self._task, self._run = root, task, run
        self._carrier = Carrier(
            run,
            verdict=verdict if isinstance(run.step.stage, Global) else None,
            suspects=task.suspects,
            poison=task.poison,
            keep_removed=task.keep_removed,
            mark=mark,
        )
        self._stored = StoredFacts(root, run, run.stored) if run.stored else None
        write = run.tap and run.commit
        shard = run.step.stage.shard_bytes()
        self._kept = TableWriter(root, run.flow.kept, write=write, shard=shard)
        self._removed = TableWriter(root, run.flow.removed, write=write and task.keep_removed != "counts")
        self._cases = {QUARANTINED, *run.step.stage.quarantines}
        self.statistics = StageStatistics(type(run.step.stage), run.step.stage.rules())
        self._seconds = 0.0

    def take(self, docs: Docs, measured: Measured | None) -> Docs:
        started = time.perf_counter()
        if measured is None and self._stored is not None:
            measured = self._stored.lookup(docs)
        split = self._carrier.carry(docs, measured)
        if self._cases & set(split.verdict.first.to_pylist()):
            self._keep_records(split.removed)
        self._write(split)
        self._seconds += time.perf_counter() - started
        return split.kept

    def _write(self, split: Split) -> None:
        kept = split.kept.batch
        self._kept.add(kept.select(self._run.flow.kept.names).cast(self._run.flow.kept))
        self._removed.add(split.removed)
        self.statistics.add(split.before, split.kept, split.verdict)

    def timed(self, batches: Iterator[Records]) -> Iterator[Records]:
        """The batches of a source; the time it takes to read them is the step's."""
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self._seconds += time.perf_counter() - started
            if batch is None:
                return
            yield batch

    def _keep_records(self, removed: pa.RecordBatch) -> None:
        """Copy the records of quarantined documents, as they lie in their file: each is a test case of its own."""
        names = ["id", WARC.name, OFFSET.name, LENGTH.name, WHY.name]
        for row in removed.select(names).to_pylist() if set(names) <= set(removed.schema.names) else ():
            if row[WHY.name]["rule"] in self._cases and row["length"]:
                record = store_for(row["warc"]).read(row["warc"], row["offset"], row["length"])
                path = quarantine_path(self._run.step.name, row["id"].hex(), row["warc"])
                self._root.store.put(self._root.full(path), record)

    def commit(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]:
        self._refuse_broken_stage()
        content, kept = self._kept.close()
        gone, removed = self._removed.close()
        key = part_key(self._run.identity, inputs)
        if not self._run.commit:
            if content != self._run.expected:
                raise PartFailed(
                    f"stage {self._run.step.name!r} gives other rows for part {self._task.part} than it did before",
                    hint=f"something it depends on is not declared; run again with --from {self._run.step.name}",
                )
            return content, None
        there = self._root.receipt(self._run.folder, key)
        if there is not None and not self._task.force and (there.files or not self._run.tap):
            discard(self._root, [*kept, *removed])
            return content, there
        if there is not None and there.files:
            self._root.withdraw(self._run.folder, key)
        contents = {"kept": content, "removed": gone}
        return content, self._publish(key, inputs, contents, {"kept": kept, "removed": removed})

    def _publish(
        self, key: str, inputs: tuple[str, ...], contents: dict[str, str], written: dict[str, list[Written]]
    ) -> Receipt:
        folder, part, stage = self._run.folder, self._task.part, self._run.step.stage
        files = {n: publish(self._root, w, f"{folder}/{n}", part, key) for n, w in written.items() if w}
        statistics = f"{folder}/stats/part-{part:05d}-{key[:8]}.json.gz"
        self.statistics.cut()
        put_statistics(self._root, statistics, self.statistics.to_json())
        documents = self.statistics.documents
        receipt = Receipt(
            kind="stage",
            stage=self._run.step.name,
            part=part,
            key=key,
            inputs=inputs,
            contents=contents,
            rows={
                "in": documents["in"],
                "kept": self._kept.rows,
                "removed": self._removed.rows,
                "text": self.statistics.sizes["bytes"]["kept"],
                "skipped": documents["in"] - self._kept.rows - self._removed.rows,
            },
            files=files,
            statistics=statistics,
            code=code_digest(stage),
            libraries=library_versions(stage),
            judged=bool(self._run.stored),
            seconds=round(self._seconds, 3),
            peak_memory=_peak_memory(),
            requests=taken(),
        )
        self._root.commit(folder, receipt)
        return receipt

    def _refuse_broken_stage(self) -> None:
        documents, errors = self.statistics.documents["in"], self.statistics.errors
        if errors == documents >= ALL_FAILED:
            raise PartFailed(
                f"stage {self._run.step.name!r} raised an exception on all {errors:,} documents of part "
                f"{self._task.part}: {self._carrier.last_error}",
                hint="the stage is broken, not the documents; nothing was written",
            )

    def abort(self) -> None:
        self._kept.abort()
        self._removed.abort()


def _audit(task: AuditTask, mark: Mark) -> Receipt:
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    audit, counts = Audit(task, mark), AuditStatistics()
    content, written = write_batches(root, audit.schema, counts.passing(audit.rows()), ROW_GROUP)
    root.withdraw(task.folder, task.key)
    files = {"audit": publish(root, written, f"{task.folder}/audit", task.part, task.key)}
    path = f"{task.folder}/stats/audit-{task.part:05d}-{task.key[:8]}.json.gz"
    put_statistics(root, path, counts.to_json())
    rows = {"in": counts.documents}
    seconds = time.perf_counter() - started
    contents = {"audit": content}
    return _commit_phase(root, "audit", task, task.part, task.key, task.inputs, contents, rows, files, seconds, path)


# ------------------------------------------------------------------------------------------------------ global stages


class _MapTap:
    """The tail of a segment: collects what a global stage maps, and writes it sorted.

    What would take too much memory is written in sorted runs, which are merged at the end.
    """

    def __init__(self, root: Root, run: MapRun, *, force: bool) -> None:
        self._root, self._run, self._force = root, run, force
        self._row = 0
        self._keys: list[pa.RecordBatch] = []
        self._index: TableWriter | None = None
        self._bytes = 0
        self._runs: list[Written] = []
        self._seconds = 0.0

    def take(self, docs: Docs) -> None:
        started = time.perf_counter()
        mapped = self._run.stage.map(docs, self._row)
        self._keys.append(mapped.keys)
        self._index = self._index or TableWriter(self._root, mapped.index.schema, write=True)
        self._index.add(mapped.index)
        self._bytes += mapped.keys.nbytes
        self._row += len(docs)
        if self._bytes > self._run.stage.memory // SHARE:
            _, written = write_table(self._root, self._sorted(mapped.keys.schema), ROW_GROUP)
            self._runs += written
        self._seconds += time.perf_counter() - started

    def commit(self, part: int, inputs: tuple[str, ...]) -> Receipt:
        key = part_key(self._run.identity, inputs)
        there = self._root.receipt(self._run.folder, key)
        if there is not None and not self._force:
            self.abort()
            return there
        if there is not None:
            self._root.withdraw(self._run.folder, key)
        started = time.perf_counter()
        empty = self._run.stage.map(Docs(pa.RecordBatch.from_pylist([], schema=self._run.given)), 0)
        self._index = self._index or TableWriter(self._root, empty.index.schema, write=True)
        content, index = self._index.close()
        sizes = _Sizes(self._merged(empty.keys.schema))
        contents, files = {"index": content}, {}
        contents["keys"], keys = write_batches(self._root, empty.keys.schema, sizes, ROW_GROUP)
        for name, written in (("keys", keys), ("index", index)):
            files[name] = publish(self._root, written, f"{self._run.folder}/map/{name}", part, key)
        self._index = None
        self.abort()
        self._seconds += time.perf_counter() - started
        rows = {"in": self._row, "keys": sizes.rows, "bytes": sizes.bytes}
        return _commit_phase(self._root, "map", self._run, part, key, inputs, contents, rows, files, self._seconds)

    def abort(self) -> None:
        """Remove the sorted runs, and an index that is not published."""
        discard(self._root, self._runs)
        self._runs = []
        if self._index is not None:
            self._index.abort()
            self._index = None

    def _sorted(self, schema: pa.Schema) -> pa.Table:
        """The rows in memory, which are given up."""
        table = pa.Table.from_batches(self._keys, schema=schema)
        self._keys, self._bytes = [], 0
        return sort_rows(self._run.stage.combine(table)).combine_chunks()

    def _merged(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        last = self._sorted(schema)
        if not self._runs:
            return iter(last.to_batches())
        at_once = min(ROW_GROUP, max(FEW, AT_ONCE // len(self._runs)))
        written = [read_temporary(run.temporary, at_once) for run in self._runs]
        runs: list[tuple[None, Iterator[pa.RecordBatch]]] = [(None, run) for run in written]
        runs.append((None, iter(last.to_batches(max_chunksize=at_once))))
        combined = (sort_rows(self._run.stage.combine(rows)) for rows in gathered(runs))
        return (batch for table in combined for batch in table.combine_chunks().to_batches())


class _Sizes:
    """Batches that are counted as they pass."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self.rows = self.bytes = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            yield batch


def _root_of(found: SortedRun | MappedFiles, own: Root) -> Root:
    return Root(found.root, store_for(found.root)) if found.root else own


def _reduce(task: ReduceTask) -> Receipt:
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    runs = [Run(run.number, _root_of(run, root), run.path, _set_aside(root, run.aside)) for run in task.runs]
    groups = (parts_of if task.streamed else range_of)(runs, task.low, task.high)
    batches = [batch for batch in getattr(task.stage, task.method)(groups) if len(batch)]
    root.withdraw(task.folder, task.key)
    contents: dict[str, str] = {}
    files: dict[str, tuple[FileRef, ...]] = {}
    rows = {"reduced": sum(map(len, batches))}
    if batches:
        table = pa.Table.from_batches(batches)
        table = sort_rows(table) if KEY in table.schema.names else table
        contents["reduced"], written = write_table(root, table, ROW_GROUP)
        files["reduced"] = publish(root, written, f"{task.folder}/reduce", task.number, task.key)
    seconds = time.perf_counter() - started
    return _commit_phase(root, "reduce", task, task.number, task.key, task.inputs, contents, rows, files, seconds)


def _set_aside(root: Root, path: str) -> npt.NDArray[np.uint32] | None:
    return read_rows(root, path, ["row"]).column("row").to_numpy() if path else None


def _resolve(task: ResolveTask) -> Receipt:
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    parts = [_StoredMap(root, part) for part in task.parts]
    contents: dict[str, str] = {}
    files: dict[str, tuple[FileRef, ...]] = {}
    rows = 0
    verdicts = getattr(task.stage, task.method)(_Reduced(root, task.reduced), parts)
    root.withdraw(task.folder, task.key)
    for part, verdict in zip(task.parts, verdicts, strict=True):
        name = str(part.number)
        contents[name], written = write_table(root, verdict, ROW_GROUP)
        files[name] = publish(root, written, f"{task.folder}/resolve", part.number, task.key)
        rows += verdict.num_rows
    seconds = time.perf_counter() - started
    return _commit_phase(root, "resolve", task, 0, task.key, task.inputs, contents, {"verdicts": rows}, files, seconds)


class _Reduced:
    """All that was reduced, from the beginning each time it is asked for."""

    def __init__(self, root: Root, paths: tuple[str, ...]) -> None:
        self._root, self._paths = root, paths

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return read_reduced(self._root, self._paths)


def _part(task: PartTask) -> Receipt:
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    number = task.part.number
    low, high = (number << PART_BITS, number + 1 << PART_BITS) if task.mixed else (0, KEYS)
    found = (rows for path in task.sent for rows in _sent(root, path, low, high, mixed=task.mixed))
    sent = found if task.streamed else _table(root, task.sent, found)
    made = getattr(task.stage, task.method)(sent, _StoredMap(root, task.part))
    root.withdraw(task.folder, task.key)
    name, kind, folder = (str(number), "resolve", "resolve") if task.last else ("keys", "round", "map/keys")
    sizes = _Sizes(iter(made.combine_chunks().to_batches()) if isinstance(made, pa.Table) else made)
    content, written = write_batches(root, made.schema, sizes, ROW_GROUP)
    files = {name: publish(root, written, f"{task.folder}/{folder}", number, task.key)}
    rows = {"verdicts" if task.last else "keys": sizes.rows, "bytes": sizes.bytes}
    seconds = time.perf_counter() - started
    return _commit_phase(root, kind, task, number, task.key, task.inputs, {name: content}, rows, files, seconds)


def _table(root: Root, paths: tuple[str, ...], batches: Iterable[pa.RecordBatch]) -> pa.Table:
    schema = schema_of(root, paths[0]) if paths else pa.schema([])
    return pa.Table.from_batches(batches, schema=schema)


def _sent(root: Root, path: str, low: int, high: int, *, mixed: bool) -> Iterator[pa.RecordBatch]:
    return read_range(root, path, low, high) if mixed else read_batches(root, [path], ROW_GROUP)


class _StoredMap:
    """A part's map output, read when asked for."""

    def __init__(self, own: Root, files: MappedFiles) -> None:
        self._root, self._files, self._own = _root_of(files, own), files, own

    @property
    def number(self) -> int:
        return self._files.number

    @property
    def documents(self) -> int:
        return self._files.documents

    def index(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        return read_rows(self._root, self._files.index, columns, rows)

    def verdict(self, columns: Sequence[str] | None = None, rows: Rows | None = None) -> pa.Table:
        return read_rows(self._root, self._files.verdict, columns, rows)

    def stream(self) -> Iterator[pa.RecordBatch]:
        return read_batches(self._root, [self._files.index], INDEX_ROWS)

    def keys(self) -> Iterator[pa.RecordBatch]:
        return read_range(self._root, self._files.keys, 0, KEYS)

    def aside(self) -> pa.Table:
        return read_rows(self._own, self._files.aside)


def _commit_phase(
    root: Root,
    kind: Any,
    task: MapRun | ReduceTask | ResolveTask | PartTask | AuditTask,
    part: int,
    key: str,
    inputs: Iterable[str],
    contents: dict[str, str],
    rows: dict[str, int],
    files: dict[str, tuple[FileRef, ...]],
    seconds: float,
    statistics: str = "",
) -> Receipt:
    receipt = Receipt(
        kind=kind,
        stage=task.name,
        part=part,
        key=key,
        inputs=tuple(inputs),
        contents=contents,
        rows=rows,
        files=files,
        statistics=statistics,
        code=code_digest(task.stage),
        libraries=library_versions(task.stage),
        seconds=round(seconds, 3),
        peak_memory=_peak_memory(),
        requests=taken(),
    )
    root.commit(task.folder, receipt)
    return receipt


def _peak_memory() -> int:
    """Bytes; the kernel counts in KiB, on macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
