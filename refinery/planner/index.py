"""Asks an index of archives for the records of a query, and writes them as input lists.

The index has the columns of Common Crawl's: https://commoncrawl.org/columnar-index. Its files are read through the
store, and DuckDB applies the condition.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from refinery.errors import RefineryError, StorageError, UsageError
from refinery.identity import digest
from refinery.recipe.index_query import IndexQuery
from refinery.root.input_lists import InputList, ListedFile, write_list, write_lists
from refinery.stage.documents import FILE_HEAD
from refinery.store import is_remote, store_for
from refinery.store.arrow import file_system
from refinery.store.scratch import new_path
from refinery.store.spans import merged

PART_BYTES = 1 << 28
"""Bytes of records that make a part: those of a quarter of an archive of Common Crawl."""

ROWS = 1 << 16
"""Rows of the index that are taken from DuckDB at once."""

POINTERS = ("warc_filename", "warc_record_offset", "warc_record_length")
SCOPE = {"crawl": "crawl", "subset": "warc"}
"""Columns that restrict a query, where the index has them: the subset has the successful responses."""


class QueryError(UsageError):
    """A problem of a query; ``key`` is its key in the recipe."""

    def __init__(self, message: str, *, hint: str = "", key: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = f"inputs.{key}".rstrip(".")


class Index:
    """The index of a query. Its files are listed once."""

    def __init__(self, query: IndexQuery) -> None:
        self._query = query

    @cached_property
    def id(self) -> str:
        """Identify the query and the index: what the lists depend on. Raises StorageError."""
        stats = store_for(self._query.index).stats(self._files)
        files = [[path, stat.size, stat.etag] for path, stat in zip(self._files, stats, strict=True)]
        return digest(["records of an index", 1, self._query.model_dump(), PART_BYTES, files])

    @cached_property
    def _files(self) -> list[str]:
        """The Parquet files of the crawl, or all where they are not in a folder of its name."""
        index = self._query.index.rstrip("/")
        store = store_for(index)
        folder = glob.escape(f"{index}/crawl={self._query.crawl}")
        paths = store.list(folder) if store.names(index) else []
        paths = [path for path in paths or store.list(glob.escape(index)) if path.endswith(".parquet")]
        paths = [path for path in paths if "/subset=" not in path or "/subset=warc/" in path]
        if not paths:
            raise QueryError(
                f"{index}: no Parquet file there", hint="check the path: a folder of an index", key="index"
            )
        return paths

    def write(self, folder: str) -> list[InputList]:
        """Write the lists of the query to a folder, and return them in order. Raises RefineryError."""
        lists = list[InputList]()
        for parts in _parts(self._archives()):
            if not lists:
                _check_archive(parts[0].path)
            content = digest([[p.path, _digest(p)] for p in parts])
            write_list(folder, content, parts)
            lists.append(_measured(content, parts))
        if not lists:
            message = f"crawl {self._query.crawl} has no record where {self._query.where}"
            hint = "check the condition, and that the index is of this crawl"
            raise QueryError(message, hint=hint, key="where")
        write_lists(folder, self.id, lists)
        return lists

    def _archives(self) -> Iterator[ListedFile]:
        """Yield the records of each archive, in the order of their names, each once."""
        name, pieces = "", list[Any]()
        for batch in self._rows():
            names = batch.column(0).to_numpy(zero_copy_only=False)
            positions = np.column_stack([batch.column(n).to_numpy(zero_copy_only=False) for n in (1, 2)])
            cuts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
            for start, stop in pairwise(cuts):
                if names[start] != name and pieces:
                    yield _archive(self._query.archive(name), pieces)
                    pieces = []
                name = names[start]
                pieces.append(positions[start:stop])
        if pieces:
            yield _archive(self._query.archive(name), pieces)

    def _rows(self) -> Iterator[pa.RecordBatch]:
        """Yield archive, offset and length of the records, sorted."""
        dataset = self._dataset()
        scope = [f"{column} = ?" for column in SCOPE if column in dataset.schema.names]
        values = [{"crawl": self._query.crawl}.get(c, SCOPE[c]) for c in SCOPE if c in dataset.schema.names]
        condition = " and ".join([*scope, f"(\n{self._query.where}\n)"])
        wanted = "warc_filename, warc_record_offset::bigint, warc_record_length::bigint"
        with _database(dataset) as database, _naming_problems():
            rows = database.sql(
                f"select {wanted} from records where {condition} and warc_filename is not null order by all",  # noqa: S608 - the condition is the user's own
                params=values,
            )
            yield from (batch for batch in rows.to_arrow_reader(ROWS) if len(batch))

    def _dataset(self) -> ds.Dataset:
        index = self._query.index
        try:
            # Arrow does not close the streams that it opens: those of remote files have nothing to close.
            files = file_system(store_for(index)) if is_remote(index) else fs.LocalFileSystem()
            dataset = ds.dataset(self._files, format="parquet", filesystem=files, partitioning="hive")
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{index}: {error}", hint="an index is a folder of Parquet files") from error
        missing = [column for column in POINTERS if column not in dataset.schema.names]
        if missing:
            columns = ", ".join(dataset.schema.names)
            message = f"{index} has no column {', '.join(missing)}"
            raise QueryError(message, hint=f"its columns are {columns}", key="index")
        return dataset


@contextmanager
def _database(dataset: ds.Dataset) -> Iterator[Any]:
    """Open a database with the view ``records``, which reads nothing else."""
    try:
        import duckdb
    except ImportError as error:
        hint = 'pip install "crawl-refinery[index]"'
        message = "an index is read with DuckDB, which is not installed"
        raise QueryError(message, hint=hint, key="index") from error
    with duckdb.connect() as database:
        database.register("records", dataset)
        database.execute("set temp_directory = ?", [new_path()])
        database.execute("set enable_external_access = false")
        database.execute("set lock_configuration = true")
        yield database


@contextmanager
def _naming_problems() -> Iterator[None]:
    """Raise DuckDB's errors as those of the condition."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        cause = error.__cause__ or error.__context__
        if isinstance(cause, RefineryError):
            raise cause from error
        raise QueryError(f"DuckDB: {lines[0]}", hint=" ".join(lines[1:3])[:200], key="where") from error


