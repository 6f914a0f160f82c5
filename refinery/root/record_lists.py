"""Record lists: small files below a root that name the records to read of some archives. One is the input of one part.

    records/list-CONTENT.parquet    archive, offset and length of each record, sorted
    records/query-ID.parquet        the lists that a query of an index has, in order; written last

Not here: queries, and reading the archives.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from refinery.errors import StorageError
from refinery.store import store_for

FOLDER = "records"
_NAME = re.compile(rf"(?:^|/){FOLDER}/list-([0-9a-f]{{32}})\.parquet")
_LIST = pa.schema([("archive", pa.dictionary(pa.int32(), pa.string())), ("offset", pa.int64()), ("length", pa.int64())])

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RecordList:
    """A record list: its content id, the number of its archives and records, and what reading them takes.

    ``bytes`` are those of the records, ``fetched`` those of all ``requests``.
    """

    content: str
    archives: int
    records: int
    bytes: int
    fetched: int
    requests: int


_LISTS = pa.schema([(f.name, pa.string() if f.name == "content" else pa.int64()) for f in fields(RecordList)])


@dataclass(frozen=True)
class ArchiveRecords:
    """Records of one archive, sorted by their offsets."""

    archive: str
    offsets: Positions
    lengths: Positions


def list_path(folder: str, content: str) -> str:
    """Return the path of a record list; ``folder`` is a root, or a temporary folder."""
    return f"{folder}/{FOLDER}/list-{content}.parquet"


def list_content(path: str) -> str:
    """Return the content id in the path of a record list; "" for any other path."""
    match = _NAME.search(path)
    return match[1] if match else ""


def lists_below(folder: str) -> dict[str, str]:
    """Return the paths of all record lists in a folder by content id."""
    paths = store_for(folder).list(f"{glob.escape(folder)}/{FOLDER}/list-*.parquet")
    return {content: path for path in paths if (content := list_content(path))}


def record_paths(folder: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the paths of all record lists by content id, and the content ids in the lists of each query by path."""
    store = store_for(folder)
    paths = store.list(f"{glob.escape(folder)}/{FOLDER}/query-*.parquet")
    queries = {path: _table(path, store.read(path)).column("content").to_pylist() for path in paths}
    return lists_below(folder), queries


def write_list(folder: str, content: str, parts: Sequence[ArchiveRecords]) -> None:
    """Write a record list."""
    names = pa.array([part.archive for part in parts], pa.string())
    numbers = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.offsets) for part in parts])
    archives = pa.DictionaryArray.from_arrays(pa.array(numbers), names)
    columns = [archives, *(np.concatenate([getattr(p, n) for p in parts]) for n in ("offsets", "lengths"))]
    _put(list_path(folder, content), pa.table(columns, schema=_LIST))


def read_list(path: str) -> Iterator[ArchiveRecords]:
    """Yield the records of each archive of a list. Raises StorageError where it is missing or damaged."""
    table = _table(path, store_for(path).read(path)).combine_chunks()
    archives, offsets, lengths = (table.column(name) for name in ("archive", "offset", "length"))
    names = archives.cast(pa.string()).to_numpy(zero_copy_only=False)
    cuts = np.flatnonzero(names[1:] != names[:-1]) + 1
    starts, stops = [0, *cuts.tolist()], [*cuts.tolist(), len(names)]
    for start, stop in zip(starts, stops, strict=True):
        yield ArchiveRecords(names[start], offsets.to_numpy()[start:stop], lengths.to_numpy()[start:stop])


def query_path(folder: str, query: str) -> str:
    """Return the path of the table of the lists of a query."""
    return f"{folder}/{FOLDER}/query-{query}.parquet"


def write_lists(folder: str, query: str, lists: Sequence[RecordList]) -> None:
    """Record the lists of a query, all of which are written."""
    columns = zip(*map(astuple, lists), strict=True)
    _put(query_path(folder, query), pa.table([pa.array(c) for c in columns], schema=_LISTS))


def find_lists(folder: str, query: str) -> list[RecordList]:
    """Return the lists of a query, in order; none if it was not asked yet."""
    path = query_path(folder, query)
    data = store_for(folder).find(path)
    return [] if data is None else [RecordList(**row) for row in _table(path, data).to_pylist()]


def _put(path: str, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    store_for(path).put(path, sink.getvalue().to_pybytes())


def _table(path: str, data: bytes) -> pa.Table:
    try:
        return pq.read_table(pa.BufferReader(data), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        hint = "delete the folder `records` of the root: the next run writes it again"
        raise StorageError(f"{path}: {error}", hint=hint) from error
