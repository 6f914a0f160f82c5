"""The rounds of a global stage: a key range, one part, or all at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from refinery.root.parquet import publish, read_batches, read_rows, schema_of, write_batches, write_table
from refinery.root.receipts import FileRef, Receipt
from refinery.root.root import Root
from refinery.stage.global_stage import PART_BITS, Rows
from refinery.store import store_for
from refinery.task.commit import Sizes, commit
from refinery.task.shuffle import KEY, KEYS, ROW_GROUP, Run, parts_of, range_of, read_range, read_reduced, sort_rows
from refinery.task.tasks import MappedFiles, PartTask, ReduceTask, ResolveTask, SortedRun

INDEX_ROWS = 1024
"""Documents whose index is given at once."""


def _root_of(found: SortedRun | MappedFiles, own: Root) -> Root:
    return Root(found.root, store_for(found.root)) if found.root else own


def reduce(task: ReduceTask) -> Receipt:
    """A key range of all parts."""
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
        table = pa.Table.from_batches(batches).combine_chunks()
        batches.clear()  # what was copied
        table = sort_rows(table) if KEY in table.schema.names else table
        contents["reduced"], written = write_table(root, table, ROW_GROUP)
        files["reduced"] = publish(root, written, f"{task.folder}/reduce", task.number, task.key)
    receipt = Receipt(
        kind="reduce",
        stage=task.name,
        part=task.number,
        key=task.key,
        inputs=task.inputs,
        contents=contents,
        rows=rows,
        files=files,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


def _set_aside(root: Root, path: str) -> npt.NDArray[np.uint32] | None:
    return read_rows(root, path, ["row"]).column("row").to_numpy() if path else None


def resolve(task: ResolveTask) -> Receipt:
    """What is said of all parts at once."""
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
    receipt = Receipt(
        kind="resolve",
        stage=task.name,
        part=0,
        key=task.key,
        inputs=task.inputs,
        contents=contents,
        rows={"verdicts": rows},
        files=files,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


class _Reduced:
    """All that was reduced, from the beginning each time it is asked for."""

    def __init__(self, root: Root, paths: tuple[str, ...]) -> None:
        self._root, self._paths = root, paths

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return read_reduced(self._root, self._paths)


def of_part(task: PartTask) -> Receipt:
    """What rounds before have sent to one part."""
    started = time.perf_counter()
    root = Root(task.root, store_for(task.root))
    number = task.part.number
    low, high = (number << PART_BITS, number + 1 << PART_BITS) if task.mixed else (0, KEYS)
    found = (rows for path in task.sent for rows in _sent(root, path, low, high, mixed=task.mixed))
    sent = found if task.streamed else _table(root, task.sent, found)
    made = getattr(task.stage, task.method)(sent, _StoredMap(root, task.part))
    root.withdraw(task.folder, task.key)
    name, folder = (str(number), "resolve") if task.last else ("keys", "map/keys")
    sizes = Sizes(iter(made.combine_chunks().to_batches()) if isinstance(made, pa.Table) else made)
    content, written = write_batches(root, made.schema, sizes, ROW_GROUP)
    files = {name: publish(root, written, f"{task.folder}/{folder}", number, task.key)}
    rows = {"verdicts" if task.last else "keys": sizes.rows, "bytes": sizes.bytes}
    receipt = Receipt(
        kind="resolve" if task.last else "round",
        stage=task.name,
        part=number,
        key=task.key,
        inputs=task.inputs,
        contents={name: content},
        rows=rows,
        files=files,
        seconds=time.perf_counter() - started,
    )
    return commit(root, task.folder, task.stage, receipt)


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