def _check_archive(path: str) -> None:
    """Raise QueryError if an archive is not where the recipe has it: before a run rather than in its tasks."""
    try:
        store_for(path).stats([path])
    except StorageError as error:
        hint = "set `archives` to the base of the paths in the index's column `warc_filename`"
        raise QueryError(error.message, hint=hint, key="archives") from error


def _archive(path: str, pieces: list[Any]) -> ListedFile:
    positions = np.concatenate(pieces).astype(np.int64)
    new = np.concatenate([[True], positions[1:, 0] != positions[:-1, 0]])
    return ListedFile(path, positions[new, 0].copy(), positions[new, 1].copy())


def _parts(archives: Iterator[ListedFile]) -> Iterator[list[ListedFile]]:
    """Put archives of one folder together until they have ``PART_BYTES`` of records."""
    gathered: list[ListedFile] = []
    size, folder = 0, ""
    for one in archives:
        own = one.path.rpartition("/")[0]
        if gathered and (size >= PART_BYTES or own != folder):
            yield gathered
            gathered, size = [], 0
        gathered.append(one)
        size, folder = size + int(one.lengths.sum()), own
    if gathered:
        yield gathered


def _digest(records: ListedFile) -> str:
    """Return a digest of the pointers."""
    both = np.concatenate([records.offsets, records.lengths]).astype("<i8")
    return hashlib.blake2b(both.tobytes(), digest_size=16).hexdigest()


def _measured(content: str, parts: list[ListedFile]) -> InputList:
    spans = [span for p in parts for span in merged(p.offsets, p.lengths, FILE_HEAD)]
    return InputList(
        content,
        files=len(parts),
        records=sum(len(p.offsets) for p in parts),
        bytes=sum(int(p.lengths.sum()) for p in parts),
        fetched=sum(stop - start for start, stop in spans),
        requests=len(spans),
    )
